//! `zoomd dev`: it ends by itself, it ends when told to, it leaves nothing.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::documents::blocks;
use crate::support::{finish, snapshot, zoomd};

/// Processes whose working folder lies in this one, as a private Redis' does:
/// `dev` puts everything below TMPDIR.
fn children_in(folder: &Path) -> usize {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let at = processes.filter_map(|entry| std::fs::read_link(entry.path().join("cwd")).ok());
    at.filter(|cwd| cwd.starts_with(folder)).count()
}

/// The summary as the README shows it, without numbers.
fn summary_of_the_readme() -> Vec<String> {
    let shown = blocks("README.md").into_iter().find(|b| b.kind == "text").expect("the output");
    let lines = shown.text.lines().skip_while(|line| !line.contains(" jobs in ")).map(label);
    let lines: Vec<_> = lines.collect();
    assert!(lines.len() > 5, "{lines:?}");
    lines
}

/// The words of a line of the summary.
fn label(line: &str) -> String {
    let line = line.split(" (").next().unwrap_or_default();
    let words = line.split(' ').filter(|word| word.parse::<f64>().is_err() && !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn it_ends_by_itself_with_a_summary() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = zoomd(dir.path(), &["--json", "dev", "--jobs", "60", "--rate", "200"]);
    command.current_dir("/").env("TMPDIR", dir.path());
    // A real set-up nearby is not touched.
    command.env("ZOOMD_REDIS_URL", "redis://127.0.0.1:1").env("ZOOMD_NAMESPACE", "bad:name");
    let ran = finish(command, "").expect(0);
    let summary = ran.json();
    assert_eq!((&summary["outcomes"], &summary["well"]), (&60.into(), &true.into()), "{summary}");
    assert_eq!(summary["meetings"], 57, "{summary}");
    assert_eq!(summary["found_by_reconcile"], 1, "{summary}");
    assert_eq!(summary["answers_429"], 1, "{summary}");
    assert_eq!(summary["rotations"], 4, "{summary}");
    snapshot::holds("tests/it/snapshots/json-dev.txt", &snapshot::shape(&summary));
    assert_eq!(children_in(dir.path()), 0, "processes are left");
    assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 0, "folders are left");
}

#[test]
fn ctrl_c_ends_it_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = zoomd(dir.path(), &["dev", "--rate", "20"]);
    command
        .current_dir("/")
        .env("TMPDIR", dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let made = lines.by_ref().map_while(Result::ok).any(|line| line.contains("https://"));
    assert!(made, "a meeting is told of");
    let folders = std::fs::read_dir(dir.path()).expect("listed").count();
    assert_eq!(folders, 2, "one of Redis, one of its own");
    // Another terminal: the examples reach its Redis.
    let env =
        std::fs::read_dir(dir.path()).expect("listed").flatten().map(|e| e.path().join("env"));
    let env = env.into_iter().find(|path| path.is_file()).expect("a file for the shell");
    let line = format!(". {}; sh examples/shell/enqueue.sh acme", env.display());
    let mut shell = Command::new("sh");
    shell.args(["-euc", &line]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let link = finish(shell, "").expect(0).stdout;
    assert!(link.contains("/j/"), "{link}");
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process");
    kill_process(pid, Signal::INT).expect("signalled");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(child.wait().expect("ended").success(), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("OK")), "{rest:?}");
    // The README shows the same lines, with the numbers of `make demo`.
    for line in summary_of_the_readme() {
        assert!(rest.iter().any(|printed| label(printed) == line), "no {line:?}: {rest:?}");
    }
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("read");
    assert!(said.contains("zoomd status"), "{said}");
    assert_eq!(children_in(dir.path()), 0, "processes are left");
    assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 0, "folders are left");
}

#[test]
fn without_a_redis_server_it_says_what_to_install() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = zoomd(dir.path(), &["dev", "--jobs", "1"]);
    command.env("PATH", dir.path());
    let ran = finish(command, "").expect(5);
    assert!(ran.stderr.contains("apt-get install redis-server"), "{}", ran.stderr);
}

#[test]
fn its_ports_can_be_chosen_and_it_can_do_without_jobs() {
    let dir = tempfile::tempdir().expect("a folder");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("its address").port().clamp(1024, 65_000);
    drop(free);
    let mut command = zoomd(dir.path(), &["dev", "--port", &port.to_string(), "--no-jobs"]);
    command.env("TMPDIR", dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let mut said = BufReader::new(child.stderr.take().expect("piped")).lines();
    let first = said.by_ref().map_while(Result::ok).find(|line| line.contains("http"));
    assert_eq!(
        first.as_deref(),
        Some(&*format!("  console  http://127.0.0.1:{port}/  in a browser"))
    );
    let redis = said.by_ref().map_while(Result::ok).find(|line| line.contains("redis://"));
    assert!(redis.expect("a line").contains(&format!("redis://127.0.0.1:{} ", port + 1)));
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process");
    kill_process(pid, Signal::INT).expect("signalled");
    let mut summary = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut summary).expect("read");
    assert!(child.wait().expect("ended").success(), "{summary}");
    assert!(summary.contains("0 jobs in"), "{summary}");
}
