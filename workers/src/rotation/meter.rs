//! The names of a rotation's metrics.

use std::time::Duration;

/// A rotation ended so.
pub(crate) fn ended(outcome: &'static str) {
    metrics::counter!("zoomd_token_refreshes_total", "outcome" => outcome).increment(1);
}

/// From the wish for a lease to a closed gate with nothing in flight.
pub(super) fn lock_wait(time: Duration) {
    metrics::histogram!("zoomd_token_lock_wait_seconds").record(time.as_secs_f64());
}

/// From a reply in memory to a reply the system has: the second window.
pub(super) fn staged(time: Duration) {
    metrics::histogram!("zoomd_rotation_stage_seconds").record(time.as_secs_f64());
}

/// From a reply in memory to its commit.
pub(super) fn committed(time: Duration) {
    metrics::histogram!("zoomd_rotation_commit_seconds").record(time.as_secs_f64());
}

/// Token pairs that Redis does not have yet.
pub(super) fn unpersisted(count: usize) {
    metrics::gauge!("zoomd_rotation_unpersisted").set(count as f64);
}

/// Age of a refresh token when Zoom rejected it.
pub(super) fn died_at(age: Duration) {
    metrics::histogram!("zoomd_refresh_token_age_at_death_seconds").record(age.as_secs_f64());
}

/// An access token was refused with 401 and had to be replaced.
pub(crate) fn dead_access() {
    metrics::counter!("zoomd_token_refused_total").increment(1);
}

/// The store was found behind a journal.
pub(super) fn repaired() {
    metrics::counter!("zoomd_rotation_repairs_total").increment(1);
}
