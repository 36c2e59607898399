//! The one way to Zoom: how every call resolves a name, connects, uses a proxy,
//! verifies TLS and reads a reply, whether it is an API call, a token call or a
//! check that Zoom can be reached.
//!
//! Owns two clients of the same parts and the same settings. API calls share a
//! large pool, directly on the client that reqwest is made of: what reqwest puts
//! around it (redirects, repeats, an address parsed twice) is switched off anyway,
//! and costs as much as the exchange itself. Token calls are reqwest's and keep no
//! connection, so that a reply can never be lost to one that the other side had
//! given up. Never does: repeat a request, follow a redirect, decode a body.
//! Invariant: nothing else here opens a connection.

use std::error::Error;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::PROXY_AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use crate::body::GuardedBody;
use crate::connector::{Connector, Names};
use crate::error::{SetupError, TransportError};
use crate::proxy::Routes;
use crate::settings::Settings;
use crate::{failure, tls};

/// Maximum number of idle API connections.
const IDLE_CONNECTIONS: usize = 4096;
/// Interval at which a connection is probed on which nothing moves.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// Unanswered probes that end it.
const PROBES: u32 = 3;

/// Status, headers, and the body as it came.
pub(crate) type Raw = (u16, HeaderMap, Bytes);

/// Both clients.
pub(crate) struct Transport {
    api: legacy::Client<Connector, GuardedBody>,
    token: reqwest::Client,
    routes: Routes,
}

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SetupError> {
        let tls = tls::config(&settings.endpoints, &settings.extra_roots)?;
        let routes = settings.proxies.routes().map_err(SetupError::Proxy)?;
        let token = token_client(settings, tls.clone())?;
        Ok(Self { api: api_client(settings, tls, routes.clone()), token, routes })
    }

    /// A call, which begins when it is first polled. The request goes at once to
    /// where it stays: a future of ours that held it would move it on.
    pub(crate) fn call(&self, mut request: Request<GuardedBody>) -> Call {
        let proxy = self.routes.forwards(request.uri());
        if let Some(auth) = proxy.as_ref().and_then(Intercept::basic_auth) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, auth.clone());
        }
        Call { forwarded: proxy.is_some(), answer: self.api.request(request) }
    }

    /// A token call, from its beginning to the end of its reply.
    pub(crate) async fn token_call(
        &self,
        request: reqwest::Request,
        limit: usize,
        seen: &mut Option<u16>,
    ) -> Result<Raw, TransportError> {
        let to = request.url().as_str().parse();
        let forwarded = to.is_ok_and(|to| self.routes.forwards(&to).is_some());
        let sent = self.token.execute(request).await.map_err(|error| failure::sort(&error))?;
        read(Response::<reqwest::Body>::from(sent), forwarded, limit, seen).await
    }
}

/// An API call under way, or about to be.
pub(crate) struct Call {
    answer: legacy::ResponseFuture,
    forwarded: bool,
}

impl Call {
    /// The answer; `seen` is the status as soon as there is one.
    pub(crate) async fn answer(
        self,
        limit: usize,
        seen: &mut Option<u16>,
    ) -> Result<Raw, TransportError> {
        let answer = self.answer.await.map_err(|error| failure::sort_pool(&error))?;
        read(answer, self.forwarded, limit, seen).await
    }
}

fn api_client(
    settings: &Settings,
    tls: ClientConfig,
    routes: Routes,
) -> legacy::Client<Connector, GuardedBody> {
    let mut tcp = HttpConnector::new_with_resolver(Names::new(&settings.addresses));
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE));
    tcp.set_keepalive_retries(Some(PROBES));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(settings.request_timeout));
    // A connection that turns out to be closed before anything was written
    // is replaced by another: the request has not left then.
    legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(settings.idle_timeout)
        .build(Connector::new(tcp, tls, routes, settings.connect_timeout))
}

fn token_client(settings: &Settings, tls: ClientConfig) -> Result<reqwest::Client, SetupError> {
    let builder = reqwest::Client::builder()
        .user_agent(&settings.user_agent)
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .tcp_keepalive(KEEPALIVE)
        .tcp_keepalive_interval(KEEPALIVE)
        .tcp_keepalive_retries(PROBES)
        .tcp_user_timeout(settings.token_timeout)
        .connect_timeout(settings.connect_timeout)
        .pool_max_idle_per_host(0);
    let proxies = settings.proxies.rules().map_err(SetupError::Proxy)?;
    let builder = proxies.into_iter().fold(builder, reqwest::ClientBuilder::proxy);
    let builder = settings
        .addresses
        .iter()
        .fold(builder, |builder, (name, addresses)| builder.resolve_to_addrs(name, addresses));
    builder.build().map_err(|error| SetupError::Http(failure::detail(&error)))
}

/// Reads an answer to its end. `forwarded`: a proxy passed the request on, or not.
pub(crate) async fn read<B>(
    response: Response<B>,
    forwarded: bool,
    limit: usize,
    seen: &mut Option<u16>,
) -> Result<Raw, TransportError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + 'static,
{
    let (head, mut body) = response.into_parts();
    let status = head.status.as_u16();
    if forwarded && status == 407 {
        // The proxy's own word, in the place of an exchange with Zoom.
        return Err(failure::proxy_refused());
    }
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

/// A body under way; one that comes in one piece is not copied.
#[derive(Default)]
struct Whole {
    first: Bytes,
    rest: BytesMut,
}

impl Whole {
    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn push(&mut self, part: Bytes) {
        if self.first.is_empty() {
            self.first = part;
        } else {
            self.rest.extend_from_slice(&part);
        }
    }

    fn into_bytes(self) -> Bytes {
        if self.rest.is_empty() {
            return self.first;
        }
        let mut whole = BytesMut::with_capacity(self.len());
        whole.extend_from_slice(&self.first);
        whole.extend_from_slice(&self.rest);
        whole.freeze()
    }
}
