//! docs/job-states.md against the states that the code knows.

use std::collections::{BTreeMap, BTreeSet};

use zoomd_store::inspect::State;

use crate::documents;

const PAGE: &str = "docs/job-states.md";
/// Begin and end of a diagram.
const OUTSIDE: &str = "[*]";

/// The moves of a diagram, by the state they leave.
fn moves(diagram: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut moves = BTreeMap::<_, BTreeSet<_>>::new();
    for line in diagram.lines() {
        let Some((from, rest)) = line.split_once("-->") else { continue };
        let to = rest.split(':').next().unwrap_or_default();
        moves.entry(from.trim()).or_default().insert(to.trim());
    }
    moves
}

/// The first cells of a page's table of states.
fn described(page: &str) -> BTreeSet<&str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).collect()
}

/// Errors of a page, given the states and which of them are final.
fn faults(diagram: &str, page: &str, states: &[(&str, bool)]) -> Vec<String> {
    let moves = moves(diagram);
    let known: BTreeSet<_> = states.iter().map(|(name, _)| *name).collect();
    let drawn = moves.iter().flat_map(|(from, to)| to.iter().chain([from]));
    let drawn: BTreeSet<_> = drawn.copied().filter(|name| *name != OUTSIDE).collect();
    let mut faults = Vec::new();
    for (what, found) in [("drawn", &drawn), ("described", &described(page))] {
        faults.extend(known.difference(found).map(|name| format!("{name} is not {what}")));
        faults.extend(found.difference(&known).map(|name| format!("{name} is {what}, unknown")));
    }
    let mut reached = BTreeSet::new();
    let mut next = vec![OUTSIDE];
    while let Some(from) = next.pop() {
        let new = moves.get(from).into_iter().flatten().filter(|to| reached.insert(**to));
        next.extend(new.copied());
    }
    faults.extend(drawn.difference(&reached).map(|name| format!("no way leads to {name}")));
    for (name, is_over) in states {
        let ends = moves.get(name).is_some_and(|to| to.contains(OUTSIDE));
        if *is_over && !ends {
            faults.push(format!("{name} is an end and does not end"));
        }
        if !is_over && !moves.contains_key(name) {
            faults.push(format!("no way leads out of {name}"));
        }
    }
    faults
}

#[test]
fn the_page_of_states_has_the_states_of_the_code() {
    let states = State::ALL.map(|state| (state.as_str(), state.is_over()));
    let blocks = documents::blocks(PAGE);
    let diagrams: Vec<_> = blocks.iter().filter(|block| block.kind == "mermaid").collect();
    assert_eq!(diagrams.len(), 1, "one diagram");
    let found = faults(&diagrams[0].text, &documents::read(PAGE), &states);
    assert!(found.is_empty(), "{PAGE}: {found:#?}");
}

#[test]
fn a_page_that_differs_is_seen() {
    let states = [("queued", false), ("done", true)];
    let page = "| `queued` | x |\n| `done` | x |\n";
    let diagram = "[*] --> queued: in\nqueued --> done: all well\ndone --> [*]\n";
    assert_eq!(faults(diagram, page, &states), Vec::<String>::new());
    let table: &[(&str, &str, &[&str])] = &[
        (
            "[*] --> done\ndone --> [*]",
            page,
            &["queued is not drawn", "no way leads out of queued"],
        ),
        (diagram, "| `queued` | x |", &["done is not described"]),
        (&format!("{diagram}queued --> lost"), page, &["lost is drawn, unknown"]),
        (diagram, &format!("{page}| `lost` | x |"), &["lost is described, unknown"]),
        ("[*] --> done\nqueued --> done\ndone --> [*]", page, &["no way leads to queued"]),
        ("[*] --> queued\nqueued --> done", page, &["done is an end and does not end"]),
    ];
    for (diagram, page, expected) in table {
        assert_eq!(faults(diagram, page, &states), *expected, "{diagram}");
    }
}
