//! The client: what is asked of Zoom, for how long an answer is waited for, and
//! whether a request that failed can have left.
//!
//! All calls go the same way (`transport`), also the check that Zoom can be
//! reached: an exchange that ends as soon as the connection stands. A reply's
//! body is bounded and, where it came in one piece and plain, not copied.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use url::Url;

use crate::body::{Departure, GuardedBody, SendBody};
use crate::endpoints::EndpointError;
use crate::error::{Sent, SetupError, TransportError, TransportKind};
use crate::reply::Reply;
use crate::settings::{LAST_LOOK, Settings};
use crate::token::AccessToken;
use crate::transport::{Call, Raw, Transport};

/// The headers of a create: Host, Accept, Accept-Encoding, User-Agent,
/// Authorization, Content-Type, Content-Length.
const HEADERS: usize = 7;

/// A client of Zoom's API. Cloning shares the connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    base: Arc<Base>,
}

struct Inner {
    settings: Settings,
    agent: HeaderValue,
    transport: Transport,
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
        let unfit = |what: &str| SetupError::Http(format!("{what} cannot be sent"));
        let agent = HeaderValue::from_str(&settings.user_agent);
        let base = Base::new(settings.endpoints.api().clone());
        Ok(Self {
            base: Arc::new(base.ok_or_else(|| unfit("the address"))?),
            inner: Arc::new(Inner {
                agent: agent.map_err(|_| unfit("the user agent"))?,
                transport: Transport::new(&settings)?,
                settings,
            }),
        })
    }

    /// Copy of the client, sending API calls to the host that a token reply's
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

    /// Settings that the client was made with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Connects to the token host and disconnects: shows that a token call made right now can
    /// connect. Returns the time that it took.
    pub async fn preflight(&self) -> Result<Duration, TransportError> {
        let (begun, (departure, body)) = (Instant::now(), nothing());
        let to = self.settings().endpoints.oauth().clone();
        let mut request = reqwest::Request::new(Method::POST, to);
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        let mut seen = None;
        let answer = self.inner.transport.token_call(request, 0, &mut seen).await;
        reached(answer, &departure, seen, begun)
    }

    /// Connects to the API host now, unless a connection is open, and hangs up.
    pub async fn preflight_api(&self) -> Result<Duration, TransportError> {
        let (begun, (departure, body)) = (Instant::now(), nothing());
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri(&self.base.root)?;
        let mut seen = None;
        let answer = self.inner.transport.call(request).answer(0, &mut seen).await;
        reached(answer, &departure, seen, begun)
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

    pub(crate) async fn delete(
        &self,
        token: &AccessToken,
        url: Url,
    ) -> Result<Reply, TransportError> {
        let request = self.request(Method::DELETE, uri(&url)?, token, GuardedBody::default());
        self.call(request, None).await
    }

    pub(crate) fn post_json<'a>(
        &'a self,
        token: &AccessToken,
        to: Uri,
        body: SendBody,
    ) -> impl Future<Output = Result<Reply, TransportError>> + Send + use<'a> {
        self.send_json(Method::POST, token, to, body)
    }

    pub(crate) fn send_json<'a>(
        &'a self,
        method: Method,
        token: &AccessToken,
        to: Uri,
        body: SendBody,
    ) -> impl Future<Output = Result<Reply, TransportError>> + Send + use<'a> {
        let (departure, body) = body.split();
        let mut request = self.request(method, to, token, body);
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
        expect_json(&mut headers);
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
        let (settings, call): (_, Call) = (self.settings(), self.inner.transport.call(request));
        async move {
            let mut seen = None;
            let answer = {
                // Pinned here: handed on by value it would be moved, and kept, thrice.
                let answer = pin!(call.answer(settings.max_body, &mut seen));
                within(settings.request_timeout, answer).await
            };
            match answer {
                Ok((status, headers, body)) => {
                    Reply::received(status, &headers, body, settings.max_body)
                }
                Err(error) => Err(settle(error, departure.as_ref(), seen)),
            }
        }
    }

    pub(crate) async fn token_exchange(
        &self,
        to: Url,
        mut headers: HeaderMap,
        body: reqwest::Body,
    ) -> Result<Raw, TransportError> {
        let (settings, mut seen) = (self.settings(), None);
        expect_json(&mut headers);
        let mut request = reqwest::Request::new(Method::POST, to);
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body);
        let answer = {
            let transport = &self.inner.transport;
            let mut run = pin!(transport.token_call(request, settings.max_body, &mut seen));
            match tokio::time::timeout(settings.token_timeout, run.as_mut()).await {
                Ok(answer) => answer,
                Err(_) => within(LAST_LOOK, run).await,
            }
        };
        answer.map_err(|error| settle(error, None, seen))
    }
}

/// A body that never leaves: the exchange ends when its connection stands, and all
/// before that is as it will be.
fn nothing() -> (Departure, GuardedBody) {
    SendBody::new("-", || false).split()
}

fn reached(
    answer: Result<Raw, TransportError>,
    departure: &Departure,
    seen: Option<u16>,
    begun: Instant,
) -> Result<Duration, TransportError> {
    let error = match answer {
        Err(error) => settle(error, Some(departure), seen),
        Ok(_) => TransportError::new(TransportKind::Protocol, Sent::No, "an answer came unasked"),
    };
    match error.kind {
        TransportKind::Withheld => Ok(begun.elapsed()),
        _ => Err(TransportError { sent: Sent::No, ..error }),
    }
}

/// JSON, and not compressed (which is undone all the same).
fn expect_json(headers: &mut HeaderMap) {
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
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

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("endpoints", &self.inner.settings.endpoints)
            .finish_non_exhaustive()
    }
}
