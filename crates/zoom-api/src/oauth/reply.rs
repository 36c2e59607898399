//! Answer of the token endpoint: first raw, then parsed.
//!
//! Parsing is lenient where that is harmless: a reply with a new refresh token must never be
//! dropped because some other field is odd.

use std::borrow::Cow;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::refusal::{TokenRefusal, classify_token_error};
use crate::decode;
use crate::headers::RetryAfter;

/// The largest text of a reply, once it is decoded.
const MOST_TEXT: usize = 1 << 20;

/// An answer of the token endpoint as it came, to be kept before it is read.
#[derive(Clone)]
pub struct RawTokenReply {
    /// The HTTP status.
    pub status: u16,
    /// The body as it came, compressed if it came so; wiped from memory when dropped.
    pub body: Zeroizing<Vec<u8>>,
    /// The `Content-Encoding` header; without it the body cannot be read later.
    pub coding: Option<String>,
    /// The `Retry-After` header; not part of what is to be kept.
    pub retry_after: Option<RetryAfter>,
}

/// A pair of tokens, or an access token alone.
#[derive(Clone, Debug)]
pub struct TokenReply {
    /// The access token.
    pub access_token: SecretString,
    /// The new refresh token; absent for server-to-server apps, and where the
    /// old one stays.
    pub refresh_token: Option<SecretString>,
    /// Seconds the access token lives; `None` where Zoom does not say, or says what
    /// cannot be.
    pub expires_in: Option<u64>,
    /// The scopes granted, separated by spaces.
    pub scope: Option<String>,
    /// The API host for this account, as Zoom names it; not checked here.
    pub api_url: Option<String>,
}

impl RawTokenReply {
    /// Takes an answer, fresh or kept from before.
    pub fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, body: Zeroizing::new(body), coding: None, retry_after: None }
    }

    /// Copy of the answer with this `Content-Encoding`.
    #[must_use]
    pub fn coded(mut self, coding: Option<String>) -> Self {
        self.coding = coding;
        self
    }

    /// Reads the answer of a token call.
    pub fn parse(&self) -> Result<TokenReply, TokenRefusal> {
        let text = self.text();
        let read = if (200..300).contains(&self.status) { read_pair(&text) } else { None };
        read.ok_or_else(|| self.refusal(&text))
    }

    /// Reads the answer of a revoke.
    pub fn revoked(&self) -> Result<(), TokenRefusal> {
        if (200..300).contains(&self.status) {
            return Ok(());
        }
        Err(self.refusal(&self.text()))
    }

    /// The body, decoded; as it came where it cannot be.
    fn text(&self) -> Zeroizing<Vec<u8>> {
        let decoded = decode::plain(self.coding.as_deref(), &self.body, MOST_TEXT);
        let text = decoded.unwrap_or_else(|_| decode::without_mark(Cow::Borrowed(&self.body)));
        Zeroizing::new(text.into_owned())
    }

    fn refusal(&self, text: &[u8]) -> TokenRefusal {
        let mut refusal = classify_token_error(self.status, text);
        refusal.retry_after = self.retry_after;
        refusal
    }
}

impl std::fmt::Debug for RawTokenReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawTokenReply")
            .field("status", &self.status)
            .field("body_len", &self.body.len())
            .field("coding", &self.coding)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    access_token: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refresh_token: Option<&'a RawValue>,
    #[serde(borrow, default)]
    expires_in: Option<&'a RawValue>,
    #[serde(borrow, default)]
    scope: Option<&'a RawValue>,
    #[serde(borrow, default)]
    api_url: Option<&'a RawValue>,
}

fn read_pair(body: &[u8]) -> Option<TokenReply> {
    let raw: Raw<'_> = serde_json::from_slice(body).ok()?;
    Some(TokenReply {
        access_token: text(raw.access_token)?.into(),
        refresh_token: text(raw.refresh_token).map(SecretString::from),
        expires_in: raw.expires_in.and_then(seconds),
        scope: raw.scope.and_then(scope),
        api_url: text(raw.api_url),
    })
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    let text: String = serde_json::from_str(raw?.get()).ok()?;
    (!text.is_empty()).then_some(text)
}

/// The longest life of an access token that is believed, in seconds: a year.
const LONGEST_LIFE: f64 = 366.0 * 86_400.0;

