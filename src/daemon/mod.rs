//! The daemon's process: what must be true before it starts, how it stops, what
//! it tells the service manager. What happens to jobs is `zoomd-workers`'.
//!
//! Order of the start: data folder, Redis (waits), namespace (may refuse), port,
//! engine, ready. Order of the end: not ready, drain, port, gone.

pub mod folder;
pub mod identity;
mod presence;
mod public;
mod redis;
pub mod setup;
pub mod stop;
mod systemd;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use zoom_api::Client;
use zoomd_store::Store;
use zoomd_store::meta::MetaError;
use zoomd_store::seal::{SealError, Vault};
use zoomd_workers::Engine;

use crate::cli::ctx::zoom_settings;
use crate::cli::error::CliError;
use crate::config::Config;
use crate::exit::Exit;
use crate::http::{self, Health};
use stop::{Stop, Wish};

/// A healthy engine moves within a request's time-out and so long.
const STILL_HEALTHY: Duration = Duration::from_secs(30);

/// The operators' port, taken, and what `/metrics` is made from.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    metrics: PrometheusHandle,
}

impl Door {
    /// Takes the configured port; `None` when it is off.
    pub async fn open(
        config: &Config,
        metrics: PrometheusHandle,
    ) -> Result<Option<Self>, CliError> {
        let Some(address) = config.listen else {
            return Ok(None);
        };
        let taken = http::bind(address).await.map_err(|error| {
            CliError::new(Exit::Failed, "port", format!("cannot listen on {address}: {error}"))
                .hint("another zoomd? set ZOOMD_LISTEN, or off")
        });
        taken.map(|listener| Some(Self { listener, metrics }))
    }

    /// Where it is.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }
}

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
    data_folder(config)?;
    let ring = config.key_ring()?;
    ring.self_test().map_err(no_key)?;
    let public = public::bind(config).await?;
    let place = config.store();
    let (store, vault) = tokio::select! {
        opened = redis::open(&place, &ring) => opened?,
        () = stop.wait(Wish::Drain) => return Ok(()),
    };
    serve(config, &id, store, vault, (door, public), stop).await
}

async fn serve(
    config: &Config,
    id: &str,
    store: Store,
    vault: Vault,
    (door, public): (Option<Door>, Option<TcpListener>),
    mut stop: Stop,
) -> Result<(), CliError> {
    let client = Client::new(zoom_settings(config))
        .map_err(|e| CliError::failed(format!("cannot set up the client of Zoom: {e}")))?;
    let setup = setup::engine(config, store.clone(), vault, client.clone(), id);
    let engine = Engine::start(setup)
        .await
        .map_err(|error| CliError::failed(format!("the engine did not start: {error}")))?;
    let mut public = public::open(config, public, engine.tokens(), client);
    let presence = presence::announce(store.clone(), id);
    let health = Arc::new(Health::new(store, engine));
    let listen = door.as_ref().and_then(Door::address);
    let listen = listen.map(|address| address.to_string());
    let (close, closed) = oneshot::channel::<()>();
    let door = door.map(|Door { listener, metrics }| {
        let until = async move { drop(closed.await) };
        tokio::spawn(http::serve(listener, Arc::clone(&health), metrics, until))
    });
    systemd::ready();
    tracing::info!(concurrency = config.concurrency, listen, "zoomd is ready");
    let healthy = config.zoom.request_timeout + STILL_HEALTHY;
    tokio::select! {
        () = stop.wait(Wish::Drain) => {}
        () = systemd::watchdog(|| health.progress_age(), healthy) => {}
    }
    public.close().await;
    if let Some(engine) = health.take() {
        drain(config, engine, stop).await;
    }
    public.finish().await;
    presence.leave().await;
    drop(close);
    if let Some(door) = door {
        // A reader of /metrics that never hangs up must not hold us.
        let _ = tokio::time::timeout(Duration::from_secs(1), door).await;
    }
    tracing::info!("zoomd has stopped");
    Ok(())
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

fn data_folder(config: &Config) -> Result<(), CliError> {
    let dir = config.data_dir.display();
    folder::prepare(&config.data_dir).map_err(|error| {
        CliError::config(format!("the data folder {dir} cannot be used: {error}"))
            .code("data_dir")
            .hint("the rotation journal lies there; set ZOOMD_DATA_DIR to a folder that lasts")
    })
}

fn no_key(error: SealError) -> CliError {
    CliError::config(error.to_string())
        .code("encryption_key")
        .hint("zoomd config key makes one; put it into ZOOMD_ENCRYPTION_KEY_FILE")
}

impl From<MetaError> for CliError {
    fn from(error: MetaError) -> Self {
        let text = error.to_string();
        match error {
            MetaError::Store(error) => error.into(),
            MetaError::Deployment { .. } => Self::config(text).code("deployment").hint(
                "is this a copy? then give it another namespace; if not, set ZOOMD_DEPLOYMENT",
            ),
            MetaError::Seal(_) => Self::config(text).code("encryption_key").hint(
                "use the key this namespace was made with, or add it to ZOOMD_ENCRYPTION_KEYS_OLD",
            ),
            MetaError::Layout { .. } => {
                Self::config(text).code("layout").hint("run a version that is as new")
            }
            _ => Self::failed(text),
        }
    }
}
