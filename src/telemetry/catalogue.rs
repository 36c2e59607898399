//! Every metric of zoomd. docs/metrics.md is printed from this list, and a test
//! finds names that are used in the sources and missing here, or the reverse.
//!
//! Labels take closed sets of words, never an id, an account or a host.

use std::fmt::Write as _;

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Only up; its name ends in `_total`.
    Counter,
    /// Up and down.
    Gauge,
    /// A distribution, in base units.
    Histogram,
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it moves.
    pub shape: Shape,
    /// Its labels, separated by blanks.
    pub labels: &'static str,
    /// What it counts.
    pub help: &'static str,
}

use Shape::{Counter, Gauge, Histogram};

const fn metric(
    name: &'static str,
    shape: Shape,
    labels: &'static str,
    help: &'static str,
) -> Metric {
    Metric { name, shape, labels, help }
}

/// All of them, by name.
pub const METRICS: &[Metric] =
    &[metric("zoomd_build_info", Gauge, "version", "1; the version that runs")];

/// The page of the documentation.
pub fn page() -> String {
    let mut text = "# Metrics\n\n\
        Printed from `src/telemetry/catalogue.rs`; served on `ZOOMD_LISTEN` under `/metrics`.\n\
        Times are in seconds. Labels take few, fixed words; none holds an account or an id.\n\n\
        | name | type | labels | what |\n|---|---|---|---|\n"
        .to_owned();
    for m in METRICS {
        let shape = match m.shape {
            Counter => "counter",
            Gauge => "gauge",
            Histogram => "histogram",
        };
        let labels = m.labels.split_whitespace().map(|l| format!("`{l}`")).collect::<Vec<_>>();
        let _ = writeln!(text, "| `{}` | {shape} | {} | {} |", m.name, labels.join(" "), m.help);
    }
    text
}
