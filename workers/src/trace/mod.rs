//! Traces: the spans of jobs and of rotations, made by hand at the steps.
//!
//! Owns which spans there are and what they carry. Never exports: what is over goes to
//! the sink that a [`Tracer`] was made with, which must not wait. Off, a job has no
//! trace, and nothing is allocated for one.
//!
//! All leases of a run share one trace, whichever daemon holds them: its id is a digest
//! of the entry, so that a sampler says the same to each.

mod job;
pub mod names;
mod rotation;
mod span;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use zoomd_wire::{EntryId, TraceParent};

pub use job::{About, End, HttpCall, JobTrace, Published};
pub(crate) use rotation::{RotationTrace, timed};
pub use span::{Attributes, Span, SpanEvent, SpanKind, Value};

/// Accounts whose waiting jobs are remembered, and jobs of one account.
const WAITING_ACCOUNTS: usize = 1_000;
const WAITING_JOBS: usize = 32;
/// A job that began to wait no longer than this before a rotation waits for it.
const WAITS_BEFORE: Duration = Duration::from_secs(10);

/// Says whether the trace with this id is recorded.
pub type Sampler = Box<dyn Fn(u128) -> bool + Send + Sync>;
/// Takes spans that are over, and does not wait.
pub type Sink = Box<dyn Fn(Vec<Span>) + Send + Sync>;

/// Begins traces; clones share everything. The default is off.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<Inner>>);

/// Jobs that wait for a token, by account: since when, and their producers' traces.
type Waiting = HashMap<Box<str>, Vec<(Instant, TraceParent)>>;

struct Inner {
    sampler: Sampler,
    sink: Sink,
    salt: Box<str>,
    jobs: Arc<str>,
    results: Arc<str>,
    failures: Arc<str>,
    waiting: Mutex<Waiting>,
}

impl Tracer {
    /// A tracer for the streams of `namespace`. `salt` is the same for all daemons of an
    /// installation, and another elsewhere.
    #[must_use]
    pub fn new(namespace: &str, salt: &str, sampler: Sampler, sink: Sink) -> Self {
        let stream = |name: &str| Arc::from(format!("{namespace}:{name}"));
        Self(Some(Arc::new(Inner {
            sampler,
            sink,
            salt: format!("{namespace}\n{salt}\n").into(),
            jobs: stream("jobs"),
            results: stream("results"),
            failures: stream("failures"),
            waiting: Mutex::default(),
        })))
    }

    /// The trace of one lease on this run of the job in `entry`; `None` if it is not recorded.
    #[must_use]
    pub fn job(
        &self,
        entry: EntryId,
        run: u32,
        about: impl FnOnce() -> About,
    ) -> Option<Box<JobTrace>> {
        let inner = self.0.as_ref()?;
        let trace_id = inner.trace_of(entry, run);
        (inner.sampler)(trace_id)
            .then(|| Box::new(JobTrace::new(Arc::clone(inner), trace_id, about())))
    }

    /// The trace of one rotation; `None` if it is not recorded.
    pub(crate) fn rotation(&self) -> Option<Arc<RotationTrace>> {
        let inner = self.0.as_ref()?;
        let trace_id = rand::random::<u128>().max(1);
        (inner.sampler)(trace_id).then(|| Arc::new(RotationTrace::new(Arc::clone(inner), trace_id)))
    }

    /// Notes that a job waits for a token of `account`.
    pub fn waits_for_token(&self, account: &str, trace: &JobTrace) {
        let Some(inner) = &self.0 else { return };
        let mut waiting = inner.waiting();
        if waiting.len() >= WAITING_ACCOUNTS && !waiting.contains_key(account) {
            waiting.clear();
        }
        let jobs = waiting.entry(account.into()).or_default();
        if jobs.len() >= WAITING_JOBS {
            jobs.remove(0);
        }
        jobs.push((Instant::now(), trace.context()));
    }
}

impl Inner {
    fn trace_of(&self, entry: EntryId, run: u32) -> u128 {
        let mut digest = Sha256::new();
        digest.update(self.salt.as_bytes());
        digest.update(entry.ms.to_be_bytes());
        digest.update(entry.seq.to_be_bytes());
        digest.update(run.to_be_bytes());
        let digest = digest.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        u128::from_be_bytes(id).max(1)
    }

    /// The jobs that waited for the rotation of `account` that began at `begun`.
    fn waited(&self, account: &str, begun: Instant) -> Vec<TraceParent> {
        let jobs = self.waiting().remove(account).unwrap_or_default();
        let before = begun.checked_sub(WAITS_BEFORE).unwrap_or(begun);
        let mut jobs: Vec<_> =
            jobs.into_iter().filter(|(at, _)| *at >= before).map(|(_, job)| job).collect();
        jobs.dedup();
        jobs
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Tracer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracer").field("on", &self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracer(salt: &str) -> Tracer {
        Tracer::new("zoomd", salt, Box::new(|_| true), Box::new(|_| {}))
    }

    fn about(ms: u64, run: u32) -> About {
        About {
            entry: EntryId { ms, seq: 0 },
            kind: zoomd_wire::Kind::CreateMeeting,
            run,
            attempt: 1,
            looks: false,
            size: 0,
            waited: Duration::ZERO,
            parent: None,
        }
    }

    #[test]
    fn leases_of_a_run_share_a_trace_and_nothing_else_does() {
        let id = |salt: &str, ms, run| {
            let trace =
                tracer(salt).job(EntryId { ms, seq: 0 }, run, || about(ms, run)).expect("recorded");
            trace.context()
        };
        assert_eq!(id("a", 1, 1).trace_id, id("a", 1, 1).trace_id);
        assert_ne!(id("a", 1, 1).parent_id, id("a", 1, 1).parent_id);
        for other in [id("b", 1, 1), id("a", 2, 1), id("a", 1, 2)] {
            assert_ne!(id("a", 1, 1).trace_id, other.trace_id);
        }
    }

    #[test]
    fn off_and_not_sampled_there_is_no_trace() {
        assert!(
            Tracer::default().job(EntryId { ms: 1, seq: 0 }, 1, || unreachable!("off")).is_none()
        );
        let never = Tracer::new("zoomd", "", Box::new(|_| false), Box::new(|_| {}));
        assert!(
            never.job(EntryId { ms: 1, seq: 0 }, 1, || unreachable!("not sampled")).is_none()
                && never.rotation().is_none()
        );
    }

    #[test]
    fn waiting_jobs_are_told_once_and_have_a_bound() {
        let tracer = tracer("");
        let trace = tracer.job(EntryId { ms: 1, seq: 0 }, 1, || about(1, 1)).expect("recorded");
        for _ in 0..WAITING_JOBS + 5 {
            let other = tracer.job(EntryId { ms: 2, seq: 0 }, 1, || about(2, 1)).expect("recorded");
            tracer.waits_for_token("ada", &other);
        }
        tracer.waits_for_token("ada", &trace);
        let inner = tracer.0.as_ref().expect("it is on");
        assert!(inner.waited("bob", Instant::now()).is_empty());
        let late = Instant::now() + WAITS_BEFORE * 2;
        let jobs = inner.waited("ada", Instant::now());
        assert_eq!((jobs.len(), jobs.last()), (WAITING_JOBS, Some(&trace.context())));
        assert!(inner.waited("ada", Instant::now()).is_empty(), "told before");
        tracer.waits_for_token("ada", &trace);
        assert!(inner.waited("ada", late).is_empty(), "of an earlier rotation");
    }
}
