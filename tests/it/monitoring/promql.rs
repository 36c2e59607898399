//! Names in queries: every metric is in the catalogue or a recording rule, every label
//! and each of its values exists.

use zoomd::telemetry::catalogue::METRICS;
use zoomd::telemetry::label_values;

use super::alerts::records;

/// Words of a query that name a metric, each with the text behind it.
fn names(query: &str) -> Vec<(&str, &str)> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(at) = rest.find(part) {
        let end = rest[at..].find(|c| !part(c)).map_or(rest.len(), |end| at + end);
        let word = &rest[at..end];
        if ["zoomd_", "zoomd:", "process_"].iter().any(|start| word.starts_with(start)) {
            found.push((word, &rest[end..]));
        }
        rest = &rest[end..];
        // A text in quotes is a value of a label.
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted.find('"').map_or("", |end| &quoted[end + 1..]);
        }
    }
    found
}

/// Labels that Prometheus adds.
const ADDED: [&str; 3] = ["job", "instance", "alertstate"];

pub fn faults(query: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let names = names(query);
    if names.is_empty() {
        faults.push(format!("no metric: {query}"));
    }
    for (name, behind) in names {
        let bare = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let metric = METRICS.iter().find(|m| m.name == name || Some(m.name) == bare);
        if metric.is_none() && !records().iter().any(|(record, _)| record == name) {
            faults.push(format!("{name} exists nowhere: {query}"));
        }
        let Some(matchers) = behind.strip_prefix('{').and_then(|b| b.split_once('}')) else {
            continue;
        };
        let Some(metric) = metric else { continue };
        for matcher in matchers.0.split("\",").filter(|text| !text.trim().is_empty()) {
            let Some((label, value)) = matcher.trim().trim_end_matches('"').split_once('"') else {
                faults.push(format!("{matcher}: no matcher: {query}"));
                continue;
            };
            let label = label.trim_end_matches(['=', '~', '!']);
            if ADDED.contains(&label) || value.starts_with('$') {
                continue;
            }
            let known = label_values::of(metric.name, label);
            if !metric.labels.split(' ').any(|l| l == label) {
                faults.push(format!("{name} has no label {label}: {query}"));
            }
            for word in value.split('|') {
                if known.as_ref().is_some_and(|known| !known.contains(&word)) {
                    faults.push(format!("{name}: {label} is never {word}: {query}"));
                }
            }
        }
    }
    faults
}

#[test]
fn a_name_that_does_not_exist_is_found() {
    let good = r#"max by (job) (zoomd_jobs_waiting{reason=~"turn|paused", job="a"}) > 0"#;
    assert!(faults(good).is_empty(), "{:?}", faults(good));
    for (query, fault) in [
        ("zoomd_nothing > 0", "zoomd_nothing exists nowhere"),
        ("zoomd:nothing", "zoomd:nothing exists nowhere"),
        (r#"zoomd_jobs_waiting{reason="zoomd_x"}"#, "reason is never zoomd_x"),
        (r#"zoomd_ready{reason="turn"}"#, "has no label reason"),
        ("up == 1", "no metric"),
    ] {
        let found = faults(query);
        assert!(found.iter().any(|f| f.contains(fault)), "{query}: {found:?}");
    }
}
