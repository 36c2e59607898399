//! Ticks of schedules, claimed so that however many daemons there are, each
//! tick is one daemon's.

use crate::redis::scripts::TICK_CLAIM;
use crate::{Store, StoreError};

/// A tick this much older than the last one, s, is of a clock that was set, and
/// is claimed all the same: what schedules do may be done twice, and must not stop.
const LATE_S: u64 = 60;

impl Store {
    /// Claims the tick of `schedule` that was due at `tick_s` (seconds since
    /// 1970, as the schedule counts, so that all daemons name the same one).
    /// Daemons whose clocks are a minute apart both have it.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached: then the owner is unknown.
    pub async fn claim_tick(&self, schedule: &str, tick_s: u64) -> Result<bool, StoreError> {
        let call = TICK_CLAIM.call().key(self.keys().prefix()).key(self.keys().ticks());
        let call = call.arg(schedule).arg(tick_s).arg(LATE_S);
        Ok(redis::from_redis_value(call.run(&self.connection()).await?)?)
    }
}
