//! The client: two HTTP clients, for API calls and for token calls.
//!
//! API calls share a large pool of HTTP/1.1 connections (`transport`). Token
//! calls have a client of their own with no pool, so that a reply can never be
//! lost to a connection that the other side had given up. Neither repeats a
//! request, follows a redirect, or uses a proxy. A reply's body is bounded and,
//! where it came in one piece, not copied.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::body::{Departure, GuardedBody, SendBody};
use crate::endpoints::{EndpointError, Endpoints};
use crate::error::{Sent, SetupError, TransportError, TransportKind};
use crate::reply::Reply;
use crate::token::AccessToken;
use crate::transport::{Transport, Whole};
use crate::{failure, tls};

/// The headers of a create: Host, Accept, User-Agent, Authorization,
/// Content-Type, Content-Length.
const HEADERS: usize = 6;

/// How long a token call is looked at again once its time is over. A process
/// that was stopped wakes with the reply unread in its socket, and the timer is
/// heard first: the reply would be thrown away, and with it the account.
const LAST_LOOK: Duration = Duration::from_millis(100);

/// How to talk to Zoom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where Zoom is.
    pub endpoints: Endpoints,
    /// The longest a connection may take, TLS included.
    pub connect_timeout: Duration,
    /// The longest an API call may take, connecting and body included.
    pub request_timeout: Duration,
    /// The longest a token call may take, connecting included; 100 ms more where
    /// it is over, for a reply that came unread. Generous: giving up loses the reply.
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
    /// The longest a token call takes until it is given up.
    #[must_use]
    pub fn longest_token_call(&self) -> Duration {
        self.token_timeout + LAST_LOOK
    }

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
    api: Transport,
    agent: HeaderValue,
    token: reqwest::Client,
    tls: Arc<ClientConfig>,
}

/// Addresses prepared once a host: to parse one costs as much as to send it.
struct Base {
    root: Url,
    host: Arc<str>,
    host_header: HeaderValue,
    my_meetings: Uri,
}

impl Base {
    fn new(root: Url) -> Option<Self> {
        let my_meetings = uri(&below(&root, "users/me/meetings")).ok()?;
        let host = my_meetings.authority()?.as_str();
        let host_header = HeaderValue::from_str(host).ok()?;
        Some(Self { host: host.into(), host_header, root, my_meetings })
    }
}

pub(crate) fn uri(url: &Url) -> Result<Uri, TransportError> {
    let refused = || TransportError::new(TransportKind::Request, Sent::No, "not an address");
    url.as_str().parse().map_err(|_| refused())
}

fn below(root: &Url, path: &str) -> Url {
    let mut url = root.clone();
    url.set_path(&format!("{}/{path}", root.path().trim_end_matches('/')));
    url
}

impl Client {
    /// Sets up the connections; makes none.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        let tls = tls::config(&settings.endpoints, &settings.extra_roots)?;
        let failed = |error: reqwest::Error| SetupError::Http(failure::detail(&error));
        let token = token_client(&settings, tls.clone()).build().map_err(failed)?;
        let unfit = |what: &str| SetupError::Http(format!("{what} cannot be sent"));
        let agent = HeaderValue::from_str(&settings.user_agent);
        let base = Base::new(settings.endpoints.api().clone());
        Ok(Self {
            base: Arc::new(base.ok_or_else(|| unfit("the address"))?),
            inner: Arc::new(Inner {
                agent: agent.map_err(|_| unfit("the user agent"))?,
                api: Transport::new(&settings, tls.clone()),
                token,
                tls: Arc::new(tls),
                settings,
            }),
        })
    }

    /// The same client, sending API calls to the host that a token reply's
    /// `api_url` named. Refuses hosts that are not Zoom's.
    pub fn with_api_url(&self, api_url: &str) -> Result<Self, EndpointError> {
        let root = self.settings().endpoints.regional_api(api_url)?;
        let base = Base::new(root).ok_or_else(|| EndpointError::NotHttp(api_url.to_owned()))?;
        Ok(Self { inner: Arc::clone(&self.inner), base: Arc::new(base) })
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

    pub(crate) fn my_meetings(&self) -> Uri {
        self.base.my_meetings.clone()
    }

    pub(crate) async fn get(&self, token: &AccessToken, url: Url) -> Result<Reply, TransportError> {
        let request = self.request(Method::GET, uri(&url)?, token, GuardedBody::default());
        self.call(request, None).await
    }

    pub(crate) fn post_json<'a>(
        &'a self,
        token: &AccessToken,
        to: Uri,
        body: SendBody,
    ) -> impl Future<Output = Result<Reply, TransportError>> + Send + use<'a> {
        let (departure, body) = body.split();
        let mut request = self.request(Method::POST, to, token, body);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        self.call(request, Some(departure))
    }

    fn request(
        &self,
        method: Method,
        to: Uri,
        token: &AccessToken,
        body: GuardedBody,
    ) -> Request<GuardedBody> {
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(HOST, self.base.host_header.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, self.inner.agent.clone());
        headers.insert(AUTHORIZATION, token.header());
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = to;
        *request.headers_mut() = headers;
        request
    }

    fn call(
        &self,
        request: Request<GuardedBody>,
        departure: Option<Departure>,
    ) -> impl Future<Output = Result<Reply, TransportError>> + Send {
        let (settings, exchange) = (self.settings(), self.inner.api.begin(request));
        async move {
            let mut seen = None;
            let answer = {
                // Pinned here: handed on by value it would be moved, and kept, thrice.
                let answer = pin!(exchange.answer(settings.max_body, &mut seen));
                within(settings.request_timeout, answer).await
            };
            match answer {
                Ok((status, headers, body)) => Ok(Reply::new(status, &headers, body)),
                Err(error) => Err(settle(error, departure.as_ref(), seen)),
            }
        }
    }

    pub(crate) async fn token_exchange(
        &self,
        request: reqwest::Request,
    ) -> Result<(u16, HeaderMap, Bytes), TransportError> {
        let (settings, mut seen) = (self.settings(), None);
        let answer = {
            let mut run = pin!(run(&self.inner.token, request, settings.max_body, &mut seen));
            match tokio::time::timeout(settings.token_timeout, run.as_mut()).await {
                Ok(answer) => answer,
                Err(_) => within(LAST_LOOK, run).await,
            }
        };
        answer.map_err(|error| settle(error, None, seen))
    }
}

async fn within<T>(
    limit: Duration,
    exchange: impl Future<Output = Result<T, TransportError>>,
) -> Result<T, TransportError> {
    match tokio::time::timeout(limit, exchange).await {
        Ok(answer) => answer,
        Err(_) => Err(TransportError::new(TransportKind::Timeout, Sent::Maybe, "")),
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
    let mut response = http.execute(request).await.map_err(|error| failure::sort(&error))?;
    let status = response.status().as_u16();
    *seen = Some(status);
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(failure::too_large(limit));
    }
    let headers = std::mem::take(response.headers_mut());
    let mut whole = Whole::default();
    while let Some(part) = response.chunk().await.map_err(|error| failure::sort(&error))? {
        if whole.len() + part.len() > limit {
            return Err(failure::too_large(limit));
        }
        whole.push(part);
    }
    Ok((status, headers, whole.into_bytes()))
}

fn token_client(settings: &Settings, tls: ClientConfig) -> reqwest::ClientBuilder {
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
        .tcp_user_timeout(settings.token_timeout)
        .pool_max_idle_per_host(0)
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("endpoints", &self.inner.settings.endpoints)
            .finish_non_exhaustive()
    }
}
