//! Waiting jobs by reason and account.

use jiff::Timestamp;
use serde::Serialize;
use zoomd_store::inspect::WaitingJobs;

use super::line::time;

/// Jobs of one account that wait for the same.
#[derive(Debug, Serialize)]
pub struct Waiting<'a> {
    pub reason: &'static str,
    pub account: Option<&'a str>,
    pub jobs: u64,
    pub oldest_at: Option<Timestamp>,
    pub expected_at: Option<Timestamp>,
}

/// All reasons, those with the oldest job first.
pub fn of(jobs: &WaitingJobs) -> Vec<Waiting<'_>> {
    let lines = jobs.lines.iter().map(|line| Waiting {
        reason: line.why.as_str(),
        account: line.account.as_deref(),
        jobs: line.jobs,
        oldest_at: line.oldest_ms.and_then(time),
        expected_at: line.expected_ms.and_then(time),
    });
    lines.collect()
}
