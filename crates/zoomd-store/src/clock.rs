//! Time of Redis, in whole milliseconds since 1970.
//!
//! Scripts call `TIME` themselves. Their offset is zero except in tests, which move a namespace
//! through midnight without waiting for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Milliseconds of one UTC day.
pub const DAY_MS: i64 = 86_400_000;

/// A daemon is alive if its last heartbeat is not older.
pub(crate) const ALIVE_MS: i64 = 4_000;
/// Timeout for a daemon of an earlier version, which does not report how often it announces itself:
/// every ten seconds.
pub(crate) const SLOW_ALIVE_MS: i64 = 30_000;

/// A length of time in whole milliseconds, as scripts and commands take it.
pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Offsets from here on are stopped clocks.
const STOPPED: i64 = 1_000_000_000_000_000;

/// Offset that scripts add to the time of Redis; shared by all clones of a store.
#[derive(Debug, Clone, Default)]
pub struct ClockOffset(Arc<AtomicI64>);

impl ClockOffset {
    /// The offset in milliseconds.
    #[must_use]
    pub fn ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Stops the clock of all scripts at a time, for tests that compare decisions made then. The
    /// store's own `now_ms` stops with it.
    pub fn stop_at_ms(&self, ms: i64) {
        self.set_ms(STOPPED + ms);
    }

    #[must_use]
    pub fn stopped_at_ms(&self) -> Option<i64> {
        Some(self.ms() - STOPPED).filter(|ms| *ms >= 0)
    }

    /// Moves the clock of every script from now on.
    pub fn set_ms(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }
}

/// The UTC day of `now_ms`, as `yyyymmdd`, in the form of ledger keys.
#[must_use]
pub fn day_name(now_ms: i64) -> String {
    let (year, month, day) = civil(now_ms.div_euclid(DAY_MS));
    format!("{year:04}{month:02}{day:02}")
}

/// The start of the next UTC day.
#[must_use]
pub fn next_midnight_ms(now_ms: i64) -> i64 {
    (now_ms.div_euclid(DAY_MS) + 1) * DAY_MS
}

/// Days since 1970 to a civil date (the proleptic Gregorian calendar, whose
/// 400-year cycle is counted from 1 March of the year 0).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{day_name, next_midnight_ms};

    #[test]
    fn days_have_their_civil_names() {
        for (ms, name) in [
            (0, "19700101"),
            (951_782_400_000, "20000229"),
            (1_709_164_800_000, "20240229"),
            (1_767_225_599_999, "20251231"),
            (1_767_225_600_000, "20260101"),
        ] {
            assert_eq!(day_name(ms), name);
        }
        assert_eq!(next_midnight_ms(1_767_225_599_999), 1_767_225_600_000);
    }
}
