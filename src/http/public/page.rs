//! What people see: plain pages that load nothing, run nothing and can be
//! framed by nobody.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use sha2::{Digest as _, Sha256};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:32em;\
    padding:0 1em;color:#222;background:#fff}button{font:inherit;padding:.5em 1.2em}\
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}}";

/// The form leads to Zoom, and from there perhaps to the sign-in of the person's
/// own company; browsers hold `form-action` against every step of the way.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let text = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self' https: http:; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

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
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// A page: a heading and what follows it. `inner` is markup.
fn page(status: StatusCode, head: &str, inner: &str) -> Answer {
    let head = escape(head);
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{head}</title>\
         <style>{STYLE}</style></head><body><h1>{head}</h1>{inner}</body></html>\n"
    );
    plain(status, "text/html; charset=utf-8", body)
}

/// A page of text.
pub(super) fn says(status: StatusCode, head: &str, text: &str) -> Answer {
    page(status, head, &format!("<p>{}</p>", escape(text)))
}

/// The first page: who is to be connected as what, and one button.
pub(super) fn invite(account: &str) -> Answer {
    let account = escape(account);
    let inner = format!(
        "<p>Zoom will ask you to let this service schedule meetings for you. It will be \
         connected as <strong>{account}</strong>.</p>\
         <form method=\"post\"><button type=\"submit\">Continue to Zoom</button></form>"
    );
    page(StatusCode::OK, "Connect your Zoom account", &inner)
}

/// Every link that is not good: unknown, over, used. The same bytes for all.
pub(super) fn no_link() -> Answer {
    let text = "This link is invalid or has expired. Ask the person who sent it for a new one.";
    says(StatusCode::NOT_FOUND, "No such link", text)
}

/// Every answer of Zoom's that cannot be taken here. The same bytes for all.
pub(super) fn not_asked() -> Answer {
    let text = "This sign-in was not started in this browser, was used before, or took longer than \
        ten minutes. Open your link again, and stay in one browser. If you started on a terminal, \
        copy the address of this page and paste it there.";
    says(StatusCode::BAD_REQUEST, "Not connected", text)
}

/// What passes by itself.
pub(super) fn later() -> Answer {
    let text = "The service is not available at the moment. Try again in a minute.";
    let mut answer = says(StatusCode::SERVICE_UNAVAILABLE, "Not available", text);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    answer
}

/// Off to another address; also by hand, should the browser not follow.
pub(super) fn go_to(address: &str) -> Answer {
    let mut answer = says(StatusCode::SEE_OTHER, "On to Zoom", "You are being sent to Zoom.");
    match HeaderValue::try_from(address) {
        Ok(place) => answer.headers_mut().insert(header::LOCATION, place),
        Err(_) => return later(),
    };
    answer
}

/// Text as it may stand in markup, between tags and in attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_text_and_not_markup() {
        assert_eq!(escape("<b a='&'>\"</b>"), "&lt;b a=&#39;&amp;&#39;&gt;&quot;&lt;/b&gt;");
    }

    #[test]
    fn every_answer_forbids_what_it_does_not_need() {
        for answer in [invite("acme"), no_link(), not_asked(), later(), go_to("https://zoom.us/")] {
            let headers = answer.headers();
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
            assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
            assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
            assert_eq!(headers[header::CACHE_CONTROL], "no-store");
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }
}
