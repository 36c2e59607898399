//! The daemon's process: what must be true before it starts, how it stops, what
//! it tells the service manager. What happens to jobs is `zoomd-workers`'.
//!
//! Order of the start: data folder, ports, Redis (waits), namespace (may refuse),
//! engine, ready. Order of the end: not ready, drain, ports, gone. The operators'
//! port answers from the first moment to the last.

mod announce;
pub mod files;
pub mod folder;
mod judge;
mod news;
mod ops_server;
mod presence;
mod public;
mod redis;
mod refusal;
pub mod setup;
pub mod stop;
mod systemd;
mod tasks;
mod traces;

use std::sync::Arc;
use std::time::Duration;

use zoomd_store::inspect::Ops;
use zoomd_workers::Engine;
use zoomd_workers::supervisor::Supervisor;

use crate::config::Config;
use crate::error::CliError;
use crate::health::Gatherer;
use crate::http::Health;
use crate::identity;
use crate::zoom::zoom_client;
pub use ops_server::OpsServer;
use stop::{Stop, Wish};

/// A part that does not move for a request's time-out and so long hangs.
const HANGS_AFTER: Duration = Duration::from_secs(30);
/// Nor does it hang sooner than this: two commands to a slow Redis, one after the
/// other and each with a new connection, take up to 50 s.
const HANGS_AT_LEAST: Duration = Duration::from_secs(60);
/// A Redis that lets nobody listen does not keep jobs from running.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);
/// Longest wait of a broken daemon for token exchanges, beyond their own time limit.
const LAST_COMMIT: Duration = Duration::from_secs(5);

/// Runs until `stop`, and ends well; or until one of its parts fails, and ends with
/// an error.
pub async fn run(
    config: &Config,
    ops_server: Option<OpsServer>,
    mut stop: Stop,
    supervisor: Supervisor,
) -> Result<(), CliError> {
    let id = identity::boot_id();
    tracing::info!(
        daemon = id,
        version = env!("CARGO_PKG_VERSION"),
        namespace = config.namespace,
        deployment = config.deployment,
        "zoomd starts"
    );
    folder::prepare(&config.data_dir).map_err(|e| refusal::data_folder(config, &e))?;
    files::raise(config.concurrency as u64);
    let client = zoom_client(config)?;
    let ring = config.key_ring()?;
    ring.self_test().map_err(refusal::no_key)?;
    let public = public::bind(config).await?;
    let health = Arc::new(Health::new(supervisor.clone()));
    let hangs_after = (config.zoom.request_timeout + HANGS_AFTER).max(HANGS_AT_LEAST);
    let listen =
        ops_server.as_ref().and_then(OpsServer::address).map(|address| address.to_string());
    let opened =
        ops_server.map(|server| server.serve(Arc::clone(&health), &supervisor)).transpose()?;
    let place = config.store();
    let (store, vault) = tokio::select! {
        opened = redis::open(&place, &ring, &health) => opened?,
        () = stop.wait(Wish::Drain) => return Ok(()),
        fault = supervisor.watch(hangs_after) => return Err(refusal::broken(fault)),
    };
    let (exporter, tracer) = traces::begin(config, &vault, &id, &supervisor)?;
    let (zoom, watched) = (client.clone(), supervisor.clone());
    let setup = setup::engine(config, store.clone(), vault, zoom, &id, watched, tracer);
    let engine = Engine::start(setup).await?;
    let mut public = public::open(config, public, engine.tokens(), client);
    let tasks = tasks::begin(engine.tokens(), &id);
    let news = news::follow(store.clone(), &supervisor);
    let gatherer = Gatherer::of_daemon(config, store.clone(), &id);
    let ops = Ops::new(store.clone()).within(config.budgets.clone()).judging();
    let judging = judge::begin(gatherer, ops, Arc::clone(&health), &supervisor);
    let presence = presence::announce(store.clone(), &id, Arc::clone(&health), &supervisor).await;
    // Commands find a daemon that is ready.
    let _ = tokio::time::timeout(LISTENS_WITHIN, engine.tokens().listens()).await;
    health.run(store.clone(), engine);
    systemd::ready();
    tracing::info!(concurrency = config.concurrency, listen, "zoomd is ready");
    let end = systemd::watched(async {
        tokio::select! {
            () = stop.wait(Wish::Drain) => End::Asked,
            _ = supervisor.watch(hangs_after) => End::Broken,
            error = redis::outnumbered(&place, &store) => End::Refused(error.into()),
            error = redis::outdated(&store) => End::Refused(error.into()),
        }
    });
    let end = end.await;
    supervisor.close();
    systemd::watched(async {
        public.close().await;
        match health.take() {
            Some(engine) if matches!(end, End::Broken) => give_up(config, engine).await,
            Some(engine) => drain(config, engine, stop).await,
            None => {}
        }
        public.finish().await;
        tasks.end().await;
        drop((news, judging));
        presence.leave().await;
        if let Some(exporter) = exporter {
            exporter.finish().await;
        }
        if let Some(server) = opened {
            server.close().await;
        }
    })
    .await;
    tracing::info!("zoomd has stopped");
    if let End::Refused(error) = end {
        return Err(error);
    }
    // A part may also have panicked while others were drained.
    supervisor.fault().map_or(Ok(()), |fault| Err(refusal::broken(fault)))
}

/// The reason of a daemon's end.
enum End {
    Asked,
    /// A part of the daemon failed.
    Broken,
    /// This namespace must not be used from here.
    Refused(CliError),
}

/// Ends at once, but for token exchanges: their replies get into the journal. It is
/// not known what still works, so this has an end in any case.
async fn give_up(config: &Config, engine: Engine) {
    systemd::stopping(engine.in_hand());
    let exchange = config.zoom.connect_timeout * 2 + config.zoom.token_timeout;
    if tokio::time::timeout(exchange + LAST_COMMIT, engine.stop()).await.is_err() {
        tracing::error!(
            "shutdown: a token refresh did not finish; its reply is in the journal, if one came"
        );
    }
}

/// Finishes what is in flight, or drops it at a second signal. A token exchange
/// is waited for in any case.
async fn drain(config: &Config, engine: Engine, mut stop: Stop) {
    let in_hand = engine.in_hand();
    tracing::info!(in_hand, "stopping: no new jobs are taken, running jobs finish");
    systemd::stopping(in_hand);
    let tokens = engine.tokens().clone();
    tokio::select! {
        () = engine.drain(config.grace) => {}
        () = stop.wait(Wish::Now) => {
            tracing::warn!("second signal: stopping immediately; leases expire and other daemons take over the jobs");
            tokens.shutdown().await;
        }
    }
}
