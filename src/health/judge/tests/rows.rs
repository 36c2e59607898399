//! One row for each code: facts in, one problem out. Those of accounts and jobs are in
//! `jobs`.

use std::collections::BTreeSet;

use super::*;
use crate::health::facts::Unused;
use crate::health::tools::Process;

/// The trouble, and its problem: code, level, jobs, words of the text and of the
/// command.
pub(super) type Row =
    (fn(&mut Found), &'static str, Level, Option<u64>, &'static str, &'static str);

fn rows() -> Vec<Row> {
    [of_servers(), jobs::rows()].concat()
}

fn of_servers() -> Vec<Row> {
    use Level::{Degraded, Down, Notice};
    vec![
        (
            |f| {
                f.vitals.refusal = Some(refusal(ErrorKind::OutOfMemory, "memory"));
                // A heartbeat is refused, too.
                f.vitals.daemons = vec![daemon("d1", 60_000)];
            },
            "redis_full",
            Down,
            Some(10),
            "it takes no writes",
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
                f.vitals.refusal = Some(refusal(ErrorKind::ReadOnly, "persistence"));
            },
            "redis_read_only",
            Down,
            Some(10),
            "it takes no writes",
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
            "zoomd job show ID; ",
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
            "the last, d1 on m1, was last seen 4s ago",
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
                f.vitals.daemons = vec![daemon("d0", 7_200_000)];
                let (id, host) = ("d1".to_owned(), "m1".to_owned());
                f.vitals.left = Some(Left { id, host, at_ms: NOW - 300_000 });
            },
            "no_daemon",
            Down,
            Some(10),
            "the last, d1 on m1, was stopped 5m ago",
            "zoomd run",
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
            "at the same time",
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
fn every_code_has_a_row() {
    let mut seen: BTreeSet<&str> = rows().into_iter().map(|row| row.1).collect();
    // A Redis that cannot be asked is below; these two only daemons can see.
    seen.extend(["redis_unreachable", "other_layout", "zoom_endpoint_failing", "zoom_slow"]);
    assert_eq!(seen, BTreeSet::from(CODES));
}