/// A number, or a number in quotes, that can be a token's life.
fn seconds(raw: &RawValue) -> Option<u64> {
    let text = raw.get().trim_matches('"').trim();
    let life: f64 = text.parse().ok()?;
    (1.0..=LONGEST_LIFE).contains(&life).then_some(life as u64)
}

/// A string, or a list of strings.
fn scope(raw: &RawValue) -> Option<String> {
    let list = |raw: &RawValue| serde_json::from_str::<Vec<String>>(raw.get()).ok();
    text(Some(raw)).or_else(|| list(raw).map(|scopes| scopes.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn parse(body: &str) -> Result<TokenReply, TokenRefusal> {
        RawTokenReply::new(200, body.as_bytes().to_vec()).parse()
    }

    #[test]
    fn a_whole_reply() {
        let reply = parse(
            r#"{"access_token":"a","token_type":"bearer","refresh_token":"r","expires_in":3599,"scope":"x y","api_url":"https://api.zoom.us"}"#,
        )
        .unwrap();
        assert_eq!(reply.access_token.expose_secret(), "a");
        assert_eq!(reply.refresh_token.as_ref().unwrap().expose_secret(), "r");
        assert_eq!(reply.expires_in, Some(3599));
        assert_eq!(reply.scope.as_deref(), Some("x y"));
        assert_eq!(reply.api_url.as_deref(), Some("https://api.zoom.us"));
        let shown = format!("{reply:?}");
        assert!(!shown.contains("\"a\"") && !shown.contains("\"r\""), "{shown}");
    }

    #[test]
    fn odd_fields_never_cost_the_refresh_token() {
        for odd in [
            r#""expires_in":"3600""#,
            r#""expires_in":{}"#,
            r#""expires_in":-1"#,
            r#""expires_in":3599.0"#,
            r#""scope":null"#,
            r#""scope":["x","y"]"#,
            r#""scope":7"#,
            r#""api_url":[]"#,
            r#""token_type":{}"#,
            r#""new":{"a":[1]}"#,
        ] {
            let body = format!(r#"{{"access_token":"a","refresh_token":"r",{odd}}}"#);
            let reply = parse(&body).unwrap_or_else(|error| panic!("{odd}: {error}"));
            assert_eq!(reply.refresh_token.unwrap().expose_secret(), "r", "{odd}");
        }
        assert_eq!(
            parse(r#"{"access_token":"a","expires_in":"3600"}"#).unwrap().expires_in,
            Some(3600)
        );
        assert_eq!(
            parse(r#"{"access_token":"a","expires_in":3599.0}"#).unwrap().expires_in,
            Some(3599)
        );
    }

    #[test]
    fn a_life_that_cannot_be_is_none() {
        let life = |text: &str| {
            parse(&format!(r#"{{"access_token":"a","expires_in":{text}}}"#)).unwrap().expires_in
        };
        let numbers = ["0", "0.9", "-1", "-3600", "1e30", "99999999999999999999"];
        let texts = ["0", "-1", "", "soon", "NaN", "inf"].map(|text| format!("{text:?}"));
        let others = ["null", "true", "[]", "{}"];
        let odd = numbers.iter().chain(&others).map(|text| (*text).to_owned()).chain(texts);
        for odd in odd {
            assert_eq!(life(&odd), None, "{odd}");
        }
        let good = [("1", 1), ("\" 3599 \"", 3599), ("3599.9", 3599), ("3.6e3", 3600)];
        for (text, seconds) in good {
            assert_eq!(life(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn a_missing_refresh_token_is_none() {
        for body in [
            r#"{"access_token":"a"}"#,
            r#"{"access_token":"a","refresh_token":null}"#,
            r#"{"access_token":"a","refresh_token":""}"#,
        ] {
            assert!(parse(body).unwrap().refresh_token.is_none(), "{body}");
        }
    }

    #[test]
    fn without_an_access_token_it_is_unreadable() {
        use crate::oauth::RefusalKind;
        for body in ["", "<html>", "[]", "{}", r#"{"access_token":""}"#, r#"{"refresh_token":"r"}"#]
        {
            assert_eq!(parse(body).unwrap_err().kind, RefusalKind::Unreadable, "{body}");
        }
        let raw = RawTokenReply::new(200, b"secret".to_vec());
        assert!(!format!("{raw:?}").contains("secret"));
        assert!(raw.revoked().is_ok());
    }
}
