//! Times of Redis, in ms.

use std::time::Duration;

/// The time that is so much later.
pub(super) fn later(ms: i64, by: Duration) -> i64 {
    ms.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}
