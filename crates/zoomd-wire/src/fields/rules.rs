//! Rules for the checks, and their warnings about a valid job.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

/// Facts that the checks need beside the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The time against which "in the past" is judged: when the job was
    /// *enqueued* ([`EntryId::time`](crate::EntryId::time)), so that reading
    /// the same entry later gives the same answer. A start that passes while
    /// the job waits is a missed deadline, not an invalid job.
    pub now: Timestamp,
    /// Let a meeting start in the past (Zoom silently makes that "now").
    pub allow_past_start: bool,
    /// The job was accepted before, maybe by an older version: what that version
    /// let pass still passes.
    pub accepted: bool,
}

impl Rules {
    /// The rules for a new job that was enqueued at this time.
    pub fn at(now: Timestamp) -> Self {
        Self { now, allow_past_start: false, accepted: false }
    }

    /// The rules for a job that was enqueued at this time and accepted before.
    pub fn again(now: Timestamp) -> Self {
        Self { now, allow_past_start: true, accepted: true }
    }
}

/// Warning about a field of a valid job that was dropped or looks mistaken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The path of the field, as `meeting.recurrence`.
    pub field: Cow<'static, str>,
    /// The thing that zoomd did with it, or what may be meant.
    pub message: String,
}
