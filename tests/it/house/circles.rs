//! No circle of imports between files, and none between folders: what stands in one
//! can be read from the bottom up. A module's own file and the files below it count
//! as one, so a child may use what its `mod.rs` holds.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Arrows, arrows};

/// Folders of code, and how code names their crate.
const CRATES: &[(&str, &str)] = &[
    ("crates/json-fields/src/", "json_fields"),
    ("crates/redis-local/src/", "redis_local"),
    ("crates/zoom-api/src/", "zoom_api"),
    ("crates/zoom-sim/src/", "zoom_sim"),
    ("crates/zoomd-model/src/", "zoomd_model"),
    ("crates/zoomd-store/src/", "zoomd_store"),
    ("crates/zoomd-wire/src/", "zoomd_wire"),
    ("src/", "zoomd"),
    ("workers/src/", "zoomd_workers"),
];

/// Circles that nobody could undo yet: none, and it stays so. Each entry would stand for
/// the circles whose members all begin with one of its paths.
const KNOWN: &[&[&str]] = &[];

type Graph = BTreeMap<String, BTreeSet<String>>;
type Circle = BTreeSet<String>;

/// Files, with an arrow where one takes a name from the other.
fn of_files(arrows: &Arrows) -> Graph {
    let mut graph = Graph::new();
    for (from, to) in arrows.keys().filter(|(from, to)| !is_below(from, to)) {
        graph.entry(from.clone()).or_default().insert(to.clone());
    }
    graph
}

/// Entries of each folder, with an arrow where a file in one takes a name from a file
/// in the other. A module's own file is in its folder, and is no entry of it.
fn of_folders(arrows: &Arrows) -> Graph {
    let folders: BTreeSet<_> =
        arrows.keys().flat_map(|(from, to)| [from, to]).flat_map(|path| above(path)).collect();
    let mut graph = Graph::new();
    for (from, to) in arrows.keys() {
        let (one, other) = (entries(from, &folders), entries(to, &folders));
        if let Some((a, b)) = one.iter().zip(&other).find(|(a, b)| a != b) {
            graph.entry(a.clone()).or_default().insert(b.clone());
        }
    }
    graph
}

/// The module's folder: `a/` of `a/mod.rs`, and of `a.rs` if it has one.
fn folder(path: &str) -> String {
    let path = path.trim_end_matches(".rs");
    let whole = ["mod", "lib"].iter().find_map(|name| {
        path.strip_suffix(name).filter(|folder| folder.is_empty() || folder.ends_with('/'))
    });
    whole.map_or_else(|| format!("{path}/"), str::to_owned)
}

/// Folders that a file lies in.
fn above(path: &str) -> Vec<String> {
    path.match_indices('/').map(|(at, _)| path[..=at].to_owned()).collect()
}

/// A file that lies in the folder of the module `root`.
fn is_below(path: &str, root: &str) -> bool {
    path.starts_with(&folder(root))
}

/// The folders that a file lies in, outermost first, and the file itself if it is not
/// the module of one of them.
fn entries(path: &str, folders: &BTreeSet<String>) -> Vec<String> {
    let mut entries = above(path);
    let own = folder(path);
    if !entries.contains(&own) {
        entries.push(if folders.contains(&own) { own } else { path.to_owned() });
    }
    entries
}

/// Groups of nodes that reach each other.
fn circles(graph: &Graph) -> BTreeSet<Circle> {
    let reach: BTreeMap<_, _> = graph.keys().map(|node| (node, reached(graph, node))).collect();
    let circle = |(node, there): (&&String, &BTreeSet<String>)| {
        let back = |other: &&String| reach.get(other).is_some_and(|from| from.contains(*node));
        there.iter().filter(back).cloned().collect::<Circle>()
    };
    reach.iter().map(circle).filter(|circle| circle.len() > 1).collect()
}

fn reached(graph: &Graph, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(node) = next.pop() {
        let new = graph.get(node).into_iter().flatten().filter(|to| seen.insert((*to).clone()));
        next.extend(new.map(String::as_str));
    }
    seen
}

fn all_circles(arrows: &Arrows) -> BTreeSet<Circle> {
    let folders = circles(&of_folders(arrows)).into_iter();
    // A circle of files alone is one of files, told once.
    let folders = folders.filter(|circle| circle.iter().any(|entry| entry.ends_with('/')));
    circles(&of_files(arrows)).into_iter().chain(folders).collect()
}

/// Circles that no exception is for, and exceptions that no circle needs.
fn judge<'a>(found: &BTreeSet<Circle>, known: &[&'a [&'a str]]) -> (Vec<Circle>, Vec<&'a str>) {
    let excuses = |paths: &[&str], circle: &Circle| {
        circle.iter().all(|member| paths.iter().any(|path| member.starts_with(path)))
    };
    let new = found.iter().filter(|circle| !known.iter().any(|paths| excuses(paths, circle)));
    let unneeded = known.iter().flat_map(|paths| {
        let excused: Vec<_> = found.iter().filter(|circle| excuses(paths, circle)).collect();
        paths.iter().filter(move |path| {
            !excused.iter().any(|circle| circle.iter().any(|member| member.starts_with(**path)))
        })
    });
    (new.cloned().collect(), unneeded.copied().collect())
}

/// Arrows of a crate's production files, by their paths from the root.
fn house(folder: &str, name: &str) -> Arrows {
    let files: Vec<_> = super::sources(folder)
        .into_iter()
        .filter(|(path, _)| !path.contains("/tests/") && !path.ends_with("tests.rs"))
        .map(|(path, code)| (path[folder.len()..].to_owned(), code))
        .collect();
    let whole = |path: &str| format!("{folder}{path}");
    let arrows = arrows(name, &files).into_iter();
    arrows.map(|((from, to), names)| ((whole(&from), whole(&to)), names)).collect()
}

