//! Occurrences of a recurring meeting: the days its rule names, at the wall-clock
//! time of its first start, in its time zone. Each has its id for life: the
//! epoch milliseconds of its original start.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, ZonedDateTime};
use serde_json::{Map, Value};

use crate::clock::iso;
use crate::recurrence::Recurrence;
use crate::start::start_ms;

/// Occurrences of a series without an end that are shown.
const SHOWN: usize = 60;
/// Days, weeks or months looked through for them.
const STEPS: i64 = 4_000;

/// Changes to one occurrence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub(crate) deleted: bool,
    pub(crate) start_ms: Option<i64>,
    pub(crate) duration: Option<i64>,
    pub(crate) agenda: Option<String>,
    pub(crate) settings: Map<String, Value>,
}

/// Changed occurrences by their ids.
pub(crate) type Changes = BTreeMap<i64, Change>;

/// The starts of a series, in UTC milliseconds: also the ids of its occurrences.
pub(crate) fn starts(first_ms: i64, series: &Recurrence) -> Vec<i64> {
    let zone = TimeZone::get(&series.zone).unwrap_or(TimeZone::UTC);
    let Ok(first) = Timestamp::from_millisecond(first_ms) else { return Vec::new() };
    let first = first.to_zoned_datetime(zone);
    let end = series.end_date_time.as_deref().and_then(|text| start_ms(text, &series.zone));
    let most = series.end_times.filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok());
    (0..STEPS)
        .map_while(|step| days(&first, series, step))
        .flatten()
        .filter_map(|day| at(&first, day))
        .filter(|ms| *ms >= first_ms)
        .take_while(|ms| end.is_none_or(|(end, _)| *ms <= end))
        .take(most.unwrap_or(SHOWN))
        .collect()
}

/// The wall-clock time of the first start on another day.
fn at(first: &ZonedDateTime, day: Date) -> Option<i64> {
    let local: DateTime = day.to_datetime(first.time());
    let zoned = local.to_zoned_datetime(first.time_zone().clone()).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

/// The days of the n-th step of a rule, in order; `None` beyond the calendar.
fn days(first: &ZonedDateTime, series: &Recurrence, n: i64) -> Option<Vec<Date>> {
    let (today, step) = (first.date(), n * series.repeat_interval.unwrap_or(1).max(1));
    match series.kind {
        1 => Some(vec![today.checked_add(step.days()).ok()?]),
        2 => {
            let since_sunday = i64::from(today.weekday().to_sunday_zero_offset());
            let sunday = today.checked_sub(since_sunday.days()).ok()?;
            let week = sunday.checked_add(step.weeks()).ok()?;
            let mut wanted = series.weekdays();
            if wanted.is_empty() {
                wanted.push(since_sunday + 1);
            }
            wanted.iter().map(|day| week.checked_add((day - 1).days()).ok()).collect()
        }
        _ => {
            let month = today.first_of_month().checked_add(step.months()).ok()?;
            // A month without such a day has no occurrence.
            Some(day_of_month(month, today, series).into_iter().collect())
        }
    }
}

fn day_of_month(month: Date, today: Date, series: &Recurrence) -> Option<Date> {
    if let (Some(week), Some(day)) = (series.monthly_week, series.monthly_week_day) {
        let offset = i8::try_from(day - 1).ok()?;
        let weekday = jiff::civil::Weekday::from_sunday_zero_offset(offset).ok()?;
        return month.nth_weekday_of_month(i8::try_from(week).ok()?, weekday).ok();
    }
    let day = series.monthly_day.unwrap_or_else(|| today.day().into());
    Date::new(month.year(), month.month(), i8::try_from(day).ok()?).ok()
}

/// A series as its meeting shows it; those that are over on demand only.
pub(crate) fn write(
    out: &mut Vec<u8>,
    first_ms: i64,
    minutes: i64,
    series: &Recurrence,
    changes: &Changes,
    since_ms: i64,
) {
    let entry = |id: i64| {
        let change = changes.get(&id);
        let start = change.and_then(|c| c.start_ms).unwrap_or(id);
        let minutes = change.and_then(|c| c.duration).unwrap_or(minutes);
        let deleted = change.is_some_and(|c| c.deleted);
        let status = if deleted { "deleted" } else { "available" };
        (start + minutes * 60_000 >= since_ms).then(|| {
            format!(
                r#"{{"occurrence_id":"{id}","start_time":"{}","duration":{minutes},"status":"{status}"}}"#,
                iso(start)
            )
        })
    };
    let entries: Vec<String> = starts(first_ms, series).into_iter().filter_map(entry).collect();
    out.extend_from_slice(format!(r#","occurrences":[{}]"#, entries.join(",")).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(first: &str, zone: &str, rule: &str) -> Vec<String> {
        let mut series: Recurrence = serde_json::from_str(rule).expect("a rule");
        series.zone = zone.into();
        let (first, _) = start_ms(first, zone).expect("a start");
        starts(first, &series).into_iter().map(iso).collect()
    }

    #[test]
    fn a_series_ends_by_count_or_by_date() {
        let daily =
            shown("2030-01-01T10:00:00Z", "UTC", r#"{"type":1,"repeat_interval":2,"end_times":3}"#);
        assert_eq!(daily, ["2030-01-01T10:00:00Z", "2030-01-03T10:00:00Z", "2030-01-05T10:00:00Z"]);
        let until = r#"{"type":1,"end_date_time":"2030-01-02T12:00:00Z"}"#;
        assert_eq!(shown("2030-01-01T10:00:00Z", "UTC", until).len(), 2);
        assert_eq!(
            shown("2030-01-01T10:00:00Z", "UTC", r#"{"type":1,"end_times":0}"#).len(),
            SHOWN
        );
    }

    #[test]
    fn weekdays_count_from_sunday_and_none_is_before_the_first() {
        // A Wednesday.
        let rule = r#"{"type":2,"weekly_days":"6,2,4","repeat_interval":2,"end_times":5}"#;
        let days = shown("2030-01-02T10:00:00Z", "UTC", rule);
        let days: Vec<&str> = days.iter().map(|day| &day[..10]).collect();
        assert_eq!(days, ["2030-01-02", "2030-01-04", "2030-01-14", "2030-01-16", "2030-01-18"]);
    }

    #[test]
    fn months_without_the_day_are_left_out() {
        let rule = r#"{"type":3,"monthly_day":31,"end_times":3}"#;
        let days = shown("2030-01-31T10:00:00Z", "UTC", rule);
        let days: Vec<&str> = days.iter().map(|day| &day[..10]).collect();
        assert_eq!(days, ["2030-01-31", "2030-03-31", "2030-05-31"]);
        let rule = r#"{"type":3,"monthly_week":-1,"monthly_week_day":6,"end_times":2}"#;
        let days = shown("2030-01-01T10:00:00Z", "UTC", rule);
        let days: Vec<&str> = days.iter().map(|day| &day[..10]).collect();
        assert_eq!(days, ["2030-01-25", "2030-02-22"], "the last Friday");
    }

    #[test]
    fn the_wall_clock_stays_where_the_zone_changes_its_offset() {
        let rule = r#"{"type":2,"weekly_days":"2","end_times":2}"#;
        let starts = shown("2030-03-25T10:00:00", "Europe/Berlin", rule);
        assert_eq!(starts, ["2030-03-25T09:00:00Z", "2030-04-01T08:00:00Z"]);
        // In UTC it is Sunday still, in the zone Monday.
        let starts = shown("2030-03-25T08:00:00", "Pacific/Auckland", rule);
        assert_eq!(starts[0], "2030-03-24T19:00:00Z");
    }
}
