//! A meeting's body held against Zoom's published limits.
//!
//! One walk over the object finds the fields that have rules; all others are
//! Zoom's business and pass. Invariant: the body that comes out differs from
//! the one that came in by its times alone.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::limits::{AGENDA, AUDIO_INFO, DURATION, PASSWORD, TOPIC, TYPES};
use super::meeting::{Agenda, Meeting};
use super::read::{self, Found};
use super::time::{self, Moment};
use super::{InvalidJob, Rules, parse, recurrence, zone};
use crate::Marker;

const NAMES: [&str; 15] = [
    "topic",
    "type",
    "start_time",
    "timezone",
    "duration",
    "agenda",
    "password",
    "schedule_for",
    "pre_schedule",
    "template_id",
    "recurrence",
    "settings",
    "tracking_fields",
    "default_password",
    "use_pmi",
];

/// Their places in `NAMES`.
mod at {
    pub(super) const TOPIC: usize = 0;
    pub(super) const TYPE: usize = 1;
    pub(super) const START_TIME: usize = 2;
    pub(super) const TIMEZONE: usize = 3;
    pub(super) const DURATION: usize = 4;
    pub(super) const AGENDA: usize = 5;
    pub(super) const PASSWORD: usize = 6;
    pub(super) const SCHEDULE_FOR: usize = 7;
    pub(super) const PRE_SCHEDULE: usize = 8;
    pub(super) const TEMPLATE_ID: usize = 9;
    pub(super) const RECURRENCE: usize = 10;
    pub(super) const SETTINGS: usize = 11;
    pub(super) const TRACKING_FIELDS: usize = 12;
    pub(super) const DEFAULT_PASSWORD: usize = 13;
    pub(super) const USE_PMI: usize = 14;
}

type Fields<'a> = Found<'a, 15>;

/// A replacement in the body: what, by what.
type Edit = (Range<usize>, String);

/// Checks the object in `body`, which is sound JSON.
pub(super) fn meeting(body: &str, rules: &Rules) -> Result<Meeting, InvalidJob> {
    let body = read::object("meeting", body)?;
    let mut fields = Fields::nothing();
    if let Err(error) = fields.read(body, &NAMES, false) {
        return Err(InvalidJob::new("meeting", format!("`meeting` cannot be read: {error}")));
    }
    if let Some(index) = fields.twice {
        let message = format!("`meeting.{}` is there twice", NAMES[index]);
        return Err(InvalidJob::new("meeting", message));
    }
    let kind = kind(&fields)?;
    let topic = match fields.get(at::TOPIC) {
        Some(value) => Some(read::at_most("meeting.topic", value, TOPIC)?.0.into_owned()),
        None => None,
    };
    let duration = duration(&fields, kind)?;
    let schedule_for = schedule_for(&fields, kind)?;
    let use_pmi = settings(&fields)?;
    let template = small_fields(&fields, kind)?;
    let (agenda, agenda_chars) = agenda(body, &fields, template)?;
    let times = Times::read(body, &fields, kind, rules)?;
    let (body, agenda) = splice(body, times.edits, agenda);
    Ok(Meeting {
        body,
        agenda,
        start_binds: !rules.allow_past_start,
        topic,
        meeting_type: kind,
        start: times.start,
        timezone: times.timezone,
        duration,
        agenda_chars,
        schedule_for,
        use_pmi,
        template,
    })
}

fn bad(field: &'static str, what: &str) -> InvalidJob {
    InvalidJob::new(field, format!("`{field}` {what}"))
}

fn kind(fields: &Fields<'_>) -> Result<u8, InvalidJob> {
    let Some(value) = fields.get(at::TYPE) else { return Ok(2) };
    let kind = read::integer("meeting.type", value)?;
    if !TYPES.contains(&kind) {
        let message = format!(
            "`meeting.type` is {kind}; Zoom has 1 (instant), 2 (scheduled), 3 (recurring, no fixed time), 8 (recurring) and 10 (screen share only)"
        );
        return Err(InvalidJob::new("meeting.type", message));
    }
    Ok(kind as u8)
}

/// Types 2 and 8 last 1 minute or longer; for the others Zoom ignores it.
fn duration(fields: &Fields<'_>, kind: u8) -> Result<Option<u16>, InvalidJob> {
    let Some(value) = fields.get(at::DURATION) else { return Ok(None) };
    let least = i64::from(matches!(kind, 2 | 8));
    read::within("meeting.duration", value, (least, DURATION))
        .map(|minutes| Some(minutes as u16))
        .map_err(|mut error| {
            error.message += " minutes";
            error
        })
}

