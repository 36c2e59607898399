//! Connections of the public port: their bounds.

use std::convert::Infallible;
use std::time::Duration;

use hyper::service::service_fn;
use tokio::net::TcpListener;

use super::PublicEndpoint;
use super::routes::answer;
use crate::http::connections::{self, Bounds};

const BOUNDS: Bounds = Bounds {
    port: "public endpoint",
    most: 512,
    head: Duration::from_secs(10),
    // A code, a cookie, and what browsers add.
    head_bytes: 32 << 10,
    keep_alive: false,
};

/// Answers on `listener` until `stop` comes, and lets those in hand have their
/// answer for as long as the caller waits.
pub async fn serve(
    listener: TcpListener,
    endpoint: PublicEndpoint,
    stop: impl Future<Output = ()>,
) {
    let service = move |peer| {
        let endpoint = endpoint.clone();
        service_fn(move |request| {
            let endpoint = endpoint.clone();
            async move { Ok::<_, Infallible>(answer(endpoint, peer, request).await) }
        })
    };
    connections::serve(listener, BOUNDS, service, stop).await;
}
