//! The way of API calls: HTTP/1.1 over a large pool of connections.
//!
//! Directly on the client that reqwest is made of. What reqwest puts around it
//! (redirects, repeats, decoders, an address parsed twice a request) is switched
//! off for these calls anyway, and costs as much as the exchange itself.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Uri};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower::Service;

use crate::body::GuardedBody;
use crate::client::Settings;
use crate::error::TransportError;
use crate::failure;

/// Connections kept while nobody uses them.
const IDLE_CONNECTIONS: usize = 4096;
/// How often a connection is probed on which nothing moves.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// Unanswered probes that end it.
const PROBES: u32 = 3;

type Failure = Box<dyn Error + Send + Sync>;

/// The pool.
pub(crate) struct Transport(legacy::Client<Connector, GuardedBody>);

impl Transport {
    pub(crate) fn new(settings: &Settings, mut tls: ClientConfig) -> Self {
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(PROBES));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(settings.request_timeout));
        let https = HttpsConnector::from((tcp, Arc::new(tls)));
        let connector = Connector { https, limit: settings.connect_timeout };
        // A connection that turns out to be closed before anything was written
        // is replaced by another: the request has not left then.
        let pool = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(settings.idle_timeout)
            .build(connector);
        Self(pool)
    }

    /// An exchange, which begins when it is first polled. The request goes at
    /// once to where it stays: a future of ours that held it would move it on.
    pub(crate) fn begin(&self, request: Request<GuardedBody>) -> Exchange {
        Exchange(self.0.request(request))
    }
}

/// An exchange under way, or about to be.
pub(crate) struct Exchange(legacy::ResponseFuture);

impl Exchange {
    /// The answer; `seen` is the status as soon as there is one.
    pub(crate) async fn answer(
        self,
        limit: usize,
        seen: &mut Option<u16>,
    ) -> Result<(u16, HeaderMap, Bytes), TransportError> {
        let (head, mut body) =
            self.0.await.map_err(|error| failure::sort_pool(&error))?.into_parts();
        let status = head.status.as_u16();
        *seen = Some(status);
        if body.size_hint().exact().is_some_and(|length| length > limit as u64) {
            return Err(failure::too_large(limit));
        }
        let mut whole = Whole::default();
        while let Some(frame) = body.frame().await {
            let Ok(part) = frame.map_err(|error| failure::sort_body(&error))?.into_data() else {
                continue;
            };
            if whole.len() + part.len() > limit {
                return Err(failure::too_large(limit));
            }
            whole.push(part);
        }
        Ok((status, head.headers, whole.into_bytes()))
    }
}

/// A body under way; one that comes in one piece is not copied.
#[derive(Default)]
pub(crate) struct Whole {
    first: Bytes,
    rest: BytesMut,
}

impl Whole {
    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    pub(crate) fn push(&mut self, part: Bytes) {
        if self.first.is_empty() {
            self.first = part;
        } else {
            self.rest.extend_from_slice(&part);
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        if self.rest.is_empty() {
            return self.first;
        }
        let mut whole = BytesMut::with_capacity(self.len());
        whole.extend_from_slice(&self.first);
        whole.extend_from_slice(&self.rest);
        whole.freeze()
    }
}

/// Connects, TLS included, within a limit.
#[derive(Clone)]
struct Connector {
    https: HttpsConnector<HttpConnector>,
    limit: Duration,
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Failure>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connecting, limit) = (self.https.call(to), self.limit);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => {
                    let late = io::Error::new(io::ErrorKind::TimedOut, "connecting took too long");
                    Err(late.into())
                }
            }
        })
    }
}
