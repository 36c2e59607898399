//! Daemons: heard of, or silent; and the problems they tell.

use std::collections::BTreeMap;

use zoomd_store::inspect::{AccountVitals, DaemonLine, Level, Problem, keeps};

use super::{Found, Here, length, listed};
use crate::health::tools::Process;

/// Time in which daemons find a Redis that restarted, seconds.
const REJOIN_S: u64 = 10;
/// A daemon that fell silent is told for so long, ms.
const MISSED_MS: i64 = 3_600_000;

/// Daemons without a heartbeat.
pub(super) fn heartbeats(here: &Here, found: &Found) -> Vec<Problem> {
    let vitals = &found.vitals;
    // A heartbeat is a write.
    if vitals.refusal.is_some() {
        return Vec::new();
    }
    let alive = |line: &&DaemonLine| is_alive(here, line) || is_excused(found, line);
    if here.daemon.is_none() && !vitals.daemons.iter().any(|line| alive(&line)) {
        return vec![nobody(here, found)];
    }
    let silent = vitals.daemons.iter().filter(|line| !alive(line) && is_missed(here, found, line));
    let problems = silent.map(|line| {
        let id = &line.presence.id;
        let jobs = vitals.in_hand.get(id).copied().unwrap_or(0);
        let (state, next) = told(here, found, line);
        let what = format!("daemon {id} on {} has no heartbeat{state}", line.presence.host);
        Problem::degraded("daemon_silent", what, next).since(line.seen_ms).holding(jobs).of_host(id)
    });
    let problems: Vec<_> = problems.collect();
    let more = |n| format!("{n} more daemons have no heartbeat");
    // The host of a problem is one of Zoom's; the id kept these apart.
    listed(problems, more, "zoomd status")
        .into_iter()
        .map(|problem| Problem { host: None, ..problem })
        .collect()
}

/// The start of the living daemon that runs longest, ms; `None` before one is listed.
pub(super) fn first_start_ms(here: &Here, found: &Found) -> Option<i64> {
    let alive = found.vitals.daemons.iter().filter(|line| is_alive(here, line));
    alive.map(|line| line.presence.started_ms).min()
}

fn is_alive(here: &Here, line: &DaemonLine) -> bool {
    line.alive || here.daemon.as_deref() == Some(&line.presence.id)
}

/// A daemon that has not been heard of since Redis started a moment ago: it has still to
/// find it.
fn is_excused(found: &Found, line: &DaemonLine) -> bool {
    let uptime_s = found.vitals.server.uptime_s;
    // The uptime is told in whole seconds, cut.
    let uptime_ms = i64::try_from(uptime_s + 1).unwrap_or(i64::MAX).saturating_mul(1_000);
    let heard_before = line.seen_ms < found.vitals.now_ms.saturating_sub(uptime_ms);
    (1..REJOIN_S).contains(&uptime_s) && heard_before
}

/// A daemon that fell silent lately and that none has replaced on its machine.
fn is_missed(here: &Here, found: &Found, line: &DaemonLine) -> bool {
    let listed = |id: &String| found.vitals.daemons.iter().any(|other| other.presence.id == *id);
    // The daemon that judges has just started, and may be the one that replaces it.
    if here.daemon.as_ref().is_some_and(|id| !listed(id)) {
        return false;
    }
    let recent = found.vitals.now_ms - line.seen_ms < MISSED_MS;
    let stopped = found.processes.get(&line.presence.id) == Some(&Process::Stopped);
    let replaced = found.vitals.daemons.iter().any(|other| {
        is_alive(here, other)
            && other.presence.host == line.presence.host
            && other.presence.started_ms >= line.presence.started_ms
    });
    stopped || recent && !replaced
}

