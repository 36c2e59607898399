//! The form of answers: JSON that no browser keeps or takes for something else.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

/// Answer of a handler.
pub type Answer = Result<Response, super::Problem>;

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// The lines.
    pub items: Vec<T>,
    /// The cursor of the next page; `null` at the end.
    pub next: Option<String>,
}

/// 200 and this value.
pub fn ok(value: &impl Serialize) -> Response {
    with(StatusCode::OK, value)
}

/// 200 and lines of JSON.
pub fn lines(body: Vec<u8>) -> Response {
    let mut response = with(StatusCode::OK, &());
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    *response.body_mut() = Body::from(body);
    response
}

pub fn with(status: StatusCode, value: &impl Serialize) -> Response {
    let mut response = Response::new(Body::from(serde_json::to_vec(value).unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
