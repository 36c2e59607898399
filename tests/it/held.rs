//! Reasons of held jobs: for each outage `job show`, `job list` and `enqueue --wait`
//! name the cause, and tell no time that nobody knows.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;
use zoom_sim::{Endpoint, Fault, What};

use crate::support::{Rig, job, until};

/// Waits until the job tells this reason, and checks that all commands agree.
fn held(rig: &Rig, id: &str, reason: &str, cause: &str) -> Value {
    let shown = until(&format!("{id} says {reason}"), || {
        let shown = rig.run(&["job", "show", id, "--json"]).expect(0).json();
        (shown["reason"] == reason).then_some(shown)
    });
    let explanation = shown["explanation"].as_str().unwrap_or_default();
    assert!(explanation.contains(cause), "{cause} in {shown}");
    assert_eq!((&shown["why"], &shown["because"]), (&shown["reason"], &shown["explanation"]));
    let listed = rig.run(&["job", "list", "--json"]).expect(0).json();
    let of = |id: &str| listed.as_array()?.iter().find(|line| line["job_id"] == id).cloned();
    let line = of(id).unwrap_or_else(|| panic!("{id} in {listed}"));
    for field in ["reason", "expected_at", "detail"] {
        assert_eq!(line[field], shown[field], "{field}: {line}");
    }
    shown
}

/// Checks a job held for a reason whose end is unknown.
fn held_for_an_unknown_time(rig: &Rig, id: &str, reason: &str, cause: &str) {
    let shown = held(rig, id, reason, cause);
    assert_eq!(shown["expected_at"], Value::Null, "nobody knows: {shown}");
    let text = rig.run(&["job", "show", id]).expect(0).stdout;
    assert!(text.contains(cause), "{cause} in {text}");
    assert!(text.contains("expected time not known") || text.contains("next attempt"), "{text}");
}

/// A job that waits from its acceptance on tells its id and the cause.
fn enqueued(rig: &Rig, account: &str, cause: &str) {
    let args = ["enqueue", "--account", account, "--type", "3", "--wait", "--timeout", "1s"];
    let ran = rig.run(&[&args[..], &["--id", "enqueued"]].concat()).expect(1);
    assert!(ran.stderr.contains("job enqueued is queued"), "{}", ran.stderr);
    let timed_out = ran.stderr.lines().find(|line| line.contains("timed out waiting"));
    assert!(timed_out.is_some_and(|line| line.contains(cause)), "{cause} in {}", ran.stderr);
}

#[tokio::test]
async fn no_daemon() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.xadd(&job("acme", "order-1")).await;
    held_for_an_unknown_time(&rig, "order-1", "no_daemon", "no daemon is running");
    enqueued(&rig, "acme", "no daemon is running");
    let mut daemon = rig.daemon();
    rig.outcome("order-1").await;
    rig.run(&["pause"]).expect(0);
    rig.xadd(&job("acme", "order-2")).await;
    held_for_an_unknown_time(&rig, "order-2", "paused", "is paused");
    daemon.kill();
    let shown = until("its death is noticed", || {
        let shown = rig.run(&["job", "show", "order-2", "--json"]).expect(0).json();
        let text = shown["explanation"].as_str().unwrap_or_default();
        text.contains("also, no daemon is running").then_some(shown)
    });
    assert_eq!(shown["reason"], "paused", "{shown}");
    rig.run(&["resume"]).expect(0);
    held_for_an_unknown_time(&rig, "order-2", "no_daemon", "no daemon is running; the last was");
}

#[tokio::test]
async fn a_rejected_app() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    rig.set("ZOOMD_CLIENT_SECRET", "wrong");
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "order-1")).await;
    held_for_an_unknown_time(&rig, "order-1", "app_rejected", "rejects the app's credentials");
    enqueued(&rig, "acme", "rejects the app's credentials");
}

#[tokio::test]
async fn a_zoom_that_refuses_connections() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.xadd(&job("acme", "first")).await;
    rig.outcome("first").await;
    drop(daemon);
    // Only the API is away: the token lives.
    rig.set("ZOOMD_ZOOM_API_URL", "http://127.0.0.1:1/v2");
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "order-1")).await;
    held_for_an_unknown_time(&rig, "order-1", "zoom_unreachable", "127.0.0.1:1");
    enqueued(&rig, "acme", "Zoom is unreachable");
}

#[tokio::test]
async fn a_job_in_backoff() {
    let rig = Rig::start().await;
    rig.connect("acme");
    // A token this young is not replaced: the attempt is used.
    rig.sim.fault(Fault::new(Endpoint::Create, What::Unauthorized));
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "order-1")).await;
    let shown = held(&rig, "order-1", "backoff", "the last attempt failed");
    assert_eq!(shown["state"], "sleeping", "{shown}");
    assert_eq!(shown["attempts"], 1, "{shown}");
    assert!(shown["detail"].is_string() && shown["next_attempt_at"].is_string(), "{shown}");
}

#[tokio::test]
async fn an_account_that_lost_its_authorization() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.sim.revoke("acme");
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "order-1")).await;
    held_for_an_unknown_time(&rig, "order-1", "consent", "the account needs authorization");
    enqueued(&rig, "acme", "the account needs authorization");
}

#[tokio::test]
async fn an_account_at_its_cap() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.run(&["account", "set", "acme", "--cap", "1"]).expect(0);
    let held_call = rig.sim.fault(Fault::new(Endpoint::Create, What::Hold));
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "first")).await;
    rig.sim.wait_for(Endpoint::Create, 1).await.expect("it is in flight");
    rig.xadd(&job("acme", "second")).await;
    held_for_an_unknown_time(&rig, "second", "in_flight", "1 of 1");
    rig.sim.release(held_call);
    rig.outcome("second").await;
}

#[tokio::test]
async fn the_id_is_told_before_the_wait() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let args = ["enqueue", "--account", "acme", "--type", "3", "--wait", "--timeout", "20s"];
    let mut command = rig.command(&args);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("started");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut lines = lines.map(|line| line.expect("text"));
    let told = lines.find_map(|line| {
        line.strip_prefix("job ").and_then(|line| line.split(' ').next()).map(ToOwned::to_owned)
    });
    let id = told.expect("the id");
    let shown = rig.run(&["job", "show", &id, "--json"]).expect(0).json();
    assert_eq!((&shown["state"], &shown["reason"]), (&"queued".into(), &"no_daemon".into()));
    let _daemon = rig.daemon();
    assert!(child.wait().expect("reaped").success());
}
