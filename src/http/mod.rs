//! The operations port: `/livez`, `/readyz`, `/metrics`, the API, and the console.
//!
//! Liveness depends on nothing but the process; readiness on Redis, the intake
//! and not draining. Zoom being down is not a reason to restart anything.
//! These three show no setting, token or job and change nothing, so they ask for no token.

pub mod api;
pub mod auth;
pub mod backend;
mod carry;
mod connections;
pub mod console;
mod health;
pub mod live;
mod metrics;
pub mod problem;
pub mod public;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use backend::Backend;
use connections::Bounds;
pub use health::{Check, Health, Ready};

/// More connections than all who follow the stream, wait for a result or ask the API at once.
/// Probes and scrapers ask once a minute or oftener, so their connections stay open.
const BOUNDS: Bounds = Bounds {
    port: "operations endpoint",
    most: 768,
    head: Duration::from_secs(75),
    head_bytes: 64 << 10,
    keep_alive: true,
};

/// Takes the port.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers on `listener` until `stop` comes.
pub async fn serve(
    listener: TcpListener,
    backend: Arc<Backend>,
    metrics: PrometheusHandle,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let live = Arc::clone(&backend.live);
    let stop = async move {
        stop.await;
        live.close();
    };
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(move |backend| metrics::page(backend, metrics.clone())))
        .merge(api::router(&backend))
        .merge(console::router(&backend))
        .with_state(backend);
    let service = move |_| TowerToHyperService::new(router.clone());
    connections::serve(listener, BOUNDS, service, stop).await;
}

async fn livez() -> &'static str {
    "ok\n"
}

async fn readyz(State(backend): State<Arc<Backend>>) -> impl IntoResponse {
    let ready = backend.health.ready().await;
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::to_string(&ready).unwrap_or_default() + "\n";
    (status, [(header::CONTENT_TYPE, "application/json")], body)
}
