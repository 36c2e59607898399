//! Rooms that sleep for long: what they wait for, as a job's own story tells it.

use std::collections::BTreeSet;

use redis::from_redis_value;

use crate::StoreError;
use crate::ops::Ops;
use crate::queue::Why;

/// A room that sleeps for less waits for nothing that lasts, ms.
const LONG_MS: i64 = 61_000;
/// Sleepers that are read, and accounts that are looked at.
const MOST_SLEEPERS: usize = 200;
const MOST_ACCOUNTS: usize = 10;

/// Jobs of one host that wait for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The account.
    pub account: String,
    /// The host, as jobs name it.
    pub host: String,
    /// The reason.
    pub why: Why,
    /// Jobs in the room.
    pub jobs: u64,
    /// The time at which the first is expected to run, ms.
    pub until_ms: Option<i64>,
}

impl Ops {
    /// Rooms with jobs that wait for over a minute, of the accounts that wait longest.
    ///
    /// # Errors
    /// That Redis could not be asked.
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
                held.push(Held { account, host, why, jobs: room.waiting, until_ms });
            }
        }
        Ok(held)
    }
}
