//! The fields of a job and of a meeting, one by one: how they are read, what they may
//! hold, and what is said of a fault. Knows no job.

pub(crate) mod body;
pub(crate) mod change;
pub(crate) mod check;
pub(crate) mod digest;
pub(crate) mod envelope;
pub(crate) mod findings;
mod invalid;
pub mod limits;
mod meeting;
pub(crate) mod read;
mod recurrence;
mod rules;
pub(crate) mod scan;
mod settings;
pub(crate) mod suggest;
pub(crate) mod time;
mod times;
pub(crate) mod user;
mod without;
pub(crate) mod zone;

use serde_json::value::RawValue;

pub use change::Change;
pub use invalid::{Claims, InvalidJob};
pub use limits::{MAX_JOB, MAX_METADATA};
pub use meeting::Meeting;
pub use rules::{Rules, Warning};

/// True if a text is JSON that every consumer's parser can take: bounded in
/// length and depth, with whole characters only.
pub(crate) fn is_sound_json(text: &str) -> bool {
    text.len() <= MAX_JOB
        && scan::first_flaw(text.as_bytes()).is_none()
        && serde_json::from_str::<&RawValue>(text).is_ok()
}
