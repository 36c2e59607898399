//! Connections for API calls: direct, through a proxy's tunnel, or to a proxy that forwards plain
//! http.
//!
//! Owns the choice among the three and their time limit; names, addresses, TLS and CONNECT are
//! hyper-util's and hyper-rustls', which reqwest is made of too: token calls connect in the same
//! way. Never sends a request.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower::Service;

use crate::proxy::Routes;

type Failure = Box<dyn Error + Send + Sync>;
type Tcp = TokioIo<TcpStream>;

/// Connects within a limit: name, proxy and TLS included.
#[derive(Clone)]
pub(crate) struct Connector {
    tcp: HttpConnector<Names>,
    tls: Arc<ClientConfig>,
    routes: Arc<Routes>,
    limit: Duration,
}

impl Connector {
    pub(crate) fn new(
        mut tcp: HttpConnector<Names>,
        tls: ClientConfig,
        routes: Routes,
        limit: Duration,
    ) -> Self {
        tcp.enforce_http(false);
        // The addresses of a name share the time, and IPv6 races IPv4 (RFC 8305):
        // without this the first address may use up all of it.
        tcp.set_connect_timeout(Some(limit));
        Self { tcp, tls: Arc::new(tls), routes: Arc::new(routes), limit }
    }

    async fn connect(mut self, to: Uri) -> Result<Stream, Failure> {
        let mut https = HttpsConnector::from((self.tcp.clone(), Arc::clone(&self.tls)));
        let secure = to.scheme_str() == Some("https");
        match self.routes.proxy_of(&to) {
            None if secure => Ok(Stream::direct(https.call(to).await?)),
            None => Ok(Stream::direct(MaybeHttpsStream::Http(self.tcp.call(to).await?))),
            Some(proxy) if secure => {
                let mut tunnel = Tunnel::new(proxy.uri().clone(), https);
                if let Some(auth) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(auth.clone());
                }
                let mut within = HttpsConnector::from((tunnel, self.tls));
                Ok(Stream { way: Way::Tunnel(Box::new(within.call(to).await?)), forwarded: false })
            }
            Some(proxy) => {
                let way = Way::Direct(Box::new(https.call(proxy.uri().clone()).await?));
                Ok(Stream { way, forwarded: true })
            }
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connecting, limit) = (self.clone().connect(to), self.limit);
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

/// The addresses of a name: those that the settings give, else the system's.
#[derive(Clone)]
pub(crate) struct Names {
    given: Arc<HashMap<String, Vec<SocketAddr>>>,
    system: GaiResolver,
}

impl Names {
    pub(crate) fn new(given: &[(String, Vec<SocketAddr>)]) -> Self {
        Self { given: Arc::new(given.iter().cloned().collect()), system: GaiResolver::new() }
    }
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if let Some(given) = self.given.get(name.as_str()).cloned() {
            return Box::pin(async move { Ok(given.into_iter()) });
        }
        let asked = self.system.call(name);
        Box::pin(async move { Ok(asked.await?.collect::<Vec<_>>().into_iter()) })
    }
}

/// A connection.
pub(crate) struct Stream {
    way: Way,
    /// A proxy reads the requests: they name the whole address.
    forwarded: bool,
}

enum Way {
    Direct(Box<MaybeHttpsStream<Tcp>>),
    Tunnel(Box<MaybeHttpsStream<MaybeHttpsStream<Tcp>>>),
}

impl Stream {
    fn direct(stream: MaybeHttpsStream<Tcp>) -> Self {
        Self { way: Way::Direct(Box::new(stream)), forwarded: false }
    }
}

/// Hands a call on to whichever connection it is.
macro_rules! of_either {
    ($stream:expr, $call:ident($($argument:expr),*)) => {
        match &mut $stream.get_mut().way {
            Way::Direct(stream) => Pin::new(stream).$call($($argument),*),
            Way::Tunnel(stream) => Pin::new(stream).$call($($argument),*),
        }
    };
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        of_either!(self, poll_read(cx, into))
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        of_either!(self, poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        of_either!(self, poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.way {
            Way::Direct(stream) => stream.is_write_vectored(),
            Way::Tunnel(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_either!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_either!(self, poll_shutdown(cx))
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match &self.way {
            Way::Direct(stream) => stream.connected().proxy(self.forwarded),
            Way::Tunnel(stream) => stream.connected(),
        }
    }
}
