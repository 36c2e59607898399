//! The console: pages about jobs, accounts and limits at `/`, for people.
//!
//! Made on the server from the same reads and views that the command line shows; the script
//! only keeps pages fresh, and reading needs none. Every page has one policy: nothing
//! inline, nothing from another host. No page shows a token or a `start_url`.
//!
//! Answers from the first moment on, whether Redis is there or not.

mod account;
mod account_act;
mod accounts;
mod act;
mod answer;
mod asked;
mod assets;
mod audit;
mod came;
mod chart;
mod failures;
mod job;
mod jobs;
mod limits;
mod live;
mod meetings;
mod overview;
mod redact;
mod shell;
mod show;
mod sign_in;
mod system;
mod wish;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use zoomd_store::grants::Grants;
use zoomd_store::inspect::Ops;

use super::backend::Backend;

/// State of the console. Clones share it.
#[derive(Debug, Clone)]
struct Console(Arc<Backend>);

impl Console {
    fn ops(&self) -> &Ops {
        self.0.ops()
    }

    fn grants(&self) -> &Grants {
        self.0.grants()
    }
}

/// All pages, for a router that has the same state.
pub fn router(backend: &Arc<Backend>) -> Router<Arc<Backend>> {
    let console = Console(Arc::clone(backend));
    Router::new()
        .route("/", get(overview::show))
        .route("/jobs", get(jobs::show))
        .route("/jobs/{id}", get(job::show))
        .route("/meetings", get(meetings::show))
        .route("/accounts", get(accounts::show))
        .route("/accounts/{account}", get(account::show))
        .route("/limits", get(limits::show))
        .route("/failures", get(failures::show))
        .route("/live", get(live::show))
        .route("/audit", get(audit::show))
        .route("/system", get(system::show))
        .route("/act", get(act::show).post(act::run))
        .route_layer(middleware::from_fn_with_state(console.clone(), authorize))
        .route("/sign-in", get(sign_in::show).post(sign_in::begin))
        .route("/sign-out", post(sign_in::end))
        .route_layer(middleware::from_fn_with_state(console.clone(), guard))
        .route("/assets/{file}", get(assets::file))
        .with_state(console)
}

/// Refuses requests for other hosts, and writes from other sites.
async fn guard(State(console): State<Console>, request: Request, next: Next) -> Response {
    match console.0.auth.check_site(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => answer::problem(&problem),
    }
}

/// Lets those in who may read; pages find the actor among the extensions.
async fn authorize(State(console): State<Console>, mut request: Request, next: Next) -> Response {
    match console.0.auth.actor(request.headers()) {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Err(problem) if problem.status == StatusCode::UNAUTHORIZED => sign_in::first(request.uri()),
        Err(problem) => answer::problem(&problem),
    }
}
