//! A job as zoomd understands it, after every check that needs no IO.

mod check;
mod digest;
mod envelope;
mod findings;
mod invalid;
pub mod limits;
mod meeting;
mod parse;
mod read;
mod recurrence;
mod scan;
mod settings;
mod suggest;
mod time;
mod times;
mod without;
mod zone;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

pub use envelope::with_id;
pub use invalid::{Claims, InvalidJob};
pub use limits::{MAX_JOB, MAX_METADATA};
pub use meeting::Meeting;
pub use parse::parse;

use crate::{AccountName, JobId, Kind, Priority, TraceParent};

/// What the checks need to know beside the bytes.
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

/// Something in a valid job that was dropped or looks mistaken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The path of the field, as `meeting.recurrence`.
    pub field: Cow<'static, str>,
    /// What zoomd did with it, or what may be meant.
    pub message: String,
}

/// One sound job.
#[derive(Debug, Clone)]
pub struct Job {
    /// The producer's idempotency key. Without one the entry's id serves.
    pub id: Option<JobId>,
    /// The connected Zoom account to act for.
    pub account: AccountName,
    /// What to do.
    pub kind: Kind,
    /// Whose meeting: `me`, a Zoom user id or an e-mail address.
    pub user: String,
    /// Who hosts it; see [`Job::host`].
    host: Box<str>,
    /// The meeting.
    pub meeting: Meeting,
    /// Not to be sent before this.
    pub not_before: Option<Timestamp>,
    /// Not to be sent after this.
    pub deadline: Option<Timestamp>,
    /// How many attempts may fail, 1 to 25.
    pub max_attempts: u8,
    /// Its place among the jobs of its account.
    pub priority: Priority,
    /// Whether somebody waits at `<ns>:reply:<id>`.
    pub reply: bool,
    /// The producer's trace.
    pub traceparent: Option<TraceParent>,
    /// Comes back untouched in the outcome.
    pub metadata: Option<Box<RawValue>>,
    /// What was dropped or looks mistaken. The outcome says so too.
    pub warnings: Vec<Warning>,
}

impl Job {
    /// The Zoom user whose daily allowance the meeting uses: the one it is
    /// scheduled for, else the job's user. Mail addresses in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// After this the job must not be sent: the deadline or the start of a
    /// meeting of type 2 or 8, whichever is first.
    pub fn must_start_by(&self) -> Option<Timestamp> {
        self.deadline.into_iter().chain(self.meeting.must_start_by()).min()
    }

    /// Tells whether two jobs under one id are the same job: account, kind,
    /// user and meeting, whatever the order of keys and the white space. The
    /// same in every process and version.
    pub fn digest(&self) -> u64 {
        digest::of(self)
    }
}

/// Whether a text is JSON that every consumer's parser can take: bounded in
/// length and depth, with whole characters only.
pub(crate) fn is_sound_json(text: &str) -> bool {
    text.len() <= MAX_JOB
        && scan::first_flaw(text.as_bytes()).is_none()
        && serde_json::from_str::<&RawValue>(text).is_ok()
}
