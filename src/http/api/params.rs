//! Parameters of a request, read strictly: an unknown one is refused with its name.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zoomd_wire::AccountName;

use super::Problem;

/// Lines of a page where the request does not say.
pub const LIMIT: usize = 50;
/// Lines of a page, at most.
pub const MOST: usize = 500;

/// Bytes of a body that acts on something.
const MOST_BODY: usize = 256 << 10;
/// Time for a body to come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a reason.
const MOST_REASON: usize = 500;

/// The query of a request.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(params)| Self(params)).map_err(|error| {
            let text = error.body_text();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            Problem::bad_request(format!("the query: {text}"))
        })
    }
}

/// A JSON body; an empty one stands for no fields.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request, MOST_BODY).await?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let value = serde_json::from_slice(text);
        value.map(Self).map_err(|error| Problem::bad_request(format!("the body: {error}")))
    }
}

/// The whole body, of at most `most` bytes.
pub async fn read(request: Request, most: usize) -> Result<Bytes, Problem> {
    let body = Limited::new(request.into_body(), most).collect();
    let too_large = || {
        let text = format!("the body is larger than {most} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", text)
    };
    match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::bad_request("the body did not come whole")),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body is slow")),
    }
}

/// A reason in words, not longer than [`MOST_REASON`] bytes.
pub fn reason(text: &str) -> Result<&str, Problem> {
    if text.len() <= MOST_REASON {
        return Ok(text.trim());
    }
    let text = format!("the reason is longer than {MOST_REASON} bytes");
    Err(Problem::bad_request(text).field("reason"))
}

/// A reason that must be given, for what destroys or holds back.
pub fn demanded(text: &str) -> Result<&str, Problem> {
    let text = reason(text)?;
    if text.is_empty() {
        return Err(Problem::bad_request("a reason is needed: who finds it asks why")
            .field("reason")
            .hint("send {\"reason\": \"…\"}"));
    }
    Ok(text)
}

/// The body of a request that gives a reason.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Because {
    /// The words of the person or program that acts.
    pub reason: String,
}

/// The account that a path names.
#[derive(Debug)]
pub struct Account(pub AccountName);

/// The thing that a path names.
#[derive(Debug)]
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let named = Path::<T>::from_request_parts(parts, state).await;
        let Path(named) = named.map_err(|_| Problem::bad_request("the path is not UTF-8"))?;
        Ok(Self(named))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Account {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Named(mut words) =
            Named::<std::collections::HashMap<String, String>>::from_request_parts(parts, state)
                .await?;
        let name = words.remove("account").unwrap_or_default();
        AccountName::new(&name).map(Self).map_err(|error| Problem::bad_request(error.to_string()))
    }
}

/// The number of lines that was asked for.
pub fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    let asked = asked.unwrap_or(LIMIT);
    if (1..=MOST).contains(&asked) {
        return Ok(asked);
    }
    Err(Problem::bad_request(format!("limit must lie between 1 and {MOST}")).field("limit"))
}
