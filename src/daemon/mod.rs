//! The daemon's process: what must be true before it starts, how it stops, what
//! it tells the service manager. What happens to jobs is `zoomd-workers`'.
//!
//! Order of the start: data folder, ports, Redis (waits), namespace (may refuse),
//! engine, ready. Order of the end: not ready, drain, ports, gone. The operators'
//! port answers from the first moment to the last.

mod door;
pub mod folder;
pub mod identity;
mod presence;
mod public;
mod redis;
mod refusal;
mod rounds;
pub mod setup;
pub mod stop;
mod systemd;

use std::sync::Arc;
use std::time::Duration;

use zoom_api::Client;
use zoomd_workers::Engine;

use crate::cli::ctx::zoom_settings;
use crate::cli::error::CliError;
use crate::config::Config;
use crate::http::Health;
pub use door::Door;
use stop::{Stop, Wish};

/// A healthy engine moves within a request's time-out and so long.
const STILL_HEALTHY: Duration = Duration::from_secs(30);

/// Runs until `stop`, and ends well.
pub async fn run(config: &Config, door: Option<Door>, mut stop: Stop) -> Result<(), CliError> {
    let id = identity::boot_id();
    tracing::info!(
        daemon = id,
        version = env!("CARGO_PKG_VERSION"),
        namespace = config.namespace,
        deployment = config.deployment,
        "zoomd starts"
    );
    folder::prepare(&config.data_dir).map_err(|e| refusal::data_folder(config, &e))?;
    let ring = config.key_ring()?;
    ring.self_test().map_err(refusal::no_key)?;
    let public = public::bind(config).await?;
    let health = Arc::new(Health::default());
    let listen = door.as_ref().and_then(Door::address).map(|address| address.to_string());
    let opened = door.map(|door| door.serve(Arc::clone(&health)));
    let place = config.store();
    let (store, vault) = tokio::select! {
        opened = redis::open(&place, &ring) => opened?,
        () = stop.wait(Wish::Drain) => return Ok(()),
    };
    let client = Client::new(zoom_settings(config))
        .map_err(|e| CliError::failed(format!("cannot set up the client of Zoom: {e}")))?;
    let setup = setup::engine(config, store.clone(), vault, client.clone(), &id);
    let engine = Engine::start(setup).await?;
    let mut public = public::open(config, public, engine.tokens(), client);
    let rounds = rounds::begin(engine.tokens(), &id);
    let presence = presence::announce(store.clone(), &id, Arc::clone(&health));
    let broken = engine.broken();
    health.run(store, engine);
    systemd::ready();
    tracing::info!(concurrency = config.concurrency, listen, "zoomd is ready");
    let healthy = config.zoom.request_timeout + STILL_HEALTHY;
    let broke = tokio::select! {
        () = stop.wait(Wish::Drain) => false,
        () = systemd::watchdog(|| health.progress_age(), healthy) => false,
        () = broken => true,
    };
    public.close().await;
    match health.take() {
        Some(engine) if broke => engine.stop().await,
        Some(engine) => drain(config, engine, stop).await,
        None => {}
    }
    public.finish().await;
    rounds.end().await;
    presence.leave().await;
    if let Some(door) = opened {
        door.close().await;
    }
    tracing::info!("zoomd has stopped");
    if broke { Err(refusal::broken()) } else { Ok(()) }
}

/// Finishes what is in flight, or drops it at a second signal. A token exchange
/// is waited for in any case.
async fn drain(config: &Config, engine: Engine, mut stop: Stop) {
    let in_hand = engine.in_hand();
    tracing::info!(in_hand, "stopping: no new jobs, those in flight are finished");
    systemd::stopping(in_hand);
    let tokens = engine.tokens().clone();
    tokio::select! {
        () = engine.drain(config.grace) => {}
        () = stop.wait(Wish::Now) => {
            tracing::warn!("second signal: ending now; leases will run out");
            tokens.shutdown().await;
        }
    }
}
