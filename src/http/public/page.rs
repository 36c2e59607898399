//! Pages of the public endpoint, and of the browser that `account login` sent to Zoom: one
//! template, their style inside, no script, nothing from elsewhere but the logo that the
//! service names.

use std::sync::LazyLock;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::config::Config;

const STYLE: &str = include_str!("page.css");

/// Rights that a consent gives the service, in words.
const RIGHTS: [&str; 2] = [
    "Schedule, change and delete meetings for you",
    "See the meetings that you host, to make none of them twice",
];

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));

/// The policy of a page that shows this logo. The form leads to Zoom, and from there perhaps
/// to the sign-in of the person's own company; browsers hold `form-action` against every step
/// of the way.
fn policy(logo: Option<&Url>) -> HeaderValue {
    let hash = STYLE_HASH.as_str();
    let images = logo.map(|url| url.origin().ascii_serialization());
    let images = images.map(|origin| format!("img-src {origin}; ")).unwrap_or_default();
    let text = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; {images}form-action 'self' https: http:; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Name by which `account login` recognises a public endpoint on its port.
pub const SERVER: &str = "zoomd";

const FIXED: [(HeaderName, &str); 7] = [
    (header::SERVER, SERVER),
    (header::CACHE_CONTROL, "no-store"),
    // The address holds a token, or a code: it goes nowhere from here.
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
];

/// An answer of the public endpoint.
pub(super) type Answer = Response<Full<Bytes>>;

/// A few words for programs.
pub(super) fn words(status: StatusCode, text: &'static str) -> Answer {
    plain(status, "text/plain; charset=utf-8", text)
}

/// An answer with the headers that every answer has.
pub(super) fn plain(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    dressed(status, kind, body.into(), policy(None))
}

fn dressed(status: StatusCode, kind: &'static str, body: Bytes, policy: HeaderValue) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Name and logo of the service, as its pages show them.
#[derive(Debug, Clone, Default)]
pub struct Brand {
    /// The name of the service.
    pub name: Option<String>,
    pub logo: Option<Url>,
}

#[derive(Debug, Template)]
#[template(path = "public.html")]
pub struct Page<'a> {
    /// The service that the page belongs to.
    brand: &'a Brand,
    style: &'static str,
    head: &'a str,
    text: &'a str,
    /// True for a success, false for a failure.
    good: Option<bool>,
    invite: Option<Invite<'a>>,
    /// The way back to the service.
    back: Option<&'a str>,
}

/// The question of the first page.
#[derive(Debug)]
struct Invite<'a> {
    rights: [&'static str; 2],
    label: &'a str,
}

impl<'a> Page<'a> {
    pub fn new(brand: &'a Brand, head: &'a str, text: &'a str) -> Self {
        Self { brand, style: STYLE, head, text, good: None, invite: None, back: None }
    }

    /// With a sign of success or failure.
    #[must_use]
    pub fn ended(self, good: bool) -> Self {
        Self { good: Some(good), ..self }
    }

    /// With a way back.
    #[must_use]
    pub fn back(self, back: Option<&'a str>) -> Self {
        Self { back, ..self }
    }

    /// The policy under which it is shown.
    pub fn policy(&self) -> HeaderValue {
        policy(self.brand.logo.as_ref())
    }

    fn answer(&self, status: StatusCode) -> Answer {
        let body = self.render().unwrap_or_default();
        dressed(status, "text/html; charset=utf-8", body.into(), self.policy())
    }
}

impl Brand {
    /// As it is configured.
    pub fn of(config: &Config) -> Self {
        Self { name: config.public.name.clone(), logo: config.public.logo_url.clone() }
    }

    /// The name in a sentence.
    fn who(&self) -> &str {
        self.name.as_deref().unwrap_or("this service")
    }

    /// A page of text.
    pub(super) fn says(&self, status: StatusCode, head: &str, text: &str) -> Answer {
        self.ended(status, head, text, None)
    }

    /// The end of a consent, with a way back.
    pub(super) fn ended(
        &self,
        status: StatusCode,
        head: &str,
        text: &str,
        back: Option<&str>,
    ) -> Answer {
        Page::new(self, head, text).ended(status.is_success()).back(back).answer(status)
    }

    /// The first page: who is to be connected as what, what for, and one button.
    pub(super) fn invite(&self, label: &str) -> Answer {
        let who = self.who();
        let text = format!("Zoom will ask you to let {who} do the following in your account.");
        let mut page = Page::new(self, "Connect your Zoom account", &text);
        page.invite = Some(Invite { rights: RIGHTS, label });
        page.answer(StatusCode::OK)
    }

    /// Every link that is not good: unknown, over, used. The same bytes for all.
    pub(super) fn no_link(&self) -> Answer {
        let text = "This link is invalid or has expired. Ask the person who sent it for a new one.";
        self.says(StatusCode::NOT_FOUND, "No such link", text)
    }

    /// Every answer of Zoom's that cannot be taken here. The same bytes for all.
    pub(super) fn not_asked(&self) -> Answer {
        let text = "This sign-in was not started in this browser, was used before, or took \
            longer than ten minutes. Open your link again, and stay in one browser. If you \
            started on a terminal, copy the address of this page and paste it there.";
        self.says(StatusCode::BAD_REQUEST, "Not connected", text)
    }

    /// A temporary error.
    pub(super) fn later(&self) -> Answer {
        let text = "The service is not available at the moment. Try again in a minute.";
        let mut answer = self.says(StatusCode::SERVICE_UNAVAILABLE, "Not available", text);
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        answer
    }

    /// Off to another address; also by hand, should the browser not follow.
    pub(super) fn go_to(&self, address: &str) -> Answer {
        let page = Page::new(self, "On to Zoom", "You are being sent to Zoom.");
        let mut answer = page.answer(StatusCode::SEE_OTHER);
        match HeaderValue::try_from(address) {
            Ok(place) => answer.headers_mut().insert(header::LOCATION, place),
            Err(_) => return self.later(),
        };
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_text_and_not_markup() {
        let brand = Brand { name: Some("<i>Acme</i>".to_owned()), logo: None };
        let page = Page::new(&brand, "<b a='&'>\"</b>", "<script>").back(Some("https://a/?b&c\""));
        let text = page.render().expect("a page");
        for markup in ["<i>", "<b a=", "<script>", "c\"\""] {
            assert!(!text.contains(markup), "{text}");
        }
        assert!(text.contains("Back to &#60;i&#62;Acme"), "{text}");
    }

    #[test]
    fn every_answer_forbids_what_it_does_not_need() {
        let brand = Brand::default();
        let answers = [
            brand.invite("acme"),
            brand.no_link(),
            brand.not_asked(),
            brand.later(),
            brand.go_to("https://zoom.us/"),
        ];
        for answer in answers {
            let headers = answer.headers();
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
            assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
            assert!(!policy.contains("img-src"), "{policy}");
            assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
            assert_eq!(headers[header::CACHE_CONTROL], "no-store");
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
        let logo = "https://cdn.acme.test/logo.svg".parse().ok();
        let policy = policy(logo.as_ref());
        assert!(policy.to_str().expect("text").contains("img-src https://cdn.acme.test; "));
    }
}
