//! Reasons why the token endpoint returned no token.
//!
//! `DeadGrant` is evidence about the token that was sent, not a verdict on the grant: another
//! process may have rotated it. `App` is never the user's fault. Only an answer that can be parsed
//! proves that nothing was rotated.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::headers::RetryAfter;
use crate::text::scrub;

/// Kind of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The token or code that was sent is not accepted any more.
    DeadGrant,
    /// The app is not accepted: its id, its secret, its kind, or it is switched off.
    App,
    /// Too many token calls.
    RateLimited,
    /// Refused in words that are none of the above.
    Refused,
    /// The token server's trouble (500, or 503 in its own words): the exchange is
    /// over, and whether the token was spent is not known.
    Server,
    /// Another 5xx: a gateway spoke, and the server behind it may still be at work.
    Gateway,
    /// No answer that can be read: whether the token was spent is not known.
    Unreadable,
}

impl RefusalKind {
    /// The kind as one lower-case word, for metrics and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeadGrant => "dead_grant",
            Self::App => "app",
            Self::RateLimited => "rate_limited",
            Self::Refused => "refused",
            Self::Server => "server",
            Self::Gateway => "gateway",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Reason for which Zoom rejects a grant or an app, if stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalCause {
    /// A newer consent of the same user ended this grant.
    NewerConsent,
    /// The user who owned the token was deleted.
    OwnerGone,
    /// An administrator withdrew the app's approval.
    AdminDisabled,
    /// The app is switched off.
    AppDisabled,
    /// The app's scopes are not those of the token.
    ScopeChanged,
    /// The client id or secret is wrong.
    Credentials,
}

/// The token endpoint's refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRefusal {
    /// Kind of refusal.
    pub kind: RefusalKind,
    /// The HTTP status.
    pub status: u16,
    /// Zoom's `error`.
    pub error: Option<String>,
    /// Zoom's `reason`.
    pub reason: Option<String>,
    /// Zoom's number for it, where it gave one.
    pub code: Option<u32>,
    /// The `Retry-After` header.
    pub retry_after: Option<RetryAfter>,
}

impl TokenRefusal {
    /// True if it proves that the token sent was not spent by this call.
    pub fn is_answer(&self) -> bool {
        !self.is_doubt()
    }

    /// True if the same call may succeed later, all by itself.
    pub fn is_retryable(&self) -> bool {
        self.kind == RefusalKind::RateLimited || self.is_doubt()
    }

    fn is_doubt(&self) -> bool {
        use RefusalKind::{Gateway, Server, Unreadable};
        matches!(self.kind, Server | Gateway | Unreadable)
    }

    /// Reason for the refusal, if stated.
    pub fn cause(&self) -> Option<RefusalCause> {
        match self.code? {
            4741 => Some(RefusalCause::NewerConsent),
            4735 => Some(RefusalCause::OwnerGone),
            4738 => Some(RefusalCause::AdminDisabled),
            4717 => Some(RefusalCause::AppDisabled),
            4711 => Some(RefusalCause::ScopeChanged),
            4702 | 4704 => Some(RefusalCause::Credentials),
            _ => None,
        }
    }
}

