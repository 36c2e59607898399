//! Requests for pages, as far as pages care.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri, header};

use crate::actor::Actor;

/// A request for a page.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The path with its query.
    pub(super) address: String,
    pub(super) actor: Option<Actor>,
    /// The tag of the page that the browser has.
    pub(super) known: Option<HeaderValue>,
    /// True for a request that acts.
    pub(super) writes: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let known = parts.headers.get(header::IF_NONE_MATCH).cloned();
        let actor = parts.extensions.get().cloned();
        let writes = !parts.method.is_safe();
        Ok(Self { address: local(&parts.uri), actor, known, writes })
    }
}

/// The path and query, as a link of ours.
fn local(uri: &Uri) -> String {
    uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string)
}
