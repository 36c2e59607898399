//! `job show` of finished jobs: every step that was taken, with its time, its
//! HTTP status and how long it took.

use serde_json::Value;
use zoom_sim::{Config, Endpoint, Fault, What};

use crate::support::{Daemon, Rig, job};

/// With a daemon that has the account's access token: the first job waits for it.
async fn rig() -> (Rig, Daemon) {
    let rig = Rig::with(redis_local::Options::default(), Config::unlimited()).await;
    let toml = "[zoom]\nconnect_timeout = \"300ms\"\nrequest_timeout = \"1s\"\n\
                [reconcile]\ndelays = [\"200ms\", \"300ms\"]\n[jobs]\nlease = \"11s\"\n";
    std::fs::write(rig.dir.path().join("zoomd.toml"), toml).expect("written");
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.xadd(&job("acme", "first")).await;
    rig.outcome("first").await;
    let (lines, _) = shown(&rig, "first");
    assert_eq!(waits(&lines), ["token"], "{lines:?}");
    (rig, daemon)
}

fn shown(rig: &Rig, id: &str) -> (Vec<Value>, String) {
    let json = rig.run(&["job", "show", id, "--json"]).expect(0).json();
    let lines = json["timeline"].as_array().expect("a list").clone();
    (lines, rig.run(&["job", "show", id]).expect(0).stdout)
}

/// The lines that are no waits: kind, attempt, status or error, what follows.
fn steps(lines: &[Value]) -> Vec<String> {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let told = |line: &Value| {
        ["kind", "attempt", "status", "error", "next"]
            .iter()
            .filter_map(|name| line.get(*name).map(word))
            .collect::<Vec<_>>()
            .join(" ")
    };
    lines.iter().filter(|line| line["kind"] != "wait").map(told).collect()
}

fn time(at: &Value) -> jiff::Timestamp {
    at.as_str().expect("a time").parse().expect("RFC 3339")
}

fn waits(lines: &[Value]) -> Vec<&str> {
    let waits = lines.iter().filter(|line| line["kind"] == "wait");
    waits.map(|line| line["reason"].as_str().expect("a reason")).collect()
}

#[tokio::test]
async fn a_job_that_succeeds_at_once_is_told_from_its_result() {
    let (rig, _daemon) = rig().await;
    rig.xadd(&job("acme", "once")).await;
    let (_, outcome) = rig.outcome("once").await;
    let entries = rig.redis_cli(&["XREVRANGE", "zoomd:results", "+", "-", "COUNT", "1"]);
    assert!(!entries.contains("story"), "no more is written for it: {entries}");
    let (lines, text) = shown(&rig, "once");
    assert_eq!(steps(&lines), ["accepted", "call 1 201 done", "result"]);
    assert_eq!(time(&lines[0]["at"]), time(&outcome["enqueued_at"]));
    assert_eq!(time(&lines[1]["at"]), time(&outcome["started_at"]));
    assert_eq!(lines[1]["endpoint"], "create_meeting");
    assert!(lines[1]["duration_ms"].is_u64(), "{lines:?}");
    assert!(text.contains("attempt 1: create_meeting answered HTTP 201 after "), "{text}");
    assert!(text.contains(&format!("succeeded: meeting {}", outcome["meeting"]["id"])), "{text}");
}

#[tokio::test]
async fn each_step_of_a_job_with_a_503_and_a_lost_reply_is_told() {
    let (rig, _daemon) = rig().await;
    rig.sim.fault(Fault::new(Endpoint::Create, What::Status(503)));
    rig.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    rig.xadd(&job("acme", "hard")).await;
    let (_, outcome) = rig.outcome("hard").await;
    assert_eq!((&outcome["attempts"], &outcome["reconciled"]), (&2.into(), &true.into()));
    let (lines, text) = shown(&rig, "hard");
    let told = steps(&lines);
    assert_eq!(told[..2], ["accepted", "call 1 503 look"], "{told:?}");
    assert_eq!(told[told.len() - 3..], ["call 2 reset look", "look done", "result"], "{told:?}");
    let looks = &told[2..told.len() - 3];
    assert!(looks.len() >= 2 && looks[..looks.len() - 1].iter().all(|l| l == "look look"));
    assert_eq!(looks.last().map(String::as_str), Some("look retry"), "{told:?}");
    assert!(waits(&lines).contains(&"backoff"), "{lines:?}");
    // In the order of time, each with how long it took.
    let times: Vec<_> = lines.iter().map(|line| time(&line["at"])).collect();
    assert!(times.is_sorted(), "{times:?}");
    let timed = lines.iter().filter(|line| line["kind"] == "call" || line["kind"] == "look");
    assert!(timed.clone().all(|line| line["duration_ms"].is_u64()), "{lines:?}");
    for words in [
        "attempt 1: create_meeting answered HTTP 503 after ",
        "waited ",
        "searched Zoom's list for ",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // It is gone with the entry of the result.
    rig.redis_cli(&["XTRIM", "zoomd:results", "MAXLEN", "0"]);
    let (lines, _) = shown(&rig, "hard");
    assert_eq!(steps(&lines), ["accepted", "result"]);
}

#[tokio::test]
async fn a_failed_job_and_its_next_run_are_told() {
    let (rig, _daemon) = rig().await;
    let refused = Fault::new(
        Endpoint::Create,
        What::Body {
            status: 400,
            content_type: "application/json".to_owned(),
            body: r#"{"code":300,"message":"Validation Failed."}"#.to_owned(),
        },
    );
    rig.sim.fault(refused);
    rig.xadd(&job("acme", "bad")).await;
    rig.outcome("bad").await;
    let (lines, text) = shown(&rig, "bad");
    assert_eq!(steps(&lines), ["accepted", "call 1 400 failed", "result"]);
    assert_eq!(lines[2]["code"], "zoom_rejected");
    assert!(text.contains("answered HTTP 400 after "), "{text}");
    let failure = rig.run(&["failure", "show", "bad", "--json"]).expect(0).json();
    assert_eq!(failure["timeline"], Value::from(lines));
    rig.run(&["failure", "retry", "bad"]).expect(0);
    rig.wait_item(|item| item.field("result").contains(r#""run":2"#)).await;
    let (lines, text) = shown(&rig, "bad");
    let told = ["accepted", "call 1 400 failed", "run", "call 1 201 done", "result"];
    assert_eq!(steps(&lines), told);
    assert!(text.contains("run 2 was started by an operator"), "{text}");
}

#[tokio::test]
async fn a_job_that_waited_for_its_time_says_so() {
    let (rig, _daemon) = rig().await;
    let mut later: Value = serde_json::from_str(&job("acme", "later")).expect("json");
    let time_of = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    later["not_before"] = time_of.to_string().into();
    rig.xadd(&later.to_string()).await;
    rig.outcome("later").await;
    let (lines, text) = shown(&rig, "later");
    assert_eq!(steps(&lines), ["accepted", "call 1 201 done", "result"]);
    assert_eq!(waits(&lines), ["not_before"]);
    assert!(lines[1]["duration_ms"].as_u64() >= Some(1_000), "{lines:?}");
    assert!(text.contains("scheduled for later (not_before)"), "{text}");
}
