//! A meeting's body held against Zoom's published limits.
//!
//! One walk over the object finds the fields that have rules; all others are
//! Zoom's business and pass. Invariant: the body that comes out differs from
//! the one that came in by its times, and by the fields that are dropped.

use super::body::{Edit, Fields, Form, NAMES, at, bad, warn_of_units};
use super::change::{self, Change};
use super::envelope::place;
use super::findings::Findings;
use super::invalid::InvalidJob;
use super::limits::{AGENDA, DURATION, PASSWORD, TOPIC, TYPES};
use super::meeting::{Agenda, Meeting};
use super::read::{self, Found, Length};
use super::rules::Rules;
use super::times::Times;
use super::without::without;
use super::{settings, suggest, user};
use crate::Marker;

/// Checks the object in `body`, which is valid JSON: a meeting to be made.
pub(crate) fn meeting(body: &str, rules: &Rules, found: &mut Findings) -> Option<Meeting> {
    of(body, Form::New, rules, found).map(|(meeting, _)| meeting)
}

/// Checks the changes of an existing meeting; of one occurrence of it, if `one`.
pub(crate) fn change(body: &str, one: bool, rules: &Rules, found: &mut Findings) -> Option<Change> {
    let (meeting, meeting_type) = of(body, Form::Change, rules, found)?;
    change::checked(meeting, meeting_type, one, found)
}

/// The meeting in `body`, and the type that it names.
fn of(
    body: &str,
    form: Form,
    rules: &Rules,
    found: &mut Findings,
) -> Option<(Meeting, Option<u8>)> {
    let body = found.take(read::object("meeting", body))?;
    let fields = found.take(fields(body))?;
    names(&fields, found);
    let dropped = dropped(&fields, form, found);
    if dropped.is_empty() {
        return Some(checked(body, &fields, form, rules, found));
    }
    let places = dropped.into_iter().map(|value| place(body, value)).collect();
    let body = without(body, places);
    let fields = found.take(self::fields(&body))?;
    Some(checked(&body, &fields, form, rules, found))
}

fn fields(body: &str) -> Result<Fields<'_>, InvalidJob> {
    let mut fields = Fields::nothing();
    fields
        .read(body, &NAMES)
        .map_err(|error| bad("meeting", &format!("cannot be read: {error}")))?;
    Ok(fields)
}

/// Meeting in the object `body` with these fields.
fn checked(
    body: &str,
    fields: &Fields<'_>,
    form: Form,
    rules: &Rules,
    found: &mut Findings,
) -> (Meeting, Option<u8>) {
    let kind = found.take(kind(fields, form)).flatten();
    let topic = fields.get(at::TOPIC).and_then(|value| {
        let (topic, length) = found.take(read::at_most("meeting.topic", value, TOPIC))?;
        warn_of_units("meeting.topic", length, TOPIC, found);
        Some(topic.into_owned())
    });
    // Checks that depend on the type need one; 3 has the fewest rules. A change without a type may
    // be for any type: it is held to the limits of most.
    let rules_of = kind.unwrap_or(if form == Form::New { 3 } else { 2 });
    let duration = found.take(duration(fields, rules_of)).flatten();
    let schedule_for = found.take(schedule_for(fields, rules_of)).flatten();
    let use_pmi = use_pmi(fields, found);
    let template = small_fields(fields, rules_of, form, found);
    let (agenda, length) = agenda(body, fields, template, found);
    let times = Times::read(body, fields, kind, form, rules, found);
    let (body, agenda) = splice(body, times.edits, agenda);
    let meeting = Meeting {
        body,
        agenda,
        start_binds: !rules.allow_past_start,
        topic,
        meeting_type: rules_of,
        start: times.start,
        timezone: times.timezone,
        duration,
        agenda_chars: length.characters,
        schedule_for,
        use_pmi,
        template,
    };
    (meeting, kind)
}

/// The values that are not sent: empty arrays, which is how PHP writes an empty
/// object, and a recurrence beside a type that has none. A field that is there
/// twice stays: it is a fault.
fn dropped<'a>(fields: &Fields<'a>, form: Form, found: &mut Findings) -> Vec<&'a str> {
    let mut dropped = Vec::new();
    let once = |index| fields.get(index).filter(|_| !fields.twice.contains(&index));
    match once(at::SETTINGS) {
        Some(settings) if read::is_empty_array(settings) => dropped.push(settings),
        Some(settings) if settings.starts_with('{') => {
            dropped.extend(settings::empty_objects(settings));
        }
        _ => {}
    }
    let Some(recurrence) = once(at::RECURRENCE) else { return dropped };
    if read::is_empty_array(recurrence) {
        dropped.push(recurrence);
    } else if let Ok(Some(kind @ 1..=3)) = kind(fields, form) {
        let message = format!(
            "`meeting.recurrence` was dropped: it is allowed only with type 8, and this meeting is of type {kind}"
        );
        found.warn("meeting.recurrence", message);
        dropped.push(recurrence);
    }
    dropped
}

/// Fields that came twice, and names that nearly are Zoom's.
fn names(fields: &Fields<'_>, found: &mut Findings) {
    for index in &fields.twice {
        let message = format!("`meeting.{}` appears twice", NAMES[*index]);
        found.fault(InvalidJob::new("meeting", message));
    }
    for name in &fields.unknown {
        let meant = if settings::is_setting(name) {
            format!("it belongs inside `settings`, as `meeting.settings.{name}`")
        } else if let Some(meant) = suggest::nearest(name, NAMES) {
            format!("did you mean `meeting.{meant}`?")
        } else {
            continue;
        };
        let message = format!("Zoom has no field `{name}` here and may ignore it; {meant}");
        found.warn(format!("meeting.{name}"), message);
    }
}

