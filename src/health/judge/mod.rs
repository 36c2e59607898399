//! From facts to problems: pure, one rule for each code.
//!
//! A rule is silent where its facts are explained by a worse problem: a Redis that
//! takes no writes takes no heartbeats either.

mod accounts;
mod daemons;
mod jobs;
mod redis;
#[cfg(test)]
mod tests;
mod tokens;

use zoomd_store::inspect::{CODES, Problem};

use super::facts::{Facts, Found, Here};
use super::verdict::Judgement;
pub(super) use jobs::LATE_MS;

/// Problems of one code that are told one by one; more are counted.
const LISTED: usize = 3;

/// The verdict and its problems.
pub fn judge(facts: &Facts) -> Judgement {
    let here = &facts.here;
    let mut problems = match &facts.found {
        Err(absent) => {
            let mut problems = vec![redis::absent(here, absent)];
            problems.extend(facts.own.iter().filter(|p| !p.code.starts_with("redis_")).cloned());
            problems
        }
        Ok(found) => of_namespace(here, found, &facts.own),
    };
    if let Some(namespace) = &here.flag {
        for problem in &mut problems {
            problem.next =
                problem.next.replace("zoomd ", &format!("zoomd --namespace {namespace} "));
        }
    }
    problems.sort_by_key(|problem| (std::cmp::Reverse(problem.level), rank(problem)));
    Judgement::of(problems)
}

/// Problems that only who asks can tell, for it has looked again and again.
pub fn watched(facts: &Facts) -> Vec<Problem> {
    let found = facts.found.as_ref().ok();
    found.map(|found| jobs::stuck(found)).unwrap_or_default()
}

fn rank(problem: &Problem) -> usize {
    CODES.iter().position(|code| *code == problem.code).unwrap_or(CODES.len())
}

fn of_namespace(here: &Here, found: &Found, own: &[Problem]) -> Vec<Problem> {
    let mut problems = redis::server(here, found);
    problems.extend(daemons::heartbeats(here, found));
    problems.extend(accounts::all(here, found));
    problems.extend(tokens::all(here, found));
    problems.extend(jobs::all(here, found));
    problems.extend(redis::clock(here, found));
    with_told(problems, daemons::published(here, found, own))
}

/// Problems of the namespace, and those that daemons tell of which the namespace does not
/// know as much: they are about a daemon, or worse than the namespace's facts show.
fn with_told(mut known: Vec<Problem>, told: Vec<Problem>) -> Vec<Problem> {
    let of_daemon = |problem: &Problem| {
        ["key_missing", "clock_skew", "rotation_impossible"].contains(&&*problem.code)
    };
    let worse = |told: &Problem, known: &Problem| {
        !of_daemon(told) && told.code == known.code && told.level > known.level
    };
    known.retain(|problem| !told.iter().any(|one| worse(one, problem)));
    // Only who looks for long sees that a room stands still.
    let of_room = |one: &Problem| one.code == "jobs_overdue";
    let same = |one: &Problem, other: &Problem| {
        one.code == other.code && (!of_room(one) || one.account == other.account)
    };
    let new: Vec<_> = told
        .into_iter()
        .filter(|one| of_daemon(one) || !known.iter().any(|other| same(one, other)))
        .collect();
    known.extend(new);
    known
}

/// The first of `all` one by one, and one problem more for the rest.
fn listed(mut all: Vec<Problem>, rest: impl FnOnce(usize) -> String, next: &str) -> Vec<Problem> {
    all.sort_by_key(|problem| std::cmp::Reverse(problem.jobs));
    let more = all.split_off(all.len().min(LISTED));
    if let Some(first) = more.first() {
        let jobs = more.iter().filter_map(|problem| problem.jobs).sum();
        let jobs_at_most = more.iter().any(|problem| problem.jobs_at_most);
        let since_ms = more.iter().filter_map(|problem| problem.since_ms).min();
        let (jobs, account, host) = (Some(jobs), None, None);
        let (what, next) = (rest(more.len()), next.to_owned());
        let rest = Problem { what, since_ms, jobs, account, host, next, ..first.clone() };
        all.push(Problem { jobs_at_most, ..rest });
    }
    all
}

/// Names for a sentence: `a`, `a and b`, `a, b, c and 4 more`.
fn names<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = all.into_iter().collect();
    match all.as_slice() {
        [] => "none".to_owned(),
        [one] => (*one).to_owned(),
        [a, b] => format!("{a} and {b}"),
        [first @ .., last] if first.len() < LISTED => format!("{} and {last}", first.join(", ")),
        all => format!("{} and {} more", all[..LISTED].join(", "), all.len() - LISTED),
    }
}

/// A length of time, in ms, for people.
fn length(ms: i64) -> String {
    crate::text::span(u64::try_from(ms / 1_000).unwrap_or(0))
}

/// A time, in ms, as the minute of a UTC day.
fn clock_time(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
