//! Zoom's answer as consumers get it: all of it, but for what is left out.
//!
//! Values are copied as they stand, so that no number loses a digit. The one
//! thing that must never slip through is `start_url`, which lets whoever holds
//! it host the meeting.

use std::fmt;
use std::str::FromStr;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A field that is left out unless it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Include {
    /// A link that makes whoever opens it the host.
    StartUrl,
    /// Zoom's some sixty settings.
    Settings,
    /// A key that makes whoever has it the host.
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
        Self::ALL.iter().find(|field| field.as_str() == text).copied().ok_or(UnknownField)
    }
}

/// Zoom's answer without what is left out: one JSON object.
#[derive(Debug, Clone)]
pub struct MeetingReply(Box<RawValue>);

/// An answer that is not one JSON object.
#[derive(Debug, thiserror::Error)]
#[error("the meeting is not a JSON object: {0}")]
pub struct NotAnObject(#[from] serde_json::Error);

impl MeetingReply {
    /// Copies the object in `raw` without the fields that are left out, except
    /// those in `include`.
    pub fn new(raw: &str, include: &[Include]) -> Result<Self, NotAnObject> {
        let mut out = String::with_capacity(raw.len());
        let mut json = serde_json::Deserializer::from_str(raw);
        (&mut json).deserialize_map(Copy { out: &mut out, include })?;
        json.end()?;
        Ok(Self(RawValue::from_string(out)?))
    }

    /// The object's text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    pub(super) fn as_raw(&self) -> &RawValue {
        &self.0
    }
}

struct Copy<'o> {
    out: &'o mut String,
    include: &'o [Include],
}

impl<'de> Visitor<'de> for Copy<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut between = '{';
        loop {
            let length = self.out.len();
            self.out.push(between);
            let Some(kept) = map.next_key_seed(Key { out: self.out, include: self.include })?
            else {
                self.out.truncate(length);
                break;
            };
            let value: &RawValue = map.next_value()?;
            if kept {
                self.out.push(':');
                self.out.push_str(value.get());
                between = ',';
            } else {
                self.out.truncate(length);
            }
        }
        self.out.push_str(if between == '{' { "{}" } else { "}" });
        Ok(())
    }
}

/// Writes a key; whether its field is kept.
struct Key<'o> {
    out: &'o mut String,
    include: &'o [Include],
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    /// A key with escapes in it.
    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<bool, E> {
        self.out.push_str(&serde_json::to_string(key).map_err(E::custom)?);
        Ok(self.keeps(key))
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<bool, E> {
        self.out.push('"');
        self.out.push_str(key);
        self.out.push('"');
        Ok(self.keeps(key))
    }
}

impl Key<'_> {
    fn keeps(&self, key: &str) -> bool {
        key.parse::<Include>().map_or(true, |field| self.include.contains(&field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(raw: &str, include: &[Include]) -> String {
        MeetingReply::new(raw, include).unwrap().as_str().to_owned()
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
    fn includes_what_is_asked_for() {
        let raw = r#"{"start_url":"s","settings":{"x":1},"id":1}"#;
        assert_eq!(copy(raw, &[Include::Settings]), r#"{"settings":{"x":1},"id":1}"#);
        assert_eq!(copy(raw, Include::ALL), raw);
    }

    #[test]
    fn an_answer_that_is_no_object_is_an_error() {
        for raw in ["", "[]", "1", "{", r#"{"a":1} x"#] {
            assert!(MeetingReply::new(raw, &[]).is_err(), "{raw}");
        }
    }
}
