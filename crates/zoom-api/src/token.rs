//! The access token and the hints in it.
//!
//! Invariant: it is never shown. Claims are hints: unsigned as far as we know, good for a first
//! guess at which account's budget a call uses, never for a decision.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use serde::Deserialize;

const SCHEME: &str = "Bearer ";

/// An access token, ready to be sent. Cloning it copies nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(HeaderValue);

/// Not a token: empty, or with characters no header may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an access token: empty, or with characters that cannot be sent")]
pub struct InvalidToken;

impl AccessToken {
    /// Takes a token as Zoom issued it.
    pub fn new(token: &str) -> Result<Self, InvalidToken> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken);
        }
        let mut header =
            HeaderValue::from_str(&format!("{SCHEME}{token}")).map_err(|_| InvalidToken)?;
        header.set_sensitive(true);
        Ok(Self(header))
    }

    /// The token itself, for handing it to another program.
    pub fn expose(&self) -> &str {
        let text = self.0.to_str().unwrap_or_default();
        text.strip_prefix(SCHEME).unwrap_or_default()
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Claims about the token's owner if the token is a JWT; only a hint.
    pub fn claims(&self) -> Option<Claims> {
        let payload = self.expose().split('.').nth(1)?;
        let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let raw: RawClaims = serde_json::from_slice(&json).ok()?;
        Some(Claims {
            user_id: raw.user_id.or(raw.uid).filter(|id| !id.is_empty()),
            account_id: raw.account_id.or(raw.aid).filter(|id| !id.is_empty()),
        })
    }
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessToken(***)")
    }
}

/// Owner of a token, as stated in the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The Zoom user who consented.
    pub user_id: Option<String>,
    /// The Zoom account the user belongs to.
    pub account_id: Option<String>,
}

#[derive(Deserialize)]
struct RawClaims {
    #[serde(rename = "userId")]
    user_id: Option<String>,
    uid: Option<String>,
    #[serde(rename = "accountId")]
    account_id: Option<String>,
    aid: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_whole_and_never_shown() {
        let token = AccessToken::new("abc.def").unwrap();
        assert_eq!(token.expose(), "abc.def");
        assert_eq!(token.header(), "Bearer abc.def");
        assert!(!format!("{token:?} {:?}", token.header()).contains("abc"));
        for bad in ["", "a b", "a\nb", "ä"] {
            assert_eq!(AccessToken::new(bad), Err(InvalidToken), "{bad:?}");
        }
    }

    #[test]
    fn claims_are_read_where_there_are_any() {
        let payload = URL_SAFE_NO_PAD.encode(br#"{"ver":9,"userId":"u1","accountId":"a1"}"#);
        let token = AccessToken::new(&format!("h.{payload}.s")).unwrap();
        let claims = token.claims().unwrap();
        assert_eq!(claims.user_id.as_deref(), Some("u1"));
        assert_eq!(claims.account_id.as_deref(), Some("a1"));
        for opaque in ["opaque", "a.b.c", "a.%%.c", "a..c"] {
            assert_eq!(AccessToken::new(opaque).unwrap().claims(), None);
        }
    }
}
