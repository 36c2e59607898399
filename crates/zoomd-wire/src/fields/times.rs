//! The times of a meeting: what they stand for, and how they are said to Zoom.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::body::{Edit, Fields, Form, at, bad};
use super::envelope::place;
use super::findings::Findings;
use super::invalid::InvalidJob;
use super::read;
use super::rules::Rules;
use super::time::{self, Moment};
use super::{recurrence, zone};

/// The times of the body, and the edits that put them into Zoom's form.
pub(super) struct Times {
    pub start: Option<Timestamp>,
    pub timezone: Option<String>,
    pub edits: Vec<Edit>,
}

/// The zone of local times.
enum Zone {
    None,
    Named(String, TimeZone),
    /// Reported as a fault by itself; local times are not one more.
    Wrong,
}

impl Times {
    /// Reads the times of a meeting of this type. Of one to be made no type is one that
    /// could not be read; of a change it is any.
    pub(super) fn read(
        body: &str,
        fields: &Fields<'_>,
        kind: Option<u8>,
        form: Form,
        rules: &Rules,
        found: &mut Findings,
    ) -> Self {
        let named = timezone(fields, found);
        let zone = match &named {
            Zone::None => None,
            Zone::Named(_, zone) => Some(zone),
            Zone::Wrong => Some(&TimeZone::UTC),
        };
        let mut edits = Vec::new();
        let mut start = None;
        match fields.get(at::START_TIME) {
            Some("\"\"") | None => missing(fields, kind.filter(|_| form == Form::New), found),
            Some(value) => {
                let read = moment("meeting.start_time", value, zone, true);
                if let Some((instant, text)) = found.take(read) {
                    edits.extend(edit(body, value, text));
                    let any = form == Form::Change && kind.is_none();
                    start = (any || matches!(kind, Some(2 | 8))).then_some(instant);
                }
            }
        }
        // With an invalid time zone the order of times is unknown.
        if matches!(named, Zone::Wrong) {
            start = None;
        }
        past(start, rules, found);
        let end = match form {
            Form::New => recurrence(fields, kind, found),
            Form::Change => new_rule(fields, kind, found),
        };
        if let Some(value) = end {
            let read = moment("meeting.recurrence.end_date_time", value, zone, false);
            if let Some((instant, text)) = found.take(read) {
                found.take(recurrence::check_end(instant, start));
                edits.extend(edit(body, value, text));
            }
        }
        let timezone = if let Zone::Named(name, _) = named { Some(name) } else { None };
        Self { start, timezone, edits }
    }
}

/// There is no start, which types 2 and 8 need.
fn missing(fields: &Fields<'_>, kind: Option<u8>, found: &mut Findings) {
    if let Some(kind @ (2 | 8)) = kind {
        let message = format!(
            "`meeting.start_time` is missing; a meeting of type {kind} needs it, as \"2030-01-07T10:00:00Z\""
        );
        found.fault(InvalidJob::new("meeting.start_time", message));
    } else if fields.get(at::START_TIME).is_some() {
        found.newer(Err(bad("meeting.start_time", "is empty; leave it out")));
    }
}

fn past(start: Option<Timestamp>, rules: &Rules, found: &mut Findings) {
    if let Some(start) = start.filter(|start| *start < rules.now && !rules.allow_past_start) {
        let message = format!(
            "`meeting.start_time` ({}) is in the past; Zoom would start the meeting immediately, so it must be in the future (or set jobs.allow_past_start)",
            time::zulu(start)
        );
        found.fault(InvalidJob::new("meeting.start_time", message));
    }
}

/// Checks the recurrence of a change, which Zoom takes whole or not at all; the text of
/// its end.
fn new_rule<'a>(fields: &Fields<'a>, kind: Option<u8>, found: &mut Findings) -> Option<&'a str> {
    // The meeting may recur already, and a change that names no type may be of one that does.
    fields.get(at::RECURRENCE)?;
    let end = recurrence(fields, kind.or(Some(8)), found);
    fields.get(at::RECURRENCE).into_iter().for_each(|value| recurrence::whole(value, found));
    end
}

/// Checks the recurrence; the text of its end.
fn recurrence<'a>(fields: &Fields<'a>, kind: Option<u8>, found: &mut Findings) -> Option<&'a str> {
    let field = "meeting.recurrence";
    match (fields.get(at::RECURRENCE), kind?) {
        (Some(value), 8) => recurrence::check(value, found),
        (Some(_), kind) => {
            let what = format!("is allowed only with type 8; this meeting is of type {kind}");
            found.fault(bad(field, &what));
            None
        }
        (None, 8) => {
            let what = "is missing; a meeting of type 8 needs it, as {\"type\":1,\"end_times\":5}";
            found.newer(Err(bad(field, what)));
            None
        }
        (None, _) => None,
    }
}

fn timezone(fields: &Fields<'_>, found: &mut Findings) -> Zone {
    let Some(value) = fields.get(at::TIMEZONE) else { return Zone::None };
    let field = "meeting.timezone";
    let Some(name) = found.take(read::string(field, value)) else { return Zone::Wrong };
    if name.is_empty() {
        found.newer(Err(bad(
            field,
            "is empty; leave it out, or write an IANA name such as \"Europe/Berlin\"",
        )));
        return if found.accepted { Zone::None } else { Zone::Wrong };
    }
    match zone::find(&name) {
        Ok(zone) => Zone::Named(name.into_owned(), zone),
        Err(_) if found.accepted => {
            let zone = zone::accepted(&name);
            Zone::Named(name.into_owned(), zone)
        }
        Err(meant) => {
            let hint = meant.map_or_else(
                || "use an IANA name such as \"Europe/Berlin\"".to_owned(),
                |meant| format!("did you mean \"{meant}\"?"),
            );
            let name = read::short(&name);
            found.fault(bad(field, &format!("is {name}, which is no time zone; {hint}")));
            Zone::Wrong
        }
    }
}

/// The instant a time stands for, and the text Zoom is to get where that is
/// another: local times stay local where `keep_local`, for a series keeps its
/// hour across the change of clocks only so.
fn moment(
    field: &'static str,
    value: &str,
    zone: Option<&TimeZone>,
    keep_local: bool,
) -> Result<(Timestamp, Option<String>), InvalidJob> {
    let text = read::string(field, value)?;
    let short = || read::short(&text);
    let Some(moment) = Moment::parse(&text) else {
        let what = format!("is {}; write it as \"2030-01-07T10:00:00Z\"", short());
        return Err(bad(field, &what));
    };
    let out_of_range = || bad(field, &format!("is {}, which is out of range", short()));
    if moment.is_local() {
        let Some(zone) = zone else {
            let what = format!(
                "is {}, which has no time zone; add Z or an offset such as +02:00, or set `timezone`",
                short()
            );
            return Err(bad(field, &what));
        };
        let instant = zone.to_timestamp(moment.civil).map_err(|_| out_of_range())?;
        let text = if keep_local { time::plain(moment.civil) } else { time::zulu(instant) };
        return Ok((instant, Some(text)));
    }
    let instant = moment.instant().ok_or_else(out_of_range)?;
    // Nearly every start is written so, and need not be written again.
    let same = time::is_zulu(&value[1..value.len() - 1]);
    Ok((instant, (!same).then(|| time::zulu(instant))))
}

/// The edit that turns the string `value` into `text`, if it is not that now.
fn edit(body: &str, value: &str, text: Option<String>) -> Option<Edit> {
    let text = text?;
    let same = value.len() == text.len() + 2 && value[1..].starts_with(&text);
    (!same).then(|| (place(body, value), format!("\"{text}\"")))
}
