//! Zoom's rules for a meeting that recurs.

use jiff::Timestamp;

use super::findings::Findings;
use super::invalid::InvalidJob;
use super::limits::END_TIMES;
use super::read::{self, Found};
use super::suggest;

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

type Fields<'a> = Found<'a, 8>;

/// Checks the object and answers the text of its `end_date_time`, which is a
/// time to be normalised.
pub(super) fn check<'a>(value: &'a str, found: &mut Findings) -> Option<&'a str> {
    let value = found.take(read::object("meeting.recurrence", value))?;
    let mut fields = Fields::nothing();
    if let Err(error) = fields.read(value, &NAMES) {
        let message = format!("`meeting.recurrence` cannot be read: {error}");
        found.fault(InvalidJob::new("meeting.recurrence", message));
        return None;
    }
    for index in &fields.twice {
        let message = format!("`meeting.recurrence.{}` appears twice", NAMES[*index]);
        found.fault(InvalidJob::new("meeting.recurrence", message));
    }
    for name in &fields.unknown {
        if let Some(meant) = suggest::nearest(name, NAMES) {
            let message = format!(
                "Zoom has no field `{name}` here and may ignore it; did you mean `meeting.recurrence.{meant}`?"
            );
            found.warn(format!("meeting.recurrence.{name}"), message);
        }
    }
    let kind = found.take(kind(&fields));
    if let Some(kind) = kind {
        repeats(kind, &fields, found);
    }
    days(&fields, found);
    if let Some(kind) = kind {
        found.newer(pairs(kind, &fields));
    }
    end(&fields, found)
}

fn kind(fields: &Fields<'_>) -> Result<i64, InvalidJob> {
    let field = "meeting.recurrence.type";
    match fields.get(0) {
        Some(kind) => read::within(field, kind, (1, 3), ""),
        None => {
            let message = "`meeting.recurrence.type` is missing: 1 daily, 2 weekly or 3 monthly";
            Err(InvalidJob::new(field, message))
        }
    }
}

fn repeats(kind: i64, fields: &Fields<'_>, found: &mut Findings) {
    let Some(value) = fields.get(1) else { return };
    let (most, unit) = [(99, " days"), (50, " weeks"), (10, " months")][(kind - 1) as usize];
    found.take(read::within("meeting.recurrence.repeat_interval", value, (1, most), unit));
}

/// Fields that need each other, or exclude each other.
fn pairs(kind: i64, fields: &Fields<'_>) -> Result<(), InvalidJob> {
    let bad = |field, what: &str| Err(InvalidJob::new(field, format!("`{field}` {what}")));
    let [days, day, week, week_day] = [2, 3, 4, 5].map(|index| fields.get(index).is_some());
    match (kind, week, week_day) {
        (2, ..) if !days => bad(
            "meeting.recurrence.weekly_days",
            "is missing; a weekly meeting needs it, as \"2,4\" for Monday and Wednesday",
        ),
        (3, true, false) => bad(
            "meeting.recurrence.monthly_week_day",
            "is missing; `monthly_week` needs it: 1 (Sunday) to 7",
        ),
        (3, false, true) => bad(
            "meeting.recurrence.monthly_week",
            "is missing; `monthly_week_day` needs it: 1 to 4, or -1 for the last week",
        ),
        (3, true, true) if day => bad(
            "meeting.recurrence.monthly_day",
            "is set together with `monthly_week`; Zoom accepts one of them",
        ),
        _ => Ok(()),
    }
}

fn days(fields: &Fields<'_>, found: &mut Findings) {
    if let Some(value) = fields.get(2) {
        found.take(weekly_days(value));
    }
    if let Some(value) = fields.get(3) {
        found.take(read::within("meeting.recurrence.monthly_day", value, (1, 31), ""));
    }
    if let Some(value) = fields.get(4) {
        found.take(monthly_week(value));
    }
    if let Some(value) = fields.get(5) {
        found.take(read::within("meeting.recurrence.monthly_week_day", value, (1, 7), ""));
    }
}

fn weekly_days(value: &str) -> Result<(), InvalidJob> {
    let field = "meeting.recurrence.weekly_days";
    let days = read::string(field, value)?;
    let valid = |day: &str| matches!(day.trim().as_bytes(), [b'1'..=b'7']);
    if days.split(',').all(valid) {
        return Ok(());
    }
    let days = read::short(&days);
    let message = format!("`{field}` is {days}; it must be days from 1 (Sunday) to 7, as \"2,4\"");
    Err(InvalidJob::new(field, message))
}

fn monthly_week(value: &str) -> Result<(), InvalidJob> {
    let field = "meeting.recurrence.monthly_week";
    match read::integer(field, value)? {
        -1 | 1..=4 => Ok(()),
        week => {
            let message =
                format!("`{field}` is {week}; it must be 1 to 4, or -1 for the last week");
            Err(InvalidJob::new(field, message))
        }
    }
}

fn end<'a>(fields: &Fields<'a>, found: &mut Findings) -> Option<&'a str> {
    let times = fields.get(6).and_then(|value| {
        let range = (0, END_TIMES);
        found.take(read::within("meeting.recurrence.end_times", value, range, ""))
    });
    let date = fields.get(7).filter(|value| *value != "\"\"");
    if times.is_some_and(|times| times > 0) && date.is_some() {
        let message = "`meeting.recurrence` has both `end_times` and `end_date_time`; Zoom accepts one of them";
        found.fault(InvalidJob::new("meeting.recurrence", message));
    }
    date
}

/// The rule of a series that is there is replaced: what is left out is not kept.
pub(super) fn whole(value: &str, found: &mut Findings) {
    let mut fields = Fields::nothing();
    if fields.read(value, &NAMES).is_err() {
        return;
    }
    let [day, week, times, date] = [3, 4, 6, 7].map(|index| fields.get(index));
    if fields.get(0) == Some("3") && day.is_none() && week.is_none() {
        let field = "meeting.recurrence.monthly_day";
        let message = format!(
            "`{field}` is missing; Zoom replaces the whole rule, and a monthly one needs it, or `monthly_week` with `monthly_week_day`"
        );
        found.fault(InvalidJob::new(field, message));
    }
    if times.is_none_or(|times| times == "0") && date.is_none_or(|date| date == "\"\"") {
        let message = "`meeting.recurrence` has no end; Zoom ends a series that is changed so after some 60 dates (110 of a weekly one)";
        found.warn("meeting.recurrence", message.to_owned());
    }
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
