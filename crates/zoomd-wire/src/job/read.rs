//! Typed reads of single JSON values that still point into the job's text.
//!
//! A value is looked at by its first byte; a plain string is borrowed as it
//! stands. Every refusal says what the field is and what it must be.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::InvalidJob;

/// The values of an object under the names we know.
pub(super) struct Found<'a, const N: usize> {
    pub values: [Option<&'a str>; N],
    /// The first of the known names that came twice.
    pub twice: Option<usize>,
    /// The first name that is not known, where those are wanted.
    pub unknown: Option<String>,
}

impl<'a, const N: usize> Found<'a, N> {
    pub(super) fn nothing() -> Self {
        Self { values: [None; N], twice: None, unknown: None }
    }

    /// Reads the object in `text`. After a syntax error it holds what stood
    /// before it.
    pub(super) fn read(
        &mut self,
        text: &'a str,
        names: &[&str; N],
        keep_unknown: bool,
    ) -> Result<(), serde_json::Error> {
        if self.read_plain(text, names, keep_unknown).is_some() {
            return Ok(());
        }
        *self = Self::nothing();
        let mut json = serde_json::Deserializer::from_str(text);
        (&mut json).deserialize_map(Object { found: self, names, keep_unknown })?;
        json.end()
    }

    /// The same for an object whose names have no escapes: half the work.
    fn read_plain(&mut self, text: &'a str, names: &[&str; N], keep_unknown: bool) -> Option<()> {
        json_fields::fields(text, |name, value| {
            let keep = keep_unknown && self.unknown.is_none();
            self.take(Name::of(name, names, keep), value);
        })
    }

    fn take(&mut self, name: Name, value: &'a str) {
        match name {
            Name::Known(index) if self.values[index].is_some() => {
                self.twice.get_or_insert(index);
            }
            Name::Known(index) => self.values[index] = Some(value),
            Name::Unknown(name) => self.unknown = self.unknown.take().or(name),
        }
    }

    /// The value under the name with this index, unless it is null or absent.
    pub(super) fn get(&self, index: usize) -> Option<&'a str> {
        self.values[index].filter(|value| *value != "null")
    }
}

struct Object<'f, 'a, 'n, const N: usize> {
    found: &'f mut Found<'a, N>,
    names: &'n [&'n str; N],
    keep_unknown: bool,
}

impl<'a, const N: usize> Visitor<'a> for Object<'_, 'a, '_, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { found, names, keep_unknown } = self;
        loop {
            let keep = keep_unknown && found.unknown.is_none();
            let Some(key) = map.next_key_seed(Key { names, keep })? else { return Ok(()) };
            let value: &'a RawValue = map.next_value()?;
            found.take(key, value.get());
        }
    }
}

struct Key<'n, const N: usize> {
    names: &'n [&'n str; N],
    keep: bool,
}

enum Name {
    Known(usize),
    Unknown(Option<String>),
}

impl Name {
    #[inline]
    fn of(name: &str, names: &[&str], keep: bool) -> Self {
        match names.iter().position(|known| *known == name) {
            Some(index) => Self::Known(index),
            None => Self::Unknown(keep.then(|| name.chars().take(64).collect())),
        }
    }
}

impl<'de, const N: usize> DeserializeSeed<'de> for Key<'_, N> {
    type Value = Name;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<const N: usize> Visitor<'_> for Key<'_, N> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(Name::of(name, self.names, self.keep))
    }
}

/// What a JSON value is, for a message. `value` is sound JSON.
pub(super) fn kind_of(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

fn wrong_type(field: &'static str, value: &str, must: &str) -> InvalidJob {
    InvalidJob::new(field, format!("`{field}` is {}; it must be {must}", kind_of(value)))
}

pub(super) fn string<'a>(field: &'static str, value: &'a str) -> Result<Cow<'a, str>, InvalidJob> {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        None => Err(wrong_type(field, value, "a string")),
        Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
        Some(_) => serde_json::from_str(value)
            .map(Cow::Owned)
            .map_err(|error| InvalidJob::new(field, format!("`{field}` cannot be read: {error}"))),
    }
}

pub(super) fn integer(field: &'static str, value: &str) -> Result<i64, InvalidJob> {
    if value.starts_with('"') {
        return Err(wrong_type(field, value, "a whole number, without quotes"));
    }
    value.parse().map_err(|_| match kind_of(value) {
        "a number" => {
            InvalidJob::new(field, format!("`{field}` is {value}; it must be a whole number"))
        }
        _ => wrong_type(field, value, "a whole number"),
    })
}

pub(super) fn boolean(field: &'static str, value: &str) -> Result<bool, InvalidJob> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(wrong_type(field, value, "true or false")),
    }
}

/// Refuses anything but an object.
pub(super) fn object<'a>(field: &'static str, value: &'a str) -> Result<&'a str, InvalidJob> {
    if value.starts_with('{') { Ok(value) } else { Err(wrong_type(field, value, "an object")) }
}

/// Refuses anything but an array.
pub(super) fn array<'a>(field: &'static str, value: &'a str) -> Result<&'a str, InvalidJob> {
    if value.starts_with('[') { Ok(value) } else { Err(wrong_type(field, value, "an array")) }
}

/// A whole number within bounds, both included.
pub(super) fn within(
    field: &'static str,
    value: &str,
    (least, most): (i64, i64),
) -> Result<i64, InvalidJob> {
    let number = integer(field, value)?;
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    let message = format!("`{field}` is {number}; it must be {least} to {most}");
    Err(InvalidJob::new(field, message))
}

/// A string of at most `most` characters, and its length in characters.
pub(super) fn at_most<'a>(
    field: &'static str,
    value: &'a str,
    most: usize,
) -> Result<(Cow<'a, str>, usize), InvalidJob> {
    let text = string(field, value)?;
    // As many bytes as characters at least, so short texts are not counted.
    let length = if text.is_ascii() { text.len() } else { text.chars().count() };
    if length <= most {
        return Ok((text, length));
    }
    let message = format!("`{field}` has {length} characters; Zoom takes at most {most}");
    Err(InvalidJob::new(field, message))
}
