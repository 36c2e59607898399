//! The catalogue of metrics: complete, well named, and what docs/metrics.md says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use zoomd::telemetry::catalogue::{METRICS, Shape, table, values_table};
use zoomd::telemetry::label_values;
use zoomd::telemetry::metrics::combinations;

use crate::support::scrape::samples;
use crate::support::{Daemon, Rig, job, snapshot, until};

/// Every `counter!("zoomd_…"`, `gauge!` and `histogram!` of the sources.
fn used() -> BTreeMap<String, &'static str> {
    let mut found = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "workers/src", "crates"] {
        sources(&root.join(folder), &mut |text| {
            for (shape, mark) in [
                ("counter", "counter!("),
                ("gauge", "gauge!("),
                ("gauge", ".gauge("),
                ("gauge", ".gauges("),
                ("histogram", "histogram!("),
            ] {
                for (at, _) in text.match_indices(mark) {
                    let rest = text[at + mark.len()..].trim_start();
                    let Some(name) = rest.strip_prefix('"') else { continue };
                    let name = &name[..name.find('"').expect("a closed text")];
                    if name.starts_with("zoomd_") || name.starts_with("process_") {
                        let total = name.ends_with("_total");
                        found.insert(name.to_owned(), if total { "counter" } else { shape });
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
            assert!(!["job", "id", "host", "user"].contains(&label), "{}", m.name);
            let of_account = m.name.starts_with("zoomd_account_");
            assert!(label != "account" || of_account, "{}", m.name);
            let closed = label_values::of(m.name, label).is_some();
            assert!(closed || ["version", "account", "part"].contains(&label), "{}", m.name);
        }
        assert!(m.help.ends_with('.'), "{}", m.name);
    }
}

#[test]
fn the_table_of_the_page_is_printed_from_the_catalogue() {
    snapshot::table("docs/metrics.md", &table());
    snapshot::table("docs/metrics.md", &values_table());
}

/// Outcomes of token refreshes are words of many places: each must be in the list.
#[test]
fn every_outcome_of_a_token_refresh_is_listed() {
    let known = label_values::of("zoomd_token_refreshes_total", "outcome").expect("closed");
    let mut found = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("workers/src/rotation");
    sources(&root, &mut |text| {
        for mark in
            ["Stop::later(", "Stop::settled(", "meter::ended(", "unsent(", "outcome: ", "return ("]
        {
            for (at, _) in text.match_indices(mark) {
                let rest = text[at + mark.len()..].trim_start();
                if let Some(word) = rest.strip_prefix('"') {
                    found.insert(word[..word.find('"').expect("a closed text")].to_owned());
                }
            }
        }
    });
    assert!(found.len() > 20, "{found:?}");
    let missing: Vec<_> = found.iter().filter(|word| !known.contains(&word.as_str())).collect();
    assert!(missing.is_empty(), "src/telemetry/label_values.rs lacks {missing:?}");
}

/// The value of a sample without labels; `None`: it is absent.
fn value(daemon: &Daemon, name: &str) -> Option<f64> {
    let found = samples(&daemon.get("/metrics").1);
    found.into_iter().find(|(known, _, _)| known == name).map(|(_, _, value)| value)
}

#[tokio::test]
async fn every_counter_is_there_from_the_start_and_the_process_too() {
    let rig = Rig::start().await;
    let daemon = rig.daemon();
    let text = daemon.get("/metrics").1;
    let mut missing = Vec::new();
    for metric in METRICS.iter().filter(|m| m.shape == Shape::Counter) {
        for labels in combinations(metric) {
            let labels: Vec<_> =
                labels.iter().map(|l| format!("{}=\"{}\"", l.key(), l.value())).collect();
            let series = match labels.is_empty() {
                true => format!("\n{} ", metric.name),
                false => format!("\n{}{{{}}} ", metric.name, labels.join(",")),
            };
            if !text.contains(&series) {
                missing.push(series);
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    let all: BTreeMap<_, _> =
        samples(&text).into_iter().map(|(name, _, value)| (name, value)).collect();
    let now = jiff::Timestamp::now().as_second() as f64;
    let started = now - all["process_start_time_seconds"];
    assert!((-2.0..600.0).contains(&started), "{started} s ago");
    assert!(all["process_resident_memory_bytes"] > 1e6, "{all:?}");
    assert!(all["process_open_fds"] > 3.0 && all["process_max_fds"] >= all["process_open_fds"]);
    assert!(all["process_threads"] >= 1.0 && all["process_cpu_seconds_total"] >= 0.0);
}

#[tokio::test]
async fn gauges_tell_of_now_and_are_absent_while_redis_is_away() {
    let mut rig = Rig::start().await;
    std::fs::write(rig.dir.path().join("zoomd.toml"), "[metrics]\nper_account = 1\n")
        .expect("written");
    for account in ["acme", "beta"] {
        rig.connect(account);
    }
    let daemon = rig.daemon();
    assert_eq!(value(&daemon, "zoomd_last_success_timestamp_seconds"), None);
    rig.xadd(&job("acme", "done")).await;
    rig.outcome("done").await;
    let last = value(&daemon, "zoomd_last_success_timestamp_seconds").expect("a time");
    assert!((jiff::Timestamp::now().as_second() as f64 - last).abs() < 60.0, "{last}");
    rig.run(&["pause"]).expect(0);
    rig.xadd(&job("acme", "first")).await;
    until("acme waits", || (paused(&daemon) == (1.0, vec!["acme".to_owned()])).then_some(()));
    rig.xadd(&job("beta", "second")).await;
    // The account with the oldest job is the one that is named.
    until("both wait", || (paused(&daemon) == (2.0, vec!["acme".to_owned()])).then_some(()));
    let own = ["zoomd_ready", "zoomd_redis_up", "zoomd_daemons"];
    assert_eq!(own.map(|name| value(&daemon, name)), [Some(1.0); 3]);
    let of_namespace = [
        "zoomd_accounts",
        "zoomd_app_rejected",
        "zoomd_budgets_low",
        "zoomd_daemons",
        "zoomd_jobs_waiting",
        "zoomd_last_success_timestamp_seconds",
        "zoomd_oldest_waiting_seconds",
        "zoomd_queue_depth",
        "zoomd_queue_oldest_age_seconds",
        "zoomd_rotation_in_doubt",
    ];
    let there = |daemon: &Daemon| of_namespace.map(|name| value(daemon, name).is_some());
    until("budgets are known", || (there(&daemon) == [true; 10]).then_some(()));
    rig.redis.kill();
    let began = Instant::now();
    until("redis is away", || (there(&daemon) == [false; 10]).then_some(()));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(own.map(|name| value(&daemon, name)), [Some(0.0), Some(0.0), None]);
    rig.redis.restart().expect("starts again");
    until("redis is back", || (there(&daemon) == [true; 10]).then_some(()));
}

/// Jobs that wait because of a pause, and the accounts named.
fn paused(daemon: &Daemon) -> (f64, Vec<String>) {
    let (mut jobs, mut named) = (0.0, Vec::new());
    for (name, labels, value) in samples(&daemon.get("/metrics").1) {
        let of_pause = labels.get("reason").is_some_and(|reason| reason == "paused");
        match name.as_str() {
            "zoomd_jobs_waiting" if of_pause => jobs = value,
            "zoomd_account_jobs_waiting" if of_pause => named.push(labels["account"].clone()),
            _ => {}
        }
    }
    (jobs, named)
}
