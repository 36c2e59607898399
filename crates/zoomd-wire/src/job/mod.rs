//! A job as zoomd understands it, after every check that needs no IO.

mod envelope;
mod parse;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;

pub use envelope::with_id;
pub use parse::parse;

use crate::fields::{Meeting, Warning, digest};
use crate::kind::{Kind, Part, Request, Target};
use crate::{AccountName, JobId, Priority, TraceParent};

/// How long a job waits at most that names no deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxWait {
    /// Most jobs.
    pub usual: Duration,
    /// Those that are soon worth nothing.
    pub momentary: Duration,
}

impl Default for MaxWait {
    fn default() -> Self {
        Self { usual: Duration::from_secs(30 * 86_400), momentary: Duration::from_secs(600) }
    }
}

/// One sound job.
#[derive(Debug, Clone)]
pub struct Job {
    /// The producer's idempotency key. Without one the entry's id serves.
    pub id: Option<JobId>,
    /// The connected Zoom account to act for.
    pub account: AccountName,
    /// Action to take.
    pub kind: Kind,
    /// Whose meeting: `me`, a Zoom user id or an e-mail address.
    pub user: String,
    /// Who hosts it; see [`Job::host`].
    host: Box<str>,
    /// The request of its kind.
    pub request: Request,
    /// Not to be sent before this.
    pub not_before: Option<Timestamp>,
    /// Not to be sent after this.
    pub deadline: Option<Timestamp>,
    /// Maximum number of attempts, 1 to 25.
    pub max_attempts: u8,
    /// Place among the jobs of its account.
    pub priority: Priority,
    /// True if somebody waits at `<ns>:reply:<id>`.
    pub reply: bool,
    /// The producer's trace.
    pub traceparent: Option<TraceParent>,
    /// Comes back untouched in the outcome.
    pub metadata: Option<Box<RawValue>>,
    /// Items that were dropped or looks mistaken. The outcome says so too.
    pub warnings: Vec<Warning>,
}

impl Job {
    /// The Zoom user whose daily allowance the meeting uses: the one it is
    /// scheduled for, else the job's user. Mail addresses in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// After this the job must not be sent: the deadline or the start that its
    /// kind heeds, whichever is first.
    pub fn must_start_by(&self) -> Option<Timestamp> {
        self.deadline.into_iter().chain(self.request.asked().must_start_by()).min()
    }

    /// The start after which its kind is not sent, whether or not that binds it.
    pub fn start(&self) -> Option<Timestamp> {
        self.request.asked().start()
    }

    /// The hosts whose day a call for it spends: the one it is for, and the user
    /// who schedules for another.
    pub fn charged_hosts(&self) -> [Option<&str>; 2] {
        let asked = self.request.asked();
        if !asked.charges_host() {
            return [None, None];
        }
        [Some(&self.host), asked.schedule_for().map(|_| &*self.user)]
    }

    /// True if a call for it whose answer was lost can be judged later.
    pub fn is_recoverable(&self) -> bool {
        self.request.asked().is_recoverable()
    }

    /// The body of the meeting that it makes, if it makes one.
    pub fn meeting(&self) -> Option<&Meeting> {
        self.request.asked().meeting()
    }

    /// The meeting that it is about, where it makes none.
    pub fn target(&self) -> Option<&Target> {
        self.request.asked().target().map(|(target, _)| target)
    }

    /// The job under whose id its meeting is made, if it names one.
    pub fn of(&self) -> Option<&JobId> {
        match self.target()? {
            Target::Create(id) => Some(id),
            Target::Meeting(_) => None,
        }
    }

    /// Part among the jobs that are about the same meeting, where it makes none.
    pub fn part(&self) -> Option<Part> {
        self.request.asked().target().map(|(_, part)| part)
    }

    /// Names of the fields that it changes, if it is a change.
    pub fn changed(&self) -> Option<&[Box<str>]> {
        self.request.asked().changed()
    }

    /// The moment after which it is not sent, where neither it nor its meeting says one.
    /// `written` is when it was accepted, or retried.
    pub fn last_moment(&self, written: Timestamp, waits: &MaxWait) -> Timestamp {
        let (from, most) = match self.request.asked().is_momentary() {
            // It is about what is so when it is due.
            true => (written.max(self.not_before.unwrap_or(written)), waits.momentary),
            false => (written, waits.usual),
        };
        from.saturating_add(most).unwrap_or(Timestamp::MAX)
    }

    /// Tells whether two jobs under one id are the same job: account, kind,
    /// user and request, whatever the order of keys and the white space. The
    /// same in every process and version.
    pub fn digest(&self) -> u64 {
        let kind = self.kind.as_str();
        digest::of([self.account.as_str(), kind, &self.user], self.request.asked().digest())
    }
}
