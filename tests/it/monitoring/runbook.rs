//! docs/runbook.md: complete against the problems, the failure codes and doctor's checks,
//! and its commands work.

use std::collections::BTreeMap;
use std::path::Path;

use zoomd_store::inspect::CODES;
use zoomd_wire::FailureCode;

use crate::documents::{Session, read};
use crate::support::{finish, job};

const PAGE: &str = "docs/runbook.md";

/// Situations that have a section of their own.
const SITUATIONS: [&str; 9] = [
    "redis-is-lost",
    "redis-is-restored-from-a-backup",
    "a-failover",
    "a-full-disk",
    "a-leaked-key",
    "an-outage-of-zoom",
    "a-producer-gone-wild",
    "a-wrong-client-secret",
    "moving-to-another-redis",
];

/// Anchor of a heading, as the pages of a forge make it.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    heading.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Sections by anchor, each with its text.
pub fn anchors() -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in read(PAGE).lines() {
        if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            last = anchor(heading);
            assert!(found.insert(last.clone(), String::new()).is_none(), "{last} twice");
        } else if let Some(text) = found.get_mut(&last) {
            *text += &format!("{line}\n");
        }
    }
    found
}

/// The commands of a section.
fn commands(text: &str) -> Vec<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("- Command: "));
    let spans = line.unwrap_or_default().split('`').skip(1).step_by(2);
    spans.map(str::to_owned).collect()
}

#[test]
fn each_problem_code_and_situation_has_a_section_with_all_its_parts() {
    let anchors = anchors();
    let codes = FailureCode::ALL.iter().map(|code| code.as_str());
    for name in CODES.into_iter().chain(codes).chain(SITUATIONS) {
        assert!(anchors.contains_key(name), "{PAGE} has no section {name}");
    }
    let mut whole = 0;
    for (name, text) in anchors.iter().filter(|(_, text)| text.contains("- Symptom: ")) {
        for part in ["- Symptom: ", "- Meaning: ", "- Command: `", "- Action: "] {
            assert_eq!(text.matches(part).count(), 1, "{name}: {part}");
        }
        whole += 1;
    }
    assert!(whole >= CODES.len() + FailureCode::ALL.len() + SITUATIONS.len(), "{whole}");
    // Links within the page lead somewhere.
    for link in read(PAGE).split("](#").skip(1) {
        let link = link.split(')').next().expect("an end");
        assert!(anchors.contains_key(link), "{PAGE} links to #{link}");
    }
}

#[test]
fn each_check_of_doctor_is_in_the_table() {
    let page = read(PAGE);
    let mut checks = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/doctor");
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("text");
        for mark in ["Finding::pass(", "Finding::warn(", "Finding::fail(", "\n    (\"redis"] {
            for (at, _) in text.match_indices(mark) {
                let rest = text[at..].trim_start_matches(['\n', ' ', '(']);
                let rest = rest.split_once('(').map_or(rest, |(_, rest)| rest).trim_start();
                let rest = rest.strip_prefix('"').unwrap_or_default();
                checks.extend(rest.split_once('"').map(|(name, _)| name.to_owned()));
            }
        }
        let listed = text.split("const CHECKS").nth(1).and_then(|rest| rest.split("];").next());
        let listed = listed.into_iter().flat_map(|list| list.lines());
        let listed = listed.filter_map(|line| line.trim().strip_prefix("(\"")?.split('"').next());
        checks.extend(listed.map(str::to_owned));
    }
    checks.sort();
    checks.dedup();
    assert!(checks.len() > 15, "{checks:?}");
    for check in checks {
        assert!(page.contains(&format!("`{check}`")), "{PAGE} lacks the check `{check}`");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_commands_work() {
    let reader = Session::start().await;
    reader.rig.connect("acme");
    let daemon = reader.rig.daemon();
    reader.rig.xadd(&job("acme", "order-1")).await;
    reader.rig.outcome("order-1").await;
    let mut all: Vec<_> = anchors().values().flat_map(|text| commands(text)).collect();
    // A pause comes before what resumes it.
    all.sort_by_key(|command| command == "zoomd resume");
    all.dedup();
    let mut seen = 0;
    for command in all {
        let typed = command.replace("ACCOUNT", "acme").replace("JOB", "order-1");
        let program = typed.split(' ').next().expect("a word");
        // Programs of the service manager are not on every machine.
        if ["systemctl", "journalctl"].contains(&program) {
            continue;
        }
        let mut shell = reader.rig.shell(&typed, reader.bin());
        shell.env("REDIS_USER", "").env("ZOOMD_LISTEN", daemon.address());
        let ran = finish(shell, "");
        // While all is paused the verdict is that, and exit code 1.
        let paused = ran.code == 1 && ran.stdout.contains("paused");
        assert!(ran.code == 0 || paused, "{typed}: {}\n{}{}", ran.code, ran.stdout, ran.stderr);
        assert!(!ran.stdout.contains("ERR "), "{typed}: {}", ran.stdout);
        seen += 1;
    }
    assert!(seen > 25, "{seen}");
}
