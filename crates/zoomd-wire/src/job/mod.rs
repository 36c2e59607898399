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

/// Maximum wait of a job without a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxWait {
    /// Most jobs.
    pub usual: Duration,
    /// Jobs that soon become useless.
    pub momentary: Duration,
}

impl Default for MaxWait {
    fn default() -> Self {
        Self { usual: Duration::from_secs(30 * 86_400), momentary: Duration::from_secs(600) }
    }
}

/// A valid job.
#[derive(Debug, Clone)]
pub struct Job {
    /// The producer's idempotency key. Without one the entry's id serves.
    pub id: Option<JobId>,
    /// The connected Zoom account to act for.
    pub account: AccountName,
    /// Action to take.
    pub kind: Kind,
    /// Owner of the meeting: `me`, a Zoom user id or an e-mail address.
    pub user: String,
    /// Host of the meeting; see [`Job::host`].
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
    /// True if a client waits at `<ns>:reply:<id>`.
    pub reply: bool,
    /// The producer's trace.
    pub traceparent: Option<TraceParent>,
    /// Comes back untouched in the outcome.
    pub metadata: Option<Box<RawValue>>,
    /// Fields that were dropped or look mistaken. The outcome lists them too.
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

    /// Hosts whose day a call for it uses: the one it is for, and the user who schedules for
    /// another.
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

    /// The id of the job that makes its meeting, if it names one.
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

    /// Time after which it is not sent, if neither it nor its meeting sets one. `written` is when
    /// it was accepted, or retried.
    pub fn last_moment(&self, written: Timestamp, waits: &MaxWait) -> Timestamp {
        let (from, most) = match self.request.asked().is_momentary() {
            // It is about the state at the time when it is due.
            true => (written.max(self.not_before.unwrap_or(written)), waits.momentary),
            false => (written, waits.usual),
        };
        from.saturating_add(most).unwrap_or(Timestamp::MAX)
    }

    /// Digest to compare two jobs under one id: account, kind, user and request, independent of the
    /// order of keys and of white space. Stable across processes and versions.
    pub fn digest(&self) -> u64 {
        let kind = self.kind.as_str();
        digest::of([self.account.as_str(), kind, &self.user], self.request.asked().digest())
    }
}
