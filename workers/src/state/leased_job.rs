//! One leased job on its way through this process, and the list of them all.
//!
//! A [`LeasedJob`] is the ticket, the job, and what is known of both. Its lease
//! may be prolonged by the renewer while a handler works; [`LeasedJob::may_send`]
//! is asked where the request's body leaves, so a process that slept through
//! its lease sends nothing. The list holds every flight from admission to the
//! end of its settle: the renewer and a hurried shutdown work from it.

use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use foldhash::HashMap;
use jiff::Timestamp;
use zoomd_store::queue::{Fate, Purpose, Record, Ticket};
use zoomd_wire::{EntryId, Job, Request, TraceParent};

use crate::trace::{About, JobTrace, Tracer};

/// One moment by both clocks: one look serves a batch.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    instant: Instant,
    wall: SystemTime,
}

impl Moment {
    #[must_use]
    pub fn now() -> Self {
        Self { instant: Instant::now(), wall: SystemTime::now() }
    }
}

/// The call or the look that was made under a lease, for the job's story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// The endpoint, where it was one call.
    pub endpoint: Option<&'static str>,
    /// Time at which it left, or began, by the time of Redis.
    pub at_ms: i64,
    /// Duration.
    pub ms: u64,
    /// The HTTP status, where an answer came.
    pub status: Option<u16>,
    /// The kind of error, where none came.
    pub error: Option<&'static str>,
}

/// Updates leased with a job, whose call may carry them.
#[derive(Debug)]
pub struct Carried {
    /// The request for all of them; `None`: it carries none.
    pub request: Option<Request>,
    /// The updates, in their order.
    pub parts: Vec<Arc<LeasedJob>>,
    /// Number of those, from the first, that the request carries.
    pub count: usize,
}

#[derive(Debug)]
pub struct LeasedJob {
    pub ticket: Ticket,
    /// The job, checked.
    pub job: Box<Job>,
    /// The stream entry it came in.
    pub entry: EntryId,
    /// The job as it came, for the outcome of a failure.
    pub text: Bytes,
    /// Record of earlier attempts.
    pub record: Record,
    /// The end that another job prepared for it.
    pub fate: Option<Fate>,
    /// True if it was handed out because its deadline passed.
    pub expired: bool,
    /// True if the account had no consent when the deadline passed.
    pub no_consent: bool,
    /// True if it was handed out because its account was removed.
    pub removed: bool,
    /// Updates that were leased with it.
    pub carried: Option<Box<Carried>>,
    /// The job that its outcome names as the one which carried the call, if another did.
    pub merged_into: Option<Arc<str>>,
    trace: Option<Box<JobTrace>>,
    /// The batch that settles it; 0 until there is one.
    pub settle_number: AtomicU64,
    granted_at: Instant,
    granted_wall: SystemTime,
    prolonged_ms: AtomicU64,
    sent_ms: AtomicI64,
    made: OnceLock<Made>,
    settled: AtomicBool,
    /// True if its handler was dropped.
    dropped: AtomicBool,
}

impl LeasedJob {
    /// A flight under a fresh lease; `send_within` is the queue's setting.
    #[must_use]
    pub fn new(
        ticket: Ticket,
        job: Box<Job>,
        text: Bytes,
        record: Record,
        send_within: Duration,
        now: Moment,
    ) -> Self {
        let entry = ticket.entry.parse().unwrap_or(EntryId { ms: 0, seq: 0 });
        let granted_at = ticket.send_by.checked_sub(send_within).unwrap_or(ticket.send_by);
        Self {
            ticket,
            entry,
            job,
            text,
            record,
            fate: None,
            expired: false,
            no_consent: false,
            removed: false,
            carried: None,
            merged_into: None,
            trace: None,
            settle_number: AtomicU64::new(0),
            granted_at,
            granted_wall: now.wall - now.instant.saturating_duration_since(granted_at),
            prolonged_ms: AtomicU64::new(0),
            sent_ms: AtomicI64::new(0),
            made: OnceLock::new(),
            settled: AtomicBool::new(false),
            dropped: AtomicBool::new(false),
        }
    }

