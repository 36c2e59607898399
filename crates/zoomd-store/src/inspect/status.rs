//! Summary counts for the status.

use std::collections::HashMap;

use redis::from_redis_value;

use super::stream::Way;
use super::{DaemonLine, Ops, Paused, RotationDays};
use crate::StoreError;

/// Number of accounts read in one step.
const PAGE: usize = 500;
/// Names of accounts in trouble that are kept.
const NAMES: usize = 10;

/// The numbers of a namespace.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// The clock of Redis.
    pub now_ms: i64,
    /// The pause of everything.
    pub paused: Option<Paused>,
    /// Entries that no daemon has taken in.
    pub queued: u64,
    /// The time at which the oldest of them was written.
    pub oldest_queued_ms: Option<i64>,
    /// Jobs in a daemon's hands.
    pub running: u64,
    /// Jobs in waiting rooms.
    pub waiting: u64,
    /// Jobs asleep until a time.
    pub sleeping: u64,
    /// Entries in the stream of results.
    pub results: u64,
    /// Failures on the list, and those of the last day.
    pub failures: (u64, u64),
    /// Jobs that ended well and badly since the namespace was made.
    pub ended: (u64, u64),
    /// Accounts by state.
    pub accounts: HashMap<String, u64>,
    /// Some accounts that need an operator, with their state.
    pub trouble: Vec<(String, String)>,
    /// Counts of recent rotations.
    pub rotations: RotationDays,
    /// Daemons heard of, the latest first.
    pub daemons: Vec<DaemonLine>,
}

impl Ops {
    /// Reads the numbers.
    pub async fn status(&self) -> Result<Status, StoreError> {
        let keys = self.store.keys();
        let mut reads = redis::pipe();
        reads.cmd("XLEN").arg(keys.jobs()).cmd("XLEN").arg(keys.results());
        reads.cmd("HLEN").arg(keys.own()).cmd("ZCARD").arg(keys.due());
        reads.cmd("HMGET").arg(keys.stats()).arg(&["done", "failed"]);
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Int(0));
        let (in_stream, results): (u64, u64) =
            (from_redis_value(next())?, from_redis_value(next())?);
        let (running, sleeping): (u64, u64) =
            (from_redis_value(next())?, from_redis_value(next())?);
        let ended: Vec<Option<u64>> = from_redis_value(next())?;
        let ended = |at: usize| ended.get(at).copied().flatten().unwrap_or(0);
        let now_ms = self.store.now_ms().await?;
        let mut status = Status {
            now_ms,
            rotations: self.rotation_days(now_ms).await?,
            paused: self.paused().await?,
            running,
            sleeping,
            results,
            ended: (ended(0), ended(1)),
            failures: self.failure_counts().await?,
            daemons: self.daemons().await?,
            ..Status::default()
        };
        let set_aside = self.accounts_pass(&mut status).await?;
        // Jobs in hand lie in the stream if they never waited, else aside; so
        // what is left over is known only as a sum.
        let hot = self.hot(running).await?;
        status.queued = in_stream.saturating_sub(hot);
        status.waiting = set_aside.saturating_sub(sleeping + running.saturating_sub(hot));
        status.oldest_queued_ms = self.oldest_queued(status.queued).await?;
        Ok(status)
    }

    /// Number of in-flight jobs that are still in the stream.
    async fn hot(&self, running: u64) -> Result<u64, StoreError> {
        const MOST: u64 = 10_000;
        if running == 0 || running > MOST {
            return Ok(running);
        }
        let mut command = redis::cmd("HVALS");
        command.arg(self.store.keys().own());
        let owns: Vec<String> = from_redis_value(self.store.connection().value(&command).await?)?;
        let hot = owns.iter().filter(|own| own.split('|').nth(2).is_some_and(|f| f.contains('h')));
        Ok(hot.count() as u64)
    }

    async fn oldest_queued(&self, queued: u64) -> Result<Option<i64>, StoreError> {
        if queued == 0 {
            return Ok(None);
        }
        let mut oldest = None;
        self.walk(&self.store.keys().jobs(), Way::OldestFirst, None, 1, |raw| {
            oldest = Some(raw.ms());
            false
        })
        .await?;
        Ok(oldest)
    }

    /// Counts accounts by state; answers how many jobs they have set aside.
    async fn accounts_pass(&self, status: &mut Status) -> Result<u64, StoreError> {
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let mut after = "-".to_owned();
        let mut set_aside = 0;
        loop {
            let mut command = redis::cmd("ZRANGEBYLEX");
            command.arg(keys.accounts()).arg(&after).arg("+").arg("LIMIT").arg(0).arg(PAGE);
            let names: Vec<String> = from_redis_value(conn.value(&command).await?)?;
            let Some(last) = names.last() else { return Ok(set_aside) };
            after = format!("({last}");
            let mut reads = redis::pipe();
            for name in &names {
                reads.cmd("HMGET").arg(keys.account(name)).arg(&["st", "paused"]);
                reads.cmd("HLEN").arg(keys.payloads(name));
            }
            let values = conn.values(&reads).await?;
            for (name, pair) in names.into_iter().zip(values.chunks_exact(2)) {
                let fields: Vec<Option<String>> = redis::from_redis_value_ref(&pair[0])?;
                set_aside += redis::from_redis_value_ref::<u64>(&pair[1])?;
                let mut fields = fields.into_iter();
                let Some(mut state) = fields.next().flatten() else { continue };
                if state == "active" && fields.next().flatten().is_some() {
                    state = "paused".to_owned();
                }
                if !matches!(state.as_str(), "active" | "removed") && status.trouble.len() < NAMES {
                    status.trouble.push((name, state.clone()));
                }
                *status.accounts.entry(state).or_default() += 1;
            }
        }
    }
}
