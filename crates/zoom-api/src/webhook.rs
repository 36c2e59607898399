//! What Zoom tells by itself: is it Zoom, and what does it say.
//!
//! Pure functions of bytes and a time; nothing here listens. A signature is
//! over the raw body, so bytes are verified first and read afterwards.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::Sha256;

/// A signature older or newer than this is not taken: it could be replayed.
pub const WINDOW: Duration = Duration::from_secs(300);

/// The app's secret token, by which Zoom signs.
#[derive(Clone, Debug)]
pub struct WebhookSecret(SecretString);

/// Why a request cannot be trusted to come from Zoom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unverified {
    /// The time or the signature is missing or has not the form it should have.
    #[error("no signature that could be checked")]
    Malformed,
    /// It was signed with another secret, or over another body.
    #[error("the signature does not fit")]
    Forged,
    /// It was signed too long ago, or by a clock that is ahead.
    #[error("the signature is not of the last five minutes")]
    Stale,
}

/// What Zoom told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// It asks whether we know the secret.
    UrlValidation {
        /// What is to be signed.
        plain_token: String,
    },
    /// A user took the app's consent back.
    Deauthorized {
        /// The user.
        user_id: String,
        /// The user's account.
        account_id: Option<String>,
        /// The app.
        client_id: Option<String>,
        /// When.
        at: Option<Timestamp>,
    },
    /// Something else.
    Other,
}

/// A body that is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an event of zoom's")]
pub struct NoEvent;

impl WebhookSecret {
    /// The secret as Zoom shows it on the app's page.
    pub fn new(secret: SecretString) -> Self {
        Self(secret)
    }

