//! Jobs that wait longer than they should, and producers whose jobs all fail.

use zoomd_store::inspect::{Problem, Ready};

use super::{Found, Here, daemons, length, listed};
use crate::health::facts::Failing;
use crate::health::stuck::Stuck;
use crate::text::count;

/// A job that nothing holds back runs within this, ms.
pub(in crate::health) const LATE_MS: i64 = 60_000;

/// Job problems.
pub(super) fn all(here: &Here, found: &Found) -> Vec<Problem> {
    let mut problems: Vec<_> = overdue(here, found).into_iter().collect();
    problems.extend(stuck(found));
    let failing = found.failing.iter().map(failing).collect();
    let more = |n| format!("all jobs of {n} more accounts fail");
    problems.extend(listed(failing, more, "zoomd failure list"));
    problems
}

/// Jobs that daemons should have read, woken or taken back, while there are daemons.
fn overdue(here: &Here, found: &Found) -> Option<Problem> {
    let vitals = &found.vitals;
    let alive = here.daemon.is_some() || vitals.daemons.iter().any(|line| line.alive);
    if !alive || vitals.refusal.is_some() {
        return None;
    }
    // Jobs that came due while no daemon ran are late only after a daemon has had time for them.
    let began_ms = daemons::first_start_ms(here, found)?;
    let late = |at: Option<i64>| at.filter(|at| vitals.now_ms - at.max(&began_ms) > LATE_MS);
    let age = |at: i64| length(vitals.now_ms - at);
    let problem = |what, at| Problem::degraded("jobs_overdue", what, "zoomd job list").since(at);
    if let Some(at) = late(vitals.oldest_unread_ms) {
        let unread = vitals.unread;
        let what = format!("no daemon reads new jobs: the oldest of {unread} came {} ago", age(at));
        return Some(problem(what, at).holding(unread));
    }
    if let Some(at) = late(vitals.first_due_ms) {
        let what = format!("no daemon wakes sleeping jobs: the first was due {} ago", age(at));
        return Some(problem(what, at));
    }
    let at = late(vitals.first_lease_ms)?;
    let what = format!("no daemon recovers the jobs of a dead one: since {}", age(at));
    Some(problem(what, at))
}

/// Rooms that no claim reaches.
pub(super) fn stuck(found: &Found) -> Vec<Problem> {
    let stuck = found.stuck.iter().map(|stuck| still(found, stuck)).collect();
    let more =
        |n| format!("no daemon takes the jobs of {n} more hosts, and nothing holds them back");
    listed(stuck, more, "zoomd job list")
}

/// A room that no claim reaches.
fn still(found: &Found, stuck: &Stuck) -> Problem {
    let Ready { account, host, jobs, oldest, oldest_ms, .. } = &stuck.room;
    let (count, age) = (count(*jobs, "job"), length(found.vitals.now_ms - oldest_ms));
    let what = format!(
        "no daemon takes the jobs of account {account}, host {host}, and nothing holds them back: \
         {count}, the oldest ({oldest}) came {age} ago"
    );
    let next = format!("zoomd job list --account {account}");
    let problem = Problem::degraded("jobs_overdue", what, next).since(stuck.since_ms);
    problem.holding(*jobs).of_account(account).of_host(host)
}

fn failing(failing: &Failing) -> Problem {
    let Failing { account, code, failures, since_ms, job_id } = failing;
    let (of, filter) = match account.is_empty() {
        true => ("jobs without an account".to_owned(), String::new()),
        false => (format!("jobs of account {account}"), format!(" --account {account}")),
    };
    let what = format!("the last {failures} {of} all failed with {code} (the last: {job_id})");
    let next = format!("zoomd failure list --code {code}{filter}");
    let problem = Problem::degraded("producer_failing", what, next).since(*since_ms);
    if account.is_empty() { problem } else { problem.of_account(account) }
}
