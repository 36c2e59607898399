//! The latest failures, and successes beside them.

use redis::{Pipeline, Value, from_redis_value};

use super::read;
use crate::inspect::Ops;
use crate::{Keys, StoreError};

/// Failures that are read.
const MOST: usize = 100;
/// Failures older than this are no news.
const RECENT_MS: i64 = 3_600_000;
/// Results that are read to find a success.
const MOST_RESULTS: usize = 100;

/// A failure of the last hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecentFailure {
    /// The job's id.
    pub job_id: String,
    /// The account; empty if the job names none.
    pub account: String,
    pub code: String,
    /// The time, ms.
    pub failed_ms: i64,
}

/// Adds the command for [`within`].
pub(super) fn ask(ask: &mut Pipeline, keys: &Keys) {
    ask.cmd("ZREVRANGE").arg(keys.failure_index()).arg(0).arg(MOST - 1).arg("WITHSCORES");
}

/// The ids of those that are recent.
pub(super) fn within(found: Vec<(String, f64)>, now_ms: i64) -> Vec<String> {
    let recent = found.into_iter().filter(|(_, ms)| now_ms - (*ms as i64) < RECENT_MS);
    recent.map(|(id, _)| id).collect()
}

/// Adds a command for each of them, for [`failure`].
pub(super) fn ask_details(ask: &mut Pipeline, keys: &Keys, ids: &[String]) {
    for id in ids {
        ask.cmd("HMGET").arg(keys.failure(id)).arg(&["job_id", "account", "code", "failed_ms"]);
    }
}

pub(super) fn failure(answer: Value) -> Option<RecentFailure> {
    let [job_id, account, code, failed_ms]: [Option<String>; 4] = read(answer);
    Some(RecentFailure {
        job_id: job_id?,
        account: account.unwrap_or_default(),
        code: code?,
        failed_ms: failed_ms?.parse().ok()?,
    })
}

impl Ops {
    /// True when a job of `account` succeeded since then; also when there are more
    /// results since then than are read, for then nobody knows.
    pub async fn succeeded_since(&self, account: &str, ms: i64) -> Result<bool, StoreError> {
        let mut ask = redis::cmd("XREVRANGE");
        ask.arg(self.store.keys().results()).arg("+").arg(ms).arg("COUNT").arg(MOST_RESULTS);
        type Entries = Vec<(String, Vec<(String, Vec<u8>)>)>;
        let found: Entries = from_redis_value(self.store.connection().value(&ask).await?)?;
        let of = |fields: &[(String, Vec<u8>)]| {
            fields.iter().any(|(name, value)| name == "account" && value == account.as_bytes())
        };
        Ok(found.len() >= MOST_RESULTS || found.iter().any(|(_, fields)| of(fields)))
    }
}
