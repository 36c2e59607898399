//! The outermost object of a job: its id, its trace, and what an
//! invalid one still says of itself.

use serde_json::value::RawValue;

use crate::fields::envelope::{Envelope, at, place, read as read_object};
use crate::fields::limits::MAX_METADATA;
use crate::fields::{Claims, read, user};
use crate::kind::Kind;
use crate::{AccountName, JobId, TraceParent};

/// The text of a job with `id` as its id, if it has none; every other character
/// stays as it is. `None` for a job that has one, and for what is no object.
pub fn with_id(text: &str, id: &JobId) -> Option<String> {
    let mut envelope = Envelope::nothing();
    read_object(text, &mut envelope).ok()?;
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

/// Fields of a job that is not accepted; only the valid ones.
pub(crate) fn claims(envelope: &Envelope<'_>) -> Claims {
    let string = |index| envelope.get(index).and_then(|value| read::string("", value).ok());
    let word =
        |text: &str| text.len() <= 32 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    Claims {
        id: string(at::ID).and_then(|text| JobId::new(&text).ok()),
        account: string(at::ACCOUNT)
            .filter(|text| AccountName::new(text).is_ok())
            .map(|text| text.into_owned()),
        kind: match envelope.get(at::KIND) {
            // A job without a kind has the default one.
            None => Some(Kind::default().as_str().to_owned()),
            Some(_) => string(at::KIND).filter(|text| word(text)).map(|text| text.into_owned()),
        },
        user: string(at::USER)
            .filter(|text| user::check_user("user", text).is_ok())
            .map(|text| text.into_owned()),
        reply: envelope.get(at::REPLY) == Some("true"),
        traceparent: traceparent(envelope),
        metadata: envelope.values[at::METADATA]
            .filter(|value| value.len() <= MAX_METADATA)
            .and_then(raw),
    }
}

/// A value, which is valid JSON, kept unchanged.
pub(crate) fn raw(value: &str) -> Option<Box<RawValue>> {
    serde_json::from_str(value).ok()
}

/// A malformed traceparent is no reason to refuse a job.
pub(crate) fn traceparent(envelope: &Envelope<'_>) -> Option<TraceParent> {
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
