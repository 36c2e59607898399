//! Waiting jobs by reason and account, as `status` tells them.

use jiff::Timestamp;
use serde::Serialize;
use zoomd_store::ops::WaitingJobs;

use super::time;
use crate::cli::job::because::phrase;
use crate::cli::output::{Output, count};
use crate::cli::table::one_line;

/// Lines that people get; programs get all.
const LINES_MAX: usize = 10;

/// Jobs of one account that wait for the same.
#[derive(Debug, Serialize)]
pub(super) struct Waiting<'a> {
    reason: &'static str,
    account: Option<&'a str>,
    jobs: u64,
    oldest_at: Option<Timestamp>,
    expected_at: Option<Timestamp>,
}

/// All of them, those with the oldest job first.
pub(super) fn of(jobs: &WaitingJobs) -> Vec<Waiting<'_>> {
    let lines = jobs.lines.iter().map(|line| Waiting {
        reason: line.why.as_str(),
        account: line.account.as_deref(),
        jobs: line.jobs,
        oldest_at: line.oldest_ms.and_then(time),
        expected_at: line.expected_ms.and_then(time),
    });
    lines.collect()
}

/// A line each, for people.
pub(super) fn lines(out: &Output, jobs: &WaitingJobs, now: Timestamp) -> Vec<String> {
    let lines = jobs.lines.iter().take(LINES_MAX).map(|line| {
        let account = line.account.as_deref().map(|name| format!(" of {}", one_line(name)));
        let moment = |ms: Option<i64>| ms.and_then(time).map(|at| out.moment(at, now));
        let oldest = moment(line.oldest_ms).map(|at| format!(", the oldest from {at}"));
        let expected = moment(line.expected_ms).unwrap_or_else(|| "not known".to_owned());
        format!(
            "{}{}: {}{}, expected {expected}",
            count(line.jobs, "job"),
            account.unwrap_or_default(),
            phrase(line.why),
            oldest.unwrap_or_default(),
        )
    });
    let mut lines: Vec<_> = lines.collect();
    let more = jobs.lines.len().saturating_sub(LINES_MAX);
    if more > 0 {
        lines.push(format!("{more} more; --json has all"));
    }
    lines
}
