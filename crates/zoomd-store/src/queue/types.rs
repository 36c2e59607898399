//! Types that go into the queue's scripts and come out of them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::close::Close;
use super::parse::{Grants, host_name};
use super::purpose::Purpose;
use super::record::Record;
use super::target::{AdmitTarget, Fate};
use super::wait_reason::WaitReason;
use crate::limits::Label;
use crate::meetings::MeetingEntry;
use bytes::Bytes;

/// A parsed job that asks to be admitted.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The stream entry it came in.
    pub entry: Arc<str>,
    /// Id: the producer's, else the entry's.
    pub job_id: Arc<str>,
    /// True if the producer gave the id (then it is remembered for 24 h).
    pub id_given: bool,
    pub account: Arc<str>,
    /// The rate-limit class of its call.
    pub class: Label,
    /// The host whose hundred it uses and in whose room it waits: `me`, an e-mail in lower case, or
    /// a Zoom user id. `None`: its call uses no host's day.
    pub host: Option<Arc<str>>,
    /// The other host that is charged: the user of a `schedule_for`.
    pub other_host: Option<Arc<str>>,
    /// 0 high, 1 normal, 2 low.
    pub priority: u8,
    /// Digest of what it asks for: equal for the same job.
    pub digest: u64,
    /// Not to be sent before.
    pub not_before_ms: Option<i64>,
    /// Fails when it has not been sent by then.
    pub deadline_ms: i64,
    /// True if a lost call of it can be judged later. Then the lease marks the call as sent
    /// immediately; else `mark_sent` does just before the send.
    pub recoverable: bool,
    /// The meeting that it changes, in whose line it waits.
    pub target: Option<AdmitTarget>,
}

impl Admission {
    /// The room it waits in: that of its host, or of its class.
    pub(crate) fn room(&self) -> Cow<'_, str> {
        self.host.as_deref().map_or(Cow::Borrowed(self.class.room()), host_name)
    }
}

/// Decision about one [`Admission`].
#[derive(Debug, Clone)]
pub enum Admitted {
    /// Leased to this daemon; send it.
    Go(Ticket),
    /// As [`Go`](Self::Go), with updates that its call may carry.
    Carries(Ticket, Vec<ClaimedJob>),
    /// Moved to its room or to sleep; a claim will hand it out.
    Waits {
        why: WaitReason,
        /// Latest time of the next check.
        until_ms: i64,
    },
    /// An older entry that may be of the same target is not admitted yet: the entry
    /// stays pending, and is to be offered again soon.
    Later,
    /// Target has no meeting: to be refused with `no_meeting`.
    NoMeeting,
    /// Duplicate: another entry has the same job; acknowledged and dropped.
    Repeat,
    /// The id is another job's: to be refused with `id_conflict`.
    Conflict,
    /// No such account: to be refused with `unknown_account`.
    NoAccount,
    /// The account was removed: to be refused with `account_removed`.
    AccountRemoved,
    /// Deadline has passed: to be refused with `deadline_exceeded`.
    Expired,
    /// A redelivery of a job that is in flight, or no longer this daemon's entry.
    Held,
    /// A key of the account is of a wrong type; the entry stays pending and is
    /// read again later.
    Broken,
}

/// `<boot id>.<counter>`: who took the lease, and in which call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fence(pub Arc<str>);

impl Fence {
    /// The fence as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A lease on one job: the right to make one call, and to settle.
#[derive(Debug, Clone)]
pub struct Ticket {
    pub job_id: Arc<str>,
    /// True if the producer gave its id.
    pub id_given: bool,
    pub account: Arc<str>,
    /// Room: that of its host, or of its class.
    pub host: Arc<str>,
    /// The other host that was charged.
    pub other_host: Option<Arc<str>>,
    /// The stream entry it came in.
    pub entry: Arc<str>,
    /// True if that entry is still in the stream.
    pub in_stream: bool,
    /// Proves the lease.
    pub fence: Fence,
    /// Number of the run: 1, and one more for each retry of the job's failure.
    pub run: u32,
    /// Create, or look first.
    pub purpose: Purpose,
    /// 0 high, 1 normal, 2 low.
    pub priority: u8,
    /// Digest of the job.
    pub digest: u64,
    /// True if a lost call of it can be judged later.
    pub recoverable: bool,
    /// Aim, as the scripts write it: see [`Aim`](super::Aim).
    pub aim: Option<Arc<str>>,
    /// Deadline; what is written when it goes back to wait.
    pub deadline_ms: i64,
    /// The account's grant when the lease was taken.
    pub grant: Grants,
    /// Start of the lease, by the clock of Redis.
    pub granted_ms: i64,
    /// Time of the request for the lease, by this process' clock.
    pub granted_at: Instant,
    /// No request begins after this.
    pub send_by: Instant,
    /// End of the lease, unless it is renewed.
    pub lease_until: Instant,
    /// True if nothing but the job hangs on the lease: no cap, no unknown host, and
    /// it is known whether its entry is in the stream.
    pub plain: bool,
}

/// A job that waited, with all that is known of it.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// Lease.
    pub ticket: Ticket,
    /// Text of the job. Empty if it was deleted: a damaged namespace.
    pub payload: Bytes,
    /// Record of earlier attempts.
    pub record: Record,
    /// The limit of a day that was used up while it waited: of the day before, or of the
    /// one on which its deadline passed.
    pub full_day: Option<WaitReason>,
    /// The end that another job prepared for it; no call is charged.
    pub fate: Option<Fate>,
    /// True if it was handed out because its deadline passed; no call is charged.
    pub expired: bool,
    /// True if it was handed out because its account is no more; no call is charged.
    pub removed: bool,
    /// Updates that stand directly behind it, leased with it: its call may carry them, or its
    /// unresolved call did.
    pub parts: Vec<ClaimedJob>,
}

