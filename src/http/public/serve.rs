//! Connections: how many, how long, how large.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::PublicEndpoint;
use super::routes::answer;

/// Connections at once; more wait in the system's queue.
const CONNECTIONS: usize = 512;
/// A head must be here within this.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// And must not be larger: a code, a cookie, and what browsers add.
const MOST_HEAD_BYTES: usize = 32 << 10;
/// After a failure to accept, such as too many open files.
const AFTER_TROUBLE: Duration = Duration::from_millis(100);

/// Answers on `listener` until `stop` comes, and lets those in hand have their
/// answer for as long as the caller waits.
pub async fn serve(
    listener: TcpListener,
    endpoint: PublicEndpoint,
    stop: impl Future<Output = ()>,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let closing = watch::Sender::new(false);
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            () = &mut stop => break,
        };
        match (slot, accepted) {
            (Ok(slot), Ok((stream, peer))) => {
                let work = connection(stream, peer.ip(), endpoint.clone(), closing.subscribe());
                tokio::spawn(async move {
                    work.await;
                    drop(slot);
                });
            }
            (_, Err(error)) => {
                tracing::warn!(%error, "public endpoint: could not accept a connection");
                tokio::time::sleep(AFTER_TROUBLE).await;
            }
            (Err(_), _) => break,
        }
    }
    drop(listener);
    closing.send_replace(true);
    // All slots are back when the last connection has ended.
    let _ = slots.acquire_many(CONNECTIONS as u32).await;
}

async fn connection(
    stream: TcpStream,
    peer: IpAddr,
    endpoint: PublicEndpoint,
    mut closing: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let endpoint = endpoint.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(endpoint, peer, request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(MOST_HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let close = async move { drop(closing.wait_for(|closing| *closing).await) };
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = close => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "public endpoint: a connection failed");
    }
}
