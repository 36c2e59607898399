//! `failure …`: the list, what it tells, new runs, and what is taken off.

use zoomd_store::streams::Stream;

use crate::support::{Rig, job};

#[tokio::test]
async fn a_failure_is_listed_explained_and_run_again() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    assert_eq!(rig.run(&["failure", "list", "--json"]).expect(0).stdout, "[]\n");
    rig.xadd(&job("later", "order-1")).await;
    let (stream, outcome) = rig.outcome("order-1").await;
    assert_eq!((stream, &outcome["code"]), (Stream::Failures, &"unknown_account".into()));
    let list = rig.run(&["failure", "list", "--json"]).expect(0).json();
    assert_eq!((&list[0]["job_id"], &list[0]["retryable"]), (&"order-1".into(), &true.into()));
    let shown = rig.run(&["failure", "show", "order-1"]).expect(0);
    for words in
        ["code       unknown_account", "fix        Correct the name", "hint: zoomd failure retry"]
    {
        let both = format!("{}{}", shown.stdout, shown.stderr);
        assert!(both.contains(words), "{both}");
    }
    let early = rig.run(&["failure", "retry", "order-1", "--json"]).expect(1).json();
    assert_eq!(early[0]["result"], "no_account");
    rig.connect("later");
    let dry = rig.run(&["failure", "retry", "--all", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(dry[0]["result"], "would_retry");
    let retried = rig.run(&["failure", "retry", "order-1", "--json"]).expect(0).json();
    assert_eq!((&retried[0]["result"], &retried[0]["run"]), (&"started".into(), &2.into()));
    let done =
        rig.wait_item(|i| i.stream == Stream::Results && i.field("job_id") == "order-1").await;
    let done: serde_json::Value = serde_json::from_str(done.field("result")).expect("json");
    assert_eq!((&done["run"], &done["status"]), (&2.into(), &"succeeded".into()));
    let again = rig.run(&["failure", "retry", "order-1", "--json"]).expect(0).json();
    assert_eq!((&again[0]["result"], &again[0]["run"]), (&"already_retried".into(), &2.into()));
    rig.run(&["failure", "retry", "order-2"]).expect(3);
    rig.run(&["failure", "show", "order-1"]).expect(3);
}

#[tokio::test]
async fn failures_are_picked_exported_and_discarded() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    for n in 0..3 {
        rig.xadd(&job("nobody", &format!("a-{n}"))).await;
    }
    rig.xadd("{\n\"no\": \"job\"}").await;
    rig.wait_item(|item| item.field("code") == "invalid_job").await;
    crate::support::until("all failed", || {
        let list = rig.run(&["failure", "list", "--json"]).expect(0).json();
        (list.as_array().expect("list").len() == 4).then_some(())
    });
    let lines = rig.run(&["failure", "export"]).expect(0).jsonl();
    assert_eq!(lines.len(), 4);
    let bad = rig.run(&["failure", "list", "--code", "invalid_job", "--json"]).expect(0).json();
    assert_eq!(bad.as_array().expect("list").len(), 1);
    assert_eq!((&bad[0]["account"], &bad[0]["retryable"]), (&"".into(), &false.into()));
    let id = bad[0]["id"].as_str().expect("id");
    let useless = rig.run(&["failure", "retry", id, "--json"]).expect(1).json();
    assert_eq!(useless[0]["result"], "useless");
    let why = useless[0]["why"].as_str().expect("why");
    assert!(why.contains(r#"the field "no" is unknown"#), "{why}");
    rig.run(&["failure", "list", "--code", "no_code"]).expect(2);
    rig.run(&["failure", "discard"]).expect(2);
    rig.run(&["failure", "discard", "--code", "invalid_job"]).expect(2);
    rig.run(&["failure", "discard", "--code", "invalid_job", "--yes"]).expect(0);
    rig.run(&["failure", "discard", id, "--yes"]).expect(3);
    let some = ["failure", "retry", "--account", "nobody", "--limit", "2", "--yes", "--json"];
    let results = rig.run(&some).expect(1).json();
    assert_eq!(results.as_array().expect("list").len(), 2);
    rig.run(&["failure", "discard", "--all", "--yes"]).expect(0);
    assert_eq!(rig.run(&["failure", "list", "--json"]).expect(0).stdout, "[]\n");
    assert_eq!(rig.redis_cli(&["XLEN", "zoomd:failures"]).trim(), ":4");
}
