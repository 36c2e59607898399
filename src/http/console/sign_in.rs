//! Signing in with a token, and out again.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::Console;
use super::answer::{self, go_to};
use super::assets::{ASSETS, Assets};
use crate::http::auth::{Auth, SignedIn};

/// Bytes of a token that somebody may type.
const TOKEN_MAX: usize = 512;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    assets: &'static Assets,
    next: String,
    wrong: bool,
}

/// The query of the page: the address to go to afterwards.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    next: String,
}

/// The form of the page.
#[derive(Deserialize)]
pub(super) struct Typed {
    token: String,
    #[serde(default)]
    next: String,
}

/// A path of ours; anything else is the first page.
fn path(next: &str) -> &str {
    // Browsers drop tabs and line breaks from an address, so that `/<tab>/host` is `//host`.
    let odd = |c: char| c == '\\' || c.is_control();
    let ours = next.starts_with('/') && !next.starts_with("//") && !next.contains(odd);
    if ours { next } else { "/" }
}

/// Leads somebody who is not signed in to the page for it, and back.
pub(super) fn first(wanted: &Uri) -> Response {
    let path = wanted.path_and_query().map_or("/", |path| path.as_str());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    go_to(&format!("/sign-in?{}", query.append_pair("next", path).finish()))
}

fn page(status: StatusCode, next: &str, wrong: bool) -> Response {
    let page = Page { assets: &ASSETS, next: path(next).to_owned(), wrong };
    answer::plain(status, page.render().unwrap_or_default())
}

/// Shows the page.
pub(super) async fn show(Query(wanted): Query<Wanted>) -> Response {
    page(StatusCode::OK, &wanted.next, false)
}

/// True where the browser came by https, as the proxy in front tells.
fn is_https(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
}

fn with_cookie(mut answer: Response, cookie: &str) -> Response {
    if let Ok(mut cookie) = HeaderValue::try_from(cookie) {
        cookie.set_sensitive(true);
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

/// Takes a token.
pub(super) async fn begin(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Response {
    if !console.0.auth.asks_for_token() {
        return go_to(path(&typed.next));
    }
    let known = Some(&typed.token).filter(|token| token.len() <= TOKEN_MAX);
    match known.and_then(|token| console.0.auth.sign_in(token, is_https(&headers))) {
        Some(SignedIn { cookie, actor }) => {
            tracing::info!(actor = actor.name, "console: signed in");
            with_cookie(go_to(path(&typed.next)), &cookie)
        }
        None => {
            tracing::warn!("console: sign-in with an unknown token");
            page(StatusCode::FORBIDDEN, &typed.next, true)
        }
    }
}

/// Signs out.
pub(super) async fn end() -> Response {
    with_cookie(go_to("/sign-in"), &Auth::sign_out()).into_response()
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn nobody_is_led_elsewhere() {
        assert_eq!(path("/jobs?state=failed"), "/jobs?state=failed");
        for elsewhere in [
            "",
            "//evil.test",
            "https://evil.test",
            "/\\evil.test",
            "/a\r\nb: c",
            "/\t/evil.test",
            "\t//evil.test",
        ] {
            assert_eq!(path(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
