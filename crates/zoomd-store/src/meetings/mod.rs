//! The register of meetings: what zoomd made, by account and number.
//!
//! A record is written in the settle of the job that made or changed the meeting, so that
//! it is there exactly when the outcome is. The memory in `ids` of a job that made a
//! meeting names it, and stays as long as the record; so there is no index of ids. Lists
//! of numbers, one for each month of last ends, serve listing and forgetting.
//!
//! Invariant: a record is forgotten a while after the last end of its meeting, and of an
//! endless series only when it was deleted.

mod entry;
mod read;
mod record;

pub use entry::MeetingEntry;
pub use read::{Known, ListQuery, Meetings, Page};
pub use record::Meeting;

pub(crate) use entry::{Month, Reference};
