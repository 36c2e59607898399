//! Waiting jobs by reason and account, for people.

use jiff::Timestamp;
use zoomd_store::inspect::WaitingJobs;

use crate::output::Output;
use crate::text::{count, one_line};
use crate::views::line::time;
use crate::views::reason::phrase;

/// Lines that people get; programs get all.
const LINES_MAX: usize = 10;

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
        lines.push(format!("{more} more; --json shows all"));
    }
    lines
}
