//! The operators' port: `/livez`, `/readyz`, `/metrics`.
//!
//! Liveness depends on nothing but the process; readiness on Redis, the intake
//! and not draining. Zoom being down is not a reason to restart anything.
//! Nothing here shows a setting, a token or a job, and nothing changes anything.

mod health;
pub mod public;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

pub use health::{Check, Health, Ready};

/// What the pages are made from.
#[derive(Clone)]
struct Pages {
    health: Arc<Health>,
    metrics: PrometheusHandle,
}

/// Takes the port.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers on `listener` until `stop` comes.
pub async fn serve(
    listener: TcpListener,
    health: Arc<Health>,
    metrics: PrometheusHandle,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let pages = Pages { health, metrics };
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(prometheus))
        .with_state(pages);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

async fn livez() -> &'static str {
    "ok\n"
}

async fn readyz(State(pages): State<Pages>) -> impl IntoResponse {
    let ready = pages.health.ready().await;
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::to_string(&ready).unwrap_or_default() + "\n";
    (status, [(header::CONTENT_TYPE, "application/json")], body)
}

async fn prometheus(State(pages): State<Pages>) -> impl IntoResponse {
    pages.metrics.run_upkeep();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], pages.metrics.render())
}
