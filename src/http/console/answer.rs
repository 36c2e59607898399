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
use super::show::sentence;
use crate::error::CliError;
use crate::http::problem::Problem;

/// Nothing inline, nothing from elsewhere; forms stay here, no frame shows us.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'; object-src 'none'";
/// The time in which a page must be made.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for a page with the result of an act, which may call Zoom.
const ACT_PATIENCE: Duration = Duration::from_secs(75);

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
    /// Next step in words; the command where nothing better is known.
    next: Option<String>,
    command: &'static str,
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Store(error) if error.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Slow | Self::Away => StatusCode::SERVICE_UNAVAILABLE,
            Self::Told(error) => Problem::from(error.clone()).status,
            Self::Store(_) | Self::Template(_) | Self::Defect => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn page(self, shell: Shell) -> String {
        let away = "Redis could not be asked";
        let (head, text, next) = match self {
            Self::Missing(text) => ("Not found", text, None),
            Self::Store(error) => (away, error.to_string(), None),
            Self::Told(error) => {
                let head = if shell.fresh { "Not shown" } else { "Not done" };
                (head, sentence(&error.message), error.hint)
            }
            Self::Away => (away, "Its numbers are not known until it answers.".to_owned(), None),
            Self::Slow => {
                let end = if shell.fresh { "" } else { " It continues; the audit tells its end." };
                ("This takes too long", format!("No answer in time.{end}"), None)
            }
            Self::Defect => {
                let text = "A defect of zoomd; the log of the daemon has more.".to_owned();
                ("Not shown", text, None)
            }
            Self::Template(error) => {
                tracing::error!(%error, "console: a page could not be rendered");
                ("Not shown", "The page could not be made.".to_owned(), None)
            }
        };
        let command = if head == "Not found" { "zoomd job list" } else { "zoomd doctor" };
        RefusedPage { shell, head, text, next, command }.render().unwrap_or_default()
    }
}

impl Console {
    /// Answers with the page that `make` makes.
    pub(super) async fn answer<F>(&self, asked: Asked, tab: Tab, title: &str, make: F) -> Response
    where
        F: AsyncFnOnce(Shell) -> Made,
    {
        let shell = self.shell(&asked, tab, title).await;
        let patience = if asked.writes { ACT_PATIENCE } else { PATIENCE };
        let made = tokio::time::timeout(patience, make(shell.clone())).await;
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
    if asked.writes {
        // It may hold what is shown once.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return (status, headers, body).into_response();
    }
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
