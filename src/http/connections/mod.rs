//! Connections of an HTTP port: how many there are, and how long a client may keep one.
//!
//! A port answers also while clients hang. A head, and a write that the client does not
//! read, have time limits. Where all places are taken, the connection that has waited longest
//! for bytes of a request makes room; one whose request is being answered stays.

mod seats;
mod stall;

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use seats::{Seat, Seats, Tracked};
use stall::Patient;

pub use seats::Arriving;

/// Wait after a failure to accept, such as too many open files.
const AFTER_TROUBLE: Duration = Duration::from_millis(100);
/// Time for which a write may wait for its client.
const STALL: Duration = Duration::from_secs(30);

/// Bounds of one port.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Name of the port in the log.
    pub port: &'static str,
    /// Maximum number of connections.
    pub most: usize,
    /// Time for a whole head, and between two requests of one connection.
    pub head: Duration,
    /// Maximum size of a head.
    pub head_bytes: usize,
    /// True if a connection carries more than one request.
    pub keep_alive: bool,
}

/// Answers on `listener` until `stop` comes, with a service for each connection; requests in
/// hand have their answer for as long as the caller waits.
pub async fn serve<S, B>(
    listener: TcpListener,
    bounds: Bounds,
    service: impl Fn(IpAddr) -> S,
    stop: impl Future<Output = ()>,
) where
    S: Service<Request<Arriving>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let seats = Seats::new(bounds.most);
    let closing = watch::Sender::new(false);
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            let accepted = listener.accept().await;
            if accepted.is_ok() {
                seats.make_room().await;
            }
            accepted
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (seat, service) = (seats.take(), service(peer.ip()));
                let work = connection(stream, bounds, seat, service, closing.subscribe());
                let alive = alive.clone();
                tokio::spawn(async move {
                    work.await;
                    drop(alive);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "{}: could not accept a connection", bounds.port);
                tokio::time::sleep(AFTER_TROUBLE).await;
            }
        }
    }
    drop((listener, alive));
    closing.send_replace(true);
    // Nobody sends: it ends when the last connection has.
    let _ = all_gone.recv().await;
}

async fn connection<S, B>(
    stream: TcpStream,
    bounds: Bounds,
    seat: Seat,
    service: S,
    mut closing: watch::Receiver<bool>,
) where
    S: Service<Request<Arriving>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let _ = stream.set_nodelay(true);
    let leave = seat.leave();
    let tracked = service_fn(move |request: Request<Incoming>| {
        let (request, busy) = seat.begins(request);
        let answered = service.call(request);
        async move { answered.await.map(|answer| answer.map(|body| Tracked::new(body, busy))) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(bounds.head_bytes)
        .keep_alive(bounds.keep_alive)
        .serve_connection(TokioIo::new(Patient::new(stream, STALL)), tracked);
    let mut serving = std::pin::pin!(serving);
    let close = async move { drop(closing.wait_for(|closing| *closing).await) };
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = leave.notified() => return,
        () = close => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "{}: a connection failed", bounds.port);
    }
}
