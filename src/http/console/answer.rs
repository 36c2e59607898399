//! Answers of the console: headers, ETag, and pages that tell of trouble.

use std::time::Duration;

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use zoomd_store::StoreError;

use super::Console;
use super::asked::Asked;
use super::assets::{ASSETS, Assets, hash};
use super::shell::{Shell, Tab};
use crate::error::CliError;
use crate::exit::Exit;
use crate::http::problem::Problem;

/// Nothing inline, nothing from elsewhere; forms stay here, no frame shows us.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'; object-src 'none'";
/// The time in which a page must be made.
const PATIENCE: Duration = Duration::from_secs(10);

/// A page that cannot be shown.
#[derive(Debug)]
pub(super) enum Refused {
    /// There is no such thing.
    Missing(String),
    /// Redis could not be asked.
    Store(StoreError),
    /// Something that the command line tells in the same words.
    Told(CliError),
    /// Redis is away.
    Away,
    /// It took too long.
    Slow,
    /// A panic.
    Defect,
    /// A template failed.
    Template(askama::Error),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CliError> for Refused {
    fn from(error: CliError) -> Self {
        Self::Told(error)
    }
}

impl From<askama::Error> for Refused {
    fn from(error: askama::Error) -> Self {
        Self::Template(error)
    }
}

/// A page, or the reason why there is none.
pub(super) type Made = Result<String, Refused>;

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage {
    shell: Shell,
    head: &'static str,
    text: String,
    next: &'static str,
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Store(error) if error.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Slow | Self::Away => StatusCode::SERVICE_UNAVAILABLE,
            Self::Told(error) if error.exit == Exit::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Told(_) | Self::Store(_) | Self::Template(_) | Self::Defect => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn page(self, shell: Shell) -> String {
        let (head, text, next) = match self {
            Self::Missing(text) => ("Not found", text, "zoomd job list"),
            Self::Store(error) => ("Redis could not be asked", error.to_string(), "zoomd doctor"),
            Self::Told(error) => ("Not shown", error.message, "zoomd doctor"),
            Self::Away => {
                let text = "Its numbers are not known until it answers.".to_owned();
                ("Redis could not be asked", text, "zoomd doctor")
            }
            Self::Slow => {
                let text = format!("No answer within {} seconds.", PATIENCE.as_secs());
                ("This takes too long", text, "zoomd doctor")
            }
            Self::Defect => {
                let text = "A defect of zoomd; the log of the daemon has more.".to_owned();
                ("Not shown", text, "zoomd doctor")
            }
            Self::Template(error) => {
                tracing::error!(%error, "console: a page could not be rendered");
                ("Not shown", "The page could not be made.".to_owned(), "zoomd doctor")
            }
        };
        RefusedPage { shell, head, text, next }.render().unwrap_or_default()
    }
}

impl Console {
    /// Answers with the page that `make` makes.
    pub(super) async fn answer<F>(&self, asked: Asked, tab: Tab, title: &str, make: F) -> Response
    where
        F: AsyncFnOnce(Shell) -> Made,
    {
        let shell = self.shell(&asked, tab, title).await;
        let made = tokio::time::timeout(PATIENCE, make(shell.clone())).await;
        match made.unwrap_or(Err(Refused::Slow)) {
            Ok(body) => page(&asked, StatusCode::OK, body),
            Err(refused) => {
                let status = refused.status();
                page(&asked, status, refused.page(shell))
            }
        }
    }

    /// Answers with a page of a list, made by `list` under the filter of the address.
    pub(super) async fn list<T, F>(
        &self,
        asked: Asked,
        (tab, title): (Tab, &str),
        filter: T,
        list: F,
    ) -> Response
    where
        F: AsyncFnOnce(&Self, Shell, T) -> Made,
    {
        self.answer(asked, tab, title, async move |shell| list(self, shell, filter).await).await
    }
}

/// Headers of every page.
fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        // A page may be kept, and is asked for again each time.
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::VARY, "Cookie"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

/// A page; no body where the browser has the same.
fn page(asked: &Asked, status: StatusCode, body: String) -> Response {
    let mut headers = headers();
    let tag = format!("\"{}\"", &hash(body.as_bytes())[..32]);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        let same = asked.known.as_ref().is_some_and(|known| *known == tag);
        headers.insert(header::ETAG, tag);
        if same && status == StatusCode::OK {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
    }
    (status, headers, body).into_response()
}

/// A page without a frame.
pub(super) fn plain(status: StatusCode, body: String) -> Response {
    let mut headers = headers();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (status, headers, body).into_response()
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    assets: &'static Assets,
    problem: &'a Problem,
}

/// A refusal of somebody who may not see a page of ours.
pub(super) fn problem(problem: &Problem) -> Response {
    let page = ProblemPage { assets: &ASSETS, problem };
    plain(problem.status, page.render().unwrap_or_default())
}

/// Off to another page of ours.
pub(super) fn go_to(address: &str) -> Response {
    let place = HeaderValue::try_from(address).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}
