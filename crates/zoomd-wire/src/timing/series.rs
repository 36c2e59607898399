//! The rule of a series: an interval of days, weeks or months, until its end.
//!
//! It is parsed from Zoom's `recurrence`, and packed into a short text. A series follows the clock
//! of its zone: an hour stays the same hour when clocks change.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::lenient;

/// Dates that are counted at most; a series with more of them ends by its end's date.
const COUNTED: usize = 1_000;
/// Steps without a date that are taken at most: a 31st of each tenth month is rare.
const STEPS: usize = 10_000;

/// The rule of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The unit, and its days.
    pub every: Every,
    /// Number of units between two occurrences.
    pub interval: u8,
    /// End.
    pub ends: Ends,
}

/// The unit in which a series recurs. A day that is not given is the start's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// Days.
    Day,
    /// Weeks, on these days: bit 0 is Sunday.
    Week(u8),
    /// Months, on this day; 0: the start's.
    Month(u8),
    /// Months, in this week (-1: the last) on this day, 1 being Sunday.
    MonthWeek(i8, u8),
}

/// The end of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// None.
    Never,
    /// After this number of occurrences.
    After(u16),
    /// With the last one that starts by then.
    By(Timestamp),
}

/// The last start of a series.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// Local time of the series.
    Civil(DateTime),
    /// Not counted: no later than this.
    By(Timestamp),
}

impl Series {
    /// The last start, if there is one, of a series that begins at this time in this zone.
    pub(super) fn last(&self, (start, zone): (DateTime, TimeZone)) -> Option<Last> {
        let dates = self.dates(start.date());
        let at = |date: Date| date.to_datetime(start.time());
        match self.ends {
            Ends::Never => None,
            Ends::After(times) => {
                let last = dates.take(usize::from(times.max(1)).min(COUNTED)).last();
                Some(Last::Civil(last.map_or(start, at)))
            }
            Ends::By(end) => {
                let in_time =
                    |date: &Date| zone.to_timestamp(at(*date)).is_ok_and(|start| start <= end);
                let mut last = (start, 0);
                for date in dates.take_while(in_time).take(COUNTED + 1) {
                    last = (at(date), last.1 + 1);
                }
                Some(if last.1 > COUNTED { Last::By(end) } else { Last::Civil(last.0) })
            }
        }
    }

    /// The dates, from the first on.
    fn dates(&self, first: Date) -> impl Iterator<Item = Date> {
        let series = self.clone();
        let steps = (0..STEPS).map_while(move |step| series.step(first, step));
        steps.flatten().filter(move |date| *date >= first)
    }

    /// The dates of one unit; `None` where the calendar ends.
    fn step(&self, first: Date, step: usize) -> Option<Vec<Date>> {
        let units = i64::from(self.interval.max(1)) * i64::try_from(step).ok()?;
        let after = |date: Date, span: Span| date.checked_add(span).ok();
        match self.every {
            Every::Day => Some(vec![after(first, units.days())?]),
            Every::Week(days) => {
                let days = if days & 0x7f == 0 { 1 << sunday(first) } else { days };
                let week = after(first, (units * 7 - i64::from(sunday(first))).days())?;
                let wanted = (0..7_i64).filter(|day| days & (1 << day) != 0);
                Some(wanted.filter_map(|day| after(week, day.days())).collect())
            }
            Every::Month(day) => {
                let day = if day == 0 { first.day() } else { i8::try_from(day).unwrap_or(31) };
                let month = after(first.first_of_month(), units.months())?;
                Some(Date::new(month.year(), month.month(), day).ok().into_iter().collect())
            }
            Every::MonthWeek(week, day) => {
                let month = after(first.first_of_month(), units.months())?;
                let day = Weekday::from_sunday_one_offset(i8::try_from(day).ok()?).ok()?;
                Some(month.nth_weekday_of_month(week, day).ok().into_iter().collect())
            }
        }
    }

    /// Zoom's `recurrence`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        let kind = match self.every {
            Every::Day => 1,
            Every::Week(_) => 2,
            Every::Month(_) | Every::MonthWeek(..) => 3,
        };
        put("type", json!(kind));
        put("repeat_interval", json!(self.interval));
        match self.every {
            Every::Week(days) if days != 0 => {
                put("weekly_days", json!(listed(days)));
            }
            Every::Month(day) if day != 0 => {
                put("monthly_day", json!(day));
            }
            Every::MonthWeek(week, day) => {
                put("monthly_week", json!(week));
                put("monthly_week_day", json!(day));
            }
            _ => {}
        }
        match self.ends {
            Ends::Never => put("end_times", json!(0)),
            Ends::After(times) => put("end_times", json!(times)),
            Ends::By(end) => put("end_date_time", json!(end.to_string())),
        };
        Value::Object(fields)
    }
}

