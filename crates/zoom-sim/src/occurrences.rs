//! The occurrences of a recurring meeting, roughly as Zoom lays them out: steps
//! of days, weeks or months from the start (several weekdays count as one step).

use jiff::{Timestamp, ToSpan};

use crate::clock::iso;
use crate::draft::{Recurrence, start_ms};

const MOST: i64 = 60;

/// The starts of a series, in UTC milliseconds.
pub(crate) fn starts(first_ms: i64, series: &Recurrence) -> Vec<i64> {
    let end_ms = series.end_date_time.as_deref().and_then(|t| start_ms(t, "UTC")).map(|(ms, _)| ms);
    let most = series.end_times.filter(|n| *n > 0).unwrap_or(MOST).min(MOST);
    let Ok(first) = Timestamp::from_millisecond(first_ms) else { return Vec::new() };
    let first = first.to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let step = series.repeat_interval.unwrap_or(1).max(1);
    let at = |n: i64| {
        let span = match series.kind {
            1 => (n * step).days(),
            2 => (n * step).weeks(),
            _ => (n * step).months(),
        };
        first.checked_add(span).map(|t| t.timestamp().as_millisecond()).ok()
    };
    (0..most).map_while(at).take_while(|ms| end_ms.is_none_or(|end| *ms <= end)).collect()
}

pub(crate) fn write_occurrences(
    out: &mut Vec<u8>,
    first_ms: i64,
    minutes: i64,
    series: &Recurrence,
) {
    let entry = |ms: i64| {
        format!(
            r#"{{"occurrence_id":"{ms}","start_time":"{}","duration":{minutes},"status":"available"}}"#,
            iso(ms)
        )
    };
    let entries: Vec<String> = starts(first_ms, series).into_iter().map(entry).collect();
    out.extend_from_slice(format!(r#","occurrences":[{}]"#, entries.join(",")).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_ends_by_count_or_by_date() {
        let mut series = Recurrence { kind: 2, end_times: Some(3), ..Recurrence::default() };
        assert_eq!(starts(0, &series), [0, 604_800_000, 1_209_600_000]);
        series = Recurrence {
            kind: 1,
            end_date_time: Some("1970-01-02T12:00:00Z".into()),
            ..Recurrence::default()
        };
        assert_eq!(starts(0, &series), [0, 86_400_000]);
    }
}
