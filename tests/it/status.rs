//! `zoomd status`: the verdict, its exit code, and what holds jobs back.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Rig, job, until};

/// Codes of the problems that `zoomd status` shows.
fn codes(rig: &Rig) -> Vec<String> {
    let status = rig.run(&["status", "--json"]).json();
    let problems = status["problems"].as_array().cloned().unwrap_or_default();
    problems.iter().map(|p| p["code"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_killed_daemon_is_told_within_five_seconds() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    let well = rig.run(&["status"]).expect(0).stdout;
    assert!(well.starts_with("OK\n"), "{well}");
    daemon.signal(Signal::STOP);
    let stopped = Instant::now();
    let text = until("the stopped daemon", || {
        let ran = rig.run(&["status"]);
        (ran.code == 5).then_some(ran.stdout)
    });
    assert!(stopped.elapsed() < Duration::from_secs(5), "{:?}", stopped.elapsed());
    assert!(text.starts_with("DOWN: no daemon runs in namespace zoomd: the last, "), "{text}");
    assert!(text.contains("is stopped (SIGSTOP)") && text.contains("next: kill -CONT "), "{text}");
    daemon.signal(Signal::CONT);
    until("it is back", || (rig.run(&["status"]).code == 0).then_some(()));
    drop(daemon);
    let killed = Instant::now();
    rig.xadd(&job("acme", "waits")).await;
    let text = until("the killed daemon", || {
        let ran = rig.run(&["status"]);
        (ran.code == 5).then_some(ran.stdout)
    });
    assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
    assert!(text.contains("crashed or was killed") && text.contains("next: zoomd run"), "{text}");
    assert!(text.contains("holds back 1 job\n"), "{text}");
}

#[tokio::test]
async fn a_daemon_that_was_stopped_well_tells_since_when_none_runs() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let mut daemon = rig.daemon();
    let before = jiff::Timestamp::now();
    daemon.stop();
    rig.xadd(&job("acme", "waits")).await;
    let status = rig.run(&["status", "--json"]).expect(5).json();
    let problem = &status["problems"][0];
    assert_eq!(problem["code"], "no_daemon", "{status}");
    let what = problem["what"].as_str().unwrap_or_default();
    assert!(what.contains("the last, ") && what.contains(" was stopped "), "{what}");
    let since = problem["since_ms"].as_i64().expect("a time");
    let now = jiff::Timestamp::now().as_millisecond();
    assert!((before.as_millisecond()..=now).contains(&since), "{since}: {problem}");
    assert_eq!(status["daemons"].as_array().map(Vec::len), Some(0), "it is not missed: {status}");
    let shown = rig.run(&["job", "show", "waits", "--json"]).expect(0).json();
    let told: jiff::Timestamp = shown["reason_since"].as_str().expect("a time").parse().expect("t");
    assert_eq!((shown["reason"].as_str(), told.as_millisecond()), (Some("no_daemon"), since));
}

#[tokio::test]
async fn a_redis_that_is_gone_full_or_a_replica_is_the_verdict() {
    let mut rig = Rig::start().await;
    let unused = rig.run(&["status"]).expect(5).stdout;
    assert!(unused.starts_with("DOWN: no zoomd has ever used namespace zoomd"), "{unused}");
    assert!(rig.redis_cli(&["DBSIZE"]).starts_with(":0"), "a reading command wrote something");
    let daemon = rig.daemon();
    until("all is well", || (rig.run(&["status"]).code == 0).then_some(()));
    rig.redis_cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let full = rig.run(&["status"]).expect(5).stdout;
    assert!(full.starts_with("DOWN: Redis is full"), "{full}");
    rig.redis_cli(&["CONFIG", "SET", "maxmemory", "0"]);
    rig.redis_cli(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_eq!(rig.run(&["status", "--json"]).expect(5).json()["verdict"], "DOWN");
    assert_eq!(codes(&rig), ["redis_read_only"]);
    rig.redis_cli(&["REPLICAOF", "NO", "ONE"]);
    rig.redis.kill();
    let gone = rig.run(&["status", "--json"]).expect(5).json();
    assert_eq!((&gone["verdict"], &gone["namespace"]), (&"DOWN".into(), &"zoomd".into()));
    assert_eq!(gone["problems"][0]["code"], "redis_unreachable");
    assert!(gone.get("queued").is_none(), "there are no numbers: {gone}");
    let text = rig.run(&["status"]).expect(5).stdout;
    assert!(text.starts_with("DOWN: Redis at unix://"), "{text}");
    assert!(text.contains("next: ") && !text.contains("redis-server --"), "{text}");
    drop(daemon);
}

/// With `--output jsonl` the same as on a terminal.
#[tokio::test]
async fn watching_goes_on_through_an_outage_of_redis() {
    use std::io::{BufRead as _, BufReader};
    let mut rig = Rig::start().await;
    let _daemon = rig.daemon();
    let mut watch = rig.command(&["status", "-w", "--output", "jsonl"]);
    let mut watch = watch.stdout(std::process::Stdio::piped()).spawn().expect("started");
    let mut lines = BufReader::new(watch.stdout.take().expect("its output")).lines();
    let mut next = |wanted: &str| {
        for line in lines.by_ref().take(20) {
            let line: serde_json::Value =
                serde_json::from_str(&line.expect("a line")).expect("JSON");
            if line["verdict"] == wanted {
                return line;
            }
        }
        panic!("never {wanted}");
    };
    next("OK");
    rig.redis.kill();
    let down = next("DOWN");
    assert!(down["problems"][0]["since_ms"].is_i64(), "{down}");
    rig.redis.restart().expect("starts again");
    let back = next("OK");
    let notices = back["problems"].as_array().expect("a list");
    assert!(notices.iter().any(|p| p["code"] == "redis_failed_over"), "{back}");
    watch.kill().expect("killed");
    watch.wait().expect("reaped");
}

#[tokio::test]
async fn accounts_and_producers_that_hold_jobs_back_are_named() {
    let rig = Rig::start().await;
    for name in ["acme", "lost", "still"] {
        rig.connect(name);
    }
    let _daemon = rig.daemon();
    rig.run(&["account", "pause", "still"]).expect(0);
    rig.sim.revoke("lost");
    rig.xadd(&job("lost", "l1")).await;
    rig.xadd(&job("still", "s1")).await;
    for n in 0..5 {
        rig.xadd(&job("nobody", &format!("n{n}"))).await;
    }
    let wanted = ["needs_authorization", "account_paused", "producer_failing"];
    let status = until("all three", || {
        (codes(&rig) == wanted).then(|| rig.run(&["status", "--json"]).expect(1).json())
    });
    let problem = |at: usize, field: &str| status["problems"][at][field].clone();
    assert_eq!((problem(0, "account"), problem(0, "jobs")), ("lost".into(), 1.into()));
    assert!(problem(0, "since_ms").is_i64() && problem(1, "since_ms").is_i64(), "{status}");
    assert_eq!(problem(0, "next"), "zoomd account login lost");
    assert_eq!((problem(1, "account"), problem(1, "jobs")), ("still".into(), 1.into()));
    assert_eq!(problem(2, "account"), "nobody");
    let doctor = rig.run(&["doctor", "--offline"]).expect(1).stdout;
    for name in ["account lost needs authorization", "account still is paused", "unknown_account"] {
        assert!(doctor.contains(name), "{name}: {doctor}");
    }
    rig.xadd(&job("acme", "good")).await;
    rig.outcome("good").await;
}
