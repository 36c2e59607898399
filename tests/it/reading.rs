//! Commands that only read: Redis is not written to, a Redis user without write
//! rights is enough, and a namespace that no zoomd has used is reported.

use clap::{CommandFactory as _, Parser as _};
use zoomd::cli::access::Access;
use zoomd::cli::effect;
use zoomd::cli::{Cli, Command};

use crate::support::{Rig, job, until};

/// Every command that reads, with its exit code in the namespace of [`used`].
const READS: &[(&str, i32)] = &[
    ("account explain acme", 0),
    ("account import tokens.jsonl --dry-run", 0),
    ("account list --all", 0),
    ("account show acme", 0),
    ("budget", 0),
    ("budget acme", 0),
    ("doctor --offline", 0),
    ("enqueue --account acme --type 3 --dry-run", 0),
    ("enqueue --file jobs.jsonl --dry-run", 0),
    ("failure discard bad --dry-run", 0),
    ("failure export", 0),
    ("failure list", 0),
    ("failure retry --all --dry-run", 0),
    ("failure show bad", 0),
    ("job cancel --account acme --dry-run", 0),
    ("job list", 0),
    ("job show waits", 0),
    ("job watch good", 0),
    ("meeting find good", 0),
    ("meeting list acme --mine", 0),
    ("result tail", 0),
    ("status", 0),
];

/// Commands that write, or do not use the namespace.
const OTHERS: &[&str] = &[
    "init",
    "run",
    "dev",
    "enqueue",
    "account add",
    "account import",
    "account login",
    "account connect-link",
    "account refresh",
    "account set",
    "account pause",
    "account resume",
    "account token",
    "account remove",
    "meeting list",
    "meeting show",
    "meeting start-url",
    "job cancel",
    "failure retry",
    "failure discard",
    "pause",
    "resume",
    "config show",
    "config check",
    "config default",
    "config key",
    "config token",
    "config rekey",
    "config acl",
    "healthcheck",
    "schema",
    "completions",
    "man",
    "help",
];

fn leaves(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    for sub in command.get_subcommands() {
        let path = format!("{path} {}", sub.get_name()).trim_start().to_owned();
        if sub.has_subcommands() { leaves(sub, &path, found) } else { found.push(path) }
    }
}

/// One account, a result, a failure and a waiting job; no daemon any more.
async fn used() -> Rig {
    let rig = Rig::start().await;
    rig.connect("acme");
    let mut daemon = rig.daemon();
    for (account, id) in [("acme", "good"), ("nobody", "bad")] {
        rig.xadd(&job(account, id)).await;
        rig.outcome(id).await;
    }
    rig.run(&["account", "pause", "acme"]).expect(0);
    rig.xadd(&job("acme", "waits")).await;
    until("the job waits", || {
        let shown = rig.run(&["--json", "job", "show", "waits"]).expect(0).json();
        (shown["state"] == "waiting").then_some(())
    });
    daemon.stop();
    let token = serde_json::json!({"account": "beta", "refresh_token": "rt"}).to_string();
    for (name, text) in [("jobs.jsonl", job("acme", "more")), ("tokens.jsonl", token)] {
        std::fs::write(rig.dir.path().join(name), text).expect("written");
    }
    rig
}

/// Changes of the data so far and the size of the append-only file, as Redis counts them.
fn changes(rig: &Rig) -> [String; 2] {
    let info = rig.redis_cli(&["INFO", "persistence"]);
    ["rdb_changes_since_last_save:", "aof_current_size:"].map(|name| {
        let line = info.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("{name} is missing in {info}")).to_owned()
    })
}