/// The imports that close a circle, for the person who has to break it.
fn told(circle: &Circle, arrows: &Arrows) -> String {
    let within = |path: &str| circle.iter().find(|member| path.starts_with(member.as_str()));
    let ties = arrows.iter().filter(|((from, to), _)| {
        let (from, to) = (within(from), within(to));
        from.is_some() && to.is_some() && from != to
    });
    let lines = ties.map(|((from, to), names)| format!("\n  {from} takes {names:?} of {to}"));
    format!("\na circle of {circle:?}:{}", lines.collect::<String>())
}

#[test]
fn imports_go_in_no_circle() {
    let rooms: BTreeSet<_> = super::HOUSE.iter().map(|room| room.name.replace('-', "_")).collect();
    assert_eq!(CRATES.iter().map(|(_, name)| (*name).to_owned()).collect::<BTreeSet<_>>(), rooms);
    let arrows: Arrows = CRATES.iter().flat_map(|(folder, name)| house(folder, name)).collect();
    assert!(arrows.len() > 1_000, "the reader of imports found only {}", arrows.len());
    let (new, unneeded) = judge(&all_circles(&arrows), KNOWN);
    let told: String = new.iter().map(|circle| told(circle, &arrows)).collect();
    assert!(new.is_empty(), "circles of imports:{told}");
    assert!(unneeded.is_empty(), "gone, so take them out of KNOWN: {unneeded:?}");
}

fn drawn(arrows: &[(&str, &str)]) -> Arrows {
    let names = || BTreeSet::from(["X".to_owned()]);
    let owned = |(from, to): &(&str, &str)| (((*from).to_owned(), (*to).to_owned()), names());
    arrows.iter().map(owned).collect()
}

#[test]
fn circles_are_found_where_they_are() {
    /// A name, arrows from file to file, and the circles in them.
    type Case =
        (&'static str, &'static [(&'static str, &'static str)], &'static [&'static [&'static str]]);
    let table: &[Case] = &[
        ("a chain", &[("a.rs", "b.rs"), ("b.rs", "c.rs"), ("a.rs", "c.rs")], &[]),
        ("a pair", &[("a.rs", "b.rs"), ("b.rs", "a.rs")], &[&["a.rs", "b.rs"]]),
        (
            "a circle of three, and what hangs on it",
            &[("a.rs", "b.rs"), ("b.rs", "c.rs"), ("c.rs", "a.rs"), ("c.rs", "d.rs")],
            &[&["a.rs", "b.rs", "c.rs"]],
        ),
        (
            "two circles",
            &[("a.rs", "b.rs"), ("b.rs", "a.rs"), ("c.rs", "d.rs"), ("d.rs", "c.rs")],
            &[&["a.rs", "b.rs"], &["c.rs", "d.rs"]],
        ),
        ("a module and a child", &[("a/mod.rs", "a/b.rs"), ("a/b.rs", "a/mod.rs")], &[]),
        ("the same, in the other way to write it", &[("a.rs", "a/b.rs"), ("a/b.rs", "a.rs")], &[]),
        ("a crate's root and a child", &[("z/lib.rs", "z/a/b.rs"), ("z/a/b.rs", "z/lib.rs")], &[]),
        (
            "a module's file and another's child",
            &[("a/mod.rs", "b/c.rs"), ("b/c.rs", "a/mod.rs")],
            &[&["a/mod.rs", "b/c.rs"], &["a/", "b/"]],
        ),
        (
            "folders, though no two files",
            &[("a/x.rs", "b/x.rs"), ("b/y.rs", "a/y.rs")],
            &[&["a/", "b/"]],
        ),
        (
            "a folder and a file beside it",
            &[("a/x.rs", "b.rs"), ("b.rs", "a/y.rs")],
            &[&["a/", "b.rs"]],
        ),
        (
            "folders in a folder",
            &[("z/a/x.rs", "z/b/x.rs"), ("z/b/y.rs", "z/a/y.rs")],
            &[&["z/a/", "z/b/"]],
        ),
        (
            "a file and its folder are one",
            &[("a.rs", "b.rs"), ("b.rs", "a/x.rs")],
            &[&["a/", "b.rs"]],
        ),
    ];
    for (name, arrows, expected) in table {
        let expected: BTreeSet<Circle> = expected
            .iter()
            .map(|circle| circle.iter().map(|member| (*member).to_owned()).collect())
            .collect();
        assert_eq!(all_circles(&drawn(arrows)), expected, "{name}");
    }
}

#[test]
fn an_exception_covers_its_circle_alone_and_is_needed() {
    let circle = |members: &[&str]| members.iter().map(|m| (*m).to_owned()).collect::<Circle>();
    let found = BTreeSet::from([circle(&["a.rs", "b.rs"]), circle(&["z/c.rs", "z/d.rs"])]);
    assert_eq!(judge(&found, &[&["a.rs", "b.rs"], &["z/"]]), (vec![], vec![]));
    assert_eq!(judge(&found, &[&["z/"]]).0, [circle(&["a.rs", "b.rs"])]);
    assert_eq!(judge(&found, &[&["a.rs"], &["z/"]]).0, [circle(&["a.rs", "b.rs"])]);
    assert_eq!(judge(&found, &[&["a.rs", "b.rs", "e.rs"], &["z/"]]).1, ["e.rs"]);
    assert_eq!(judge(&BTreeSet::new(), &[&["z/"]]), (vec![], vec!["z/"]));
}
