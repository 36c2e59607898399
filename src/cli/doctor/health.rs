//! The namespace: the problems of the one judgement, and a line for each thing that
//! was looked at and is well. Has no rules of its own. Keys that are missing here are
//! `keys`', which knows the journals of this machine, too.

use zoomd_store::inspect::{Level, Problem};

use super::report::{Finding, State};
use crate::health::{Facts, Found, Judgement, held, judge};
use crate::text::{count, one_line};

/// Daemons that are named.
const NAMED: usize = 10;

/// The advice that is left where doctor itself was the next command.
const BEYOND: &str = "see zoom api and zoom oauth above; if they pass, https://status.zoom.us, or \
                      zoomd doctor where the daemon runs";

/// Checks of Redis, and which problems they are about; then those of the namespace.
const CHECKS: [(&str, &[&str]); 12] = [
    ("redis", &["redis_unreachable", "redis_failed_over"]),
    ("redis writes", &["redis_full", "redis_read_only"]),
    ("redis durability", &["redis_not_durable"]),
    ("redis eviction", &["redis_evicts"]),
    ("clock", &["clock_skew"]),
    ("namespace", &["namespace_paused", "other_layout"]),
    ("daemons", &["no_daemon", "daemon_silent"]),
    ("zoom app", &["app_rejected"]),
    ("zoom", &["zoom_unreachable", "zoom_endpoint_failing", "zoom_slow"]),
    ("token refresh", &["rotation_impossible", "rotation_held", "rotation_in_doubt"]),
    ("account", &["needs_authorization", "account_paused", "account_at_cap", "daily_limit"]),
    ("jobs", &["jobs_overdue", "producer_failing"]),
];

/// Findings of the judgement.
pub(super) fn look(facts: &Facts) -> Vec<Finding> {
    let judgement = judge(facts);
    let used = facts.found.as_ref().is_ok_and(|found| found.unused.is_none());
    let mut findings = Vec::new();
    for (check, codes) in CHECKS {
        let problems = of(&judgement, codes);
        if let (true, Ok(found)) = (problems.is_empty(), &facts.found) {
            findings.extend(well(check, found).map(|what| Finding::pass(check, what)));
        }
        findings.extend(problems.into_iter().map(|problem| finding(check, problem, used)));
    }
    findings
}

fn of<'a>(judgement: &'a Judgement, codes: &[&str]) -> Vec<&'a Problem> {
    judgement.problems.iter().filter(|problem| codes.contains(&&*problem.code)).collect()
}

fn finding(check: &'static str, problem: &Problem, used: bool) -> Finding {
    let jobs = held(problem).map(|jobs| format!("; {jobs}"));
    let what = one_line(&format!("{}{}", problem.what, jobs.unwrap_or_default()));
    // Other commands send people here.
    let next = match problem.next.ends_with("doctor") {
        true => BEYOND.to_owned(),
        false => one_line(&problem.next),
    };
    // A pause is intended, and a namespace is empty before its first daemon: neither is a failure.
    let wanted = match &*problem.code {
        "namespace_paused" | "account_paused" => true,
        "no_daemon" => !used,
        _ => false,
    };
    let state = if wanted || problem.level == Level::Notice { State::Warn } else { State::Fail };
    match state {
        State::Fail => Finding::fail(check, what, next),
        _ => Finding::warn(check, what, next),
    }
}

/// The words of a check without a problem; `None`: nothing is said.
fn well(check: &str, found: &Found) -> Option<String> {
    let (vitals, server) = (&found.vitals, &found.vitals.server);
    match check {
        "redis writes" => Some("Redis accepts writes".to_owned()),
        "redis durability" => {
            let fsync = server.fsync.as_deref().map(|fsync| format!(", {fsync}"));
            let replicas = match server.replicas {
                0 => String::new(),
                n => {
                    let n = u64::from(n);
                    format!(", {} attached", count(n, "replica"))
                }
            };
            Some(format!("append-only file{}{replicas}", fsync.unwrap_or_default()))
        }
        "redis eviction" => Some(match server.max_memory {
            0 => "noeviction, no memory limit".to_owned(),
            max => {
                let used = server.used_memory.saturating_mul(100) / max;
                format!("noeviction, {used}% of {} MiB used", max >> 20)
            }
        }),
        "clock" => {
            Some(format!("this machine and Redis differ by {} ms", found.clock_off_ms.abs()))
        }
        "daemons" => {
            let alive = || vitals.daemons.iter().filter(|line| line.alive);
            let names: Vec<_> = alive().take(NAMED).map(|line| line.presence.id.as_str()).collect();
            Some(format!("{} running: {}", alive().count(), names.join(", ")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use zoomd_store::inspect::CODES;

    use super::CHECKS;

    #[test]
    fn every_code_has_one_check() {
        let told: Vec<_> = CHECKS.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        for code in CODES.into_iter().filter(|code| *code != "key_missing") {
            assert_eq!(told.iter().filter(|told| **told == code).count(), 1, "{code}");
        }
        assert_eq!(told.len(), CODES.len() - 1);
    }
}
