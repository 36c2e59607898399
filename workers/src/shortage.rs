//! Shortage of open files or ports on this machine: logged once a minute, since it is one
//! trouble, however many calls meet it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use zoom_api::TransportError;

/// Between two lines.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Tells that calls are not made.
pub(crate) fn tell(error: &TransportError, now: Instant) {
    static TOLD: Mutex<Option<Instant>> = Mutex::new(None);
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.is_none_or(|at| now.saturating_duration_since(at) >= TELL_EVERY) {
        *told = Some(now);
        tracing::error!(%error, "calls to zoom are paused; jobs and token refreshes wait, and no attempt is used");
    }
}
