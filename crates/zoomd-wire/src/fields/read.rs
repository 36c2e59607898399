//! Typed reads of single JSON values that still point into the job's text.
//!
//! A value's type follows from its first byte; a plain string is borrowed. Every error names the
//! field and its valid values.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::invalid::InvalidJob;

/// Names that are not known and are kept, of one object.
const MOST_UNKNOWN: usize = 16;

/// The values of an object under the names we know.
pub(crate) struct Found<'a, const N: usize> {
    pub values: [Option<&'a str>; N],
    /// Indices of known names that came twice.
    pub twice: Vec<usize>,
    /// Names that are not known.
    pub unknown: Vec<String>,
}

impl<'a, const N: usize> Found<'a, N> {
    pub(crate) fn nothing() -> Self {
        Self { values: [None; N], twice: Vec::new(), unknown: Vec::new() }
    }

    /// Reads the object in `text`. After a syntax error it holds what stood
    /// before it.
    pub(crate) fn read(
        &mut self,
        text: &'a str,
        names: &[&str; N],
    ) -> Result<(), serde_json::Error> {
        each_field(text, |name, value| match names.iter().position(|known| *known == name) {
            Some(index) if self.values[index].is_some() => self.twice.push(index),
            Some(index) => self.values[index] = Some(value),
            None if self.unknown.len() < MOST_UNKNOWN => {
                self.unknown.push(name.chars().take(64).collect());
            }
            None => {}
        })
    }

    /// The value under the name with this index, unless it is null or absent.
    pub(crate) fn get(&self, index: usize) -> Option<&'a str> {
        self.values[index].filter(|value| *value != "null")
    }
}

/// Passes to `each` the fields of the object in `text`, in order.
pub(crate) fn each_field<'a>(
    text: &'a str,
    mut each: impl FnMut(&str, &'a str),
) -> Result<(), serde_json::Error> {
    let mut told = 0usize;
    let plain = json_fields::fields(text, |name, value| {
        told += 1;
        each(name, value);
    });
    if plain.is_some() {
        return Ok(());
    }
    // A name with an escape, deep nesting, or no object: the rest takes longer.
    let mut number = 0usize;
    let mut json = serde_json::Deserializer::from_str(text);
    (&mut json).deserialize_map(Each(|name: &str, value| {
        number += 1;
        if number > told {
            each(name, value);
        }
    }))?;
    json.end()
}

struct Each<F>(F);

impl<'a, F: FnMut(&str, &'a str)> Visitor<'a> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry::<Name<'a>, &'a RawValue>()? {
            (self.0)(&name.0, value.get());
        }
        Ok(())
    }
}

/// A name, borrowed where it has no escape.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// True if the value is an array with nothing in it.
pub(crate) fn is_empty_array(value: &str) -> bool {
    value.strip_prefix('[').is_some_and(|rest| rest.trim_ascii_start() == "]")
}

/// Type name of a JSON value, for a message. `value` is valid JSON.
pub(crate) fn kind_of(value: &str) -> &'static str {
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

pub(crate) fn string<'a>(field: &'static str, value: &'a str) -> Result<Cow<'a, str>, InvalidJob> {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        None => Err(wrong_type(field, value, "a string")),
        Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
        Some(_) => serde_json::from_str(value)
            .map(Cow::Owned)
            .map_err(|error| InvalidJob::new(field, format!("`{field}` cannot be read: {error}"))),
    }
}

pub(crate) fn integer(field: &'static str, value: &str) -> Result<i64, InvalidJob> {
    if value.starts_with('"') {
        return Err(wrong_type(field, value, "a whole number without quotes"));
    }
    value.parse().map_err(|_| match kind_of(value) {
        "a number" => {
            let message = format!("`{field}` is {}; it must be a whole number", cut(value));
            InvalidJob::new(field, message)
        }
        _ => wrong_type(field, value, "a whole number"),
    })
}

pub(crate) fn boolean(field: &'static str, value: &str) -> Result<bool, InvalidJob> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ if value.starts_with('"') => {
            Err(wrong_type(field, value, "true or false without quotes"))
        }
        _ => Err(wrong_type(field, value, "true or false")),
    }
}

/// Refuses anything but an object.
pub(crate) fn object<'a>(field: &'static str, value: &'a str) -> Result<&'a str, InvalidJob> {
    if value.starts_with('{') { Ok(value) } else { Err(wrong_type(field, value, "an object")) }
}

/// Refuses anything but an array.
pub(crate) fn array<'a>(field: &'static str, value: &'a str) -> Result<&'a str, InvalidJob> {
    if value.starts_with('[') { Ok(value) } else { Err(wrong_type(field, value, "an array")) }
}

/// A whole number within bounds, both included, of this unit.
pub(crate) fn within(
    field: &'static str,
    value: &str,
    (least, most): (i64, i64),
    unit: &str,
) -> Result<i64, InvalidJob> {
    let number = integer(field, value)?;
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    let message = format!("`{field}` is {number}; it must be {least} to {most}{unit}");
    Err(InvalidJob::new(field, message))
}

/// Length of a text, in the two ways in which it may be counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    pub characters: usize,
    /// Units of UTF-16: never fewer than characters.
    pub units: usize,
}

/// A string of at most `most` characters, and its length.
pub(crate) fn at_most<'a>(
    field: &'static str,
    value: &'a str,
    most: usize,
) -> Result<(Cow<'a, str>, Length), InvalidJob> {
    let text = string(field, value)?;
    let length = if text.is_ascii() {
        Length { characters: text.len(), units: text.len() }
    } else {
        Length { characters: text.chars().count(), units: text.encode_utf16().count() }
    };
    let characters = length.characters;
    if characters <= most {
        return Ok((text, length));
    }
    let message = format!("`{field}` has {characters} characters; Zoom takes at most {most}");
    Err(InvalidJob::new(field, message))
}

/// A text for a message, in quotes and cut.
pub(crate) fn short(text: &str) -> String {
    format!("{:?}", cut(text))
}

/// The first characters of a text.
fn cut(text: &str) -> &str {
    text.char_indices().nth(64).map_or(text, |(end, _)| &text[..end])
}

/// `a, b or c`.
pub(crate) fn either(choices: &[String]) -> String {
    match choices {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
