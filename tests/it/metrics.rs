//! The catalogue of metrics: complete, well named, and what docs/metrics.md says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zoomd::telemetry::catalogue::{METRICS, Shape, table};

use crate::support::snapshot;

/// Every `counter!("zoomd_…"`, `gauge!` and `histogram!` of the sources.
fn used() -> BTreeMap<String, &'static str> {
    let mut found = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "workers/src", "crates"] {
        sources(&root.join(folder), &mut |text| {
            for (shape, mark) in
                [("counter", "counter!("), ("gauge", "gauge!("), ("histogram", "histogram!(")]
            {
                for (at, _) in text.match_indices(mark) {
                    let rest = text[at + mark.len()..].trim_start();
                    if let Some(name) = rest.strip_prefix("\"zoomd_") {
                        let end = name.find('"').expect("a closed text");
                        found.insert(format!("zoomd_{}", &name[..end]), shape);
                    }
                }
            }
        });
    }
    found
}

fn sources(folder: &PathBuf, visit: &mut impl FnMut(&str)) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, visit);
        } else if path.extension().is_some_and(|e| e == "rs") {
            visit(&std::fs::read_to_string(path).expect("text"));
        }
    }
}

#[test]
fn the_catalogue_names_what_the_sources_use() {
    let shape = |shape| match shape {
        Shape::Counter => "counter",
        Shape::Gauge => "gauge",
        Shape::Histogram => "histogram",
    };
    let listed: BTreeMap<_, _> =
        METRICS.iter().map(|m| (m.name.to_owned(), shape(m.shape))).collect();
    assert_eq!(listed.len(), METRICS.len(), "a name twice");
    let used = used();
    let missing: Vec<_> = used.iter().filter(|(name, _)| !listed.contains_key(*name)).collect();
    let unused: Vec<_> = listed.keys().filter(|name| !used.contains_key(*name)).collect();
    assert!(missing.is_empty(), "add to src/telemetry/catalogue.rs: {missing:?}");
    assert!(unused.is_empty(), "listed in src/telemetry/catalogue.rs and not used: {unused:?}");
    assert_eq!(used, listed);
}

#[test]
fn names_follow_the_rules() {
    assert!(METRICS.is_sorted_by_key(|m| m.name), "by name");
    for m in METRICS {
        let total = m.name.ends_with("_total");
        assert_eq!(total, m.shape == Shape::Counter, "{}", m.name);
        assert!(m.shape != Shape::Histogram || m.name.ends_with("_seconds"), "{}", m.name);
        for label in m.labels.split_whitespace() {
            assert!(!["job", "account", "id", "host", "user"].contains(&label), "{}", m.name);
        }
        assert!(m.help.ends_with('.'), "{}", m.name);
    }
}

#[test]
fn the_table_of_the_page_is_printed_from_the_catalogue() {
    snapshot::table("docs/metrics.md", &table());
}
