//! The programs in examples/, as their page says to start them: they enqueue a job
//! and wait for its outcome, against a real daemon, with the rights of the producer
//! of SECURITY.md. A language that is not installed here is skipped;
//! `.ci/run` installs them all.

use std::path::Path;
use std::process::Command;

use crate::documents::{Session, read};
use crate::support::{Ran, finish, job};

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

/// The lines of the table of consumers.
fn readers() -> Vec<(&'static str, String)> {
    let page = read("examples/README.md");
    let cells = page.lines().filter(|line| line.contains(" billing`")).flat_map(|l| l.split('|'));
    let lines = cells.map(|cell| cell.trim().trim_matches('`').to_owned());
    let lines = lines.filter(|line| line.contains("billing") || line.contains("--once"));
    let program = |line: &str| match line {
        _ if line.starts_with("python3 ") => "python3",
        _ if line.starts_with("node ") => "node",
        _ => "go",
    };
    lines.map(|line| (program(&line), line)).collect()
}

fn run(reader: &Session, line: &str) -> Ran {
    run_as(reader, "producer", line)
}

fn run_as(reader: &Session, user: &str, line: &str) -> Ran {
    let mut command = Command::new("sh");
    command.args(["-euc", line]).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    command.env("REDIS_URL", reader.redis_url(user)).env_remove("ZOOMD_NAMESPACE");
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

#[tokio::test(flavor = "multi_thread")]
async fn consumers_handle_each_outcome_once_and_take_over_from_the_dead() {
    let reader = Session::start().await;
    reader.rig.connect("acme");
    let _daemon = reader.rig.daemon();
    for (account, id) in [("acme", "one"), ("acme", "two"), ("nobody", "three")] {
        reader.rig.xadd(&job(account, id)).await;
        reader.rig.outcome(id).await;
    }
    let readers = readers();
    assert_eq!(readers.len(), 6, "{readers:?}");
    for (program, line) in readers.iter().filter(|(program, _)| is_there(program)) {
        if line.ends_with("--once") {
            let ran = run_as(&reader, "consumer", line).expect(0);
            let counts = "acme succeeded 2\nnobody unknown_account 1\n";
            assert_eq!(ran.stdout, counts, "{line}: {}", ran.stderr);
            continue;
        }
        // Each has a group of its own, in which a consumer read two entries and died.
        let group = format!("billing-{program}");
        reader.rig.redis_cli(&["XGROUP", "CREATE", "zoomd:results", &group, "0"]);
        let dead = ["XREADGROUP", "GROUP", &group, "dead", "STREAMS", "zoomd:results", ">"];
        reader.rig.redis_cli(&dead);
        let line = format!("IDLE_MS=1 {} 3", line.replace(" billing", &format!(" {group}")));
        let line = match line.split_once("IDLE_MS=1 cd ") {
            Some((_, rest)) => format!("export IDLE_MS=1; cd {rest}"),
            None => line,
        };
        let ran = run_as(&reader, "consumer", &line).expect(0);
        let mut said: Vec<_> = ran.stdout.lines().map(str::trim).collect();
        said.sort_unstable();
        let wanted = ["failed three unknown_account", "succeeded one", "succeeded two"];
        assert_eq!(said, wanted, "{line}: {}", ran.stderr);
        let pending = reader.rig.redis_cli(&["XPENDING", "zoomd:results", &group]);
        assert!(pending.contains(":0\r\n"), "{line}: {pending:?}");
    }
}
