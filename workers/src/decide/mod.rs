//! Decision: the meaning of a reply from Zoom for a job.
//!
//! Pure: (attempt, answer, now, a roll of the dice) to one of six outcomes.
//! zoom-api sorts what Zoom says; here, and only here, the sort becomes a fate:
//! which answers cost an attempt, which close a limit, which leave the outcome
//! open, which end the job. No clock, no randomness, no IO.
//!
//! Invariant: a call that may have reached Zoom and was not answered in full
//! is [`Decision::Reconcile`], never anything that sends again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use zoom_api::{Class, Limit, LimitKind, Reply, Sent, TransportError, TransportKind, ZoomError};
use zoomd_store::queue::Close;
use zoomd_wire::FailureCode;

use crate::backoff;
use crate::tokens::Refused;

/// State of a job's attempts when an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Number of calls that were made for it in this run, this one included.
    pub number: u8,
    /// Maximum number of calls.
    pub max: u8,
    /// True if a token too young to be replaced was refused in this run before.
    pub refused_before: bool,
}

/// Result for the job.
#[derive(Debug)]
pub enum Decision<D> {
    /// It is done, as the answer tells.
    Done(D),
    /// The access token was refused: report it, then ask [`refused`].
    TokenRefused(ZoomError),
    /// Another attempt, not before then. This one is spent.
    Retry {
        /// Earliest time of the next attempt.
        at: Timestamp,
        /// In words.
        why: &'static str,
    },
    /// Back to its room; no attempt is spent.
    Wait(Wait),
    /// Nobody knows what the call did: ask Zoom before anything else.
    Reconcile {
        /// In words.
        why: String,
    },
    /// The end.
    Fail(Verdict),
}

/// Reason for a job's return to its room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// A limit of Zoom's is used up; its key is closed until then.
    Limited(Limit),
    /// No token that may be used.
    Token,
    /// Zoom cannot be reached.
    Unreachable,
    /// Host of Zoom cannot be reached, while others can: its account sleeps.
    Asleep(Duration),
    /// Redis could not be asked for its token: its account sleeps.
    Redis(Duration),
    /// This machine has no file or port left for a connection: its account sleeps.
    Local,
    /// The call was not begun in time and must not be begun any more.
    TooLate,
}

impl Wait {
    /// The reason as one word, for the job's story.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Limited(_) => "limited",
            Self::Token => "token",
            Self::Unreachable | Self::Asleep(_) => "zoom_unreachable",
            Self::Redis(_) => "redis",
            Self::Local => "local",
            Self::TooLate => "late",
        }
    }

    /// The reason, for people.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            Self::Limited(_) => "a rate limit is used up",
            Self::Token => "the account has no usable access token",
            Self::Unreachable | Self::Asleep(_) => "zoom cannot be reached",
            Self::Redis(_) => "redis was unavailable when the access token was needed",
            Self::Local => "this server has no free file descriptor or port",
            Self::TooLate => "the call could not start in time",
        }
    }
}

/// A failure, as the job's outcome will tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which of the closed list.
    pub code: FailureCode,
    /// For a person.
    pub message: String,
    /// The field of the job that is wrong, if one is.
    pub field: Option<&'static str>,
    /// Zoom's error, if Zoom refused the call.
    pub zoom: Option<ZoomError>,
    /// Meetings that may be the one, as JSON.
    pub candidates: Option<String>,
    /// The job that ended it.
    pub cancelled_by: Option<String>,
}

impl Verdict {
    /// A verdict of our own.
    #[must_use]
    pub fn ours(code: FailureCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            zoom: None,
            candidates: None,
            cancelled_by: None,
        }
    }

    /// A verdict of Zoom's.
    #[must_use]
    pub fn zooms(code: FailureCode, error: ZoomError) -> Self {
        Self {
            code,
            message: error.to_string(),
            field: None,
            zoom: Some(error),
            candidates: None,
            cancelled_by: None,
        }
    }
}

/// Decides on the answer to a call that was sent at `sent`. `read` tells what only the
/// job's kind knows: a success, or why its outcome is open.
#[must_use]
pub fn decide<'a, D>(
    answer: &'a Result<Reply, TransportError>,
    sent: Timestamp,
    now: Timestamp,
    read: impl FnOnce(&'a Reply) -> Option<Result<D, String>>,
) -> Decision<D> {
    match answer {
        Ok(reply) => on_reply(reply, sent, now, read),
        Err(error) => on_trouble(error),
    }
}

