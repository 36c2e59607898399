//! Routes of the public port: which handler answers a request, within which bounds.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};

use super::page::{Answer, words};
use super::paths::Way;
use super::{PublicEndpoint, connect, limit, oauth_callback, webhook};
use crate::http::connections::Arriving;

/// Zoom's events are far smaller.
const MOST_BODY_BYTES: usize = 64 << 10;
/// Time for which a body may take to come.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// Answers one request. Nothing of its address is logged.
pub(super) async fn answer(
    endpoint: PublicEndpoint,
    peer: IpAddr,
    request: Request<Arriving>,
) -> Answer {
    let (head, body) = request.into_parts();
    let way = endpoint.0.paths.way(&head.method, head.uri.path());
    if way == Way::Nowhere {
        return nowhere();
    }
    let forwarded = head.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let client = limit::client(peer, forwarded);
    // Zoom's own words are known by their signature, not by where they come from.
    if way != Way::Webhook && !endpoint.0.limiter.admits(client, Instant::now()) {
        let mut answer = endpoint.0.brand.later();
        *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        return answer;
    }
    match (way, &head.method) {
        (Way::Link(token), &Method::GET | &Method::HEAD) => connect::show(&endpoint, token).await,
        (Way::Link(token), &Method::POST) => match whole(body).await {
            Ok(_) => connect::begin(&endpoint, token, &head.headers).await,
            Err(refused) => refused,
        },
        (Way::Back, &Method::GET) => {
            oauth_callback::handle(&endpoint, head.uri.query().unwrap_or_default(), &head.headers)
                .await
        }
        (Way::Webhook, &Method::POST) if endpoint.0.webhook.is_some() => match whole(body).await {
            Ok(body) => webhook::handle(&endpoint, &head.headers, &body).await,
            Err(refused) => refused,
        },
        (Way::Link(_), _) => not_allowed("GET, HEAD, POST"),
        (Way::Back, _) => not_allowed("GET"),
        (Way::Webhook, _) if endpoint.0.webhook.is_some() => not_allowed("POST"),
        _ => nowhere(),
    }
}

async fn whole(body: Arriving) -> Result<Bytes, Answer> {
    let read = Limited::new(body, MOST_BODY_BYTES).collect();
    match tokio::time::timeout(BODY_PATIENCE, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err(words(StatusCode::PAYLOAD_TOO_LARGE, "too large\n")),
        Err(_) => Err(words(StatusCode::REQUEST_TIMEOUT, "too slow\n")),
    }
}

fn nowhere() -> Answer {
    words(StatusCode::NOT_FOUND, "not found\n")
}

fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = words(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    answer
}
