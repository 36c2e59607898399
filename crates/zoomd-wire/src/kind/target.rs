//! The meeting that a job is about, as its producer names it, and the job's part among
//! all that are about the same one.

use std::fmt;

use jiff::Timestamp;

use crate::JobId;
use crate::fields::envelope::{Envelope, at};
use crate::fields::findings::Findings;
use crate::fields::time::Moment;
use crate::fields::{InvalidJob, digest, read};

/// Digits of the largest number that is taken.
const MOST_DIGITS: usize = 18;
/// Digits of the id of a date.
const DATE_DIGITS: std::ops::RangeInclusive<usize> = 1..=18;

/// The meeting that a job is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The one that the create under this id makes or made.
    Create(JobId),
    /// The one of this number at Zoom.
    Meeting(u64),
}

/// One date of a recurring meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence {
    /// By Zoom's id of it.
    Id(u64),
    /// By its first start, even if it was moved.
    Start(Timestamp),
}

/// The extent of what a job does to its meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it, which must not be a series.
    Single,
    /// All of it, a series or not.
    Series,
    /// One date of it.
    One(Occurrence),
}

/// The place of a job among others of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A job that ends the waiting jobs before it once it is due.
    Ends,
    /// It does not wait for those that fold.
    Passes,
    /// It may be sent together with others that fold.
    Folds,
    /// It has its turn.
    Stands,
}

impl Part {
    /// The word under which it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ends => "ends",
            Self::Passes => "passes",
            Self::Folds => "folds",
            Self::Stands => "stands",
        }
    }
}

impl Target {
    /// Reads `of` or `meeting_id`: exactly one of them.
    pub(super) fn read(envelope: &Envelope<'_>, found: &mut Findings) -> Option<Self> {
        match (envelope.get(at::OF), envelope.get(at::MEETING_ID)) {
            (Some(of), None) => found.take(job_id(of)).map(Self::Create),
            (None, Some(number)) => found.take(meeting_id(number)).map(Self::Meeting),
            (Some(_), Some(_)) => {
                let message = "`of` stands beside `meeting_id`: a job has one target";
                found.fault(InvalidJob::new("of", message));
                None
            }
            (None, None) => {
                let message = "`meeting_id` is missing: Zoom's number of the meeting; or `of` with the id of the job that makes it";
                found.fault(InvalidJob::new("meeting_id", message));
                None
            }
        }
    }

    pub(super) fn digest(&self) -> u64 {
        match self {
            Self::Create(id) => digest::of_name(id.as_str()),
            Self::Meeting(number) => digest::of_number(*number),
        }
    }
}

impl Extent {
    /// Reads `scope` and `occurrence`: at most one of them.
    pub(super) fn read(envelope: &Envelope<'_>, found: &mut Findings) -> Option<Self> {
        let one = envelope.get(at::OCCURRENCE).map(|value| found.take(occurrence(value)));
        let series = envelope.get(at::SCOPE).map(|value| found.take(scope(value)));
        match (one, series) {
            (Some(_), Some(_)) => {
                let message = "`scope` stands beside `occurrence`: it is for the whole series";
                found.fault(InvalidJob::new("scope", message));
                None
            }
            (Some(one), None) => one.map(Self::One),
            (None, Some(series)) => series.map(|()| Self::Series),
            (None, None) => Some(Self::Single),
        }
    }

    /// True if it is about the whole meeting.
    #[must_use]
    pub fn is_whole(self) -> bool {
        !matches!(self, Self::One(_))
    }

    /// The part of a digest: how much of a whole meeting is meant is no other job.
    pub(super) fn digest(self, target: u64) -> u64 {
        match self {
            Self::Single | Self::Series => target,
            Self::One(Occurrence::Id(id)) => digest::and(target, digest::of_number(id)),
            Self::One(Occurrence::Start(start)) => {
                digest::and(target, digest::of_name(&start.to_string()))
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(id) => write!(f, "the meeting of job {id}"),
            Self::Meeting(number) => write!(f, "meeting {number}"),
        }
    }
}

fn job_id(value: &str) -> Result<JobId, InvalidJob> {
    JobId::new(&read::string("of", value)?)
        .map_err(|_| InvalidJob::new("of", format!("`of` must be {}", JobId::RULE)))
}

/// A JSON integer, or a string of digits.
fn meeting_id(value: &str) -> Result<u64, InvalidJob> {
    let digits = match value.starts_with('"') {
        true => read::string("meeting_id", value)?,
        false => value.into(),
    };
    let is_number = digits.len() <= MOST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|number| is_number && *number > 0);
    number.ok_or_else(|| {
        let shown = read::short(&digits);
        let message = format!(
            "`meeting_id` is {shown}; it must be Zoom's number of the meeting, as 78475495050"
        );
        InvalidJob::new("meeting_id", message)
    })
}

/// Zoom's id of a date, or its first start.
fn occurrence(value: &str) -> Result<Occurrence, InvalidJob> {
    let text = match value.bytes().all(|byte| byte.is_ascii_digit()) {
        true => value.into(),
        false => read::string("occurrence", value)?,
    };
    let is_id = DATE_DIGITS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(id) = text.parse().ok().filter(|id| is_id && *id > 0) {
        return Ok(Occurrence::Id(id));
    }
    let start = Moment::parse(&text).and_then(|moment| moment.instant());
    start.map(Occurrence::Start).ok_or_else(|| {
        let message = format!(
            "`occurrence` is {}; it must be Zoom's `occurrence_id`, as \"1648194360000\", or the first start of the date with its zone, as \"2030-01-07T10:00:00Z\"",
            read::short(&text)
        );
        InvalidJob::new("occurrence", message)
    })
}

fn scope(value: &str) -> Result<(), InvalidJob> {
    let word = read::string("scope", value)?;
    if word == "series" {
        return Ok(());
    }
    let message = format!(
        "`scope` is {}; it can be \"series\": all of a recurring meeting",
        read::short(&word)
    );
    Err(InvalidJob::new("scope", message))
}
