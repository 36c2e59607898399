//! Zoom's answer for consumers: all of it, except the fields that are left out.
//!
//! Values are copied unchanged, so that no number loses a digit. `start_url` must never be included
//! by mistake: whoever holds it can host the meeting.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::write;

/// A field that is left out unless it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Include {
    /// A link that makes its user the host.
    StartUrl,
    /// Zoom's some sixty settings.
    Settings,
    /// A key that makes its user the host.
    DynamicHostKey,
}

/// A name that is none of those that can be included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only start_url, settings and dynamic_host_key can be included")]
pub struct UnknownField;

impl Include {
    /// Every field that is left out by default.
    pub const ALL: &'static [Self] = &[Self::StartUrl, Self::Settings, Self::DynamicHostKey];

    /// The field's name at Zoom.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartUrl => "start_url",
            Self::Settings => "settings",
            Self::DynamicHostKey => "dynamic_host_key",
        }
    }
}

impl fmt::Display for Include {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Include {
    type Err = UnknownField;
    fn from_str(text: &str) -> Result<Self, UnknownField> {
        match text {
            "start_url" => Ok(Self::StartUrl),
            "settings" => Ok(Self::Settings),
            "dynamic_host_key" => Ok(Self::DynamicHostKey),
            _ => Err(UnknownField),
        }
    }
}

/// A field of Zoom's answer: its name, and its raw value, valid JSON.
pub type Field<'a> = (Cow<'a, str>, &'a str);

/// Zoom's answer, written without what is left out: one JSON object.
#[derive(Debug, Clone, Copy)]
pub struct MeetingReply<'a> {
    text: &'a str,
    fields: &'a [Field<'a>],
    include: &'a [Include],
}

/// An answer that is not one JSON object.
#[derive(Debug, thiserror::Error)]
#[error("the meeting is not a JSON object: {0}")]
pub struct NotAnObject(#[from] serde_json::Error);

/// The fields of an answer, in order.
pub fn reply_fields(raw: &str) -> Result<Vec<Field<'_>>, NotAnObject> {
    let Fields(fields) = serde_json::from_str(raw)?;
    Ok(fields)
}

impl<'a> MeetingReply<'a> {
    /// The fields of the answer `text`, as [`reply_fields`] or whoever read it
    /// tells them, without those that are left out, except those in `include`.
    pub fn new(text: &'a str, fields: &'a [Field<'a>], include: &'a [Include]) -> Self {
        Self { text, fields, include }
    }

    /// The object's text.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.size());
        self.write(&mut out);
        out
    }

    fn kept(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|(name, _)| {
            name.parse::<Include>().map_or(true, |field| self.include.contains(&field))
        })
    }

    /// About how long the text is.
    pub(super) fn size(&self) -> usize {
        self.kept().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>() + 2
    }

    /// Fields that stand next to each other in the answer as they will here are
    /// copied together: nearly always those before the secrets at once, and
    /// those behind them. One by one they cost ten times as much.
    pub(super) fn write(&self, out: &mut String) {
        out.push('{');
        let mut run = 0..0;
        for field @ (name, value) in self.kept() {
            let place = self.place(field);
            if let Some(place) = &place
                && !run.is_empty()
                && self.text.get(run.end..place.start) == Some(",")
            {
                run.end = place.end;
                continue;
            }
            self.flush(out, run);
            run = place.clone().unwrap_or(0..0);
            if place.is_none() {
                separate(out);
                write::text(out, name);
                out.push(':');
                out.push_str(value);
            }
        }
        self.flush(out, run);
        out.push('}');
    }

    fn flush(&self, out: &mut String, run: Range<usize>) {
        if let Some(fields) = self.text.get(run).filter(|fields| !fields.is_empty()) {
            separate(out);
            out.push_str(fields);
        }
    }

    /// Position of the field in the answer, if the answer has it in exactly this form.
    fn place(&self, (name, value): &Field<'_>) -> Option<Range<usize>> {
        // One that is owned had escapes.
        let Cow::Borrowed(name) = name else { return None };
        let start = self.offset(name)?.checked_sub(1)?;
        let colon = start + 1 + name.len();
        let place = start..self.offset(value)? + value.len();
        let between = self.text.as_bytes().get(colon..self.offset(value)?)?;
        (between == b"\":" && self.text.as_bytes()[start] == b'"').then_some(place)
    }

    /// Offset of `part` in the text, if it is a part of it.
    fn offset(&self, part: &str) -> Option<usize> {
        let offset = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        (offset + part.len() <= self.text.len()).then_some(offset)
    }
}

/// A field after another.
fn separate(out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
}

/// All fields of an object, in order.
struct Fields<'a>(Vec<Field<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Vec<Field<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Field<'de>>, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            fields.push((name.into(), value.get()));
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(raw: &str, include: &[Include]) -> String {
        MeetingReply::new(raw, &reply_fields(raw).unwrap(), include).to_json()
    }

    #[test]
    fn leaves_out_what_lets_others_host() {
        let raw = r#" { "start_url":"s", "id": 98765432109876543210, "a\"b":[1, 2],
            "settings":{"x":1}, "join_url":"j","dynamic_host_key":"1"} "#;
        assert_eq!(copy(raw, &[]), r#"{"id":98765432109876543210,"a\"b":[1, 2],"join_url":"j"}"#);
        assert_eq!(copy(r#"{"start_url":"s"}"#, &[]), "{}");
        assert_eq!(copy(r#"{"start\u005furl":"s","id":1}"#, &[]), r#"{"id":1}"#);
        assert_eq!(copy("{}", &[]), "{}");
    }

    #[test]
    fn names_read_back() {
        for field in Include::ALL {
            assert_eq!(field.as_str().parse(), Ok(*field));
        }
        assert_eq!("start_ur".parse::<Include>(), Err(UnknownField));
    }

    #[test]
    fn includes_what_is_asked_for() {
        let raw = r#"{"start_url":"s","settings":{"x":1},"id":1}"#;
        assert_eq!(copy(raw, &[Include::Settings]), r#"{"settings":{"x":1},"id":1}"#);
        assert_eq!(copy(raw, Include::ALL), raw);
    }

    #[test]
    fn an_answer_that_is_no_object_is_an_error() {
        for raw in ["", "[]", "1", "{", r#"{"a":1} x"#] {
            assert!(reply_fields(raw).is_err(), "{raw}");
        }
    }
}
