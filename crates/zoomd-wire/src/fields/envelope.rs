//! The job's outermost object: which fields there are.

use std::ops::Range;

use serde_json::value::RawValue;

use super::findings::Findings;
use super::invalid::InvalidJob;
use super::read::{self, Found};
use super::suggest;

pub(crate) const NAMES: [&str; 17] = [
    "id",
    "account",
    "kind",
    "user",
    "meeting",
    "meeting_id",
    "of",
    "occurrence",
    "scope",
    "notify",
    "not_before",
    "deadline",
    "max_attempts",
    "priority",
    "reply",
    "traceparent",
    "metadata",
];

/// Their places in `NAMES`.
pub(crate) mod at {
    pub(crate) const ID: usize = 0;
    pub(crate) const ACCOUNT: usize = 1;
    pub(crate) const KIND: usize = 2;
    pub(crate) const USER: usize = 3;
    pub(crate) const MEETING: usize = 4;
    pub(crate) const MEETING_ID: usize = 5;
    pub(crate) const OF: usize = 6;
    pub(crate) const OCCURRENCE: usize = 7;
    pub(crate) const SCOPE: usize = 8;
    pub(crate) const NOTIFY: usize = 9;
    pub(crate) const NOT_BEFORE: usize = 10;
    pub(crate) const DEADLINE: usize = 11;
    pub(crate) const MAX_ATTEMPTS: usize = 12;
    pub(crate) const PRIORITY: usize = 13;
    pub(crate) const REPLY: usize = 14;
    pub(crate) const TRACEPARENT: usize = 15;
    pub(crate) const METADATA: usize = 16;
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

pub(crate) type Envelope<'a> = Found<'a, 17>;

/// Reads the outermost object into `envelope`; after an error it holds what
/// stood before it.
pub(crate) fn read<'a>(text: &'a str, envelope: &mut Envelope<'a>) -> Result<(), InvalidJob> {
    let whole = |message: String| InvalidJob::new("job", message);
    if text.trim_ascii().is_empty() {
        return Err(whole("the job is empty; it must be one JSON object".to_owned()));
    }
    if text.starts_with('\u{feff}') {
        let message = "the job begins with a byte-order mark (U+FEFF); remove it".to_owned();
        return Err(whole(message));
    }
    if !text.trim_ascii_start().starts_with('{') {
        return Err(match serde_json::from_str::<&RawValue>(text) {
            Ok(value) => {
                let kind = read::kind_of(value.get());
                whole(format!("the job is {kind}; it must be one JSON object"))
            }
            Err(error) => whole(not_json(&error)),
        });
    }
    envelope.read(text, &NAMES).map_err(|error| whole(not_json(&error)))
}

/// The library's words, but for the one that only its authors know.
fn not_json(error: &dyn std::fmt::Display) -> String {
    format!("the job is not JSON: {error}").replace("expected ident", "no value begins like this")
}

/// The place of `part`, a slice of `whole`, in it.
pub(crate) fn place(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

/// Refuses fields that are not ours and those that come twice.
pub(crate) fn check_names(envelope: &Envelope<'_>, found: &mut Findings) {
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
