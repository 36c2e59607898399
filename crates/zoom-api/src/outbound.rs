//! A small client for a server that is not Zoom's, by the same parts: names, proxies, TLS
//! and certificates as for every call.
//!
//! Owns one exchange within a limit of time and size. Never repeats a request, follows
//! no redirect.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::connector::{Connector, Names};
use crate::error::{Sent, SetupError, TransportError, TransportKind};
use crate::proxy::{Proxies, Routes};
use crate::transport::read;
use crate::{failure, tls};

/// Longest time for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest life of an idle connection.
const IDLE: Duration = Duration::from_secs(20);
/// Largest answer that is read.
const LARGEST: usize = 1 << 20;

/// A client of one server.
#[derive(Clone)]
pub struct Outbound {
    client: legacy::Client<Connector, Full<Bytes>>,
    routes: Routes,
    agent: HeaderValue,
    limit: Duration,
}

impl Outbound {
    /// A client whose exchanges end within `limit`. `secure`: the server is reached by https.
    ///
    /// # Errors
    /// Certificates or proxies that cannot be used.
    pub fn new(
        secure: bool,
        proxies: &Proxies,
        agent: &'static str,
        limit: Duration,
    ) -> Result<Self, SetupError> {
        let tls = tls::config_for(secure, &[])?;
        let routes = proxies.routes().map_err(SetupError::Proxy)?;
        let mut tcp = HttpConnector::new_with_resolver(Names::new(&[]));
        tcp.set_nodelay(true);
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(Connector::new(tcp, tls, routes.clone(), CONNECT.min(limit)));
        Ok(Self { client, routes, agent: HeaderValue::from_static(agent), limit })
    }

    /// One exchange: the status, the headers and the body of the answer.
    ///
    /// # Errors
    /// No complete answer came.
    pub async fn send(
        &self,
        mut request: Request<Bytes>,
    ) -> Result<(u16, HeaderMap, Bytes), TransportError> {
        let proxy = self.routes.forwards(request.uri());
        if let Some(auth) = proxy.as_ref().and_then(Intercept::basic_auth) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, auth.clone());
        }
        let host = request.uri().authority().map(|to| HeaderValue::from_str(to.as_str()));
        if let Some(Ok(host)) = host {
            request.headers_mut().entry(HOST).or_insert(host);
        }
        request.headers_mut().entry(USER_AGENT).or_insert_with(|| self.agent.clone());
        let exchange = async {
            let answer = self.client.request(request.map(Full::new)).await;
            let answer = answer.map_err(|error| failure::sort_pool(&error))?;
            read(answer, proxy.is_some(), LARGEST, &mut None).await
        };
        let late = || TransportError::new(TransportKind::Timeout, Sent::Maybe, "no answer in time");
        tokio::time::timeout(self.limit, exchange).await.unwrap_or_else(|_| Err(late()))
    }
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("limit", &self.limit).finish_non_exhaustive()
    }
}
