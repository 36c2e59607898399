//! The client: two HTTP clients, one exchange.
//!
//! API calls share a large pool of HTTP/1.1 connections. Token calls have a
//! client of their own with no pool, so that a reply can never be lost to a
//! connection that the other side had given up. Neither repeats a request,
//! follows a redirect, or uses a proxy. A reply's body is bounded and, where it
//! came in one piece, not copied.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::body::{Departure, SendBody};
use crate::endpoints::{EndpointError, Endpoints};
use crate::error::{Sent, SetupError, TransportError, TransportKind};
use crate::reply::Reply;
use crate::token::AccessToken;
use crate::{failure, tls};

const IDLE_CONNECTIONS: usize = 4096;

/// How to talk to Zoom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where Zoom is.
    pub endpoints: Endpoints,
    /// The longest a connection may take, TLS included.
    pub connect_timeout: Duration,
    /// The longest an API call may take, connecting and body included.
    pub request_timeout: Duration,
    /// The longest a token call may take. Generous: giving up loses the reply.
    pub token_timeout: Duration,
    /// How long an idle connection is kept. Shorter than the other side keeps
    /// it, or a request may be lost to a connection that is closing.
    pub idle_timeout: Duration,
    /// The largest body that is read.
    pub max_body: usize,
    /// The `User-Agent`.
    pub user_agent: String,
    /// Certificates to trust besides the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Settings {
    /// Settings fit for Zoom at `endpoints`.
    pub fn new(endpoints: Endpoints) -> Self {
        Self {
            endpoints,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            token_timeout: Duration::from_secs(45),
            idle_timeout: Duration::from_secs(20),
            max_body: 4 << 20,
            user_agent: concat!("zoom-api/", env!("CARGO_PKG_VERSION")).to_owned(),
            extra_roots: Vec::new(),
        }
    }
}

/// A client of Zoom's API. Cloning shares the connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    base: Arc<Base>,
}

struct Inner {
    settings: Settings,
    api: reqwest::Client,
    token: reqwest::Client,
    tls: Arc<ClientConfig>,
}

/// Addresses prepared once a host.
struct Base {
    root: Url,
    host: Arc<str>,
    my_meetings: Url,
}

impl Base {
    fn new(root: Url) -> Self {
        let my_meetings = below(&root, "users/me/meetings");
        let host = match (root.host_str().unwrap_or_default(), root.port()) {
            (host, Some(port)) => format!("{host}:{port}").into(),
            (host, None) => host.into(),
        };
        Self { root, host, my_meetings }
    }
}

fn below(root: &Url, path: &str) -> Url {
    let mut url = root.clone();
    url.set_path(&format!("{}/{path}", root.path().trim_end_matches('/')));
    url
}

/// One exchange: with which client, what, and for how long.
pub(crate) struct Exchange {
    pub(crate) request: reqwest::Request,
    pub(crate) departure: Option<Departure>,
    pub(crate) timeout: Duration,
}

