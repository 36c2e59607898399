//! The operators' port: taken early, so that a second daemon is told at once;
//! answering from the first moment, so that a daemon that waits is seen to live.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use zoomd_workers::supervisor::{Part, Supervisor};

use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::http::auth::Auth;
use crate::http::backend::Backend;
use crate::http::{self, Health};

/// Longest delay of the shutdown by a reader that never hangs up.
const LAST_READERS: Duration = Duration::from_secs(1);

/// The port, taken, and what `/metrics` is made from.
#[derive(Debug)]
pub struct OpsServer {
    listener: TcpListener,
    metrics: PrometheusHandle,
    config: Config,
    auth: Auth,
}

/// The port, answering.
#[derive(Debug)]
pub(super) struct Opened {
    close: oneshot::Sender<()>,
    serving: Part,
    _following: Part,
}

impl OpsServer {
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
                .hint("is another zoomd running? set ZOOMD_LISTEN to another address, or to off")
        });
        let listener = taken?;
        let auth = Auth::new(config, listener.local_addr().unwrap_or(address))?;
        Ok(Some(Self { listener, metrics, config: config.clone(), auth }))
    }

    /// Address it listens on.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Begins to answer.
    pub(super) fn serve(
        self,
        health: Arc<Health>,
        supervisor: &Supervisor,
    ) -> Result<Opened, CliError> {
        let (close, closed) = oneshot::channel();
        let until = async move { drop(closed.await) };
        let backend = Arc::new(Backend::new(self.config, health, self.auth)?);
        let (live, store) = (Arc::clone(&backend.live), backend.store().clone());
        let following = supervisor.spawn("live_stream", |beat| live.serve(store, beat));
        let serving = http::serve(self.listener, backend, self.metrics, until);
        let serving = supervisor.spawn("operations_port", |beat| async move {
            beat.waiting(serving).await;
        });
        Ok(Opened { close, serving, _following: following })
    }
}

impl Opened {
    /// Closes the port.
    pub(super) async fn close(mut self) {
        drop(self.close);
        let _ = tokio::time::timeout(LAST_READERS, self.serving.ended()).await;
    }
}
