//! The JSON of jobs, failures, results and status: which fields there are and of
//! which type. A field may be added; none may change or go.

use std::fmt::Write as _;

use crate::support::{Rig, job, snapshot, until};

#[tokio::test]
async fn jobs_failures_results_and_status() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "good")).await;
    rig.outcome("good").await;
    rig.xadd(&job("nobody", "bad")).await;
    rig.outcome("bad").await;
    rig.run(&["pause", "--reason", "shapes"]).expect(0);
    rig.xadd(&job("acme", "waits")).await;
    until("the job waits", || {
        let shown = rig.run(&["job", "show", "waits", "--json"]).expect(0).json();
        (shown["state"] == "waiting").then_some(())
    });
    let mut text = String::new();
    for (args, code) in [
        (&["enqueue", "--account", "acme", "--type", "3", "--dry-run"][..], 0),
        (&["enqueue", "--account", "acme", "--type", "3"], 0),
        (&["job", "list", "--state", "waiting"], 0),
        (&["job", "show", "waits"], 0),
        (&["job", "show", "good"], 0),
        (&["job", "show", "nothing"], 3),
        (&["job", "cancel", "waits"], 0),
        (&["result", "tail"], 0),
        (&["failure", "list"], 0),
        (&["failure", "show", "bad"], 0),
        (&["failure", "retry", "bad", "--dry-run"], 0),
        (&["failure", "retry", "bad"], 1),
        (&["failure", "discard", "bad"], 0),
        (&["status"], 0),
        (&["pause"], 0),
        (&["resume"], 0),
    ] {
        let json = [args, &["--json"]].concat();
        let value = rig.run(&json).expect(code).json();
        let _ = write!(text, "$ zoomd {}\n{}\n", args.join(" "), snapshot::shape(&value));
    }
    snapshot::holds("tests/it/snapshots/work.json.txt", &text);
}
