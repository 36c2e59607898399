//! Rotations of the last days, as the scripts counted them.

use std::collections::HashMap;

use redis::from_redis_value;

use super::Ops;
use crate::StoreError;
use crate::clock::{DAY_MS, day_name};

/// Number of days that are counted, including today.
pub const DAYS: u32 = 7;
/// An intent older than this has no outcome: an exchange takes less.
const DOUBTFUL_MS: i64 = 60_000;

/// Rotations of the last [`DAYS`] days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RotationDays {
    /// New tokens that were stored within five seconds of asking Zoom.
    pub in_time: u64,
    /// New tokens that took longer.
    pub late: u64,
    /// Tokens that a journal brought to a store that did not have them.
    pub repaired: u64,
    /// Refresh tokens lost with a reply of Zoom's: a consent was needed.
    pub lost: u64,
    /// Refreshes that Zoom refused for another reason.
    pub refused: u64,
    /// Exchanges whose outcome is not known now.
    pub in_doubt: u64,
}

impl RotationDays {
    /// The share of rotations whose token was stored in time; `None` without any.
    #[must_use]
    pub fn share_in_time(&self) -> Option<f64> {
        let all = self.in_time + self.late + self.repaired + self.lost;
        (all > 0).then(|| self.in_time as f64 / all as f64)
    }
}

impl Ops {
    /// Reads the counts; `now_ms` is the time of Redis.
    pub async fn rotation_days(&self, now_ms: i64) -> Result<RotationDays, StoreError> {
        let keys = self.store.keys();
        let mut reads = redis::pipe();
        let before = now_ms.saturating_sub(DOUBTFUL_MS);
        reads.cmd("ZCOUNT").arg(keys.intents()).arg("-inf").arg(before);
        for ago in 0..i64::from(DAYS) {
            let day = day_name(now_ms.saturating_sub(ago * DAY_MS));
            reads.cmd("HGETALL").arg(keys.counter(&format!("rotations:{day}")));
        }
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let in_doubt = values.next().map(from_redis_value).transpose()?.unwrap_or(0);
        let mut days = RotationDays { in_doubt, ..RotationDays::default() };
        for value in values {
            let counts: HashMap<String, u64> = from_redis_value(value)?;
            let of = |name: &str| counts.get(name).copied().unwrap_or(0);
            days.in_time += of("in_time");
            days.late += of("late");
            days.repaired += of("repaired");
            days.lost += of("lost");
            days.refused += of("refused");
        }
        Ok(days)
    }
}
