//! docs/json.md against the snapshots of what the commands print: every command
//! with JSON has a section, and every field in it is documented there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use clap::Command;

/// Commands that print no JSON.
const TEXT: [&str; 6] = ["run", "schema", "completions", "man", "help", "config default"];
/// Commands whose JSON cannot be taken without a browser.
const UNSEEN: [&str; 1] = ["account login"];
/// Fields whose content is documented elsewhere, or whose names are data.
const OPAQUE: [&str; 10] = [
    "job",
    "outcome",
    "failure",
    "meeting",
    "codes",
    "accounts",
    "rules_of_zoom_broken",
    "doctor",
    "failed",
    "daemons.problems",
];
/// Invocations that print a job or an outcome as it is.
const WHOLE: [&str; 1] = ["enqueue --account acme --type 3 --dry-run"];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

/// Words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The documented fields by command; none where a section has no table.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for section in read("docs/json.md").split("\n## ").skip(1) {
        let (head, body) = section.split_once('\n').expect("a heading and a text");
        let rows = body.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
        let rows: Vec<_> = rows.map(|row| format!("`{row}")).collect();
        let fields: BTreeSet<String> =
            rows.iter().flat_map(|row| quoted(row)).map(ToOwned::to_owned).collect();
        if head == "Errors" {
            found.insert("error".to_owned(), fields.clone());
        }
        for command in quoted(head).filter_map(|name| name.strip_prefix("zoomd ")) {
            found.insert(command.to_owned(), fields.clone());
        }
    }
    found
}

/// Paths of the fields in the shape of a JSON value.
fn fields(shape: &str) -> BTreeSet<String> {
    let (mut found, mut path) = (BTreeSet::new(), Vec::<&str>::new());
    for line in shape.lines() {
        let Some((name, _)) = line.split_once(": ") else { continue };
        let depth = (line.len() - line.trim_start().len()) / 2;
        path.truncate(depth - 1);
        let above = |end: usize| path[..end].join(".");
        let is_data = (1..=path.len())
            .any(|end| OPAQUE.contains(&path[end - 1]) || OPAQUE.contains(&&*above(end)));
        path.push(name.trim_start());
        if !is_data {
            found.insert(path.join("."));
        }
    }
    found
}

/// Contents of the snapshots: an invocation, and the fields of its JSON.
fn seen() -> Vec<(String, BTreeSet<String>)> {
    let mut all = Vec::new();
    for file in ["work", "accounts", "more"] {
        let text = read(&format!("tests/it/snapshots/{file}.json.txt"));
        for block in text.split("$ zoomd ").skip(1) {
            let (command, shape) = block.split_once('\n').expect("a command and a shape");
            all.push((command.to_owned(), fields(shape)));
        }
    }
    for command in ["dev", "doctor"] {
        let shape = read(&format!("tests/it/snapshots/json-{command}.txt"));
        all.push((command.to_owned(), fields(&shape)));
    }
    all
}

fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
    for sub in command.get_subcommands() {
        let path = format!("{path} {}", sub.get_name()).trim_start().to_owned();
        if sub.has_subcommands() { leaves(sub, &path, found) } else { found.push(path) }
    }
}

#[test]
fn every_field_that_a_command_prints_is_documented() {
    let documented = documented();
    let mut printed = BTreeSet::new();
    for (invocation, fields) in seen() {
        if WHOLE.contains(&invocation.as_str()) {
            continue;
        }
        let is_error = fields.contains("error");
        let fits = |command: &&String| format!("{invocation} ").starts_with(&format!("{command} "));
        let command = documented.keys().filter(fits).max_by_key(|command| command.len());
        let command = command.unwrap_or_else(|| panic!("docs/json.md: no section on {invocation}"));
        let known = &documented[if is_error { "error" } else { command }];
        if !is_error {
            printed.insert(command.clone());
        }
        if known.is_empty() {
            continue;
        }
        let missing: Vec<_> = fields.difference(known).collect();
        assert!(missing.is_empty(), "docs/json.md, `zoomd {command}`: document {missing:?}");
    }
    let mut commands = Vec::new();
    leaves(&zoomd::cli::tree(), "", &mut commands);
    for command in commands.iter().filter(|command| !TEXT.contains(&command.as_str())) {
        assert!(documented.contains_key(command), "docs/json.md: no section on zoomd {command}");
        let known = printed.contains(command) || UNSEEN.contains(&command.as_str());
        assert!(known, "no snapshot holds the JSON of zoomd {command}");
    }
}
