//! Dashboards of deploy/grafana: every query parses, and names what exists.

use std::collections::BTreeSet;

use serde_json::Value;

use super::promql::faults;
use super::promtool;
use crate::documents::read;

const DASHBOARDS: [&str; 2] = ["operations", "tenants"];

/// A dashboard.
fn dashboard(name: &str) -> Value {
    serde_json::from_str(&read(&format!("deploy/grafana/{name}.json"))).expect("JSON")
}

/// Queries of its panels, with values in the place of Grafana's variables.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let query = |target: &Value| target["expr"].as_str().expect("a query").to_owned();
    targets.map(query).map(|query| query.replace("$__rate_interval", "5m")).collect()
}

#[test]
fn each_query_names_what_exists() {
    for name in DASHBOARDS {
        let queries = queries(&dashboard(name));
        assert!(queries.len() >= 8, "{name}: {queries:?}");
        for query in queries {
            let faults = faults(&query);
            assert!(faults.is_empty(), "{name}: {faults:?}");
        }
    }
}

#[test]
fn each_query_parses() {
    let mut rules = "groups:\n  - name: queries\n    rules:\n".to_owned();
    for name in DASHBOARDS {
        for (at, query) in queries(&dashboard(name)).iter().enumerate() {
            rules += &format!("      - record: zoomd:{name}:{at}\n        expr: '{query}'\n");
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("queries.yml");
    std::fs::write(&file, rules).expect("written");
    promtool::passes(promtool::promtool(&["check", "rules", &file.display().to_string()]), "");
}

#[test]
fn panels_are_distinct_and_lie_within_the_grid() {
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
        for panel in dashboard["panels"].as_array().expect("panels") {
            assert!(ids.insert(panel["id"].as_u64()), "{name}: {}", panel["id"]);
            assert!(!panel["title"].as_str().expect("a title").is_empty());
            let of = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
            for x in of("x")..of("x") + of("w") {
                for y in of("y")..of("y") + of("h") {
                    assert!(x < 24 && cells.insert((x, y)), "{name}: {} overlaps", panel["title"]);
                }
            }
        }
        let variables = dashboard["templating"]["list"].as_array().expect("variables").iter();
        let variables: Vec<_> =
            variables.filter_map(|variable| variable["name"].as_str()).collect();
        for query in queries(&dashboard) {
            for used in query.split('$').skip(1) {
                let end = used.find(|c: char| !c.is_alphanumeric()).unwrap_or(used.len());
                assert!(variables.contains(&&used[..end]), "{name}: ${}", &used[..end]);
            }
        }
    }
}
