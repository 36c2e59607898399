//! Webhooks: verification of the sender, and the event.
//!
//! Pure functions of bytes and a time; nothing here listens. A signature is
//! over the raw body, so bytes are verified first and read afterwards.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::Sha256;

/// A signature older or newer than this is not taken: it could be replayed.
pub const WINDOW: Duration = Duration::from_secs(300);

/// The app's secret token, by which Zoom signs.
#[derive(Clone, Debug)]
pub struct WebhookSecret(SecretString);

/// Reason why a request is not verified as Zoom's.
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

/// Webhook from Zoom.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// It asks whether we know the secret.
    UrlValidation {
        /// Text to sign in the answer.
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
        /// Time of the event.
        at: Option<Timestamp>,
    },
    /// Any other event.
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

impl Told {
    /// Reads a body that was verified. Ids and times are read as text or number:
    /// Zoom sends both.
    ///
    /// # Errors
    /// Fails if the body is no event, or lacks a field that its event requires.
    pub fn read(body: &[u8]) -> Result<Self, NoEvent> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let event: Value = serde_json::from_slice(body).map_err(|_| NoEvent)?;
        let payload = &event["payload"];
        Ok(match event["event"].as_str().ok_or(NoEvent)? {
            "endpoint.url_validation" => {
                Self::UrlValidation { plain_token: text(&payload["plainToken"]).ok_or(NoEvent)? }
            }
            "app_deauthorized" => Self::Deauthorized {
                user_id: text(&payload["user_id"]).ok_or(NoEvent)?,
                account_id: text(&payload["account_id"]),
                client_id: text(&payload["client_id"]),
                at: time(&payload["deauthorization_time"]).or_else(|| time(&event["event_ts"])),
            },
            _ => Self::Other,
        })
    }
}

/// Text that is not blank, or a whole number as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

/// A date and time, or a number of seconds or milliseconds since 1970.
fn time(value: &Value) -> Option<Timestamp> {
    /// As seconds this is the year 5138, as milliseconds 1973.
    const SECONDS_END: f64 = 1e11;
    let text = match value {
        Value::String(text) => text.trim(),
        Value::Number(number) => &number.to_string(),
        _ => return None,
    };
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let number = text.parse::<f64>().ok().filter(|number| *number > 0.0 && *number < 1e15)?;
    let ms = if number < SECONDS_END { number * 1e3 } else { number };
    #[expect(clippy::cast_possible_truncation, reason = "it is below 1e15")]
    Timestamp::from_millisecond(ms as i64).ok()
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
        // A body with the same JSON in other bytes has another signature.
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
            br#"{"event":"endpoint.url_validation","payload":{"plainToken":[]}}"#,
            br#"{"event":"app_deauthorized","payload":{"user_id":" "}}"#,
            br#"{"event":"app_deauthorized","payload":[]}"#,
        ] {
            assert_eq!(Told::read(bad), Err(NoEvent), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn numbers_and_times_are_read_as_number_or_text() {
        let at = |event_ts: &str, time: &str| {
            let body = format!(
                r#"{{"event":"app_deauthorized","event_ts":{event_ts},"payload":{{"user_id":"u","deauthorization_time":{time}}}}}"#
            );
            match Told::read(body.as_bytes()) {
                Ok(Told::Deauthorized { at, .. }) => at.map(|at| at.to_string()),
                other => panic!("{body}: {other:?}"),
            }
        };
        let second = Some("2023-11-14T22:13:21Z".to_owned());
        for event_ts in [
            "1700000001000",
            r#""1700000001000""#,
            r#"" 1700000001000 ""#,
            "1700000001",
            r#""1700000001""#,
            "1700000001000.0",
            r#""2023-11-14T22:13:21Z""#,
        ] {
            assert_eq!(at(event_ts, "null"), second, "{event_ts}");
            assert_eq!(at("null", event_ts), second, "{event_ts}");
        }
        for odd in [r#""""#, r#""soon""#, "true", "-1", "0", "1e300", r#""NaN""#, r#""inf""#, "{}"]
        {
            assert_eq!(at(odd, "null"), None, "{odd}");
            assert_eq!(at("1700000001000", odd), second, "{odd}");
        }
        let told = Told::read(
            br#"{"event":"app_deauthorized","event_ts":"x","payload":{"user_id":7,"account_id":8,"client_id":9}}"#,
        );
        let ids = (Some("8".to_owned()), Some("9".to_owned()));
        assert_eq!(
            told,
            Ok(Told::Deauthorized {
                user_id: "7".into(),
                account_id: ids.0,
                client_id: ids.1,
                at: None
            })
        );
        let twice = br#"{"event":"x","event":"app_deauthorized","event_ts":1,"event_ts":"1","payload":{"user_id":"u"}}"#;
        assert!(matches!(Told::read(twice), Ok(Told::Deauthorized { .. })));
    }
}
