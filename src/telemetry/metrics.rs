//! The recorder behind the `metrics` facade, and its text for Prometheus.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::catalogue::{METRICS, Shape};
use crate::config::ConfigError;

/// Bounds of the histograms of time, in seconds: from a fast script to a
/// request that used up its time-out.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Bounds for the age of refresh tokens: an hour to a year.
const AGES: [f64; 8] = [
    3_600.0,
    86_400.0,
    604_800.0,
    2_592_000.0,
    5_184_000.0,
    7_776_000.0,
    15_552_000.0,
    31_536_000.0,
];
/// Bounds for waits: a budget may hold a job back for days.
const WAITS: [f64; 12] =
    [0.01, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0];

/// Installs the recorder of the process and names every metric of the catalogue.
pub fn install() -> Result<PrometheusHandle, ConfigError> {
    let failed = |e: &dyn std::fmt::Display| ConfigError::new(format!("metrics: {e}"));
    let handle = PrometheusBuilder::new()
        .set_buckets(&SECONDS)
        .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_wait_seconds".into()), &WAITS))
        .and_then(|b| {
            b.set_buckets_for_metric(Matcher::Suffix("_age_at_death_seconds".into()), &AGES)
        })
        .map_err(|e| failed(&e))?
        .install_recorder()
        .map_err(|e| failed(&e))?;
    describe();
    metrics::gauge!("zoomd_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

fn describe() {
    for metric in METRICS {
        match metric.shape {
            Shape::Counter => metrics::describe_counter!(metric.name, metric.help),
            Shape::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Shape::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
}
