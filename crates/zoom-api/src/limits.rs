//! Limits that an answer of Zoom's names, and until when each is closed.
//!
//! The text alone decides which limit it is: the limit of a host's day was seen
//! with headers that describe another quota, and under 400 and 403. Headers only
//! say how long to wait, and a `Retry-After` is believed only within bounds. All
//! functions are pure.

use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::reply::{RateType, Reply};
use crate::zoom_error::ZoomError;

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
    /// A 429 in words that are not known. It may be anybody's limit: it holds
    /// back the host it was met for, and nobody else.
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
const UNKNOWN_DAY_WAIT: SignedDuration = SignedDuration::from_mins(15);
const CONCURRENT_WAIT: SignedDuration = SignedDuration::from_secs(2);
const LONGEST_SHORT: SignedDuration = SignedDuration::from_secs(60);
const LONGEST_DAY: SignedDuration = SignedDuration::from_hours(25);
/// A server in trouble is left alone for no longer, whatever it asks for.
const LONGEST_REST: SignedDuration = SignedDuration::from_mins(10);

impl RetryAfter {
    /// How long it asks to wait from `now`, at most `longest`; `None` if it names
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

/// The first midnight (UTC) after `at`.
pub fn next_utc_midnight(at: Timestamp) -> Timestamp {
    const DAY: i64 = 86_400;
    let next = (at.as_second().div_euclid(DAY) + 1).saturating_mul(DAY);
    Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
}

/// The limit that `reply` names, and until when it is closed; `None` if it names
/// none. A 429 always names one; another 4xx does so only in known words.
/// `sent` is when the call left: a day's limit closes the day of the call, not
/// that of the answer.
pub fn limit_kind(reply: &Reply, sent: Timestamp, now: Timestamp) -> Option<Limit> {
    if !(300..500).contains(&reply.status) {
        return None;
    }
    let kind = named(&reply.error())?;
    let hint = |longest| {
        let named = reply.headers.retry_after?;
        named.until(now, longest)
    };
    let after = |span: SignedDuration| now.saturating_add(span).unwrap_or(Timestamp::MAX);
    let until = match kind {
        LimitKind::PerSecond => hint(LONGEST_SHORT).unwrap_or_else(|| after(SECOND)),
        LimitKind::Concurrent => hint(LONGEST_SHORT).unwrap_or_else(|| after(CONCURRENT_WAIT)),
        LimitKind::Unknown => hint(LONGEST_DAY).unwrap_or_else(|| {
            let day = reply.headers.kind == Some(RateType::Daily);
            after(if day { UNKNOWN_DAY_WAIT } else { UNKNOWN_WAIT })
        }),
        LimitKind::UserDay | LimitKind::LabelDay if is_early(sent) => after(MIDNIGHT_SLACK),
        LimitKind::UserDay => next_utc_midnight(sent),
        LimitKind::LabelDay => hint(LONGEST_DAY).unwrap_or_else(|| next_utc_midnight(sent)),
    };
    let until = until.max(after(SECOND));
    Some(Limit { kind, until })
}

/// How long a server in trouble (5xx) asks to be left alone, within bounds;
/// `None` if it does not ask.
pub fn asked_rest(reply: &Reply, now: Timestamp) -> Option<SignedDuration> {
    let asked = reply.headers.retry_after.filter(|_| reply.status >= 500)?;
    asked.wait(now, LONGEST_REST)
}

/// Just after midnight Zoom's clock may still count the day before, and nobody
/// can have used up a day yet.
fn is_early(sent: Timestamp) -> bool {
    let since_midnight = sent.as_second().rem_euclid(86_400);
    since_midnight < MIDNIGHT_SLACK.as_secs()
}

/// The limit that an error names, in any language for a 429, in known words else.
pub(crate) fn named(error: &ZoomError) -> Option<LimitKind> {
    let is_429 = error.status == 429 || error.code == Some(429);
    let fields = error.errors.iter().map(|field| &field.message);
    let mut texts = std::iter::once(&error.message).chain(fields);
    let known = texts.find_map(|text| words(text, is_429));
    known.or_else(|| is_429.then_some(LimitKind::Unknown))
}

/// Words that name a limit. Only a 429 is about limits for sure: elsewhere the
/// whole phrase must be there.
fn words(message: &str, is_429: bool) -> Option<LimitKind> {
    let text = message.to_ascii_lowercase();
    let says = |part: &str| text.contains(part);
    let hints = |part: &str| is_429 && says(part);
    let of_a_user = says("particular user") && says("rate limit");
    if of_a_user
        || says("for a single user in one day")
        || hints("particular user")
        || hints("create/update")
        || (hints("single user") && says("day"))
    {
        Some(LimitKind::UserDay)
    } else if text.contains("particular registrant") {
        // Three a day of one person: nobody else's limit.
        None
    } else if says("maximum daily rate limit")
        || hints("maximum daily")
        || hints("daily rate limit")
    {
        Some(LimitKind::LabelDay)
    } else if says("maximum per-second rate limit") || hints("per-second") || hints("per second") {
        Some(LimitKind::PerSecond)
    } else {
        hints("concurrent").then_some(LimitKind::Concurrent)
    }
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
