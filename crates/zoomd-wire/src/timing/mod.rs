//! The time of a meeting: when it takes place, how often, and when it is over.
//!
//! Read from a request's body that was checked before. It asks no clock: what is not
//! said in the body is left open.

mod series;
#[cfg(test)]
mod tests;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::fields::Meeting;
use crate::fields::time::Moment;
use crate::fields::zone;

pub use series::{Ends, Every, Series};

/// Minutes of a meeting that names none, as Zoom takes it.
const MINUTES: u16 = 60;
/// Zoom's type of an instant meeting.
const INSTANT: u8 = 1;
/// Zoom's types of meetings that recur: without fixed times, and with.
const RECURRING: [u8; 2] = [3, 8];

/// The time of one meeting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timing {
    /// Zoom's type: 1 instant, 2 scheduled, 3 recurring without fixed time, 8 recurring
    /// with fixed time, 10 screen share only.
    pub meeting_type: u8,
    /// The (first) start.
    pub start: Option<Timestamp>,
    /// The length.
    pub minutes: Option<u16>,
    /// Time zone of a series. A single meeting needs none.
    pub timezone: Option<String>,
    /// The rule of a meeting of type 8.
    pub series: Option<Series>,
}

/// The end of a meeting, or of the last one of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LastEnd {
    /// At this time.
    At(Timestamp),
    /// No end: the series continues, or has no times.
    Never,
}

impl Timing {
    /// The time of the meeting that this body asks for.
    #[must_use]
    pub fn of(meeting: &Meeting) -> Self {
        let single = Self {
            meeting_type: meeting.meeting_type,
            start: meeting.start,
            minutes: meeting.duration,
            ..Self::default()
        };
        match single.meeting_type {
            8 => {
                let series = Body::read(meeting.body()).recurrence.map(Series::from);
                Self { timezone: meeting.timezone.clone(), series, ..single }
            }
            _ => single,
        }
    }

    /// The time after an update with this body; of what cannot be read nothing changes.
    #[must_use]
    pub fn patched(&self, body: &str) -> Self {
        let body = Body::read(body);
        let meeting_type = body.meeting_type.unwrap_or(self.meeting_type);
        let recurs = meeting_type == 8;
        let timezone = body.timezone.clone().or_else(|| self.timezone.clone());
        let zone = timezone.as_deref().map_or(TimeZone::UTC, zone::accepted);
        let start = body.start_time.as_deref().and_then(|text| instant(text, &zone));
        let series = body.recurrence.map(Series::from).or_else(|| self.series.clone());
        Self {
            meeting_type,
            start: start.or(self.start).filter(|_| meeting_type != RECURRING[0]),
            minutes: body.duration.or(self.minutes),
            timezone: timezone.filter(|_| recurs),
            series: series.filter(|_| recurs),
        }
    }

    /// The end of its first or only date; of one that began `made`, if it has no start.
    #[must_use]
    pub fn first_end(&self, made: Timestamp) -> Timestamp {
        let start = self.start.unwrap_or(made);
        start.checked_add(self.length()).unwrap_or(Timestamp::MAX)
    }

    /// Time of its last end; of one that began `made`, if it has no start.
    #[must_use]
    pub fn last_end(&self, made: Timestamp) -> LastEnd {
        let start = self.start.unwrap_or(made);
        let last = match (self.meeting_type, &self.series) {
            (8, Some(series)) => series.last(self.civil(start)).map(|last| match last {
                series::Last::Civil(last) => self.zone().to_timestamp(last).unwrap_or(start),
                series::Last::By(end) => end.max(start),
            }),
            (kind, _) if RECURRING.contains(&kind) => None,
            _ => Some(start),
        };
        let end = last.and_then(|last| last.checked_add(self.length()).ok());
        end.map_or(LastEnd::Never, LastEnd::At)
    }

    fn length(&self) -> SignedDuration {
        SignedDuration::from_mins(self.minutes.unwrap_or(MINUTES).into())
    }

    /// True if it began when it was made.
    #[must_use]
    pub fn is_instant(&self) -> bool {
        self.meeting_type == INSTANT
    }

    fn zone(&self) -> TimeZone {
        self.timezone.as_deref().map_or(TimeZone::UTC, zone::accepted)
    }

    fn civil(&self, start: Timestamp) -> (DateTime, TimeZone) {
        let zone = self.zone();
        (zone.to_datetime(start), zone)
    }
}

/// Time fields of a body. A value of another type counts as absent: Zoom has rejected it, or
/// interprets it in its own way.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    #[serde(rename = "type", deserialize_with = "lenient")]
    meeting_type: Option<u8>,
    #[serde(deserialize_with = "lenient")]
    start_time: Option<String>,
    #[serde(deserialize_with = "lenient")]
    duration: Option<u16>,
    #[serde(deserialize_with = "lenient")]
    timezone: Option<String>,
    #[serde(deserialize_with = "lenient")]
    recurrence: Option<series::Recurrence>,
}

impl Body {
    fn read(body: &str) -> Self {
        serde_json::from_str(body).unwrap_or_default()
    }
}

/// A value of the wanted type; any other counts as absent.
pub(crate) fn lenient<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).ok())
}

/// The instant of a text as Zoom takes it.
fn instant(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let moment = Moment::parse(text)?;
    moment.instant().or_else(|| zone.to_timestamp(moment.civil).ok())
}
