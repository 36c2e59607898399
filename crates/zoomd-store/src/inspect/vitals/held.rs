//! Rooms with long sleeps: their wait reason, as in the job's own story.

use std::collections::{BTreeMap, BTreeSet};

use redis::from_redis_value;

use crate::StoreError;
use crate::inspect::Ops;
use crate::queue::WaitReason;
use crate::queue::memory::Live;

/// A room that sleeps for less waits for nothing that lasts, ms.
const LONG_MS: i64 = 61_000;
/// Sleepers that are read, and accounts that are looked at.
const MOST_SLEEPERS: usize = 200;
const MOST_ACCOUNTS: usize = 10;
/// Sleeping jobs that are counted by account, and those read at once.
const MOST_DUE: usize = 2_000;
const PAGE: usize = 500;

/// Jobs of one host that wait for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub account: String,
    /// The host, as jobs name it.
    pub host: String,
    /// The host, as the ledger names it.
    pub counted_as: String,
    pub why: WaitReason,
    /// Jobs in the room.
    pub jobs: u64,
    /// The time at which the first is expected to run, ms.
    pub until_ms: Option<i64>,
}

impl Held {
    /// True if they wait for the end of a day, not for a short time.
    #[must_use]
    pub fn lasts(&self) -> bool {
        matches!(self.why, WaitReason::HostDay | WaitReason::LabelDay | WaitReason::NotBefore)
    }
}

impl Ops {
    /// Jobs that sleep until after `ms`, by account: those that are due first.
    pub async fn asleep_beyond(&self, ms: i64) -> Result<BTreeMap<String, u64>, StoreError> {
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let mut ask = redis::cmd("ZRANGEBYSCORE");
        ask.arg(keys.due()).arg(format!("({ms}")).arg("+inf");
        ask.arg("LIMIT").arg(0).arg(MOST_DUE);
        let ids: Vec<String> = from_redis_value(conn.value(&ask).await?)?;
        let mut asleep = BTreeMap::new();
        for page in ids.chunks(PAGE) {
            let mut states = redis::cmd("HMGET");
            states.arg(keys.ids()).arg(page);
            let states: Vec<Option<String>> = from_redis_value(conn.value(&states).await?)?;
            for live in states.iter().filter_map(|state| Live::read(state.as_deref()?)) {
                *asleep.entry(live.account.to_string()).or_default() += 1;
            }
        }
        Ok(asleep)
    }

    /// Rooms with jobs that wait for over a minute, of the accounts that wait longest.
    pub async fn held(&self, now_ms: i64) -> Result<Vec<Held>, StoreError> {
        let mut ask = redis::cmd("ZRANGEBYSCORE");
        ask.arg(self.store.keys().asleep()).arg(now_ms + LONG_MS).arg("+inf");
        ask.arg("LIMIT").arg(0).arg(MOST_SLEEPERS);
        let lanes: Vec<String> = from_redis_value(self.store.connection().value(&ask).await?)?;
        let account = |lane: &str| {
            let end = lane.find(['|', '?']).unwrap_or(lane.len());
            lane[..end].to_owned()
        };
        let accounts: BTreeSet<String> = lanes.iter().map(|lane| account(lane)).collect();
        let mut held = Vec::new();
        for account in accounts.into_iter().take(MOST_ACCOUNTS) {
            let facts = self.account_facts(&account, &[]).await?;
            for room in facts.line.rooms.iter().filter(|room| room.waiting > 0) {
                let (why, until_ms) = facts.expect(facts.position(&room.host, 0));
                if until_ms.is_some_and(|until| until < now_ms + LONG_MS) {
                    continue;
                }
                let (account, host) = (account.clone(), room.host.clone());
                let (counted_as, jobs) = (room.counted_as.clone(), room.waiting);
                held.push(Held { account, host, counted_as, why, jobs, until_ms });
            }
        }
        Ok(held)
    }
}