fn schedule_for(fields: &Fields<'_>, kind: u8) -> Result<Option<String>, InvalidJob> {
    let Some(value) = fields.get(at::SCHEDULE_FOR) else { return Ok(None) };
    let field = "meeting.schedule_for";
    let user = read::string(field, value)?;
    if user.is_empty() {
        return Ok(None);
    }
    if kind == 1 {
        return Err(bad(
            field,
            "cannot stand with type 1: nobody can start an instant meeting for another",
        ));
    }
    parse::check_user(field, &user)?;
    Ok(Some(user.into_owned()))
}

/// Looks into the settings for the few that have rules; whether the meeting is
/// in the personal room.
fn settings(fields: &Fields<'_>) -> Result<bool, InvalidJob> {
    let top = match fields.get(at::USE_PMI) {
        Some(value) => read::boolean("meeting.use_pmi", value)?,
        None => false,
    };
    let Some(value) = fields.get(at::SETTINGS) else { return Ok(top) };
    let value = read::object("meeting.settings", value)?;
    let mut found = Found::nothing();
    if let Err(error) = found.read(value, &["use_pmi", "audio_conference_info"], false) {
        let message = format!("`meeting.settings` cannot be read: {error}");
        return Err(InvalidJob::new("meeting.settings", message));
    }
    if found.twice.is_some() {
        return Err(bad("meeting.settings", "holds a field twice"));
    }
    if let Some(info) = found.get(1) {
        read::at_most("meeting.settings.audio_conference_info", info, AUDIO_INFO)?;
    }
    match found.get(0) {
        Some(value) => Ok(read::boolean("meeting.settings.use_pmi", value)? || top),
        None => Ok(top),
    }
}

/// The rest that has rules; whether there is a template.
fn small_fields(fields: &Fields<'_>, kind: u8) -> Result<bool, InvalidJob> {
    if let Some(value) = fields.get(at::PASSWORD) {
        read::at_most("meeting.password", value, PASSWORD)?;
    }
    if let Some(value) = fields.get(at::DEFAULT_PASSWORD) {
        read::boolean("meeting.default_password", value)?;
    }
    if let Some(value) = fields.get(at::PRE_SCHEDULE)
        && read::boolean("meeting.pre_schedule", value)?
        && !matches!(kind, 2 | 3)
    {
        return Err(bad("meeting.pre_schedule", "stands only with type 2 or 3"));
    }
    if let Some(value) = fields.get(at::TRACKING_FIELDS) {
        tracking(value)?;
    }
    match fields.get(at::TEMPLATE_ID) {
        Some(value) => Ok(!read::string("meeting.template_id", value)?.is_empty()),
        None => Ok(false),
    }
}

fn tracking(value: &str) -> Result<(), InvalidJob> {
    let field = "meeting.tracking_fields";
    let items: Vec<&serde_json::value::RawValue> = serde_json::from_str(read::array(field, value)?)
        .map_err(|error| bad(field, &format!("cannot be read: {error}")))?;
    for item in items {
        let mut found = Found::nothing();
        let named = item.get().starts_with('{')
            && found.read(item.get(), &["field"], false).is_ok()
            && found.get(0).is_some_and(|name| read::string(field, name).is_ok());
        if !named {
            return Err(bad(field, "must be objects with a `field` and a `value`"));
        }
    }
    Ok(())
}

/// Where the marker goes, and the agenda's length in characters.
fn agenda(body: &str, fields: &Fields<'_>, template: bool) -> Result<(Agenda, usize), InvalidJob> {
    let Some(raw) = fields.values[at::AGENDA] else {
        return Ok((if template { Agenda::Closed } else { Agenda::Absent }, 0));
    };
    let place = place(body, raw);
    if raw == "null" {
        return Ok((if template { Agenda::Closed } else { Agenda::Null(place) }, 0));
    }
    let (text, length) = read::at_most("meeting.agenda", raw, AGENDA)?;
    let agenda = match (text.is_empty(), length) {
        (true, _) if template => Agenda::Closed,
        (empty, 0..=Marker::LONGEST_AGENDA) => Agenda::Text { end: place.end - 1, empty },
        _ => Agenda::Closed,
    };
    Ok((agenda, length))
}

