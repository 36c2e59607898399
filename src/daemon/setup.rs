//! From the configuration to the engine: every setting finds its place here.

use std::sync::Arc;

use zoom_api::Client;
use zoomd_store::Store;
use zoomd_store::encryption::Vault;
use zoomd_store::queue::QueueSettings;
use zoomd_wire::Include;
use zoomd_workers::supervisor::Supervisor;
use zoomd_workers::tokens::RotationSettings;
use zoomd_workers::trace::Tracer;
use zoomd_workers::{MarkerPlace, Settings, Setup};

use crate::config::Config;
use crate::zoom::configured_app;

/// Setup of an engine for this configuration.
pub fn engine(
    config: &Config,
    store: Store,
    vault: Vault,
    client: Client,
    id: &str,
    supervisor: Supervisor,
    tracer: Tracer,
) -> Setup {
    Setup {
        settings: workers(config),
        queue: queue(config),
        rotation: rotation(config),
        store,
        client,
        vault,
        app: configured_app(config),
        daemon: Arc::from(id),
        data_dir: config.data_dir.clone(),
        supervisor,
        tracer,
    }
}

fn workers(config: &Config) -> Settings {
    let defaults = Settings::default();
    let marker = if config.reconcile.mark_agenda { MarkerPlace::Agenda } else { MarkerPlace::None };
    let named = |field: &&Include| config.results.include.iter().any(|n| n == field.as_str());
    let mut reconcile = defaults.reconcile.clone();
    reconcile.give_up = config.reconcile.give_up;
    reconcile.delays.clone_from(&config.reconcile.delays);
    reconcile.twins_after = config.reconcile.twins_after;
    Settings {
        concurrency: config.concurrency,
        allow_past_start: config.jobs.allow_past_start,
        max_wait: config.jobs.max_wait,
        marker,
        reconcile,
        keep_alive: config.rotation.keep_alive.clone(),
        keep_topics: config.meetings.topic,
        include: Include::ALL.iter().filter(named).copied().collect(),
        ..defaults
    }
}

fn queue(config: &Config) -> QueueSettings {
    QueueSettings {
        lease: config.jobs.lease,
        request_timeout: config.zoom.request_timeout,
        remember: config.jobs.remember,
        output_kept: config.results.keep,
        output_bytes: config.results.max_size,
        output_entries: config.results.max_length,
        failures_kept: config.results.failures_keep,
        meetings_kept: config.meetings.keep,
        merge_updates: config.jobs.merge_updates,
        budgets: config.budgets.clone(),
        ..QueueSettings::default()
    }
}

fn rotation(config: &Config) -> RotationSettings {
    RotationSettings { probe_after: config.rotation.probe_after, ..RotationSettings::default() }
}