    /// Checks the headers `x-zm-request-timestamp` and `x-zm-signature` against
    /// the raw body, in a time that does not depend on how much of it fits.
    ///
    /// # Errors
    /// See [`Unverified`].
    pub fn verify(
        &self,
        timestamp: &str,
        signature: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Unverified> {
        let digits = timestamp.len() <= 12 && timestamp.bytes().all(|b| b.is_ascii_digit());
        let signed_s: i64 = timestamp.parse().map_err(|_| Unverified::Malformed)?;
        let signature = signature.strip_prefix("v0=").and_then(from_hex);
        let Some(signature) = signature.filter(|_| digits) else {
            return Err(Unverified::Malformed);
        };
        let mut mac = self.mac();
        for part in [b"v0:", timestamp.as_bytes(), b":", body] {
            mac.update(part);
        }
        mac.verify_slice(&signature).map_err(|_| Unverified::Forged)?;
        let age = now.as_second().abs_diff(signed_s);
        if age > WINDOW.as_secs() { Err(Unverified::Stale) } else { Ok(()) }
    }

    /// The answer to [`Told::UrlValidation`]: the token, signed, in hex.
    pub fn encrypted_token(&self, plain_token: &str) -> String {
        let mut mac = self.mac();
        mac.update(plain_token.as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(self.0.expose_secret().as_bytes())
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[derive(Deserialize)]
struct Event {
    event: String,
    event_ts: Option<i64>,
    payload: Option<serde_json::Value>,
}

impl Told {
    /// Reads a body that was verified.
    ///
    /// # Errors
    /// That it is no event, or one of ours without what it must name.
    pub fn read(body: &[u8]) -> Result<Self, NoEvent> {
        let event: Event = serde_json::from_slice(body).map_err(|_| NoEvent)?;
        let payload = event.payload.unwrap_or_default();
        let text = |name: &str| {
            payload.get(name).and_then(|v| v.as_str()).filter(|t| !t.is_empty()).map(str::to_owned)
        };
        Ok(match event.event.as_str() {
            "endpoint.url_validation" => {
                Self::UrlValidation { plain_token: text("plainToken").ok_or(NoEvent)? }
            }
            "app_deauthorized" => {
                let named = text("deauthorization_time").and_then(|t| t.parse().ok());
                let told = event.event_ts.and_then(|ms| Timestamp::from_millisecond(ms).ok());
                Self::Deauthorized {
                    user_id: text("user_id").ok_or(NoEvent)?,
                    account_id: text("account_id"),
                    client_id: text("client_id"),
                    at: named.or(told),
                }
            }
            _ => Self::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"a": 1}"#;
    const GOOD: &str = "v0=5f9647cc2a11bb3ccbaf7e71717c3ea57bf9d899965c5d5254016cc8bdf227c2";
    const SIGNED: &str = "1700000000";

    fn secret() -> WebhookSecret {
        WebhookSecret::new("s3cret".into())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn only_what_zoom_signed_of_late_is_taken() {
        let check = |time: &str, signature: &str, body: &[u8], now: i64| {
            secret().verify(time, signature, body, at(now))
        };
        for now in [1_700_000_000, 1_700_000_300, 1_699_999_700] {
            assert_eq!(check(SIGNED, GOOD, BODY, now), Ok(()), "{now}");
        }
        for now in [1_700_000_301, 1_699_999_699, 0] {
            assert_eq!(check(SIGNED, GOOD, BODY, now), Err(Unverified::Stale), "{now}");
        }
        let now = 1_700_000_000;
        // The same JSON in other bytes is another body.
        assert_eq!(check(SIGNED, GOOD, br#"{"a":1}"#, now), Err(Unverified::Forged));
        assert_eq!(check("1700000001", GOOD, BODY, now), Err(Unverified::Forged));
        let flipped = GOOD.replace("v0=5", "v0=0");
        assert_eq!(check(SIGNED, &flipped, BODY, now), Err(Unverified::Forged));
        let other = WebhookSecret::new("other".into());
        assert_eq!(other.verify(SIGNED, GOOD, BODY, at(now)), Err(Unverified::Forged));
        let cut = &GOOD[..GOOD.len() - 1];
        for bad in ["", "v0=", "v1=00", cut, &GOOD[3..], &format!("{GOOD}0"), "v0=zz"] {
            assert_eq!(check(SIGNED, bad, BODY, now), Err(Unverified::Malformed), "{bad}");
        }
        for bad in ["", "-1", "+1700000000", "1700000000.0", "1e9", "99999999999999999999"] {
            assert_eq!(check(bad, GOOD, BODY, now), Err(Unverified::Malformed), "{bad}");
        }
    }

    #[test]
    fn the_validation_is_signed() {
        let signed = secret().encrypted_token("plain");
        assert_eq!(signed, "3a9d0aa597de22990278d9c67504cc2bbb699ea16153b571c8a67e88f280fb39");
        assert!(!format!("{:?}", secret()).contains("s3cret"));
    }

    #[test]
    fn events_are_read_in_every_age_of_theirs() {
        let now = Told::read(
            br#"{"event":"app_deauthorized","event_ts":1700000001000,"payload":{"account_id":"z","user_id":"u",
            "signature":"x","deauthorization_time":"2019-06-17T13:52:28.632Z","client_id":"c"}}"#,
        );
        let Ok(Told::Deauthorized { user_id, account_id, client_id, at }) = now else {
            panic!("{now:?}");
        };
        assert_eq!((user_id.as_str(), account_id.as_deref()), ("u", Some("z")));
        assert_eq!(client_id.as_deref(), Some("c"));
        assert_eq!(at.map(|t| t.to_string()).as_deref(), Some("2019-06-17T13:52:28.632Z"));
        let old = Told::read(
            br#"{"event":"app_deauthorized","event_ts":1700000001000,"payload":{"user_id":"u","user_data_retention":"false"}}"#,
        );
        let at = Timestamp::from_second(1_700_000_001).ok();
        let user_id = "u".to_owned();
        let expected = Told::Deauthorized { user_id, account_id: None, client_id: None, at };
        assert_eq!(old, Ok(expected));
        let asked =
            Told::read(br#"{"event":"endpoint.url_validation","payload":{"plainToken":"p"}}"#);
        assert_eq!(asked, Ok(Told::UrlValidation { plain_token: "p".into() }));
        assert_eq!(Told::read(br#"{"event":"meeting.started"}"#), Ok(Told::Other));
        for bad in [
            &b""[..],
            b"[]",
            b"{}",
            br#"{"event":1}"#,
            br#"{"event":"app_deauthorized","payload":{}}"#,
            br#"{"event":"app_deauthorized"}"#,
            br#"{"event":"endpoint.url_validation","payload":{"plainToken":7}}"#,
        ] {
            assert_eq!(Told::read(bad), Err(NoEvent), "{}", String::from_utf8_lossy(bad));
        }
    }
}
