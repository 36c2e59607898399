//! The job's outermost object: which fields there are, and what an invalid job
//! still says of itself.

use std::ops::Range;

use serde_json::value::RawValue;

use super::findings::Findings;
use super::limits::MAX_METADATA;
use super::read::{self, Found};
use super::{Claims, InvalidJob, suggest};
use crate::{AccountName, JobId, TraceParent};

pub(super) const NAMES: [&str; 13] = [
    "id",
    "account",
    "kind",
    "user",
    "meeting",
    "meeting_id",
    "not_before",
    "deadline",
    "max_attempts",
    "priority",
    "reply",
    "traceparent",
    "metadata",
];

/// Their places in `NAMES`.
pub(super) mod at {
    pub(in super::super) const ID: usize = 0;
    pub(in super::super) const ACCOUNT: usize = 1;
    pub(in super::super) const KIND: usize = 2;
    pub(in super::super) const USER: usize = 3;
    pub(in super::super) const MEETING: usize = 4;
    pub(in super::super) const MEETING_ID: usize = 5;
    pub(in super::super) const NOT_BEFORE: usize = 6;
    pub(in super::super) const DEADLINE: usize = 7;
    pub(in super::super) const MAX_ATTEMPTS: usize = 8;
    pub(in super::super) const PRIORITY: usize = 9;
    pub(in super::super) const REPLY: usize = 10;
    pub(in super::super) const TRACEPARENT: usize = 11;
    pub(in super::super) const METADATA: usize = 12;
}

/// Fields that belong inside `meeting`, for a better answer than "unknown".
const MEETINGS: [&str; 12] = [
    "topic",
    "type",
    "start_time",
    "timezone",
    "duration",
    "agenda",
    "password",
    "schedule_for",
    "template_id",
    "recurrence",
    "settings",
    "tracking_fields",
];

pub(super) type Envelope<'a> = Found<'a, 13>;

/// Reads the outermost object into `envelope`; after an error it holds what
/// stood before it.
pub(super) fn read<'a>(text: &'a str, envelope: &mut Envelope<'a>) -> Result<(), InvalidJob> {
    let whole = |message: String| InvalidJob::new("job", message);
    if text.trim_ascii().is_empty() {
        return Err(whole("the job is empty; it must be one JSON object".to_owned()));
    }
    if text.starts_with('\u{feff}') {
        let message = "the job begins with a byte-order mark (U+FEFF); send it without".to_owned();
        return Err(whole(message));
    }
    if !text.trim_ascii_start().starts_with('{') {
        return Err(match serde_json::from_str::<&RawValue>(text) {
            Ok(value) => {
                let kind = read::kind_of(value.get());
                whole(format!("the job is {kind}; it must be one JSON object"))
            }
            Err(error) => whole(format!("the job is not JSON: {error}")),
        });
    }
    envelope.read(text, &NAMES).map_err(|error| whole(format!("the job is not JSON: {error}")))
}

/// The text of a job with `id` as its id, if it has none; every other character
/// stays as it is. `None` for a job that has one, and for what is no object.
pub fn with_id(text: &str, id: &JobId) -> Option<String> {
    let mut envelope = Envelope::nothing();
    read(text, &mut envelope).ok()?;
    let (before, name, after) = match envelope.values[at::ID] {
        Some("null") => {
            let place = envelope.values[at::ID].map(|value| place(text, value))?;
            (&text[..place.start], "", &text[place.end..])
        }
        Some(_) => return None,
        None => {
            let (before, after) = text.split_at(text.find('{')? + 1);
            (before, "\"id\":", after)
        }
    };
    let empty = after.trim_ascii_start().starts_with('}');
    let comma = if name.is_empty() || empty { "" } else { "," };
    Some(format!("{before}{name}\"{id}\"{comma}{after}"))
}

/// Where `part`, a slice of `whole`, stands in it.
pub(super) fn place(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

/// Refuses fields that are not ours and those that come twice.
pub(super) fn check_names(envelope: &Envelope<'_>, found: &mut Findings) {
    for index in &envelope.twice {
        found.fault(InvalidJob::twice(NAMES[*index]));
    }
    for name in &envelope.unknown {
        let hint = if MEETINGS.contains(&name.as_str()) {
            format!("; it belongs inside `meeting`, as `meeting.{name}`")
        } else if let Some(known) = suggest::nearest(name, NAMES) {
            format!("; did you mean `{known}`?")
        } else {
            format!("; a job has {}", NAMES.join(", "))
        };
        let message = format!("the field {name:?} is unknown{hint}");
        found.fault(InvalidJob::new(name.clone(), message));
    }
}

/// What can be believed of a job that is not accepted.
pub(super) fn claims(envelope: &Envelope<'_>) -> Claims {
    let string = |index| envelope.get(index).and_then(|value| read::string("", value).ok());
    let word =
        |text: &str| text.len() <= 32 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    Claims {
        id: string(at::ID).and_then(|text| JobId::new(&text).ok()),
        account: string(at::ACCOUNT)
            .filter(|text| AccountName::new(text).is_ok())
            .map(|text| text.into_owned()),
        kind: match envelope.get(at::KIND) {
            // What a job is that does not say.
            None => Some(crate::Kind::default().as_str().to_owned()),
            Some(_) => string(at::KIND).filter(|text| word(text)).map(|text| text.into_owned()),
        },
        user: string(at::USER)
            .filter(|text| super::parse::check_user("user", text).is_ok())
            .map(|text| text.into_owned()),
        reply: envelope.get(at::REPLY) == Some("true"),
        traceparent: traceparent(envelope),
        metadata: envelope.values[at::METADATA]
            .filter(|value| value.len() <= MAX_METADATA)
            .and_then(raw),
    }
}

/// A value, which is sound JSON, kept as it stands.
pub(super) fn raw(value: &str) -> Option<Box<RawValue>> {
    serde_json::from_str(value).ok()
}

/// A malformed traceparent is no reason to refuse a job.
pub(super) fn traceparent(envelope: &Envelope<'_>) -> Option<TraceParent> {
    let text = read::string("traceparent", envelope.get(at::TRACEPARENT)?).ok()?;
    TraceParent::parse(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_put_where_none_is() {
        let id = JobId::new("a-1").unwrap();
        for (given, wanted) in [
            (r#"{"account":"a"}"#, Some(r#"{"id":"a-1","account":"a"}"#)),
            (r#" { "account":"a"} "#, Some(r#" {"id":"a-1", "account":"a"} "#)),
            (r#"{"account":"a","id": null}"#, Some(r#"{"account":"a","id": "a-1"}"#)),
            (r#"{"\u0069d":null}"#, Some(r#"{"\u0069d":"a-1"}"#)),
            ("{}", Some(r#"{"id":"a-1"}"#)),
            (r#"{"id":"b"}"#, None),
            (r#"{"id":7}"#, None),
            ("[]", None),
        ] {
            assert_eq!(with_id(given, &id).as_deref(), wanted, "{given}");
        }
    }
}