impl ClaimedJob {
    /// A job that is leased with the one whose call may carry it.
    pub(super) fn part(ticket: Ticket, payload: Bytes, record: Record) -> Self {
        let (full_day, fate, parts) = (None, None, Vec::new());
        Self { ticket, payload, record, full_day, fate, expired: false, removed: false, parts }
    }
}

/// Result of a claim.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The jobs, leased to this daemon.
    pub jobs: Vec<ClaimedJob>,
    /// True if more could be claimed immediately.
    pub more: bool,
    /// Time of the next wake-up by itself, by the clock of Redis; `None` while nothing sleeps.
    pub next_wake_ms: Option<i64>,
    /// The clock of Redis at the claim.
    pub now_ms: i64,
}

/// End of a lease.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The lease.
    pub ticket: Ticket,
    /// Next state of the job.
    pub then: Then,
    /// True if no byte of the call left: its charges are given back.
    pub unsent: bool,
    /// Gates that a 429 closed.
    pub closes: Vec<Close>,
    /// User id behind a name of a host.
    pub learnt: Option<Learnt>,
    /// The meeting that it made or changed, for the register.
    pub meeting: Option<MeetingEntry>,
}

/// Next state of a job after its lease.
#[derive(Debug, Clone)]
pub enum Then {
    /// It succeeded.
    Done(Outcome),
    Failed {
        /// The failure code.
        code: &'static str,
        /// True if its id stays taken (`outcome_unknown`).
        holds_id: bool,
        outcome: Outcome,
        /// Record of the attempts, kept for a retry of the failure.
        record: Option<Record>,
    },
    Sleep {
        /// End of the sleep, by the clock of Redis.
        until_ms: i64,
        /// Purpose of its next lease.
        purpose: Purpose,
        /// Record of the job.
        record: Record,
        /// A `job.waiting` event to publish with it.
        event: Option<Event>,
    },
    /// It goes back to its room, in front of those that came later.
    Room {
        /// Purpose of its next lease.
        purpose: Purpose,
        /// Record of the job; `None` keeps the stored one.
        record: Option<Record>,
        /// Minimum time until the account's next check.
        nap: Option<Duration>,
    },
}

/// An outcome to publish.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The job's kind.
    pub kind: &'static str,
    /// The outcome's JSON.
    pub json: Bytes,
    /// True if it also goes to the job's reply list.
    pub reply: bool,
    /// The JSON of a success' [`Story`](super::Story), for the entry of the result.
    /// A failure has it in its record; one that went to Zoom at once and succeeded
    /// has none, since its outcome says all.
    pub story: Option<Box<str>>,
}

/// An entry of the public events stream.
#[derive(Debug, Clone)]
pub struct Event {
    /// Name, as in `job.waiting`.
    pub name: &'static str,
    pub json: String,
}

/// The Zoom user id behind the ticket's host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// The host's user id.
    pub host_id: String,
    /// The host's e-mail, another name of it.
    pub email: Option<String>,
}

/// Result of settling one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Done as asked.
    Done,
    /// The lease was another's by then; nothing was changed.
    Stale,
    /// The output stream, or a key of the account, is of a wrong type; nothing
    /// was changed. To be tried again in a new batch.
    Broken,
}

/// An entry that becomes a failure without ever having been a live job.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The entry, acknowledged and deleted with it.
    pub entry: Arc<str>,
    /// The id it claims, else the entry's.
    pub job_id: Arc<str>,
    /// The account it claims, or nothing.
    pub account: Arc<str>,
    /// The failure code.
    pub code: &'static str,
    pub outcome: Outcome,
}