    /// Begins the trace of this lease, if it is recorded.
    pub fn begin_trace(&mut self, tracer: &Tracer) {
        let about = || About {
            entry: self.entry,
            kind: self.job.kind,
            run: self.ticket.run,
            attempt: self.attempt(),
            looks: self.ticket.purpose == Purpose::Lookup,
            size: self.text.len(),
            waited: self.waited(Instant::now()),
            parent: self.job.traceparent,
        };
        self.trace = tracer.job(self.entry, self.ticket.run, about);
    }

    /// The trace of this lease, if it is recorded.
    #[must_use]
    pub fn trace(&self) -> Option<&JobTrace> {
        self.trace.as_deref()
    }

    /// Trace context that its outcome carries: that of the span which sends it; without a
    /// trace of ours the producer's.
    #[must_use]
    pub fn traceparent(&self) -> Option<TraceParent> {
        self.trace().map(JobTrace::outgoing).or(self.job.traceparent)
    }

    /// The time of Redis at `now`, as this lease lets us estimate it.
    #[must_use]
    pub fn redis_ms(&self, now: Instant) -> i64 {
        let since = now.saturating_duration_since(self.granted_at).as_millis();
        self.ticket.granted_ms.saturating_add(i64::try_from(since).unwrap_or(i64::MAX))
    }

    /// Wait of the job until `now`, from when it could have run.
    #[must_use]
    pub fn waited(&self, now: Instant) -> Duration {
        let enqueued_ms = i64::try_from(self.entry.ms).unwrap_or(i64::MAX);
        let could_run_ms =
            self.job.not_before.map_or(enqueued_ms, |t| enqueued_ms.max(t.as_millisecond()));
        let waited_ms = self.redis_ms(now).saturating_sub(could_run_ms);
        Duration::from_millis(u64::try_from(waited_ms).unwrap_or(0))
    }

    /// After this the job is not sent. The lease's own deadline is put off while
    /// a call is unresolved; those of the job are not.
    #[must_use]
    pub fn last_send_ms(&self, allow_past_start: bool) -> i64 {
        // A create is made as what it carries leaves it; an update has its own start, too.
        let own_start = self.job.start().filter(|_| self.job.meeting().is_none());
        let starts = [self.request().start(), own_start].into_iter().flatten();
        let start = starts.min().filter(|_| !allow_past_start);
        // The lease's has that of the create, which a job may have to wait for.
        let own = self.job.deadline.filter(|_| self.job.of().is_none());
        let times = [own, start].into_iter().flatten();
        times.map(Timestamp::as_millisecond).fold(self.ticket.deadline_ms, i64::min)
    }

    /// The request that its call makes: its own, or one for what it carries too.
    #[must_use]
    pub fn request(&self) -> &Request {
        let merged = self.carried.as_ref().and_then(|carried| carried.request.as_ref());
        merged.unwrap_or(&self.job.request)
    }

    /// True if its call carries other jobs.
    #[must_use]
    pub fn is_merged(&self) -> bool {
        self.carried.as_ref().is_some_and(|carried| carried.request.is_some())
    }

    /// The new deadline of a create whose own has passed, where what it carries moves the start.
    #[must_use]
    pub fn put_off_ms(&self, now_ms: i64, allow_past_start: bool) -> Option<i64> {
        let makes = self.job.meeting().is_some() && self.job.start().is_some();
        let moves = self.is_merged() && makes && !allow_past_start;
        let start = moves.then(|| self.request().start()).flatten()?;
        let last = self.job.deadline.map_or(start, |deadline| deadline.min(start));
        Some(last.as_millisecond()).filter(|last_ms| *last_ms > now_ms)
    }

    /// Takes over what its carrier's call did: that is its call, too.
    pub fn ride(&self, carrier: &Self) {
        if let Some(ms) = carrier.sent_ms() {
            self.sent_ms.store(ms, Ordering::Release);
        }
        if let Some(made) = carrier.made() {
            self.note_made(*made);
        }
        if let (Some(own), Some(carriers)) = (self.trace(), carrier.trace()) {
            own.rides(carriers);
        }
    }

    /// [`redis_ms`](Self::redis_ms) as a timestamp.
    #[must_use]
    pub fn redis_time(&self, now: Instant) -> Timestamp {
        Timestamp::from_millisecond(self.redis_ms(now)).unwrap_or(Timestamp::MAX)
    }