/// Commands that a user was denied since the last look.
fn denied(rig: &Rig) -> Vec<String> {
    let log = rig.redis_cli(&["ACL", "LOG"]);
    let mut lines = log.lines();
    let mut found = Vec::new();
    while lines.by_ref().any(|line| line.trim() == "object") {
        // The length of the value stands before it.
        found.extend(lines.by_ref().nth(1).map(|value| value.trim().to_owned()));
    }
    rig.redis_cli(&["ACL", "LOG", "RESET"]);
    found
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

#[test]
fn every_command_is_known_to_read_or_not() {
    let mut tree = Vec::new();
    leaves(&Cli::command(), "", &mut tree);
    for path in &tree {
        let of = |text: &str| text == path || text.starts_with(&format!("{path} "));
        let listed = READS.iter().any(|(text, _)| of(text)) || OTHERS.contains(&path.as_str());
        assert!(listed, "{path} is in neither list");
    }
    for (text, _) in READS {
        let all = std::iter::once("zoomd").chain(text.split(' '));
        let command: Command = Cli::try_parse_from(all).expect("it parses").command;
        assert_eq!(effect::of(&command), Access::Reads, "{text}");
    }
}

#[tokio::test]
async fn a_command_that_reads_writes_nothing_and_needs_no_right_to_write() {
    let mut rig = used().await;
    for (text, code) in READS {
        let before = changes(&rig);
        // No daemon runs: how bad that is, is not the question here.
        let ran = rig.run(&words(text));
        let judged = ["status", "doctor --offline"].contains(text);
        assert!(judged || ran.code == *code, "{text}: {ran:?}");
        assert_eq!(changes(&rig), before, "{text} wrote to Redis");
    }
    let users = rig.run(&["config", "acl"]).expect(0).stdout;
    let reader = users.lines().find(|line| line.starts_with("ACL SETUSER reader "));
    rig.redis_cli(&words(reader.expect("a user for commands that read")));
    rig.redis_cli(&["ACL", "LOG", "RESET"]);
    let url = format!("redis://reader:PASSWORD@127.0.0.1:{}", rig.redis.port());
    rig.set("ZOOMD_REDIS_URL", &url);
    for (text, code) in READS {
        let ran = rig.run(&words(text));
        let judged = ["status", "doctor --offline"].contains(text);
        assert!(judged || ran.code == *code, "{text}: {ran:?}");
        let mut denied = denied(&rig);
        // The two that judge ask for settings and, by a script, which keys are in use;
        // `doctor` finds out what the user may.
        let tried: &[&str] = match *text {
            "status" => &["config", "eval"],
            "doctor --offline" => &["config", "eval", "acl"],
            _ => &[],
        };
        denied.retain(|command| !tried.iter().any(|name| command.starts_with(name)));
        assert!(denied.is_empty(), "{text} sent what the user may not: {denied:?}");
    }
}

#[tokio::test]
async fn a_namespace_that_no_zoomd_has_used_is_reported() {
    let mut rig = used().await;
    rig.set("ZOOMD_NAMESPACE", "typo");
    let said = "no zoomd has ever used namespace typo on this Redis; known: zoomd";
    let before = changes(&rig);
    let writes = [
        "account pause acme",
        "account token acme",
        "enqueue --account acme --type 3",
        "failure discard bad",
        "job cancel waits",
        "meeting list acme",
    ];
    for text in READS.iter().map(|(text, _)| *text).chain(writes) {
        if text.starts_with("enqueue") && text.contains("--account") && text.contains("--dry-run") {
            // Only checks the job.
            continue;
        }
        let ran = rig.run(&words(text));
        let all = format!("{}{}", ran.stdout, ran.stderr);
        // The first line of status is the first of its problems.
        let times = if text == "status" { 2 } else { 1 };
        assert_eq!(all.matches(said).count(), times, "{text}: {all}");
    }
    assert_eq!(changes(&rig), before, "something was written to it");
    // JSON on stdout stays JSON.
    let ran = rig.run(&["--json", "job", "list"]).expect(0);
    assert_eq!(ran.json(), serde_json::json!([]));
    let ran = rig.run(&["--json", "account", "pause", "acme"]).expect(3);
    assert_eq!(ran.json()["error"]["code"], "unknown_namespace");
    // The first account makes the namespace.
    rig.connect("acme");
    let ran = rig.run(&["job", "list"]).expect(0);
    assert!(!ran.stderr.contains("no zoomd"), "{}", ran.stderr);
}
