//! The JSON of every command that prints some: which fields there are and of
//! which type. A field may be added; none may change or go.

use std::fmt::Write as _;
use std::process::Stdio;

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
    held(
        &rig,
        "tests/it/snapshots/work.json.txt",
        &[
            (&["enqueue", "--account", "acme", "--type", "3", "--dry-run"], 0),
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
            (&["status"], 1),
            (&["pause"], 0),
            (&["resume"], 0),
        ],
    );
}

#[tokio::test]
async fn accounts_meetings_budgets_and_the_configuration() {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_PUBLIC_URL", "http://localhost:3000");
    rig.connect("acme");
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "good")).await;
    let (_, outcome) = rig.outcome("good").await;
    let id = outcome["meeting"]["id"].to_string();
    held(
        &rig,
        "tests/it/snapshots/accounts.json.txt",
        &[
            (&["account", "list"], 0),
            (&["account", "show", "acme"], 0),
            (&["account", "show", "nobody"], 3),
            (&["account", "explain", "acme"], 0),
            (&["account", "token", "acme"], 0),
            (&["account", "refresh", "acme"], 0),
            (&["account", "set", "acme", "--plan", "business"], 0),
            (&["account", "pause", "acme"], 0),
            (&["account", "resume", "acme"], 0),
            (&["account", "connect-link", "new"], 0),
            (&["budget", "acme"], 0),
            (&["meeting", "list", "acme"], 0),
            (&["meeting", "list", "acme", "--mine"], 0),
            (&["meeting", "find", "good"], 0),
            (&["meeting", "show", "acme", &id], 0),
            (&["meeting", "start-url", "acme", &id], 0),
            (&["config", "show"], 0),
            (&["config", "check"], 0),
            (&["healthcheck"], 5),
            (&["account", "remove", "acme", "--yes"], 0),
        ],
    );
}

#[tokio::test]
async fn batches_imports_keys_and_the_set_up() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    // A key that nothing needs any more.
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", &format!("{}QUE=", "QUFB".repeat(10)));
    let _daemon = rig.daemon_to(Stdio::null());
    rig.xadd(&job("nobody", "bad")).await;
    rig.outcome("bad").await;
    let token = |user: &str| rig.sim.grant(user).refresh_token.expect("a refresh token");
    let import = serde_json::json!({"account": "beta", "refresh_token": token("beta")});
    for (name, text) in [
        ("token", token("gamma")),
        ("tokens.jsonl", format!("{import}\n[]\n")),
        ("jobs.jsonl", [job("acme", "one"), job("acme", "two")].join("\n")),
    ] {
        std::fs::write(rig.dir.path().join(name), text).expect("written");
    }
    held(
        &rig,
        "tests/it/snapshots/more.json.txt",
        &[
            (&["account", "add", "gamma", "--refresh-token-file", "token"], 0),
            (&["account", "import", "tokens.jsonl"], 1),
            (&["enqueue", "--file", "jobs.jsonl", "--dry-run"], 0),
            (&["enqueue", "--file", "jobs.jsonl"], 0),
            (&["enqueue", "--file", "jobs.jsonl", "--wait"], 0),
            (&["job", "watch", "one"], 0),
            (&["failure", "export"], 0),
            (&["healthcheck"], 0),
            (&["config", "acl"], 0),
            (&["config", "key"], 0),
            (&["config", "token", "grafana", "--role", "read"], 0),
            (&["config", "rekey"], 0),
            (&["init", "--yes", "--offline", "--folder", "new"], 0),
        ],
    );
}

/// Runs each command with `--json` and holds the shapes of what they print.
fn held(rig: &Rig, file: &str, commands: &[(&[&str], i32)]) {
    let mut text = String::new();
    for (args, code) in commands {
        let json = [*args, &["--json"]].concat();
        let ran = rig.run(&json).expect(*code);
        // Of many lines each shape once.
        let mut shapes: Vec<_> = ran.jsonl().iter().map(snapshot::shape).collect();
        shapes.dedup();
        let shape = if shapes.is_empty() { "nothing\n".into() } else { shapes.concat() };
        // A meeting's number is another each time.
        let named =
            args.iter().map(|a| if a.len() > 6 && a.parse::<u64>().is_ok() { "ID" } else { a });
        let _ = write!(text, "$ zoomd {}\n{shape}\n", named.collect::<Vec<_>>().join(" "));
    }
    snapshot::holds(file, &text);
}
