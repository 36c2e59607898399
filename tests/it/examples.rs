//! The programs in examples/, as their page says to start them: they enqueue a job
//! and wait for its outcome, against a real daemon, with the rights of the producer
//! of SECURITY.md. A language that is not installed here is skipped;
//! `.ci/run` installs them all.

use std::path::Path;
use std::process::Command;

use crate::documents::{Session, read};
use crate::support::{Ran, finish};

/// The lines that the table of examples/README.md says to type, each with the
/// program it needs.
fn lines() -> Vec<(&'static str, String)> {
    let page = read("examples/README.md");
    let cells = page.lines().filter_map(|line| Some(line.split('|').nth(2)?.trim().to_owned()));
    let lines = cells.filter(|cell| cell.ends_with(" acme`"));
    let lines = lines.map(|cell| cell.trim_matches('`').to_owned());
    let program = |line: &str| match line {
        _ if line.ends_with(".sh acme") => "redis-cli",
        _ if line.starts_with("python3 ") => "python3",
        _ if line.starts_with("node ") => "node",
        _ if line.contains("go run ") => "go",
        _ => panic!("nobody knows what {line} needs"),
    };
    lines.map(|line| (program(&line), line)).collect()
}

fn is_there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

fn run(reader: &Session, line: &str) -> Ran {
    let mut command = Command::new("sh");
    command.args(["-euc", line]).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    command.env("REDIS_URL", reader.redis_url("producer")).env_remove("ZOOMD_NAMESPACE");
    // Nothing is left in the repository, and Go asks nobody for another version of itself.
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-mod=mod");
    finish(command, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_gets_its_meeting_or_says_why_not() {
    let reader = Session::start().await;
    reader.rig.connect("acme");
    let _daemon = reader.rig.daemon();
    let lines = lines();
    assert_eq!(lines.len(), 8, "{lines:?}");
    for (program, line) in lines.iter().filter(|(program, _)| is_there(program)) {
        let ran = run(&reader, line).expect(0);
        if line.contains("cancel") {
            assert_eq!(ran.stdout, "updated\ndeleted\n", "{program}");
        } else {
            let link = ran.stdout.trim();
            assert!(link.starts_with("http") && link.contains("/j/"), "{program}: {link}");
        }
        let ran = run(&reader, &line.replace(" acme", " nobody")).expect(1);
        assert!(ran.stderr.contains("unknown_account"), "{program}: {}", ran.stderr);
    }
}
