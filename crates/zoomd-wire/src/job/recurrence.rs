//! Zoom's rules for a meeting that recurs.

use jiff::Timestamp;

use super::InvalidJob;
use super::limits::END_TIMES;
use super::read::{self, Found};

const NAMES: [&str; 8] = [
    "type",
    "repeat_interval",
    "weekly_days",
    "monthly_day",
    "monthly_week",
    "monthly_week_day",
    "end_times",
    "end_date_time",
];

/// Checks the object and answers the text of its `end_date_time`, which is a
/// time to be normalised.
pub(super) fn check(value: &str) -> Result<Option<&str>, InvalidJob> {
    let value = read::object("meeting.recurrence", value)?;
    let mut found = Found::nothing();
    if let Err(error) = found.read(value, &NAMES, false) {
        let message = format!("`meeting.recurrence` cannot be read: {error}");
        return Err(InvalidJob::new("meeting.recurrence", message));
    }
    if let Some(index) = found.twice {
        let message = format!("`meeting.recurrence.{}` is there twice", NAMES[index]);
        return Err(InvalidJob::new("meeting.recurrence", message));
    }
    let Some(kind) = found.get(0) else {
        let message = "`meeting.recurrence.type` is missing: 1 daily, 2 weekly or 3 monthly";
        return Err(InvalidJob::new("meeting.recurrence.type", message));
    };
    let kind = read::within("meeting.recurrence.type", kind, (1, 3))?;
    repeats(kind, &found)?;
    days(&found)?;
    end(&found)
}

fn repeats(kind: i64, found: &Found<'_, 8>) -> Result<(), InvalidJob> {
    let Some(value) = found.get(1) else { return Ok(()) };
    let most = [99, 50, 10][(kind - 1) as usize];
    read::within("meeting.recurrence.repeat_interval", value, (1, most)).map(drop)
}

fn days(found: &Found<'_, 8>) -> Result<(), InvalidJob> {
    if let Some(value) = found.get(2) {
        let field = "meeting.recurrence.weekly_days";
        let days = read::string(field, value)?;
        let sound = |day: &str| matches!(day.trim().as_bytes(), [b'1'..=b'7']);
        if !days.split(',').all(sound) {
            let message =
                format!("`{field}` is {days:?}; it must be days 1 (Sunday) to 7, as \"2,4\"");
            return Err(InvalidJob::new(field, message));
        }
    }
    if let Some(value) = found.get(3) {
        read::within("meeting.recurrence.monthly_day", value, (1, 31))?;
    }
    if let Some(value) = found.get(4) {
        let field = "meeting.recurrence.monthly_week";
        if !matches!(read::integer(field, value)?, -1 | 1..=4) {
            let message =
                format!("`{field}` is {value}; it must be 1 to 4, or -1 for the last week");
            return Err(InvalidJob::new(field, message));
        }
    }
    if let Some(value) = found.get(5) {
        read::within("meeting.recurrence.monthly_week_day", value, (1, 7))?;
    }
    Ok(())
}

fn end<'a>(found: &Found<'a, 8>) -> Result<Option<&'a str>, InvalidJob> {
    let times = match found.get(6) {
        Some(value) => read::within("meeting.recurrence.end_times", value, (0, END_TIMES))?,
        None => 0,
    };
    let date = found.get(7).filter(|value| *value != "\"\"");
    if times > 0 && date.is_some() {
        let message =
            "`meeting.recurrence` has both `end_times` and `end_date_time`; Zoom takes one";
        return Err(InvalidJob::new("meeting.recurrence", message));
    }
    Ok(date)
}

/// A series that ends before it starts never takes place.
pub(super) fn check_end(end: Timestamp, start: Option<Timestamp>) -> Result<(), InvalidJob> {
    if start.is_some_and(|start| end < start) {
        let message =
            format!("`meeting.recurrence.end_date_time` ({end}) is before the first start");
        return Err(InvalidJob::new("meeting.recurrence.end_date_time", message));
    }
    Ok(())
}
