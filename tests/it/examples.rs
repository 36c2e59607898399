//! The programs in examples/, where their language is there: they enqueue a job
//! and wait for its outcome, against a real daemon.

use std::path::Path;
use std::process::Command;

use crate::support::{Ran, Rig, finish};

/// How each is started, and the program that must be there for it.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("redis-cli", &["sh", "examples/shell/enqueue.sh"]),
    ("python3", &["python3", "-B", "examples/python/enqueue.py"]),
    ("node", &["node", "examples/node/enqueue.js"]),
    ("go", &["go", "run", "./examples/go"]),
];

fn is_there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

fn run(rig: &Rig, words: &[&str], account: &str) -> Ran {
    let mut command = Command::new(words[0]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Go looks for its module from the folder it is started in.
    let (folder, words) = match words {
        ["go", ..] => (root.join("examples/go"), vec!["go", "run", "."]),
        _ => (root.to_owned(), words.to_vec()),
    };
    command.args(&words[1..]).arg(account).current_dir(folder);
    command.env("REDIS_URL", rig.redis.url()).env_remove("ZOOMD_NAMESPACE");
    finish(command, "")
}

#[tokio::test]
async fn every_example_gets_its_meeting_or_says_why_not() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    let there: Vec<_> = EXAMPLES.iter().filter(|(program, _)| is_there(program)).collect();
    for (program, words) in there {
        let ran = run(&rig, words, "acme").expect(0);
        let link = ran.stdout.trim();
        assert!(link.starts_with("http") && link.contains("/j/"), "{program}: {link}");
        let ran = run(&rig, words, "nobody").expect(1);
        assert!(ran.stderr.contains("unknown_account"), "{program}: {}", ran.stderr);
    }
}
