//! One row for each code: facts in, one problem out.

use std::collections::{BTreeMap, BTreeSet};

use zoomd_store::ErrorKind;
use zoomd_store::ops::{
    AccountVitals, AppStop, DaemonLine, Held, Level, Paused, Presence, Problem, Refusal, Vitals,
};
use zoomd_store::probe::ServerFacts;
use zoomd_store::queue::Why;
use zoomd_store::rekey::Survey;
use zoomd_store::rotation::{Doubt, OpenIntent};

use super::*;
use crate::health::facts::{Absent, Accounts, Failing, Unused};
use crate::health::tools::{Process, Tools};
use crate::health::verdict::Verdict;

const NOW: i64 = 1_900_000_000_000;

fn daemon(id: &str, silent_ms: i64) -> DaemonLine {
    let presence = Presence {
        id: id.to_owned(),
        host: "m1".to_owned(),
        pid: 42,
        version: "1".to_owned(),
        started_ms: NOW - 3_600_000 - silent_ms,
        problems: Vec::new(),
    };
    DaemonLine { presence, seen_ms: NOW - silent_ms, alive: silent_ms < 4_000 }
}

fn account(name: &str) -> AccountVitals {
    AccountVitals {
        name: name.to_owned(),
        state: "active".to_owned(),
        waiting: 7,
        issuer: "https://zoom.us".to_owned(),
        client_id: "app".to_owned(),
        ..AccountVitals::default()
    }
}

/// A namespace in which nothing is wrong: one daemon, one account.
fn well() -> Found {
    let server = ServerFacts { aof: true, persists: true, ..ServerFacts::default() };
    let vitals = Vitals {
        now_ms: NOW,
        server,
        used: true,
        daemons: vec![daemon("d1", 500)],
        stream: 3,
        ..Vitals::default()
    };
    let accounts = Accounts(BTreeMap::from([("acme".to_owned(), account("acme"))]));
    Found { vitals, accounts, ..Found::default() }
}

fn here() -> Here {
    Here {
        namespace: "zoomd".to_owned(),
        redis: "redis://db:6379".to_owned(),
        machine: "m1".to_owned(),
        hold_ms: 60_000,
        tools: Tools { redis_cli: true, ..Tools::default() },
        ..Here::default()
    }
}

fn judged(found: Found) -> Judgement {
    judge(&Facts { here: here(), own: Vec::new(), found: Ok(Box::new(found)) })
}

fn of_acme(found: &mut Found) -> &mut AccountVitals {
    found.accounts.0.get_mut("acme").expect("it is there")
}

fn intent(doubt: Option<Doubt>) -> OpenIntent {
    OpenIntent {
        account: zoomd_wire::AccountName::new("acme").expect("a name"),
        id: "i".to_owned(),
        host: "d0".to_owned(),
        version: None,
        fp: None,
        at_ms: NOW - 40_000,
        doubt,
        due_ms: Some(NOW + 600_000),
        probe: false,
    }
}

fn stop() -> AppStop {
    AppStop {
        issuer: "https://zoom.us".to_owned(),
        client_id: "app".to_owned(),
        since_ms: Some(NOW - 5_000),
        until_ms: NOW - 1,
        mass: false,
        why: "zoom does not accept the app (status 401)".to_owned(),
    }
}

fn host_day(why: Why) -> Held {
    let (account, host) = ("acme".to_owned(), "ann".to_owned());
    Held { account, host, why, jobs: 5, until_ms: Some(NOW + 3_600_000) }
}

