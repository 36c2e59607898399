//! The headers of an answer that matter: what they say of limits, and `Retry-After`.
//!
//! All are optional, and what cannot be read counts as absent.

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName};
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

// Made once: a name given as text is read anew with each look.
static CATEGORY: HeaderName = HeaderName::from_static("x-ratelimit-category");
static TYPE: HeaderName = HeaderName::from_static("x-ratelimit-type");
static LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
static REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");

/// The limit that `X-RateLimit-Type` named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateType {
    /// Calls per second.
    PerSecond,
    /// Calls per day.
    Daily,
}

/// Rate limits from the headers. All optional and unreliable: they may describe another quota than
/// the one that was exceeded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateHeaders {
    /// `X-RateLimit-Category`, in Zoom's words (Light, Medium, …).
    pub category: Option<String>,
    /// `X-RateLimit-Type`.
    pub kind: Option<RateType>,
    /// `X-RateLimit-Limit`.
    pub limit: Option<u32>,
    /// `X-RateLimit-Remaining`.
    pub remaining: Option<u32>,
    /// `Retry-After`.
    pub retry_after: Option<RetryAfter>,
}

impl RateHeaders {
    /// Reads what is there; what cannot be read counts as absent.
    pub fn read(headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let number = |name| text(name).and_then(|value| value.trim().parse().ok());
        Self {
            category: text(&CATEGORY).map(|value| value.chars().take(32).collect()),
            kind: text(&TYPE).and_then(rate_type),
            limit: number(&LIMIT),
            remaining: number(&REMAINING),
            retry_after: text(&RETRY_AFTER).and_then(retry_after),
        }
    }
}

fn rate_type(value: &str) -> Option<RateType> {
    let value = value.trim();
    if value.eq_ignore_ascii_case("qps") {
        Some(RateType::PerSecond)
    } else if value.to_ascii_lowercase().starts_with("daily") {
        Some(RateType::Daily)
    } else {
        None
    }
}

/// A `Retry-After` header: a duration or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// Seconds from the answer.
    Seconds(u64),
    /// At this time.
    At(Timestamp),
}

impl RetryAfter {
    /// The wait that it asks for, from `now`, at most `longest`; `None` if it names
    /// no time after `now`.
    pub fn wait(self, now: Timestamp, longest: SignedDuration) -> Option<SignedDuration> {
        let wait = match self {
            Self::Seconds(s) => SignedDuration::from_secs(i64::try_from(s).unwrap_or(i64::MAX)),
            Self::At(at) => at.duration_since(now),
        };
        wait.is_positive().then(|| wait.min(longest))
    }

    /// The time it names, if that is after `now` and no more than `longest` away.
    pub fn until(self, now: Timestamp, longest: SignedDuration) -> Option<Timestamp> {
        let at = match self {
            Self::Seconds(seconds) => {
                let span = SignedDuration::from_secs(i64::try_from(seconds).ok()?);
                now.checked_add(span).ok()?
            }
            Self::At(at) => at,
        };
        (at > now && at.duration_since(now) <= longest).then_some(at)
    }
}

/// Reads `Retry-After` as whole seconds, an ISO 8601 date and time, or an HTTP date.
pub fn retry_after(value: &str) -> Option<RetryAfter> {
    let value = value.trim();
    if value.len() > 64 {
        return None;
    }
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(RetryAfter::Seconds);
    }
    let iso = value.parse::<Timestamp>().ok();
    let iso = iso.or_else(|| {
        let civil = value.parse::<jiff::civil::DateTime>().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    });
    iso.or_else(|| http_date(value)).map(RetryAfter::At)
}

/// Reads the date of an HTTP header.
pub(crate) fn http_date(value: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn headers_are_optional_and_forgiving() {
        let mut map = HeaderMap::new();
        assert_eq!(RateHeaders::read(&map), RateHeaders::default());
        map.insert("x-ratelimit-category", HeaderValue::from_static("Light"));
        map.insert("x-ratelimit-type", HeaderValue::from_static("Daily-limit"));
        map.insert("x-ratelimit-limit", HeaderValue::from_static(" 100 "));
        map.insert("x-ratelimit-remaining", HeaderValue::from_static("-3"));
        map.insert("retry-after", HeaderValue::from_static("3"));
        let read = RateHeaders::read(&map);
        assert_eq!(read.category.as_deref(), Some("Light"));
        assert_eq!(read.kind, Some(RateType::Daily));
        assert_eq!((read.limit, read.remaining), (Some(100), None));
        assert_eq!(read.retry_after, Some(RetryAfter::Seconds(3)));
    }

    #[test]
    fn retry_after_in_three_forms() {
        let table = [
            ("7", Some(RetryAfter::Seconds(7))),
            (" 0 ", Some(RetryAfter::Seconds(0))),
            ("2020-05-31T00:00:00Z", Some(RetryAfter::At(at("2020-05-31T00:00:00Z")))),
            ("2020-05-31T02:00:00+02:00", Some(RetryAfter::At(at("2020-05-31T00:00:00Z")))),
            ("2020-05-31T00:00:00", Some(RetryAfter::At(at("2020-05-31T00:00:00Z")))),
            ("Sun, 31 May 2020 00:00:00 GMT", Some(RetryAfter::At(at("2020-05-31T00:00:00Z")))),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("99999999999999999999999", None),
            ("18446744073709551615", Some(RetryAfter::Seconds(u64::MAX))),
        ];
        for (text, expected) in table {
            assert_eq!(retry_after(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_retry_after_out_of_reason_is_not_believed() {
        let now = at("2026-03-01T12:00:00Z");
        let hour = SignedDuration::from_hours(1);
        assert_eq!(RetryAfter::Seconds(0).until(now, hour), None);
        assert_eq!(RetryAfter::Seconds(u64::MAX).until(now, hour), None);
        assert_eq!(RetryAfter::Seconds(i64::MAX as u64).until(now, hour), None);
        assert_eq!(RetryAfter::Seconds(3601).until(now, hour), None);
        assert_eq!(RetryAfter::At(now).until(now, hour), None);
        assert_eq!(RetryAfter::Seconds(3600).until(now, hour), Some(at("2026-03-01T13:00:00Z")));
    }
}