fn on_reply<'a, D>(
    reply: &'a Reply,
    sent: Timestamp,
    now: Timestamp,
    read: impl FnOnce(&'a Reply) -> Option<Result<D, String>>,
) -> Decision<D> {
    match read(reply) {
        Some(Ok(done)) => return Decision::Done(done),
        Some(Err(why)) => return Decision::Reconcile { why },
        None => {}
    }
    if let Some(limit) = zoom_api::limit_kind(reply, sent, now) {
        return Decision::Wait(Wait::Limited(limit));
    }
    let error = reply.error();
    match error.class() {
        Class::Token => Decision::TokenRefused(error),
        Class::Scope => Decision::Fail(Verdict::zooms(FailureCode::MissingScope, error)),
        Class::NotFound | Class::Refused => {
            Decision::Fail(Verdict::zooms(FailureCode::ZoomRejected, error))
        }
        _ => Decision::Reconcile { why: error.to_string() },
    }
}

fn on_trouble<D>(error: &TransportError) -> Decision<D> {
    match (error.sent, error.kind) {
        (Sent::Maybe, _) => Decision::Reconcile { why: error.to_string() },
        (Sent::No, TransportKind::Withheld) => Decision::Wait(Wait::TooLate),
        (Sent::No, TransportKind::Request) => {
            Decision::Fail(Verdict::ours(FailureCode::InvalidJob, error.to_string()))
        }
        (Sent::No, TransportKind::Local) => Decision::Wait(Wait::Local),
        (Sent::No, _) => Decision::Wait(Wait::Unreachable),
    }
}

/// The gate that a limit met by a call of `label` closes. What is not understood
/// closes the host it was met for: a label is shared by all hosts of the Zoom
/// account.
#[must_use]
pub fn close(label: &'static str, limit: Limit) -> Close {
    let until_ms = limit.until.as_millisecond();
    match limit.kind {
        LimitKind::LabelDay => Close::LabelDay { label, until_ms },
        LimitKind::UserDay | LimitKind::Unknown => Close::HostDay { until_ms },
        LimitKind::PerSecond | LimitKind::Concurrent => Close::Second { label, until_ms },
    }
}

/// True if the answer says that Zoom is in trouble, for the circuit.
#[must_use]
pub fn is_trouble(answer: &Result<Reply, TransportError>) -> bool {
    match answer {
        Ok(reply) => reply.status >= 500,
        Err(error) => error.is_unreachable(),
    }
}

/// Pause that a server in trouble asks for in its answer.
#[must_use]
pub fn asked_rest(answer: &Result<Reply, TransportError>) -> Option<Duration> {
    let reply = answer.as_ref().ok()?;
    // A date is one of Zoom's clock, which its answer shows.
    let now = reply.date().unwrap_or_else(Timestamp::now);
    zoom_api::asked_rest(reply, now)?.try_into().ok()
}

/// The longest time that a job lets others of its host go first.
const LONGEST_ASIDE: Duration = Duration::from_secs(5 * 60);

/// Time at which a job resumes after a limit in unknown words that ends at `until`: later than
/// other jobs of its host, since the words may be about this job alone.
#[must_use]
pub fn stand_aside(until: Timestamp, now: Timestamp, roll: f64) -> Timestamp {
    let rest = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    let longer = (rest / 2).clamp(Duration::from_secs(1), LONGEST_ASIDE);
    until.saturating_add(backoff::spread(longer, roll)).unwrap_or(Timestamp::MAX)
}

/// Decides on a job whose access token Zoom refused with `error`.
#[must_use]
pub fn refused<D>(
    attempt: Attempt,
    token: Refused,
    error: ZoomError,
    now: Timestamp,
    roll: f64,
) -> Decision<D> {
    match token {
        Refused::Replaced => Decision::Wait(Wait::Token),
        Refused::TooYoung if attempt.refused_before => {
            Decision::Fail(Verdict::zooms(FailureCode::ZoomRejected, error))
        }
        Refused::TooYoung => {
            again(attempt, now, roll, "Zoom rejected a newly issued access token (401)")
        }
    }
}

/// One more attempt, where one is left, of a job whose last call did nothing; `why` says so.
#[must_use]
pub fn again<D>(attempt: Attempt, now: Timestamp, roll: f64, why: &'static str) -> Decision<D> {
    if attempt.number >= attempt.max {
        let message = format!("{} of {} attempts are spent: {why}", attempt.number, attempt.max);
        return Decision::Fail(Verdict::ours(FailureCode::RetriesExhausted, message));
    }
    let wait = SignedDuration::try_from(backoff::after(attempt.number, roll))
        .unwrap_or(SignedDuration::from_mins(15));
    Decision::Retry { at: now.saturating_add(wait).unwrap_or(Timestamp::MAX), why }
}

#[cfg(test)]
mod tests;