/// The type that it names; a meeting to be made that names none is a scheduled one.
fn kind(fields: &Fields<'_>, form: Form) -> Result<Option<u8>, InvalidJob> {
    let Some(value) = fields.get(at::TYPE) else { return Ok((form == Form::New).then_some(2)) };
    let kind = read::integer("meeting.type", value)?;
    if !TYPES.contains(&kind) {
        let message = format!(
            "`meeting.type` is {kind}; Zoom has 1 (instant), 2 (scheduled), 3 (recurring, no fixed time), 8 (recurring) and 10 (screen share only)"
        );
        return Err(InvalidJob::new("meeting.type", message));
    }
    Ok(Some(kind as u8))
}

/// Types 2 and 8 last 1 minute or longer; for the others Zoom ignores it.
fn duration(fields: &Fields<'_>, kind: u8) -> Result<Option<u16>, InvalidJob> {
    let Some(value) = fields.get(at::DURATION) else { return Ok(None) };
    let least = i64::from(matches!(kind, 2 | 8));
    let minutes = read::within("meeting.duration", value, (least, DURATION), " minutes")?;
    Ok(Some(minutes as u16))
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
            "is not allowed with type 1: an instant meeting cannot be scheduled for someone else",
        ));
    }
    user::check_user(field, &user)?;
    Ok(Some(user.into_owned()))
}

/// True if the meeting is in the personal room.
fn use_pmi(fields: &Fields<'_>, found: &mut Findings) -> bool {
    let top = fields.get(at::USE_PMI).map(|value| read::boolean("meeting.use_pmi", value));
    let top = top.and_then(|value| found.take(value)).unwrap_or_default();
    let settings = fields.get(at::SETTINGS).map(|value| read::object("meeting.settings", value));
    let settings = settings.and_then(|value| found.take(value));
    settings.is_some_and(|settings| settings::check(settings, found)) || top
}

/// The rest that has rules; whether there is a template.
fn small_fields(fields: &Fields<'_>, kind: u8, form: Form, found: &mut Findings) -> bool {
    if let Some(value) = fields.get(at::PASSWORD)
        && let Some((password, _)) = found.take(read::at_most("meeting.password", value, PASSWORD))
    {
        found.newer(alphabet(&password));
    }
    match (fields.get(at::DEFAULT_PASSWORD), form) {
        (Some(value), Form::New) => {
            found.take(read::boolean("meeting.default_password", value));
        }
        (Some(_), Form::Change) => {
            let what = "stands only where a meeting is made; Zoom does not take it later";
            found.fault(bad("meeting.default_password", what));
        }
        (None, _) => {}
    }
    if let Some(value) = fields.get(at::PRE_SCHEDULE)
        && found.take(read::boolean("meeting.pre_schedule", value)) == Some(true)
        && !matches!(kind, 2 | 3)
    {
        found.fault(bad("meeting.pre_schedule", "is allowed only with type 2 or 3"));
    }
    if let Some(value) = fields.get(at::TRACKING_FIELDS) {
        found.take(tracking(value));
    }
    let template = fields.get(at::TEMPLATE_ID).map(|id| read::string("meeting.template_id", id));
    template.and_then(|id| found.take(id)).is_some_and(|id| !id.is_empty())
}

/// Letters, digits and signs; accounts may allow fewer.
fn alphabet(password: &str) -> Result<(), InvalidJob> {
    if password.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    // It is a secret: which character it is stays unsaid.
    let what = "may hold letters, digits and signs of ASCII only, without blanks";
    Err(bad("meeting.password", what))
}

fn tracking(value: &str) -> Result<(), InvalidJob> {
    let field = "meeting.tracking_fields";
    let items: Vec<&serde_json::value::RawValue> = serde_json::from_str(read::array(field, value)?)
        .map_err(|error| bad(field, &format!("cannot be read: {error}")))?;
    for item in items {
        let mut found = Found::nothing();
        let named = item.get().starts_with('{')
            && found.read(item.get(), &["field"]).is_ok()
            && found.get(0).is_some_and(|name| read::string(field, name).is_ok());
        if !named {
            return Err(bad(field, "must be objects with a `field` and a `value`"));
        }
    }
    Ok(())
}

/// Checks the agenda's length, and finds the position of the marker.
fn agenda(
    body: &str,
    fields: &Fields<'_>,
    template: bool,
    found: &mut Findings,
) -> (Agenda, Length) {
    let none = Length { characters: 0, units: 0 };
    let Some(raw) = fields.values[at::AGENDA] else {
        return (if template { Agenda::Closed } else { Agenda::Absent }, none);
    };
    let place = place(body, raw);
    if raw == "null" {
        return (if template { Agenda::Closed } else { Agenda::Null(place) }, none);
    }
    let Some((text, length)) = found.take(read::at_most("meeting.agenda", raw, AGENDA)) else {
        return (Agenda::Closed, none);
    };
    warn_of_units("meeting.agenda", length, AGENDA, found);
    let agenda = match (text.is_empty(), length.units) {
        (true, _) if template => Agenda::Closed,
        (empty, 0..=Marker::LONGEST_AGENDA) => Agenda::Text { end: place.end - 1, empty },
        _ => Agenda::Closed,
    };
    (agenda, length)
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
