//! What a 429 means: which of Zoom's limits it names, and until when.
//!
//! The text decides first: the limit of a host's day was seen with headers that
//! describe another quota. Headers come second, and a `Retry-After` is believed
//! only where it lies in the future and within reason. All functions are pure.

use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::reply::{RateType, Reply};

/// Which limit a 429 named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Calls per second of the Zoom account and label.
    PerSecond,
    /// Calls per UTC day of the Zoom account and label.
    LabelDay,
    /// Creates and updates per UTC day of one host.
    UserDay,
    /// Calls at the same time.
    Concurrent,
    /// A 429 that says nothing known.
    Unknown,
}

impl LimitKind {
    /// The kind as one lower-case word, for metrics and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PerSecond => "per_second",
            Self::LabelDay => "label_day",
            Self::UserDay => "user_day",
            Self::Concurrent => "concurrent",
            Self::Unknown => "unknown",
        }
    }
}

/// A limit that Zoom applied, and the time until which it is to be taken as closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Which limit.
    pub kind: LimitKind,
    /// Always later than the moment it was asked about.
    pub until: Timestamp,
}

/// A `Retry-After` header: a span or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many seconds from the answer.
    Seconds(u64),
    /// At this time.
    At(Timestamp),
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MIDNIGHT_SLACK: SignedDuration = SignedDuration::from_secs(120);
const UNKNOWN_WAIT: SignedDuration = SignedDuration::from_secs(60);
const CONCURRENT_WAIT: SignedDuration = SignedDuration::from_secs(2);
const LONGEST_SHORT: SignedDuration = SignedDuration::from_secs(60);
const LONGEST_DAY: SignedDuration = SignedDuration::from_hours(25);

