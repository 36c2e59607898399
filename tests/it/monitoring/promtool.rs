//! promtool on the rules and on a real scrape; left out loudly where it is not installed.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Rig, job};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// promtool with these arguments; `None` where there is none.
pub fn promtool(arguments: &[&str]) -> Option<Command> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|folder| folder.join("promtool"));
    let Some(program) = found.into_iter().find(|path| path.is_file()) else {
        // Not captured: everybody who runs the tests sees it.
        let told = "\nNOT TESTED: promtool is not installed (scripts/ensure-promtool.sh)\n";
        std::io::stderr().write_all(told.as_bytes()).expect("said");
        assert!(std::env::var_os("CI").is_none(), "CI has promtool");
        return None;
    };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(Path::new(ROOT).join("deploy/prometheus"));
    Some(command)
}

pub fn passes(command: Option<Command>, input: &str) {
    let Some(mut command) = command else { return };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    let ended = child.wait_with_output().expect("it ends");
    let (out, err) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && err.trim().is_empty(), "{command:?}\n{out}\n{err}");
}

#[test]
fn rules_are_valid_and_pass_their_tests() {
    passes(promtool(&["check", "rules", "alerts.yml", "records.yml"]), "");
    passes(promtool(&["test", "rules", "zoomd_test.yml"]), "");
}

#[tokio::test]
async fn a_scrape_is_as_prometheus_wants_it() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.xadd(&job("acme", "done")).await;
    rig.outcome("done").await;
    passes(promtool(&["check", "metrics"]), &daemon.get("/metrics").1);
}
