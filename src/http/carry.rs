//! Writes that are carried to their end although the client has left.

use std::future::Future;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch;

use super::problem::Problem;

/// Runs `write` to its end, even if nobody waits for it any more. A write that stops with
/// its connection could be done and not be in the audit. `None` if it panicked.
pub async fn to_the_end<T: Send + 'static>(
    write: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    tokio::spawn(write).await.ok()
}

/// The client of a request that writes, found among its extensions.
#[derive(Debug, Clone)]
pub struct Client(watch::Receiver<()>);

impl Client {
    /// Ends when the client has left.
    pub async fn left(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// Carries requests that write to their end; reads stop with their connection.
pub async fn writes(mut request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    // Dropped with this future, when the connection ends.
    let (_here, client) = watch::channel(());
    request.extensions_mut().insert(Client(client));
    to_the_end(next.run(request)).await.unwrap_or_else(|| {
        let text = "a defect of zoomd; the log of the daemon has more";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", text).into_response()
    })
}
