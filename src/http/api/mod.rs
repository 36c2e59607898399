//! `/api/v1`: what the command line shows and does, as JSON over HTTP.
//!
//! Owns the routes and the form of requests and answers. Every answer is made of the same
//! reads and views as the command's of that name. `operations` names each route with the
//! role that it needs; what it does not name is refused.

mod accounts;
mod answer;
mod enqueue;
mod failures;
mod jobs;
mod meetings;
mod namespace;
pub mod openapi;
mod operations;
mod pages;
mod params;
mod status;
mod stream;
mod timeline;
mod zoom;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::auth::check_role;
use super::backend::Backend;
use super::carry;
use super::problem::Problem;
use crate::actor::Role;

/// Where the API begins.
pub const PREFIX: &str = "/api/v1";
/// Maximum number of concurrent requests; more wait for up to `PATIENCE`.
const AT_ONCE: usize = 128;
/// Time to wait for one of these places.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest time for one answer.
const LIMIT: Duration = Duration::from_secs(90);

/// All routes of the API, for a router that has the same state.
pub fn router(backend: &Arc<Backend>) -> Router<Arc<Backend>> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let routes = Router::new()
        .route("/status", get(status::status))
        .route("/daemons", get(status::daemons))
        .route("/budget", get(status::budget))
        .route("/accounts", get(accounts::list))
        .route("/accounts/{account}", get(accounts::show).delete(accounts::remove))
        .route("/accounts/{account}/pause", post(accounts::pause))
        .route("/accounts/{account}/resume", post(accounts::resume))
        .route("/accounts/{account}/refresh", post(accounts::refresh))
        .route("/accounts/{account}/token", post(accounts::token))
        .route("/accounts/{account}/connect-link", post(accounts::connect_link))
        .route("/accounts/{account}/zoom/{*path}", get(zoom::zoom))
        .route("/openapi.json", get(openapi::openapi))
        .route("/jobs", get(jobs::list).post(enqueue::create))
        .route("/jobs/{id}", get(jobs::show).delete(jobs::cancel))
        .route("/results", get(pages::results))
        .route("/failures", get(pages::failures))
        .route("/failures/retry", post(failures::retry))
        .route("/failures/discard", post(failures::discard))
        .route("/events", get(pages::events))
        .route("/stream", get(stream::stream))
        .route("/meetings", get(meetings::list))
        .route("/timeline", get(timeline::timeline))
        .route("/audit", get(pages::audit))
        .route("/pause", post(namespace::pause))
        .route("/resume", post(namespace::resume))
        .method_not_allowed_fallback(not_allowed)
        .route_layer(middleware::from_fn(carry::writes))
        .route_layer(middleware::from_fn_with_state(Arc::clone(backend), authorize))
        .fallback(nowhere)
        .layer(middleware::from_fn(move |request, next| within(Arc::clone(&places), request, next)))
        .layer(middleware::from_fn_with_state(Arc::clone(backend), guard));
    Router::new().nest(PREFIX, routes)
}

/// Refuses requests for other hosts, and writes from other sites.
async fn guard(
    State(backend): State<Arc<Backend>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    backend.auth.check_site(request.method(), request.headers())?;
    Ok(next.run(request).await)
}

/// Lets those in whose role is enough for the route; handlers find the actor among the
/// extensions.
async fn authorize(
    State(backend): State<Arc<Backend>>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let actor = backend.auth.actor(request.headers())?;
    let path = path.as_str().strip_prefix(PREFIX).unwrap_or_default();
    let operation = operations::find(request.method(), path).ok_or_else(unknown_method)?;
    check_role(&actor, operation.role)?;
    // A read of Zoom uses up budget, so that it is guarded like a write.
    if operation.role > Role::Read {
        backend.auth.check_site(&Method::POST, request.headers())?;
    }
    request.extensions_mut().insert(actor);
    Ok(next.run(request).await)
}

/// The place of a request among those that are at work, found among its extensions.
#[derive(Debug, Clone)]
struct AtWork(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl AtWork {
    /// Gives the place back, for a request that waits from now on.
    fn leave(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Bounds the number of concurrent requests, and the time of each.
async fn within(places: Arc<Semaphore>, mut request: Request, next: Next) -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let Ok(Ok(place)) = tokio::time::timeout(PATIENCE, places.acquire_owned()).await else {
        return Problem::new(status, "busy", "too many requests at once")
            .retry_after(1)
            .into_response();
    };
    request.extensions_mut().insert(AtWork(Arc::new(Mutex::new(Some(place)))));
    tokio::time::timeout(LIMIT, next.run(request)).await.unwrap_or_else(|_| {
        let text = format!("the request was stopped after {} s", LIMIT.as_secs());
        Problem::new(status, "timeout", text)
            .hint("a write may be done in part; read the state before you send it again")
            .into_response()
    })
}

async fn nowhere() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such path")
        .hint("GET /api/v1/openapi.json lists all")
}

async fn not_allowed() -> Problem {
    unknown_method()
}

fn unknown_method() -> Problem {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Problem::new(status, "method_not_allowed", "this path does not take this method")
}
