//! Errors of the API: `application/problem+json` (RFC 9457) with `code`, `message`, `hint`.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use zoomd_store::StoreError;

use crate::error::CliError;
use crate::exit::Exit;

/// An answer that describes an error. Carries no secret.
#[derive(Debug, Clone)]
pub struct Problem {
    pub status: StatusCode,
    /// Short and stable, for programs to compare.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Next step.
    pub hint: Option<String>,
    /// The field of the job or of the request that is wrong.
    pub field: Option<String>,
    /// Seconds after which the same request may succeed.
    pub retry_after_s: Option<u64>,
}

#[derive(Serialize)]
struct Said<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    pub fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { status, code, message, hint: None, field: None, retry_after_s: None }
    }

    /// A request that cannot be meant.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// With the next thing to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the field that is wrong.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// With the time after which it may be tried again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl From<CliError> for Problem {
    fn from(error: CliError) -> Self {
        let status = match (error.exit, error.code) {
            (Exit::Usage, "usage" | "invalid_job") => StatusCode::BAD_REQUEST,
            (Exit::Usage, "no_public_endpoint") => StatusCode::CONFLICT,
            (Exit::NotFound, _) => StatusCode::NOT_FOUND,
            (Exit::Consent, _) => StatusCode::CONFLICT,
            (Exit::Unreachable, _) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let problem = Self::new(status, error.code, error.message);
        Self { hint: error.hint, ..problem }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        CliError::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let said = Said {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: &self.code,
            message: &self.message,
            hint: self.hint.as_deref(),
            field: self.field.as_deref(),
        };
        let body = serde_json::to_vec(&said).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
