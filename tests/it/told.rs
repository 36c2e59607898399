//! The log at its default level: one line for a failed job and for each change of
//! an account, a circuit, Redis; none for a success; no alarm about what did not
//! happen; no library's lines. And `/readyz`, which names the cause.

use std::time::{Duration, Instant};

use serde_json::Value;
use zoom_sim::{Endpoint, Fault, What};
use zoomd_store::streams::Stream;

use crate::support::{Daemon, Rig, job, until};

/// All lines so far.
fn lines(daemon: &Daemon) -> Vec<Value> {
    let log = daemon.log();
    log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn message(line: &Value) -> &str {
    line["message"].as_str().unwrap_or_default()
}

/// Waits for a problem of this code in `/readyz`; its status, the problem, and all.
fn problem(daemon: &Daemon, code: &str) -> (u16, Value, Value) {
    until(&format!("{code} in /readyz"), || {
        let (status, body) = daemon.get("/readyz");
        let ready: Value = serde_json::from_str(&body).expect("JSON");
        let mut problems = ready["problems"].as_array().expect("a list").iter();
        let found = problems.find(|problem| problem["code"] == code)?.clone();
        Some((status, found, ready))
    })
}

/// Operations on Redis that failed.
fn redis_errors(daemon: &Daemon) -> u64 {
    let text = daemon.get("/metrics").1;
    let counts = text.lines().filter(|line| line.starts_with("zoomd_redis_errors_total{"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn a_failed_job_is_one_line_and_a_success_none() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.connect("late");
    let line = daemon.wait_log("account late is connected");
    assert_eq!((&line["level"], &line["account"]), (&"INFO".into(), &"late".into()), "{line}");
    rig.sim.fault(Fault::new(Endpoint::Create, What::Status(400)));
    for (account, id, expected) in [
        ("acme", "rejected", Stream::Failures),
        ("nobody", "stranger", Stream::Failures),
        ("acme", "fine", Stream::Results),
    ] {
        rig.xadd(&job(account, id)).await;
        let (stream, outcome) = rig.outcome(id).await;
        assert_eq!(stream, expected, "{outcome}");
    }
    rig.run(&["account", "pause", "late", "--reason", "a holiday"]).expect(0);
    let line = daemon.wait_log("account late is paused");
    assert_eq!((&line["level"], &line["reason"]), (&"INFO".into(), &"a holiday".into()), "{line}");
    rig.run(&["account", "resume", "late"]).expect(0);
    daemon.wait_log("account late is resumed");
    rig.run(&["account", "remove", "late"]).expect(0);
    daemon.wait_log("account late is removed");
    let lines = lines(&daemon);
    for (id, account, code) in
        [("rejected", "acme", "zoom_rejected"), ("stranger", "nobody", "unknown_account")]
    {
        let about: Vec<_> = lines.iter().filter(|line| line["job.id"] == id).collect();
        let [line] = about[..] else { panic!("{about:?}") };
        assert_eq!((&line["account"], &line["code"]), (&account.into(), &code.into()), "{line}");
        assert_eq!(line["level"], "INFO", "{line}");
        assert!(line["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{line}");
        assert_eq!(line["zoom.status"].as_u64(), (id == "rejected").then_some(400), "{line}");
        assert!(message(line).contains(id) && message(line).contains(code), "{line}");
    }
    let fine: Vec<_> = lines.iter().filter(|line| line.to_string().contains("fine")).collect();
    assert!(fine.is_empty(), "{fine:?}");
    let zoomd = |line: &&Value| line["target"].as_str().is_some_and(|t| t.starts_with("zoom"));
    let strange: Vec<_> = lines.iter().filter(|line| !zoomd(line)).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

#[tokio::test]
async fn an_outage_of_redis_is_told_as_that_and_as_nothing_else() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.xadd(&job("acme", "before")).await;
    rig.outcome("before").await;
    let before = lines(&daemon).len();
    rig.redis.kill();
    let began = Instant::now();
    let (status, told, _) = problem(&daemon, "redis_unreachable");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(status, 503, "{told}");
    assert!(told["what"].as_str().is_some_and(|what| what.contains("redis is unreachable")));
    daemon.wait_log("redis is unavailable (unreachable)");
    // Loops meet the outage meanwhile, and say nothing of their own.
    let since_ms = told["since_ms"].as_i64().expect("a time");
    let lasts = || jiff::Timestamp::now().as_millisecond() - since_ms > 3_000;
    until("three seconds of it", || lasts().then_some(()));
    assert!(redis_errors(&daemon) > 1);
    rig.redis.restart().expect("starts again");
    let lost = daemon.wait_log("redis is unavailable (unreachable)");
    assert!(lost["left_out"].is_u64(), "{lost}");
    let back = daemon.wait_log("redis is back");
    assert!(back["seconds"].as_f64().is_some(), "{back}");
    let (_, over, _) = problem(&daemon, "redis_failed_over");
    assert!(over["since_ms"].is_i64(), "{over}");
    rig.xadd(&job("acme", "after")).await;
    rig.outcome("after").await;
    let lines = lines(&daemon).split_off(before);
    let others: Vec<_> = lines
        .iter()
        .filter(|line| !message(line).contains("redis") && !message(line).contains("journals"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    let lost = lines.iter().filter(|line| message(line).contains("redis is unavailable")).count();
    assert_eq!(lost, 1, "{lines:?}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_named_as_the_cause_until_it_is_over() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    rig.set("ZOOMD_ALLOW_HTTP", "1");
    rig.set("ZOOMD_ZOOM_API_URL", "http://zoom.invalid/v2");
    let daemon = rig.daemon();
    rig.xadd(&job("acme", "held")).await;
    let (status, told, ready) = problem(&daemon, "zoom_unreachable");
    assert_eq!((status, &ready["degraded"]), (200, &true.into()), "{ready}");
    let what = told["what"].as_str().expect("a sentence");
    assert!(what.contains("zoom.invalid: its DNS name does not resolve"), "{what}");
    assert_eq!(told["host"], "zoom.invalid");
    let line = daemon.wait_log("cannot reach zoom.invalid");
    assert_eq!((&line["cause"], &line["zoom.host"]), (&"dns".into(), &"zoom.invalid".into()));
    let text = daemon.get("/metrics").1;
    assert!(text.contains("zoomd_zoom_circuit_open 1"), "{text}");
}

#[tokio::test]
async fn creates_that_fail_while_others_succeed_are_told_and_use_no_attempt() {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_FAILPOINT_WORK_PACE", "30");
    let toml = "[zoom]\nconnect_timeout = \"300ms\"\nrequest_timeout = \"1s\"\n";
    std::fs::write(rig.dir.path().join("zoomd.toml"), toml).expect("written");
    rig.connect("acme");
    let daemon = rig.daemon();
    let fault = rig.sim.fault(Fault::new(Endpoint::Create, What::Status(503)).always());
    for n in 0..8 {
        rig.xadd(&job("acme", &format!("held-{n}"))).await;
    }
    let (status, told, ready) = problem(&daemon, "zoom_endpoint_failing");
    assert_eq!(status, 200, "{ready}");
    let what = told["what"].as_str().expect("a sentence");
    assert!(what.contains("create_meeting") && what.contains("HTTP 503"), "{what}");
    assert!(what.contains("succeeds"), "{what}");
    let line = daemon.wait_log("fails to create meetings");
    assert_eq!(line["cause"], "503", "{line}");
    assert!(rig.sim.clear_fault(fault));
    daemon.wait_log("zoom is reachable again");
    for n in 0..8 {
        let (stream, outcome) = rig.outcome(&format!("held-{n}")).await;
        assert_eq!((stream, &outcome["attempts"]), (Stream::Results, &1.into()), "{outcome}");
    }
    until("no problem", || {
        let ready: Value = serde_json::from_str(&daemon.get("/readyz").1).expect("JSON");
        let mut problems = ready["problems"].as_array().expect("a list").iter();
        problems.all(|problem| problem["code"] != "zoom_endpoint_failing").then_some(())
    });
    assert!(rig.sim.twins().is_empty());
}

#[tokio::test]
async fn a_call_that_takes_long_is_told_while_it_is_under_way() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.sim.fault(Fault::new(Endpoint::Create, What::DelayMs(20_000)).always());
    rig.xadd(&job("acme", "slow")).await;
    let (status, told, ready) = problem(&daemon, "zoom_slow");
    assert_eq!((status, &ready["degraded"]), (200, &true.into()), "{ready}");
    let what = told["what"].as_str().expect("a sentence");
    assert!(what.contains("create_meeting") && what.contains("is slow"), "{what}");
    let status = until("the same in zoomd status", || {
        let shown = rig.run(&["status"]).stdout;
        shown.contains("is slow").then_some(shown)
    });
    assert!(status.contains("create_meeting"), "{status}");
}
