//! Limits named in Zoom's answers, and their ends.
//!
//! The text alone decides which limit it is (`limit_words`). Headers only give the time to wait,
//! and a `Retry-After` is used only within bounds. All functions are pure.

use jiff::{SignedDuration, Timestamp};

use crate::headers::RateType;
use crate::limit_words::LimitKind;
use crate::reply::Reply;

/// A limit that Zoom applied, and the time until which it is to be taken as closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Limit that was exceeded.
    pub kind: LimitKind,
    /// End of the limit; always later than the `now` it was computed for.
    pub until: Timestamp,
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MIDNIGHT_SLACK: SignedDuration = SignedDuration::from_secs(120);
const UNKNOWN_WAIT: SignedDuration = SignedDuration::from_secs(60);
const UNKNOWN_DAY_WAIT: SignedDuration = SignedDuration::from_mins(15);
const CONCURRENT_WAIT: SignedDuration = SignedDuration::from_secs(2);
const LONGEST_SHORT: SignedDuration = SignedDuration::from_secs(60);
const LONGEST_DAY: SignedDuration = SignedDuration::from_hours(25);
/// Maximum pause of a server in trouble, whatever it requests.
const LONGEST_REST: SignedDuration = SignedDuration::from_mins(10);

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
    let kind = reply.error().limit()?;
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

/// Pause that a server in trouble (5xx) requests, within bounds; `None` if it requests none.
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

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