/// What breaks, and the problem: code, level, jobs, words of the text and of the
/// command.
type Row = (fn(&mut Found), &'static str, Level, Option<u64>, &'static str, &'static str);

fn rows() -> Vec<Row> {
    use Level::{Degraded, Down, Notice};
    vec![
        (
            |f| {
                let text = "redis: OOM command not allowed".to_owned();
                f.vitals.refusal = Some(Refusal { kind: ErrorKind::OutOfMemory, text });
                // A heartbeat is refused, too.
                f.vitals.daemons = vec![daemon("d1", 60_000)];
            },
            "redis_full",
            Down,
            Some(10),
            "OOM",
            "redis-cli -u redis://db:6379 INFO memory",
        ),
        (
            |f| {
                f.vitals.server.max_memory = 100 << 20;
                f.vitals.server.used_memory = 90 << 20;
            },
            "redis_full",
            Notice,
            None,
            "90 % of 100 MiB",
            "INFO memory",
        ),
        (
            |f| {
                let text = "redis: MISCONF errors writing to disk".to_owned();
                f.vitals.refusal = Some(Refusal { kind: ErrorKind::ReadOnly, text });
            },
            "redis_read_only",
            Down,
            Some(10),
            "MISCONF",
            "INFO persistence",
        ),
        (
            |f| {
                f.vitals.server.policy = "allkeys-lru".to_owned();
                f.vitals.server.max_memory = 1;
            },
            "redis_evicts",
            Degraded,
            None,
            "jobs and tokens",
            "CONFIG SET maxmemory-policy noeviction",
        ),
        (
            |f| f.vitals.server.aof = false,
            "redis_not_durable",
            Degraded,
            None,
            "no append-only file",
            "CONFIG SET appendonly yes",
        ),
        (
            |f| {
                f.vitals.run_at_ms = NOW - 90_000;
            },
            "redis_failed_over",
            Notice,
            None,
            "restarted or failed over",
            "zoomd status",
        ),
        (
            |f| {
                f.vitals.run_at_ms = NOW - 30_000;
            },
            "rotation_held",
            Degraded,
            Some(7),
            "on hold since Redis restarted",
            "zoomd status",
        ),
        (
            |f| f.vitals.replica_seen = true,
            "rotation_impossible",
            Degraded,
            Some(7),
            "0 of 1 replicas",
            "ZOOMD_REDIS_REPLICAS=0",
        ),
        (
            |f| f.clock_off_ms = -5_000,
            "clock_skew",
            Degraded,
            None,
            "m1) is 5s ahead of that of Redis",
            "timedatectl",
        ),
        (
            |f| f.vitals.daemons = vec![daemon("d1", 4_500)],
            "no_daemon",
            Down,
            Some(10),
            "the last, d1 on m1, was heard of 4s ago",
            "zoomd run",
        ),
        (
            |f| {
                f.vitals.daemons = vec![daemon("d1", 4_500)];
                f.processes = BTreeMap::from([("d1".to_owned(), Process::Stopped)]);
            },
            "no_daemon",
            Down,
            Some(10),
            "SIGSTOP",
            "kill -CONT 42",
        ),
        (
            |f| {
                f.vitals.daemons.clear();
                let text = "no zoomd has ever used namespace zoomd; known: prod".to_owned();
                f.unused = Some(Unused { text, others: true });
            },
            "no_daemon",
            Down,
            Some(10),
            "no zoomd has ever used namespace zoomd",
            "check --namespace",
        ),
        (
            |f| {
                let mut gone = daemon("d2", 60_000);
                gone.presence.host = "m2".to_owned();
                f.vitals.daemons.push(gone);
                f.vitals.in_hand = BTreeMap::from([("d2".to_owned(), 4)]);
            },
            "daemon_silent",
            Degraded,
            Some(4),
            "daemon d2 on m2 has no heartbeat",
            "on m2: zoomd run",
        ),
        (
            |f| {
                f.vitals.stops = vec![stop()];
            },
            "app_rejected",
            Down,
            Some(7),
            "app app, used by acme",
            "ZOOMD_CLIENT_SECRET",
        ),
        (
            |f| {
                f.vitals.stops = vec![stop()];
                of_acme(f).server_to_server = true;
            },
            "app_rejected",
            Down,
            Some(7),
            "used by acme",
            "zoomd account add acme --server-to-server",
        ),
        (
            |f| {
                f.vitals.stops = vec![AppStop { mass: true, until_ms: NOW + 9_000, ..stop() }];
            },
            "app_rejected",
            Down,
            Some(7),
            "at once",
            "marketplace.zoom.us",
        ),
        (
            |f| f.vitals.open = vec![intent(Some(Doubt::Silence))],
            "rotation_in_doubt",
            Degraded,
            Some(7),
            "no answer to the token exchange",
            "zoomd account refresh acme --probe",
        ),
        (
            |f| f.vitals.open = vec![intent(None)],
            "rotation_in_doubt",
            Degraded,
            Some(7),
            "it was killed",
            "zoomd account refresh acme --probe",
        ),
        (
            |f| {
                let key = "0123abcd".parse().expect("a key");
                let (grants, secret) = ([(key, 2)].into(), Some(key));
                f.keys = Some(Survey { grants, secret, ..Survey::default() });
            },
            "key_missing",
            Notice,
            None,
            "this shell does not have key 0123abcd, with which the tokens of 2 accounts",
            "ZOOMD_ENCRYPTION_KEY_FILE",
        ),
        (
            |f| {
                of_acme(f).state = "needs_reauth".to_owned();
                of_acme(f).why = Some("revoked".to_owned());
            },
            "needs_authorization",
            Degraded,
            Some(7),
            "account acme needs authorization (revoked)",
            "zoomd account login acme",
        ),
        (
            |f| f.held = vec![host_day(Why::HostDay)],
            "daily_limit",
            Degraded,
            Some(5),
            "host ann (acme) is used up",
            "zoomd budget acme",
        ),
        (
            |f| f.held = vec![host_day(Why::LabelDay)],
            "daily_limit",
            Degraded,
            Some(5),
            "calls of account acme is used up",
            "zoomd budget acme",
        ),
        (
            |f| f.vitals.oldest_unread_ms = Some(NOW - 61_000),
            "jobs_overdue",
            Degraded,
            Some(0),
            "no daemon reads new jobs",
            "zoomd job list",
        ),
        (
            |f| f.vitals.first_due_ms = Some(NOW - 61_000),
            "jobs_overdue",
            Degraded,
            None,
            "sleeping jobs",
            "zoomd job list",
        ),
        (
            |f| f.vitals.first_lease_ms = Some(NOW - 61_000),
            "jobs_overdue",
            Degraded,
            None,
            "takes back",
            "zoomd job list",
        ),
        (
            |f| {
                let reason = "moving".to_owned();
                f.vitals.paused = Some(Paused { reason, since_ms: Some(NOW - 1_000) });
            },
            "namespace_paused",
            Degraded,
            Some(10),
            "all jobs are paused (moving)",
            "zoomd resume",
        ),
        (
            |f| of_acme(f).paused = Some("by hand".to_owned()),
            "account_paused",
            Degraded,
            Some(7),
            "account acme is paused (by hand)",
            "zoomd account resume acme",
        ),
        (
            |f| (of_acme(f).cap, of_acme(f).in_flight) = (2, 2),
            "account_at_cap",
            Notice,
            Some(7),
            "2 calls in flight",
            "zoomd account set acme --cap 4",
        ),
        (
            |f| {
                f.failing = vec![Failing {
                    account: "acme".to_owned(),
                    code: "invalid_job".to_owned(),
                    failures: 5,
                    since_ms: NOW - 9_000,
                    job_id: "j".to_owned(),
                }];
            },
            "producer_failing",
            Degraded,
            None,
            "the last 5 jobs of account acme all failed with invalid_job",
            "zoomd failure list --code invalid_job --account acme",
        ),
        (
            |f| {
                let what = "api.zoom.us is unreachable";
                let told = Problem::degraded("zoom_unreachable", what, "zoomd doctor");
                f.vitals.daemons[0].presence.problems = vec![told.of_host("api.zoom.us")];
            },
            "zoom_unreachable",
            Degraded,
            Some(7),
            "api.zoom.us is unreachable",
            "zoomd doctor",
        ),
    ]
}

#[test]
fn each_trouble_is_one_problem_with_its_code_jobs_and_command() {
    for (nth, (breaks, code, level, jobs, what, next)) in rows().into_iter().enumerate() {
        let mut found = well();
        breaks(&mut found);
        let problems = judged(found).problems;
        let hit = problems.iter().find(|p| p.code == code && p.what.contains(what));
        let hit = hit.unwrap_or_else(|| panic!("row {nth}, {code}: {problems:?}"));
        assert_eq!((hit.level, hit.jobs), (level, jobs), "row {nth}: {hit:?}");
        assert!(hit.next.contains(next), "row {nth}: {hit:?}");
        // Beside it only what the same facts mean as well.
        let others = problems.iter().filter(|p| p.code != code && p.code != "redis_failed_over");
        assert_eq!(others.count(), 0, "row {nth}: {problems:?}");
    }
}

/// Commands of zoomd in a proposal.
fn commands(next: &str) -> impl Iterator<Item = &str> {
    let parts = next.split("; ").flat_map(|part| part.split(", ")).flat_map(|p| p.split(" or "));
    parts.filter_map(|part| part.find("zoomd ").map(|at| &part[at..]))
}

#[test]
fn every_command_that_is_proposed_exists() {
    let mut tried = 0;
    for (breaks, code, ..) in rows() {
        let mut found = well();
        breaks(&mut found);
        let of_another = Here { flag: Some("other".to_owned()), ..here() };
        for here in [here(), of_another] {
            let found = Ok(Box::new(found.clone()));
            let judgement = judge(&Facts { here: here.clone(), own: Vec::new(), found });
            for command in judgement.problems.iter().flat_map(|p| commands(&p.next)) {
                let words = command.split_whitespace();
                let parsed = crate::cli::tree().try_get_matches_from(words);
                assert!(parsed.is_ok(), "{code}: {command}: {parsed:?}");
                assert_eq!(command.contains("--namespace other"), here.flag.is_some());
                tried += 1;
            }
        }
    }
    assert!(tried > 30, "{tried}");
}

#[test]
fn daemons_have_a_moment_to_find_a_redis_that_restarted() {
    let mut found = well();
    found.vitals.daemons = vec![daemon("d1", 6_000)];
    found.vitals.server.uptime_s = 3;
    assert_eq!(judged(found.clone()).problems, vec![]);
    // It was heard of since: then it fell silent.
    found.vitals.server.uptime_s = 8;
    assert_eq!(judged(found).verdict, Verdict::Down);
}

#[test]
fn every_code_has_a_row() {
    let mut seen: BTreeSet<&str> = rows().into_iter().map(|row| row.1).collect();
    // A Redis that cannot be asked is below; these two only daemons can see.
    seen.extend(["redis_unreachable", "zoom_endpoint_failing", "zoom_slow"]);
    assert_eq!(seen, BTreeSet::from(CODES));
}

#[test]
fn nothing_is_told_of_a_namespace_in_which_nothing_is_wrong() {
    let judgement = judged(well());
    assert_eq!((judgement.verdict, judgement.problems), (Verdict::Ok, vec![]));
}

#[test]
fn a_redis_that_cannot_be_asked_is_the_first_problem_and_never_replaced() {
    let absent = |kind, text: &str| Absent { kind, text: text.to_owned(), since_ms: Some(1) };
    for (absent, code, next) in [
        (absent(ErrorKind::Unreachable, "redis: refused"), "redis_unreachable", "PING"),
        (absent(ErrorKind::ReadOnly, "a replica of x"), "redis_read_only", "primary"),
        (absent(ErrorKind::Auth, "WRONGPASS"), "redis_unreachable", "ZOOMD_REDIS_URL_FILE"),
        (absent(ErrorKind::Unreachable, "BUSY script"), "redis_unreachable", "SCRIPT KILL"),
    ] {
        let own = vec![Problem::degraded("zoom_slow", "slow", "zoomd doctor")];
        let judgement = judge(&Facts { here: here(), own, found: Err(absent) });
        assert_eq!(judgement.verdict, Verdict::Down);
        let first = &judgement.problems[0];
        assert_eq!((&*first.code, first.since_ms), (code, Some(1)), "{first:?}");
        assert!(first.next.contains(next) && !first.next.contains("redis-server "), "{first:?}");
        assert_eq!(judgement.problems.len(), 2, "the daemon's own problems are told as well");
    }
}

#[test]
fn a_missing_key_is_a_daemons_trouble_and_a_notice_in_a_shell() {
    let key = "0123abcd".parse().expect("a key");
    let keys = Some(Survey { grants: [(key, 2)].into(), ..Survey::default() });
    let found = || Found { keys: keys.clone(), ..well() };
    assert_eq!(judged(found()).verdict, Verdict::Ok);
    let daemon = Here { daemon: Some("d1".to_owned()), ..here() };
    let facts = Facts { here: daemon, own: Vec::new(), found: Ok(Box::new(found())) };
    assert_eq!(judge(&facts).verdict, Verdict::Degraded);
    let with_key = Here { keys: [key].into(), ..here() };
    let facts = Facts { here: with_key, own: Vec::new(), found: Ok(Box::new(found())) };
    assert_eq!(judge(&facts).problems, vec![]);
}

#[test]
fn a_daemon_that_was_replaced_on_its_machine_is_not_missed() {
    let mut found = well();
    found.vitals.daemons[0].presence.started_ms = NOW - 1_000;
    found.vitals.daemons.push(daemon("d0", 60_000));
    assert_eq!(judged(found.clone()).problems, vec![]);
    found.processes = BTreeMap::from([("d0".to_owned(), Process::Stopped)]);
    let problems = judged(found).problems;
    assert_eq!((&*problems[0].code, &*problems[0].next), ("daemon_silent", "kill -CONT 42"));
}

#[test]
fn a_problem_of_some_daemons_is_told_once_and_stops_not_everything() {
    let mut found = well();
    let told = |since| Problem::down("zoom_slow", "calls are slow", "zoomd doctor").since(since);
    found.vitals.daemons = vec![daemon("d1", 100), daemon("d2", 100), daemon("d3", 100)];
    found.vitals.daemons[0].presence.problems = vec![told(5_000)];
    found.vitals.daemons[1].presence.problems = vec![told(3_000)];
    let judgement = judged(found);
    assert_eq!(judgement.verdict, Verdict::Degraded);
    let [problem] = judgement.problems.as_slice() else { panic!("{judgement:?}") };
    assert_eq!(problem.what, "calls are slow (told by 2 of 3 daemons)");
    assert_eq!(problem.since_ms, Some(3_000));
}

#[test]
fn what_the_namespace_knows_is_not_told_again_by_a_daemon() {
    let mut found = well();
    found.vitals.stops = vec![stop()];
    let told = |code| Problem::degraded(code, "told by a daemon", "zoomd doctor");
    found.vitals.daemons[0].presence.problems =
        vec![told("app_rejected"), told("clock_skew"), told("zoom_slow")];
    found.clock_off_ms = 9_000;
    let problems = judged(found).problems;
    let codes: Vec<_> = problems.iter().map(|problem| &*problem.code).collect();
    assert_eq!(codes, ["app_rejected", "zoom_slow", "clock_skew", "clock_skew"]);
    assert!(problems[0].what.contains("app app"), "{problems:?}");
}

#[test]
fn many_accounts_are_counted_and_not_listed() {
    let mut found = well();
    for nth in 0..9 {
        let mut held = account(&format!("a{nth}"));
        held.state = "needs_reauth".to_owned();
        held.waiting = nth;
        found.accounts.0.insert(held.name.clone(), held);
    }
    let judgement = judged(found);
    let texts: Vec<_> = judgement.problems.iter().map(|p| (p.account.as_deref(), p.jobs)).collect();
    let listed = [(Some("a8"), Some(8)), (Some("a7"), Some(7)), (Some("a6"), Some(6))];
    assert_eq!(texts, [&listed[..], &[(None, Some(15))]].concat());
    assert_eq!(judgement.headline(), "DEGRADED: account a8 needs authorization (+3 more)");
}
