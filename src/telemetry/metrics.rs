//! The recorder behind the `metrics` facade, and its text for Prometheus.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use zoomd_workers::supervisor::{Beat, Supervisor};

use super::catalogue::{self, METRICS, Shape};
use super::label_values;
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

/// Interval at which samples are put into their buckets. Until then each lies in memory.
const UPKEEP: Duration = Duration::from_secs(1);

/// Installs the recorder of the process, names every metric of the catalogue, and
/// looks after the recorder for as long as the runtime lives.
pub fn install(supervisor: &Supervisor) -> Result<PrometheusHandle, ConfigError> {
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
    let kept = handle.clone();
    supervisor.spawn("metrics_upkeep", |beat| keep_up(kept, UPKEEP, beat)).detach();
    describe();
    zeroes();
    metrics::gauge!("zoomd_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// Puts samples into their buckets, also where nobody reads `/metrics`.
async fn keep_up(handle: PrometheusHandle, every: Duration, beat: Beat) {
    let mut turns = beat.every(every);
    loop {
        turns.next().await;
        handle.run_upkeep();
    }
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

/// Registers every counter with every value of its labels, at 0: what has not happened
/// yet can be told from what is not counted.
fn zeroes() {
    let recorded =
        METRICS.iter().filter(|m| m.shape == Shape::Counter && m.name.starts_with("zoomd_"));
    for metric in recorded {
        for labels in combinations(metric) {
            metrics::counter!(metric.name, labels).increment(0);
        }
    }
}

/// All combinations of the values of a metric's labels; none if one is an open set.
pub fn combinations(metric: &catalogue::Metric) -> Vec<Vec<metrics::Label>> {
    catalogue::labels(metric).fold(vec![Vec::new()], |known, label| {
        let values = label_values::of(metric.name, label).unwrap_or_default();
        let with = |value: &'static str| metrics::Label::from_static_parts(label, value);
        let longer = |labels: &Vec<metrics::Label>, value| {
            labels.iter().cloned().chain([with(value)]).collect::<Vec<_>>()
        };
        known.iter().flat_map(|labels| values.iter().map(move |v| longer(labels, v))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The memory of this process, KiB.
    fn resident() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).expect("a number")
    }

    #[tokio::test]
    async fn samples_that_nobody_reads_are_not_kept() {
        const EVERY: Duration = Duration::from_millis(5);
        let recorder = PrometheusBuilder::new().set_buckets(&SECONDS).expect("bounds");
        let recorder = recorder.build_recorder();
        tokio::spawn(keep_up(recorder.handle(), EVERY, Beat::default()));
        let samples = metrics::with_local_recorder(&recorder, || metrics::histogram!("took"));
        let mut turns = Beat::default().every(EVERY);
        let mut after_first = 0;
        for round in 0..6 {
            // 16 bytes each: 8 MB in a round.
            (0..500_000).for_each(|_| samples.record(0.25));
            for _ in 0..3 {
                turns.next().await;
            }
            if round == 0 {
                after_first = resident();
            }
        }
        let grown = resident().saturating_sub(after_first);
        assert!(grown < 16_000, "{grown} KiB more after 2,500,000 further samples");
    }
}