    /// Time since the lease was taken.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.granted_at.elapsed()
    }

    /// End of the lease, with its renewals.
    #[must_use]
    pub fn lease_until(&self) -> Instant {
        self.ticket.lease_until + Duration::from_millis(self.prolonged_ms.load(Ordering::Acquire))
    }

    /// Takes note of a renewed lease.
    pub fn prolong(&self, until: Instant) {
        let more = until.saturating_duration_since(self.ticket.lease_until).as_millis();
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        self.prolonged_ms.fetch_max(more, Ordering::AcqRel);
    }

    /// True if a request may leave now. If so it is taken as sent from here on.
    pub fn may_send(&self) -> bool {
        self.may_send_at(Instant::now(), SystemTime::now())
    }

    /// True if a request may leave at this time of both clocks. The monotonic one stands still
    /// while a machine sleeps or is moved, and the other is then set. Where that jumped for
    /// another reason, the job goes back unsent.
    pub fn may_send_at(&self, now: Instant, wall: SystemTime) -> bool {
        let within = self.ticket.send_by.saturating_duration_since(self.granted_at);
        let slept = wall.duration_since(self.granted_wall).is_ok_and(|since| since >= within);
        let may = !slept && now < self.ticket.send_by && now < self.lease_until();
        if may {
            self.sent_ms.store(self.redis_ms(now).max(1), Ordering::Release);
        }
        may
    }

    /// Time at which a request left, by the time of Redis.
    #[must_use]
    pub fn sent_ms(&self) -> Option<i64> {
        match self.sent_ms.load(Ordering::Acquire) {
            0 => None,
            ms => Some(ms),
        }
    }

    /// Takes note of the call or look that this lease made.
    pub fn note_made(&self, made: Made) {
        let _ = self.made.set(made);
    }

    /// The call or look that this lease made.
    #[must_use]
    pub fn made(&self) -> Option<&Made> {
        self.made.get()
    }

    /// Takes the right to settle: true once.
    pub fn begin_settle(&self) -> bool {
        !self.settled.swap(true, Ordering::AcqRel)
    }

    /// True if a handler works at it, or has left a settlement.
    pub fn is_cared_for(&self) -> bool {
        !self.dropped.load(Ordering::Acquire) || self.is_settled()
    }

    /// True if a settlement was left.
    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// True if this lease is for the job's own call.
    #[must_use]
    pub fn is_attempt(&self) -> bool {
        self.ticket.purpose == Purpose::Attempt
    }

    /// Which attempt a call under this lease is: 1 and more.
    #[must_use]
    pub fn attempt(&self) -> u8 {
        let spent = self.record.attempts.saturating_add(u32::from(self.is_attempt()));
        u8::try_from(spent.max(1)).unwrap_or(u8::MAX)
    }
}

/// A flight in the hands of a handler, or on its way to one.
#[derive(Debug)]
pub struct InHand(pub Arc<LeasedJob>);

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::Release);
    }
}

/// All flights of this process.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Mutex<HashMap<Arc<str>, Arc<LeasedJob>>>>);

impl InFlight {
    pub fn add(&self, leased: &Arc<LeasedJob>) {
        self.lock().insert(Arc::clone(&leased.ticket.job_id), Arc::clone(leased));
    }

    /// Forgets the flights of `tickets`, unless a newer lease has taken their place.
    pub fn remove<'a>(&self, tickets: impl Iterator<Item = &'a Ticket>) {
        let mut all = self.lock();
        for ticket in tickets {
            if let Entry::Occupied(entry) = all.entry(Arc::clone(&ticket.job_id))
                && entry.get().ticket.fence == ticket.fence
            {
                entry.remove();
            }
        }
    }

    /// Number of jobs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Number of jobs that `wanted` picks.
    #[must_use]
    pub fn count(&self, wanted: impl Fn(&LeasedJob) -> bool) -> usize {
        self.lock().values().filter(|leased| wanted(leased)).count()
    }

    /// Jobs that `wanted` picks.
    #[must_use]
    pub fn pick(&self, wanted: impl Fn(&LeasedJob) -> bool) -> Vec<Arc<LeasedJob>> {
        self.lock().values().filter(|leased| wanted(leased)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<LeasedJob>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