impl TokenRefusal {
    /// Prefix of the message when the app itself is refused.
    pub const OF_APP: &'static str = "zoom does not accept the app";
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            RefusalKind::DeadGrant => "zoom does not accept the token",
            RefusalKind::App => Self::OF_APP,
            RefusalKind::RateLimited => "zoom limits token calls",
            RefusalKind::Refused => "zoom refused the token call",
            RefusalKind::Server => "zoom's token endpoint is in trouble",
            RefusalKind::Gateway => "a gateway before zoom's token endpoint is in trouble",
            RefusalKind::Unreadable => "unreadable answer from zoom's token endpoint",
        };
        write!(f, "{what} (status {}", self.status)?;
        if let Some(code) = self.code {
            write!(f, ", code {code}")?;
        }
        f.write_str(")")?;
        for words in [&self.error, &self.reason].into_iter().flatten() {
            write!(f, ": {words}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TokenRefusal {}

#[derive(Default, Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "errorCode")]
    error_code: Option<&'a RawValue>,
}

/// Sorts an answer of the token endpoint that is not a pair of tokens.
pub fn classify_token_error(status: u16, body: &[u8]) -> TokenRefusal {
    // A list would be read as the fields in their order.
    let object = body.trim_ascii_start().starts_with(b"{");
    let raw: Option<Raw<'_>> = serde_json::from_slice(body).ok().filter(|_| object);
    let raw = raw.unwrap_or_default();
    // An answer in the token server's own form comes from the token server.
    let own_words = [raw.error, raw.reason, raw.code].iter().any(Option::is_some);
    let error = words(raw.error);
    let reason = words(raw.reason).or_else(|| words(raw.message));
    let number = |raw: Option<&RawValue>| raw?.get().trim_matches('"').parse().ok();
    let named = number(raw.code).or_else(|| number(raw.error_code));
    let code = named.or_else(|| [&reason, &error].into_iter().flatten().find_map(|s| within(s)));
    let kind = match status {
        500 => RefusalKind::Server,
        503 if own_words => RefusalKind::Server,
        _ if status >= 500 => RefusalKind::Gateway,
        _ => kind(status, error.as_deref(), reason.as_deref(), code),
    };
    TokenRefusal { kind, status, error, reason, code, retry_after: None }
}

fn words(raw: Option<&RawValue>) -> Option<String> {
    let text: String = serde_json::from_str(raw?.get()).ok()?;
    (!text.is_empty()).then(|| scrub(&text, 200))
}

/// The number at the end of Zoom's words: `(4717)`, `(4,717)`.
fn within(words: &str) -> Option<u32> {
    let (_, rest) = words.rsplit_once('(')?;
    let (inner, _) = rest.split_once(')')?;
    let number = inner.replace(',', "").parse().ok()?;
    (4700..4800).contains(&number).then_some(number)
}

fn kind(status: u16, error: Option<&str>, reason: Option<&str>, code: Option<u32>) -> RefusalKind {
    match status {
        429 => return RefusalKind::RateLimited,
        400..500 if error.is_some() || reason.is_some() || code.is_some() => {}
        _ => return RefusalKind::Unreadable,
    }
    match code {
        Some(4702 | 4704 | 4705 | 4706 | 4717) => return RefusalKind::App,
        Some(4711 | 4733 | 4734 | 4735 | 4737 | 4738 | 4740 | 4741) => {
            return RefusalKind::DeadGrant;
        }
        _ => {}
    }
    let reason = reason.unwrap_or_default().to_ascii_lowercase();
    match error.unwrap_or_default() {
        "invalid_grant" => RefusalKind::DeadGrant,
        "invalid_client" | "unauthorized_client" | "unsupported_grant_type" => RefusalKind::App,
        _ if reason.contains("client_id") || reason.contains("client_secret") => RefusalKind::App,
        _ if reason.contains("unsupported grant type") => RefusalKind::App,
        _ if reason.contains("invalid token") || reason.contains("invalid authorization code") => {
            RefusalKind::DeadGrant
        }
        _ => RefusalKind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_sorted() {
        use RefusalKind::{App, DeadGrant, Gateway, RateLimited, Refused, Server, Unreadable};
        let table = [
            (400, r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#, DeadGrant),
            (400, r#"{"error":"invalid_grant"}"#, DeadGrant),
            (401, r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#, DeadGrant),
            (400, r#"{"reason":"Invalid Token!","error":"invalid_request"}"#, DeadGrant),
            (401, r#"{"reason":"Invalid Token!"}"#, DeadGrant),
            (
                400,
                r#"{"reason":"Invalid authorization code x","error":"invalid_request"}"#,
                DeadGrant,
            ),
            (400, r#"{"code":4741,"message":"revoked"}"#, DeadGrant),
            (400, r#"{"errorCode":"4740","error":"x"}"#, DeadGrant),
            (400, r#"{"code":4711,"error":"invalid_scope"}"#, DeadGrant),
            (
                401,
                r#"{"reason":"Invalid client_id or client_secret","error":"invalid_client"}"#,
                App,
            ),
            (400, r#"{"error":"unauthorized_client"}"#, App),
            (400, r#"{"error":"unsupported_grant_type"}"#, App),
            (400, r#"{"reason":"unsupported grant type","error":"invalid_request"}"#, App),
            (400, r#"{"code":4717,"error":"invalid_grant"}"#, App),
            (401, r#"{"code":4702}"#, App),
            (400, r#"{"error":"invalid_request","reason":"redirect uri mismatch"}"#, Refused),
            (403, r#"{"error":"access_denied"}"#, Refused),
            (429, "", RateLimited),
            (429, r#"{"error":"invalid_grant"}"#, RateLimited),
            (500, r#"{"error":"invalid_grant"}"#, Server),
            (500, "<html>", Server),
            (500, "", Server),
            (503, r#"{"reason":"Service unavailable"}"#, Server),
            (503, r#"{"error":"server_error"}"#, Server),
            (503, r#"{"code":503}"#, Server),
            (503, r#"{"message":"upstream"}"#, Gateway),
            (503, r#"{"reason":null}"#, Gateway),
            (503, r#"["reason"]"#, Gateway),
            (503, "", Gateway),
            (503, "<html>", Gateway),
            (502, "<html>", Gateway),
            (502, r#"{"error":"bad_gateway"}"#, Gateway),
            (504, r#"{"reason":"late"}"#, Gateway),
            (501, "", Gateway),
            (400, "<html>", Unreadable),
            (400, "", Unreadable),
            (400, "{}", Unreadable),
            (400, r#""invalid_grant""#, Unreadable),
            (400, r#"{"error":{"a":1}}"#, Unreadable),
            (302, "", Unreadable),
            (200, "{}", Unreadable),
            (200, r#"{"error":"invalid_grant"}"#, Unreadable),
        ];
        for (status, body, expected) in table {
            let refusal = classify_token_error(status, body.as_bytes());
            assert_eq!(refusal.kind, expected, "{status} {body}");
            let doubt = matches!(expected, Server | Gateway | Unreadable);
            assert_eq!(refusal.is_answer(), !doubt, "{status} {body}");
        }
    }

    #[test]
    fn numbers_name_the_cause() {
        let cause = |code: u32| {
            let body = format!(r#"{{"error":"x","code":{code}}}"#);
            classify_token_error(400, body.as_bytes()).cause()
        };
        assert_eq!(cause(4741), Some(RefusalCause::NewerConsent));
        assert_eq!(cause(4735), Some(RefusalCause::OwnerGone));
        assert_eq!(cause(4738), Some(RefusalCause::AdminDisabled));
        assert_eq!(cause(4717), Some(RefusalCause::AppDisabled));
        assert_eq!(cause(4711), Some(RefusalCause::ScopeChanged));
        assert_eq!(cause(4702), Some(RefusalCause::Credentials));
        assert_eq!(cause(4740), None);
        for (reason, code) in [
            ("The app is disabled (4717)", Some(4717)),
            ("Invalid client_id (4,702)", Some(4702)),
            ("limit (100)", None),
            ("(4717", None),
            ("4717)", None),
        ] {
            let body = serde_json::json!({"error": "x", "reason": reason}).to_string();
            assert_eq!(classify_token_error(400, body.as_bytes()).code, code, "{reason}");
        }
    }

    #[test]
    fn words_are_shown_without_tokens() {
        let token = "e".repeat(300);
        let body = format!(r#"{{"error":"invalid_grant","reason":"bad {token}"}}"#);
        let refusal = classify_token_error(400, body.as_bytes());
        assert_eq!(
            refusal.to_string(),
            "zoom does not accept the token (status 400): invalid_grant: bad ***"
        );
    }
}
