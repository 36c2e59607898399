//! Scrapes of `/metrics`: their samples, each held to the catalogue.

use std::collections::BTreeMap;

use zoomd::telemetry::catalogue::METRICS;
use zoomd::telemetry::label_values;

/// Samples of a scrape: name, labels, value.
pub fn samples(text: &str) -> Vec<(String, BTreeMap<String, String>, f64)> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels = labels.trim_end_matches('}').split("\",").filter(|pair| !pair.is_empty());
            let labels = labels.map(|pair| {
                let (label, value) = pair.split_once("=\"").expect("a pair");
                (label.to_owned(), value.trim_end_matches('"').to_owned())
            });
            (name.to_owned(), labels.collect(), value.parse().expect("a number"))
        })
        .collect()
}

/// Each sample has a name, labels and values of the catalogue. Every scrape of the tests
/// is held to it.
pub fn are_listed(text: &str) {
    for (name, labels, _) in samples(text) {
        let bare = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let listed = |name: &str| METRICS.iter().find(|m| m.name == name);
        let metric = listed(&name).or_else(|| listed(bare?));
        let metric = metric.unwrap_or_else(|| panic!("{name} is not in the catalogue"));
        for (label, value) in labels.iter().filter(|(label, _)| *label != "le") {
            assert!(metric.labels.split(' ').any(|known| known == label), "{name}: {label}");
            let values = label_values::of(metric.name, label);
            let known = values.is_none_or(|values| values.contains(&value.as_str()));
            assert!(known, "src/telemetry/label_values.rs lacks {label}=\"{value}\" of {name}");
        }
    }
}