impl RetryAfter {
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

/// The first midnight (UTC) after `at`.
pub fn next_utc_midnight(at: Timestamp) -> Timestamp {
    const DAY: i64 = 86_400;
    let next = (at.as_second().div_euclid(DAY) + 1).saturating_mul(DAY);
    Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
}

/// Which limit `reply` names and until when it is closed; `None` unless it is a 429.
/// `sent` is when the call left: a day's limit closes the day of the call, not
/// that of the answer.
pub fn limit_kind(reply: &Reply, sent: Timestamp, now: Timestamp) -> Option<Limit> {
    if reply.status != 429 {
        return None;
    }
    let kind = name(&reply.error().message, reply.headers.kind);
    let hint = |longest| {
        let named = reply.headers.retry_after?;
        named.until(now, longest)
    };
    let after = |span: SignedDuration| now.saturating_add(span).unwrap_or(Timestamp::MAX);
    let until = match kind {
        LimitKind::PerSecond => hint(LONGEST_SHORT).unwrap_or_else(|| after(SECOND)),
        LimitKind::Concurrent => hint(LONGEST_SHORT).unwrap_or_else(|| after(CONCURRENT_WAIT)),
        LimitKind::Unknown => hint(LONGEST_DAY).unwrap_or_else(|| after(UNKNOWN_WAIT)),
        LimitKind::UserDay | LimitKind::LabelDay if is_early(sent) => after(MIDNIGHT_SLACK),
        LimitKind::UserDay => next_utc_midnight(sent),
        LimitKind::LabelDay => hint(LONGEST_DAY).unwrap_or_else(|| next_utc_midnight(sent)),
    };
    let until = until.max(after(SECOND));
    Some(Limit { kind, until })
}

/// Just after midnight Zoom's clock may still count the day before, and nobody
/// can have used up a day yet.
fn is_early(sent: Timestamp) -> bool {
    let since_midnight = sent.as_second().rem_euclid(86_400);
    since_midnight < MIDNIGHT_SLACK.as_secs()
}

fn name(message: &str, header: Option<RateType>) -> LimitKind {
    let text = message.to_ascii_lowercase();
    let says = |part: &str| text.contains(part);
    if says("particular user") || says("create/update") {
        LimitKind::UserDay
    } else if says("maximum daily") || says("daily rate limit") {
        LimitKind::LabelDay
    } else if says("per-second") || says("per second") {
        LimitKind::PerSecond
    } else if says("concurrent") {
        LimitKind::Concurrent
    } else {
        match header {
            Some(RateType::Daily) => LimitKind::LabelDay,
            Some(RateType::PerSecond) => LimitKind::PerSecond,
            None => LimitKind::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue};

    const PER_SECOND: &str =
        "You have reached the maximum per-second rate limit for this API. Try again later.";
    const LABEL_DAY: &str = "You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request.";
    const USER_DAY: &str = "You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this particular user. You may resume these requests at GMT 00:00:00.";
    const CONCURRENT: &str =
        "Too many concurrent requests. A request to disassociate this user has already been made.";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn reply(status: u16, message: &str, headers: &[(&str, &str)]) -> Reply {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let body = serde_json::json!({"code": 429, "message": message}).to_string();
        Reply::new(status, &map, Bytes::from(body))
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

    /// Message, headers, and what they mean.
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], LimitKind, &'a str);

    #[test]
    fn each_limit_is_told_by_its_text_then_by_headers() {
        let now = "2026-03-01T12:00:00Z";
        let midnight = "2026-03-02T00:00:00Z";
        let daily = ("x-ratelimit-type", "Daily-limit");
        let qps = ("X-RateLimit-Type", "QPS");
        let wait = |text| ("retry-after", text);
        let table: &[Row<'_>] = &[
            (PER_SECOND, &[], LimitKind::PerSecond, "2026-03-01T12:00:01Z"),
            (PER_SECOND, &[wait("5")], LimitKind::PerSecond, "2026-03-01T12:00:05Z"),
            (PER_SECOND, &[wait("86400")], LimitKind::PerSecond, "2026-03-01T12:00:01Z"),
            (PER_SECOND, &[daily], LimitKind::PerSecond, "2026-03-01T12:00:01Z"),
            (LABEL_DAY, &[], LimitKind::LabelDay, midnight),
            (LABEL_DAY, &[wait(midnight)], LimitKind::LabelDay, midnight),
            (LABEL_DAY, &[wait("2020-05-31T00:00:00Z")], LimitKind::LabelDay, midnight),
            (
                LABEL_DAY,
                &[wait("2026-03-01T18:00:00Z")],
                LimitKind::LabelDay,
                "2026-03-01T18:00:00Z",
            ),
            (LABEL_DAY, &[wait("2036-03-01T18:00:00Z")], LimitKind::LabelDay, midnight),
            (USER_DAY, &[], LimitKind::UserDay, midnight),
            (
                USER_DAY,
                &[
                    ("x-ratelimit-category", "Light"),
                    ("x-ratelimit-remaining", "5893"),
                    qps,
                    wait("3"),
                ],
                LimitKind::UserDay,
                midnight,
            ),
            (CONCURRENT, &[], LimitKind::Concurrent, "2026-03-01T12:00:02Z"),
            ("Слишком много запросов", &[daily], LimitKind::LabelDay, midnight),
            ("Слишком много запросов", &[qps], LimitKind::PerSecond, "2026-03-01T12:00:01Z"),
            ("Слишком много запросов", &[], LimitKind::Unknown, "2026-03-01T12:01:00Z"),
            ("", &[wait("600")], LimitKind::Unknown, "2026-03-01T12:10:00Z"),
        ];
        for (message, headers, kind, until) in table {
            let reply = reply(429, message, headers);
            let expected = Limit { kind: *kind, until: at(until) };
            assert_eq!(
                limit_kind(&reply, at(now), at(now)),
                Some(expected),
                "{message} {headers:?}"
            );
        }
        assert_eq!(limit_kind(&reply(400, PER_SECOND, &[]), at(now), at(now)), None);
    }

    #[test]
    fn a_day_is_the_day_of_the_call() {
        let user_day = reply(429, USER_DAY, &[]);
        let until = |sent, now| limit_kind(&user_day, at(sent), at(now)).unwrap().until;
        assert_eq!(
            until("2026-03-01T23:59:59Z", "2026-03-02T00:00:03Z"),
            at("2026-03-02T00:00:04Z"),
            "sent yesterday, answered today: open again at once"
        );
        assert_eq!(
            until("2026-03-02T00:01:59Z", "2026-03-02T00:02:00Z"),
            at("2026-03-02T00:04:00Z"),
            "zoom's clock may be behind ours"
        );
        assert_eq!(
            until("2026-03-02T00:02:00Z", "2026-03-02T00:02:01Z"),
            at("2026-03-03T00:00:00Z")
        );
    }
}