/// Days since Sunday.
fn sunday(date: Date) -> i8 {
    date.weekday().to_sunday_zero_offset()
}

/// `2,4`: Zoom's days, 1 being Sunday.
fn listed(days: u8) -> String {
    let days = (0..7).filter(|day| days & (1 << day) != 0);
    days.map(|day| (day + 1).to_string()).collect::<Vec<_>>().join(",")
}

fn day_bits(text: &str) -> u8 {
    let days = text.split(',').filter_map(|day| day.trim().parse::<u8>().ok());
    days.filter(|day| (1..=7).contains(day)).fold(0, |bits, day| bits | 1 << (day - 1))
}

/// Packed rule, as `w1:2,4*10`: unit and interval, days, and an end after a number of times (`*10`)
/// or at a second of the clock (`@1893456000`).
impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interval = self.interval;
        match self.every {
            Every::Day => write!(f, "d{interval}")?,
            Every::Week(0) => write!(f, "w{interval}")?,
            Every::Week(days) => write!(f, "w{interval}:{}", listed(days))?,
            Every::Month(0) => write!(f, "m{interval}")?,
            Every::Month(day) => write!(f, "m{interval}:{day}")?,
            Every::MonthWeek(week, day) => write!(f, "m{interval}:{week}.{day}")?,
        }
        match self.ends {
            Ends::Never => Ok(()),
            Ends::After(times) => write!(f, "*{times}"),
            Ends::By(end) => {
                f.write_char('@')?;
                write!(f, "{}", end.as_second())
            }
        }
    }
}

/// A text that is no packed rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rule of a series looks like w1:2,4*10")]
pub struct SeriesError;

impl FromStr for Series {
    type Err = SeriesError;
    fn from_str(text: &str) -> Result<Self, SeriesError> {
        let (rule, ends) = match text.find(['*', '@']) {
            None => (text, Ends::Never),
            Some(at) => (&text[..at], end(&text[at..]).ok_or(SeriesError)?),
        };
        let mut unit = rule.chars();
        let kind = unit.next();
        let (interval, days) = unit.as_str().split_once(':').unwrap_or((unit.as_str(), ""));
        let interval = interval.parse().map_err(|_| SeriesError)?;
        let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse().ok() };
        let every = match (kind, days.split_once('.')) {
            (Some('d'), _) => Every::Day,
            (Some('w'), _) => Every::Week(day_bits(days)),
            (Some('m'), None) => Every::Month(number(days).ok_or(SeriesError)?),
            (Some('m'), Some((week, day))) => {
                let both = week.parse().ok().zip(day.parse().ok());
                both.map(|(week, day)| Every::MonthWeek(week, day)).ok_or(SeriesError)?
            }
            _ => return Err(SeriesError),
        };
        Ok(Self { every, interval, ends })
    }
}

fn end(text: &str) -> Option<Ends> {
    match text.strip_prefix('*') {
        Some(times) => times.parse().ok().map(Ends::After),
        None => {
            let second = text.strip_prefix('@')?.parse().ok()?;
            Timestamp::from_second(second).ok().map(Ends::By)
        }
    }
}

/// Zoom's `recurrence`, as a checked body has it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Recurrence {
    #[serde(rename = "type", deserialize_with = "lenient")]
    kind: Option<u8>,
    #[serde(deserialize_with = "lenient")]
    repeat_interval: Option<u8>,
    #[serde(deserialize_with = "lenient")]
    weekly_days: Option<String>,
    #[serde(deserialize_with = "lenient")]
    monthly_day: Option<u8>,
    #[serde(deserialize_with = "lenient")]
    monthly_week: Option<i8>,
    #[serde(deserialize_with = "lenient")]
    monthly_week_day: Option<u8>,
    #[serde(deserialize_with = "lenient")]
    end_times: Option<u16>,
    #[serde(deserialize_with = "lenient")]
    end_date_time: Option<Timestamp>,
}

impl From<Recurrence> for Series {
    fn from(recurrence: Recurrence) -> Self {
        let week = recurrence.monthly_week.zip(recurrence.monthly_week_day);
        let every = match (recurrence.kind, week) {
            (Some(2), _) => Every::Week(day_bits(&recurrence.weekly_days.unwrap_or_default())),
            (Some(3), Some((week, day))) => Every::MonthWeek(week, day),
            (Some(3), None) => Every::Month(recurrence.monthly_day.unwrap_or(0)),
            _ => Every::Day,
        };
        let ends = match (recurrence.end_times, recurrence.end_date_time) {
            (Some(times @ 1..), _) => Ends::After(times),
            (_, Some(end)) => Ends::By(end),
            _ => Ends::Never,
        };
        Self { every, interval: recurrence.repeat_interval.unwrap_or(1).max(1), ends }
    }
}
