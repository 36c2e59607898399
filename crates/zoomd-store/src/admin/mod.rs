//! Changes that operators make: cancel, retry, discard, pause and resume.
//!
//! Each verb is one script, which looks again at what the caller saw and does nothing
//! if it changed. All of it works while no daemon runs. Never takes a lease and never
//! calls Zoom. A job in flight is left alone.

mod cancel;
mod cancelled_job;
mod pause;
mod retry;
mod unknown;

pub use cancel::{CANCEL_MARK, Cancelled, Target};
pub use retry::{MEETING_SEEN, RETRIED_AT, Retried};