fn nobody(here: &Here, found: &Found) -> Problem {
    let namespace = &here.namespace;
    let down = |what: String, next: String| {
        Problem::down("no_daemon", what, next).holding(found.unfinished())
    };
    if let Some(unused) = &found.unused {
        let start = here.tools.start();
        let next = match unused.others {
            true => format!("check --namespace and ZOOMD_NAMESPACE, or {start}"),
            false => start.to_owned(),
        };
        return down(unused.text.clone(), next);
    }
    let ago = |ms: i64| length(found.vitals.now_ms - ms);
    let none = format!("no daemon runs in namespace {namespace}");
    let silent = found.vitals.daemons.first();
    let left = found.vitals.left.as_ref();
    // A daemon killed before the last one ended was not the last.
    let left = left.filter(|left| silent.is_none_or(|silent| silent.seen_ms < left.at_ms));
    if let Some(left) = left {
        let (id, host, at_ms) = (&left.id, &left.host, left.at_ms);
        let what = format!("{none}: the last, {id} on {host}, was stopped {} ago", ago(at_ms));
        let start = here.tools.start();
        let place = if *host == here.machine { String::new() } else { format!("on {host}: ") };
        return down(what, format!("{place}{start}")).since(at_ms);
    }
    let Some(last) = silent else {
        return down(format!("{none}: jobs wait"), here.tools.start().to_owned());
    };
    let (state, next) = told(here, found, last);
    let (name, heard) = (name(last), ago(last.seen_ms));
    let what = format!("{none}: the last, {name}, was last seen {heard} ago{state}");
    down(what, next).since(last.seen_ms)
}

/// A daemon and its machine, of which nothing is kept for longer than a day.
fn name(line: &DaemonLine) -> String {
    let (id, host) = (&line.presence.id, &line.presence.host);
    if host.is_empty() { id.clone() } else { format!("{id} on {host}") }
}

/// The state of a silent daemon's process, where it is on this machine, and what
/// brings it back.
fn told(here: &Here, found: &Found, line: &DaemonLine) -> (String, String) {
    let (pid, host) = (line.presence.pid, &line.presence.host);
    let start = here.tools.start();
    match found.processes.get(&line.presence.id) {
        Some(Process::Stopped) => {
            (format!("; its process {pid} is stopped (SIGSTOP)"), format!("kill -CONT {pid}"))
        }
        Some(Process::Running) => (
            format!("; its process {pid} runs, but does not reach Redis"),
            format!("read the log of process {pid} on {host}"),
        ),
        Some(Process::Gone) => {
            ("; its process is gone: it crashed or was killed".to_owned(), start.to_owned())
        }
        None => {
            let what = "; it was killed, is stopped, or does not reach Redis";
            let place = if host.is_empty() { String::new() } else { format!("on {host}: ") };
            (what.to_owned(), format!("{place}{start}"))
        }
    }
}

/// Problems that daemons tell, those of several in one.
pub(super) fn published(here: &Here, found: &Found, own: &[Problem]) -> Vec<Problem> {
    let alive: Vec<_> = found.vitals.daemons.iter().filter(|line| is_alive(here, line)).collect();
    let others = alive.iter().filter(|line| here.daemon.as_deref() != Some(&line.presence.id));
    let told = others.flat_map(|line| &line.presence.problems).chain(own);
    let mut merged: BTreeMap<_, (Problem, usize)> = BTreeMap::new();
    for problem in told {
        let key = (problem.code.to_string(), problem.account.clone(), problem.host.clone());
        let (known, tellers) = merged.entry(key).or_insert_with(|| (problem.clone(), 0));
        *tellers += 1;
        known.level = known.level.max(problem.level);
        known.since_ms = [known.since_ms, problem.since_ms].into_iter().flatten().min();
        known.jobs = known.jobs.max(problem.jobs);
    }
    let all = alive.len().max(1);
    let merged = merged.into_values().map(|(problem, tellers)| of_several(problem, tellers, all));
    merged.map(|problem| held_by(found, problem)).collect()
}

/// With some daemons well the problem of the others stops not every job.
fn of_several(mut problem: Problem, tellers: usize, all: usize) -> Problem {
    if all > 1 {
        problem.what = format!("{} (told by {tellers} of {all} daemons)", problem.what);
    }
    if tellers < all {
        problem.level = problem.level.min(Level::Degraded);
    }
    problem
}

/// A daemon knows its own jobs; how many wait is known here.
fn held_by(found: &Found, problem: Problem) -> Problem {
    if problem.jobs.is_some() {
        return problem;
    }
    match &*problem.code {
        "zoom_unreachable" | "zoom_endpoint_failing" | "rotation_impossible" => {
            let kept =
                |account: &&AccountVitals| keeps(&problem, account.asking(found.vitals.now_ms));
            let jobs = found.held_back(found.accounts.0.values().filter(kept));
            problem.holding_at_most(jobs)
        }
        _ => problem,
    }
}
