//! The ways in which a job of a kind with a target stops before its call.

use zoomd_store::queue::{Purpose, Record, Settlement};

use crate::attempt::{Halt, settlement};
use crate::decide::Verdict;
use crate::state::job_history;
use crate::state::leased_job::LeasedJob;

/// Ends the job before its call.
pub(super) fn failed(leased: &LeasedJob, verdict: &Verdict) -> Halt {
    halted(settlement::failed(leased, verdict, &[]))
}

/// Ends or delays the job before its call.
pub(super) fn halted(settlement: Settlement) -> Halt {
    Halt::Settled(Box::new(Settlement { unsent: true, ..settlement }))
}

/// Puts the job to sleep before its call.
pub(super) fn asleep(
    leased: &LeasedJob,
    at_ms: i64,
    reason: &'static str,
    mut record: Record,
) -> Halt {
    job_history::wait(&mut record, leased, reason, Some(at_ms));
    halted(settlement::sleep(leased, at_ms, Purpose::Attempt, record, Vec::new()))
}
