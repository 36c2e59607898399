//! Parsing of a create's answer: once, with every value unchanged.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Created, lenient};

/// As many fields as Zoom answers with, so that the list grows once.
const USUAL_FIELDS: usize = 32;

/// The answer where it is plain, as it nearly always is: quicker than by
/// `serde_json`, which is asked about any other, and about what is wrong.
pub(super) fn plain(text: &str) -> Option<Created<'_>> {
    let mut fields = Vec::with_capacity(USUAL_FIELDS);
    let (mut id, mut texts) = (None, [None, None, None, None]);
    let mut sound = true;
    json_fields::fields(text, |name, value| {
        if name == "id" {
            sound &= value.parse().is_ok_and(|number| id.replace(number).is_none());
        } else if let Some(place) = place(name) {
            let string = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let string = string.filter(|inner| !inner.contains('\\'));
            sound &= string.is_some() && texts[place].is_none();
            texts[place] = string.map(Cow::Borrowed);
        }
        fields.push((Cow::Borrowed(name), value));
    })?;
    let id = id.filter(|_| sound).map(NonZeroU64::get)?;
    let [uuid, join_url, host_id, host_email] = texts;
    Some(Created { id, uuid, join_url, host_id, host_email, text, fields })
}

impl<'de: 'a, 'a> Deserialize<'de> for Created<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Created<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Created<'de>, A::Error> {
        let mut fields = Vec::with_capacity(USUAL_FIELDS);
        let (mut id, mut texts) = (None, [None, None, None, None]);
        while let Some(name) = map.next_key_seed(Name)? {
            let value: &RawValue = map.next_value()?;
            let mut raw = value.get();
            if name == "id" {
                let (number, digits) =
                    lenient::id_in(raw).ok_or_else(|| A::Error::custom("no id"))?;
                once(&mut id, number)?;
                raw = digits;
            } else if let Some(place) = place(&name) {
                texts[place] = texts[place].take().or_else(|| text(raw));
            }
            fields.push((name, raw));
        }
        let id = id.ok_or_else(|| A::Error::missing_field("id"))?;
        let [uuid, join_url, host_id, host_email] = texts;
        Ok(Created { id, uuid, join_url, host_id, host_email, text: "", fields })
    }
}

/// Where a text that is wanted goes.
fn place(name: &str) -> Option<usize> {
    match name {
        "uuid" => Some(0),
        "join_url" => Some(1),
        "host_id" => Some(2),
        "host_email" => Some(3),
        _ => None,
    }
}

fn once<T, E: Error>(place: &mut Option<T>, value: T) -> Result<(), E> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::custom("a field stands twice")),
    }
}

/// A text in whatever form; copied only where it has escapes.
fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.contains('\\') => Some(Cow::Borrowed(inner)),
        _ => lenient::text(&mut serde_json::Deserializer::from_str(raw)).ok()?.map(Cow::Owned),
    }
}

/// A field's name, copied only where it has escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Cow<'de, str>, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }
}