impl Client {
    /// Sets up the connections; makes none.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        let tls = tls::config(&settings.endpoints, &settings.extra_roots)?;
        let common = || builder(&settings, tls.clone());
        let api = common()
            .tcp_user_timeout(settings.request_timeout)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(settings.idle_timeout);
        let token = common().tcp_user_timeout(settings.token_timeout).pool_max_idle_per_host(0);
        let failed = |error: reqwest::Error| SetupError::Http(failure::detail(&error));
        Ok(Self {
            base: Arc::new(Base::new(settings.endpoints.api().clone())),
            inner: Arc::new(Inner {
                api: api.build().map_err(failed)?,
                token: token.build().map_err(failed)?,
                tls: Arc::new(tls),
                settings,
            }),
        })
    }

    /// The same client, sending API calls to the host that a token reply's
    /// `api_url` named. Refuses hosts that are not Zoom's.
    pub fn with_api_url(&self, api_url: &str) -> Result<Self, EndpointError> {
        let root = self.settings().endpoints.regional_api(api_url)?;
        Ok(Self { inner: Arc::clone(&self.inner), base: Arc::new(Base::new(root)) })
    }

    /// The host that API calls go to, with its port where it is not the usual one.
    pub fn api_host(&self) -> &Arc<str> {
        &self.base.host
    }

    /// What the client was made with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Connects to the token host now, and hangs up: shows that a token call
    /// made within the next moment will find its way. Answers how long it took.
    pub async fn preflight(&self) -> Result<Duration, TransportError> {
        self.reach(self.settings().endpoints.oauth()).await
    }

    /// Connects to the API host now, and hangs up.
    pub async fn preflight_api(&self) -> Result<Duration, TransportError> {
        self.reach(&self.base.root).await
    }

    async fn reach(&self, url: &Url) -> Result<Duration, TransportError> {
        let begun = Instant::now();
        let limit = self.settings().connect_timeout;
        tls::connect(&self.inner.tls, url, limit).await?;
        Ok(begun.elapsed())
    }

    pub(crate) fn api_url(&self, path: &str) -> Url {
        below(&self.base.root, path)
    }

    pub(crate) fn my_meetings(&self) -> Url {
        self.base.my_meetings.clone()
    }

    pub(crate) async fn get(&self, token: &AccessToken, url: Url) -> Result<Reply, TransportError> {
        let request = reqwest::Request::new(Method::GET, url);
        self.call(token, request, None).await
    }

    pub(crate) async fn post_json(
        &self,
        token: &AccessToken,
        url: Url,
        body: SendBody,
    ) -> Result<Reply, TransportError> {
        let (departure, body) = body.split();
        let mut request = reqwest::Request::new(Method::POST, url);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        self.call(token, request, Some(departure)).await
    }

    async fn call(
        &self,
        token: &AccessToken,
        mut request: reqwest::Request,
        departure: Option<Departure>,
    ) -> Result<Reply, TransportError> {
        request.headers_mut().insert(AUTHORIZATION, token.header());
        let exchange = Exchange { request, departure, timeout: self.settings().request_timeout };
        let (status, headers, body) = self.exchange(&self.inner.api, exchange).await?;
        Ok(Reply::new(status, &headers, body))
    }

    pub(crate) async fn token_exchange(
        &self,
        request: reqwest::Request,
    ) -> Result<(u16, HeaderMap, Bytes), TransportError> {
        let exchange =
            Exchange { request, departure: None, timeout: self.settings().token_timeout };
        self.exchange(&self.inner.token, exchange).await
    }

    async fn exchange(
        &self,
        http: &reqwest::Client,
        exchange: Exchange,
    ) -> Result<(u16, HeaderMap, Bytes), TransportError> {
        let Exchange { request, departure, timeout } = exchange;
        let mut seen = None;
        let limit = self.settings().max_body;
        let run = run(http, request, limit, &mut seen);
        let error = match tokio::time::timeout(timeout, run).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => TransportError::new(TransportKind::Timeout, Sent::Maybe, ""),
        };
        Err(settle(error, departure.as_ref(), seen))
    }
}

/// The last word on whether the request left: the body's, where it has one.
fn settle(
    mut error: TransportError,
    departure: Option<&Departure>,
    status: Option<u16>,
) -> TransportError {
    error.status = status;
    if let Some(departure) = departure {
        error.sent = departure.close();
        if departure.was_withheld() {
            error.kind = TransportKind::Withheld;
            error.detail.clear();
        }
    }
    if status.is_some() {
        error.sent = Sent::Maybe;
    }
    error
}

async fn run(
    http: &reqwest::Client,
    request: reqwest::Request,
    limit: usize,
    seen: &mut Option<u16>,
) -> Result<(u16, HeaderMap, Bytes), TransportError> {
    let too_large = || {
        let detail = format!("more than {limit} bytes");
        TransportError::new(TransportKind::BodyTooLarge, Sent::Maybe, detail)
    };
    let mut response = http.execute(request).await.map_err(|error| failure::sort(&error))?;
    let status = response.status().as_u16();
    *seen = Some(status);
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let headers = std::mem::take(response.headers_mut());
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure::sort(&error))? {
        if first.len() + rest.len() + chunk.len() > limit {
            return Err(too_large());
        }
        if first.is_empty() {
            first = chunk;
        } else {
            rest.extend_from_slice(&chunk);
        }
    }
    if rest.is_empty() {
        return Ok((status, headers, first));
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok((status, headers, whole.freeze()))
}

fn builder(settings: &Settings, tls: ClientConfig) -> reqwest::ClientBuilder {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    reqwest::Client::builder()
        .default_headers(headers)
        .user_agent(&settings.user_agent)
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .connect_timeout(settings.connect_timeout)
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("endpoints", &self.inner.settings.endpoints)
            .finish_non_exhaustive()
    }
}
