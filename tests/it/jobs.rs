//! `job`, `pause`, `resume`, `status`, `result tail`: against jobs of a real
//! daemon, and against none.

use serde_json::Value;
use zoomd_store::streams::Stream;

use crate::support::{Rig, job};

#[tokio::test]
async fn the_story_of_a_job_without_a_daemon() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let entry = rig.xadd(&job("acme", "order-1")).await;
    for id in ["order-1", &entry] {
        let shown = rig.run(&["job", "show", id, "--json"]).expect(0).json();
        assert_eq!((&shown["state"], &shown["source"]), (&"queued".into(), &"jobs_stream".into()));
        assert_eq!(shown["job"]["id"], "order-1");
    }
    let ran = rig.run(&["job", "show", "order-1"]).expect(0);
    assert!(ran.stdout.contains("account    acme"), "{}", ran.stdout);
    let list = rig.run(&["job", "list", "--json"]).expect(0).json();
    assert_eq!(list.as_array().expect("list").len(), 1);
    assert_eq!(rig.run(&["job", "list", "--output", "quiet"]).expect(0).stdout, "order-1\n");
    let none = rig.run(&["job", "show", "nothing", "--json"]).expect(3).json();
    assert_eq!(none["error"]["code"], "not_found");
    let cancel = rig.run(&["job", "cancel", "order-1", "--reason", "no more", "--json"]).expect(0);
    assert_eq!(cancel.json()[0]["result"], "cancelled");
    let (stream, outcome) = rig.outcome("order-1").await;
    assert_eq!((stream, &outcome["code"]), (Stream::Failures, &"cancelled".into()));
    assert!(outcome["message"].as_str().expect("text").ends_with("no more"));
    // Cancelled for good: a daemon that comes later does not run it.
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "order-2")).await;
    assert_eq!(rig.outcome("order-2").await.0, Stream::Results);
    let over = rig.run(&["job", "cancel", "order-1", "nothing", "--json"]).expect(1).json();
    assert_eq!((&over[0]["result"], &over[1]["result"]), (&"over".into(), &"not_found".into()));
    rig.run(&["job", "cancel", "nothing"]).expect(3);
}

#[tokio::test]
async fn a_job_is_watched_to_its_end() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.run(&["pause", "--reason", "upgrade"]).expect(0);
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "order-1")).await;
    let waits = crate::support::until("the job waits", || {
        let shown = rig.run(&["job", "show", "order-1", "--json"]).expect(0).json();
        (shown["state"] == "waiting").then_some(shown)
    });
    assert_eq!(
        (&waits["why"], &waits["detail"]),
        (&"paused".into(), &"everything is paused: upgrade".into())
    );
    let status = rig.run(&["status", "--json"]).expect(1).json();
    assert_eq!((&status["paused"], &status["waiting"]), (&true.into(), &1.into()));
    assert_eq!(status["pause_reason"], "upgrade");
    let text = rig.run(&["status"]).expect(1).stdout;
    assert!(text.starts_with("DEGRADED: all jobs are paused (upgrade)\n"), "{text}");
    assert!(text.contains("next: zoomd resume"), "{text}");
    assert!(text.contains("since ") && text.contains("holds back 1 job\n"), "{text}");
    rig.run(&["resume"]).expect(0);
    let ran = rig.run(&["job", "watch", "order-1", "--json"]).expect(0).json();
    assert_eq!(ran["state"], "succeeded");
    assert_eq!(ran["outcome"]["job_id"], "order-1");
    let nothing = rig.run(&["resume"]).expect(0);
    assert_eq!(nothing.stdout, "nothing was paused\n");
}

#[tokio::test]
async fn an_accounts_jobs_are_cancelled_together() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.connect("other");
    rig.run(&["pause"]).expect(0);
    let _daemon = rig.daemon();
    for n in 0..5 {
        rig.xadd(&job("acme", &format!("a-{n}"))).await;
    }
    rig.xadd(&job("other", "b")).await;
    crate::support::until("all wait", || {
        let status = rig.run(&["status", "--json"]).expect(1).json();
        (status["waiting"] == 6).then_some(())
    });
    let some = ["job", "cancel", "--account", "acme", "--limit", "2", "--dry-run", "--json"];
    assert_eq!(rig.run(&some).expect(0).json().as_array().expect("list").len(), 2);
    let unasked = rig.run(&["job", "cancel", "--account", "acme"]).expect(2);
    assert!(unasked.stderr.contains("hint: add --yes"), "{}", unasked.stderr);
    let all = rig.run(&["job", "cancel", "--account", "acme", "--yes", "--json"]).expect(0).json();
    let results: Vec<_> = all.as_array().expect("list").iter().map(|l| &l["result"]).collect();
    assert_eq!(results, [&Value::from("cancelled"); 5]);
    assert_eq!(rig.run(&["job", "list", "--output", "quiet"]).expect(0).stdout, "b\n");
}

#[tokio::test]
async fn results_are_tailed() {
    let rig = Rig::start().await;
    rig.connect("acme");
    assert_eq!(rig.run(&["result", "tail", "--json"]).expect(0).stdout, "[]\n");
    let _daemon = rig.daemon();
    for n in 0..3 {
        rig.xadd(&job("acme", &format!("a-{n}"))).await;
        rig.outcome(&format!("a-{n}")).await;
    }
    let newest = rig.run(&["result", "tail", "-n", "2", "--json"]).expect(0).json();
    assert_eq!((&newest[0]["job_id"], &newest[1]["job_id"]), (&"a-1".into(), &"a-2".into()));
    assert!(newest[0]["meeting"].get("start_url").is_none());
    let table = rig.run(&["result", "tail"]).expect(0);
    assert!(table.stdout.starts_with("JOB  ACCOUNT  MEETING"), "{}", table.stdout);
    let none = rig.run(&["result", "tail", "--account", "x"]).expect(0);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "no results yet\n"));
}

#[tokio::test]
async fn a_followed_tail_prints_what_comes() {
    use std::io::{BufRead as _, BufReader};
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    let mut command = rig.command(&["result", "tail", "-f", "-n", "0", "--output", "jsonl"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    // It may not have looked for its place yet, so several jobs are sent.
    let reader = std::thread::spawn(move || lines.next().expect("a line").expect("text"));
    let mut sent = 0;
    while !reader.is_finished() && sent < 500 {
        rig.xadd(&job("acme", &format!("a-{sent}"))).await;
        rig.outcome(&format!("a-{sent}")).await;
        sent += 1;
    }
    let line: Value = serde_json::from_str(&reader.join().expect("read")).expect("json");
    assert_eq!(line["status"], "succeeded");
    child.kill().expect("killed");
    child.wait().expect("reaped");
}

#[tokio::test]
async fn without_redis_every_verb_says_so() {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_REDIS_URL", "redis://127.0.0.1:1");
    for args in [
        &["job", "list"][..],
        &["job", "show", "x"],
        &["failure", "list"],
        &["result", "tail"],
        &["pause"],
        &["enqueue", "--account", "a", "--type", "3"],
    ] {
        let json = [args, &["--json"]].concat();
        let error = rig.run(&json).expect(5).json();
        assert_eq!(error["error"]["code"], "unreachable", "{args:?}");
    }
}