/// Where `part`, a slice of `whole`, stands in it.
fn place(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

/// What the body says about time, and how it must be said to Zoom.
struct Times {
    start: Option<Timestamp>,
    timezone: Option<String>,
    edits: Vec<Edit>,
}

impl Times {
    fn read(body: &str, fields: &Fields<'_>, kind: u8, rules: &Rules) -> Result<Self, InvalidJob> {
        let fixed = matches!(kind, 2 | 8);
        let timezone = timezone(fields)?;
        let zone = timezone.as_ref().map(|(_, zone)| zone);
        let mut edits = Vec::new();
        let mut start = None;
        match fields.get(at::START_TIME).filter(|value| *value != "\"\"") {
            Some(value) => {
                let (instant, text) = moment("meeting.start_time", value, zone, true)?;
                edits.extend(edit(body, value, text));
                start = fixed.then_some(instant);
            }
            None if fixed => {
                let message = format!(
                    "`meeting.start_time` is missing; a meeting of type {kind} needs it, as \"2030-01-07T10:00:00Z\""
                );
                return Err(InvalidJob::new("meeting.start_time", message));
            }
            None => {}
        }
        if let Some(start) = start.filter(|start| *start < rules.now && !rules.allow_past_start) {
            let message = format!(
                "`meeting.start_time` ({}) is in the past; Zoom would start the meeting at once, so it must lie ahead (or set jobs.allow_past_start)",
                time::zulu(start)
            );
            return Err(InvalidJob::new("meeting.start_time", message));
        }
        if let Some(value) = fields.get(at::RECURRENCE) {
            if kind != 8 {
                return Err(bad(
                    "meeting.recurrence",
                    &format!("stands only with type 8; this meeting is of type {kind}"),
                ));
            }
            if let Some(end) = recurrence::check(value)? {
                let (instant, text) = moment("meeting.recurrence.end_date_time", end, zone, false)?;
                recurrence::check_end(instant, start)?;
                edits.extend(edit(body, end, text));
            }
        }
        Ok(Self { start, timezone: timezone.map(|(name, _)| name), edits })
    }
}

fn timezone(fields: &Fields<'_>) -> Result<Option<(String, TimeZone)>, InvalidJob> {
    let Some(value) = fields.get(at::TIMEZONE) else { return Ok(None) };
    let field = "meeting.timezone";
    let name = read::string(field, value)?;
    if name.is_empty() {
        return Ok(None);
    }
    match zone::find(&name) {
        Ok(zone) => Ok(Some((name.into_owned(), zone))),
        Err(meant) => {
            let short: String = name.chars().take(64).collect();
            let hint = meant.map_or_else(
                || "use an IANA name such as \"Europe/Berlin\"".to_owned(),
                |meant| format!("did you mean \"{meant}\"?"),
            );
            Err(bad(field, &format!("is {short:?}, which is no time zone; {hint}")))
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
    let short = || text.chars().take(40).collect::<String>();
    let Some(moment) = Moment::parse(&text) else {
        let what = format!("is {:?}; write it as \"2030-01-07T10:00:00Z\"", short());
        return Err(bad(field, &what));
    };
    let out_of_range = || bad(field, &format!("is {:?}, which is out of range", short()));
    if moment.is_local() {
        let Some(zone) = zone else {
            let what = format!(
                "is {:?}, which is local to nowhere; add Z, an offset as +02:00, or `timezone` beside it",
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

/// Applies the edits and moves the agenda's place along.
fn splice(body: &str, mut edits: Vec<Edit>, mut agenda: Agenda) -> (Box<str>, Agenda) {
    if edits.is_empty() {
        return (body.into(), agenda);
    }
    edits.sort_unstable_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(body.len() + 32);
    let mut done = 0;
    let mut shift = 0isize;
    let before = match &agenda {
        Agenda::Text { end, .. } => *end,
        Agenda::Null(range) => range.start,
        Agenda::Absent | Agenda::Closed => 0,
    };
    for (range, text) in edits {
        if range.end <= before {
            shift += text.len() as isize - range.len() as isize;
        }
        out.push_str(&body[done..range.start]);
        out.push_str(&text);
        done = range.end;
    }
    out.push_str(&body[done..]);
    match &mut agenda {
        Agenda::Text { end, .. } => *end = end.wrapping_add_signed(shift),
        Agenda::Null(range) => {
            *range = range.start.wrapping_add_signed(shift)..range.end.wrapping_add_signed(shift);
        }
        Agenda::Absent | Agenda::Closed => {}
    }
    (out.into(), agenda)
}
