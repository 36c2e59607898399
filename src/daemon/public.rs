//! The public endpoint within the daemon: taken early, opened when the engine runs,
//! closed first, waited for last.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use zoom_api::Client;
use zoom_api::webhook::WebhookSecret;
use zoomd_workers::consent::Consents;
use zoomd_workers::deauthorization::Deauthorizations;
use zoomd_workers::supervisor::{Beat, Part};
use zoomd_workers::tokens::Tokens;

use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::http::public::{self, Brand, Parts, Paths, PublicEndpoint, far_from_home};
use crate::zoom::configured_app;

/// Longest time to write a consent that has just come back to the journal.
const MOMENT: Duration = Duration::from_millis(500);
/// Longest time to store a pair from an exchange before it is left to the journal.
const LAST_STORE: Duration = Duration::from_secs(10);

/// Takes the configured port; `None` when it is off.
pub(super) async fn bind(config: &Config) -> Result<Option<TcpListener>, CliError> {
    let Some(address) = config.public.listen else { return Ok(None) };
    TcpListener::bind(address).await.map(Some).map_err(|error| {
        let text = format!("cannot listen on {address} for the public endpoint: {error}");
        CliError::new(Exit::Failed, "port", text)
            .hint("is another zoomd running? set ZOOMD_PUBLIC_LISTEN to another address")
    })
}

/// The open public endpoint.
#[derive(Debug)]
pub(super) struct Public {
    endpoint: PublicEndpoint,
    close: Option<oneshot::Sender<()>>,
    serving: Option<Part>,
    patience: Duration,
}

/// Opens the public endpoint.
pub(super) fn open(
    config: &Config,
    listener: Option<TcpListener>,
    tokens: &Tokens,
    client: Client,
) -> Public {
    let (grants, journal) = (tokens.grants(), tokens.journal().clone());
    let deauthorizations = Deauthorizations::new(grants.clone(), Some(journal.clone()));
    let redirect = config.zoom.redirect_url.as_str();
    let consents = configured_app(config)
        .map(|app| Consents::new(client, app, redirect, grants.clone(), Some(journal)));
    let endpoint = PublicEndpoint::new(Parts {
        paths: Paths::of(config),
        brand: Brand::of(config),
        grants,
        consents,
        deauthorizations,
        webhook: config.public.webhook_secret.clone().map(WebhookSecret::new),
        client_id: config.zoom.client_id.clone(),
    });
    let serving = listener.map(|listener| {
        tell(config, &listener);
        let (close, closed) = oneshot::channel::<()>();
        let until = async move { drop(closed.await) };
        let serving = public::serve(listener, endpoint.clone(), until);
        let work = |beat: Beat| async move { beat.waiting(serving).await };
        (close, tokens.supervisor().spawn("public_port", work))
    });
    let (close, serving) = serving.unzip();
    let zoom = &config.zoom;
    let exchange = zoom.connect_timeout * 2 + zoom.token_timeout + zoom.request_timeout;
    Public { endpoint, close, serving, patience: exchange + LAST_STORE }
}

/// Warns about settings of the public endpoint that an operator should know of.
fn tell(config: &Config, listener: &TcpListener) {
    let public = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    let webhook = config.public.webhook_secret.is_some();
    tracing::info!(public, webhook, "public endpoint: listening");
    if config.public.url.is_none() {
        tracing::warn!("public endpoint: ZOOMD_PUBLIC_URL is not set, so links cannot be created");
    }
    if configured_app(config).is_none() {
        tracing::warn!("public endpoint: no OAuth app is configured, so nobody can authorize");
    }
    if let Some(trouble) = far_from_home(config) {
        tracing::warn!("{trouble}");
    }
}

impl Public {
    /// Takes nobody in any more. What has come back already gets into the journal.
    pub(super) async fn close(&mut self) {
        self.endpoint.close();
        if let Some(close) = self.close.take() {
            let _ = close.send(());
        }
        self.endpoint.idle(MOMENT).await;
    }

    /// Waits for consents whose code was exchanged, as long as that can take.
    pub(super) async fn finish(self) {
        if !self.endpoint.idle(self.patience).await {
            tracing::warn!(
                "public endpoint: an authorization is not stored in redis yet; it is in the journal"
            );
        }
        if let Some(mut serving) = self.serving {
            // A browser that does not take its answer must not hold us.
            let _ = tokio::time::timeout(Duration::from_secs(1), serving.ended()).await;
        }
    }
}
