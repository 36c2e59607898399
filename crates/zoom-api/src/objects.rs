//! The objects of the API, as far as anybody here needs them.
//!
//! Only an `id` is required; all else may be missing or of another type, and
//! fields nobody asked for are skipped, not stored. Rows of a list are read one
//! by one: a row that cannot be read takes no other with it. `start_url` is a
//! secret: whoever holds it can host the meeting.

mod created;
mod lenient;

use std::borrow::Cow;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::error::Unreadable;

/// Answer to a create.
#[derive(Default)]
pub struct Created<'a> {
    /// The meeting's number.
    pub id: u64,
    /// The id of this one occurrence.
    pub uuid: Option<Cow<'a, str>>,
    /// URL for guests.
    pub join_url: Option<Cow<'a, str>>,
    /// Zoom user id of the meeting's owner.
    pub host_id: Option<Cow<'a, str>>,
    /// The e-mail address of that user.
    pub host_email: Option<Cow<'a, str>>,
    /// The whole answer. It holds the `start_url`.
    pub text: &'a str,
    /// Every field in the order of the answer, its value as it stands in
    /// `text`: who passes the answer on need not read it again.
    pub fields: Vec<(Cow<'a, str>, &'a str)>,
}

impl std::fmt::Debug for Created<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Created")
            .field("id", &self.id)
            .field("uuid", &self.uuid)
            .field("host_id", &self.host_id)
            .finish_non_exhaustive()
    }
}

/// Meeting in the form of `GET /meetings/{id}`.
#[derive(Debug, Deserialize)]
pub struct Meeting {
    /// Fields that the list has too; the agenda is not cut here.
    #[serde(flatten)]
    pub summary: Listed,
    /// The e-mail address of the host.
    #[serde(default, deserialize_with = "lenient::text")]
    pub host_email: Option<String>,
    /// `waiting` or `started`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub status: Option<String>,
    /// URL for the host, without a password.
    #[serde(default, deserialize_with = "secret")]
    pub start_url: Option<SecretString>,
    /// `open_api`, `web_portal` or `other`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub creation_source: Option<String>,
    /// The whole answer. It holds the `start_url`, so it is as secret.
    #[serde(skip)]
    pub raw: SecretString,
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(lenient::text(from)?.map(SecretString::from))
}

/// Meeting in the form of a list.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub struct Listed {
    /// The meeting's number.
    #[serde(deserialize_with = "lenient::number")]
    pub id: u64,
    /// The id of this one occurrence.
    #[serde(default, deserialize_with = "lenient::text")]
    pub uuid: Option<String>,
    /// Zoom user id of the meeting's owner.
    #[serde(default, deserialize_with = "lenient::text")]
    pub host_id: Option<String>,
    /// Title.
    #[serde(default, deserialize_with = "lenient::text")]
    pub topic: Option<String>,
    /// 1 instant, 2 scheduled, 3 and 8 recurring, 10 screen share.
    #[serde(default, rename = "type", deserialize_with = "lenient::whole")]
    pub meeting_type: Option<u8>,
    /// Start time, in UTC.
    #[serde(default, deserialize_with = "lenient::text")]
    pub start_time: Option<String>,
    /// Duration in minutes.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub duration: Option<u32>,
    /// The time zone it is shown in.
    #[serde(default, deserialize_with = "lenient::text")]
    pub timezone: Option<String>,
    /// Time of creation.
    #[serde(default, deserialize_with = "lenient::text")]
    pub created_at: Option<String>,
    /// URL for guests.
    #[serde(default, deserialize_with = "lenient::text")]
    pub join_url: Option<String>,
    /// Agenda; a list cuts it at 250 characters.
    #[serde(default, deserialize_with = "lenient::text")]
    pub agenda: Option<String>,
}

/// A row of a list that names no meeting: it has no id that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OddRow {
    /// The row's other fields; the id is 0.
    pub rest: Listed,
}

impl OddRow {
    fn of(row: serde_json::Value) -> Self {
        let serde_json::Value::Object(mut fields) = row else { return Self::default() };
        fields.insert("id".to_owned(), 1.into());
        let read = serde_json::from_value::<Listed>(fields.into()).unwrap_or_default();
        Self { rest: Listed { id: 0, ..read } }
    }
}

/// The digits of a meeting's number as it stands in an answer, if it is a string.
pub fn id_digits(raw: &str) -> Option<&str> {
    lenient::id_in(raw).map(|(_, digits)| digits).filter(|digits| *digits != raw)
}

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// The meetings of this page.
    pub meetings: Vec<Listed>,
    /// Rows of this page whose meeting cannot be named.
    pub odd: Vec<OddRow>,
    /// Total number of meetings on all pages, as Zoom counts them.
    pub total_records: Option<u64>,
    next_page_token: Option<String>,
}

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Rows {
            meetings: Vec<serde_json::Value>,
            #[serde(default, deserialize_with = "lenient::whole")]
            total_records: Option<u64>,
            #[serde(default, deserialize_with = "lenient::text")]
            next_page_token: Option<String>,
        }
        let Rows { meetings: rows, total_records, next_page_token } = Rows::deserialize(from)?;
        let (mut meetings, mut odd) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            match Listed::deserialize(&row) {
                Ok(meeting) if row.is_object() => meetings.push(meeting),
                _ => odd.push(OddRow::of(row)),
            }
        }
        Ok(Self { meetings, odd, total_records, next_page_token })
    }
}

impl Page {
    /// The token of the next page, where there is one: it leads there for 15
    /// minutes. An empty one would lead back to the first page.
    pub fn next_page_token(&self) -> Option<&str> {
        self.next_page_token.as_deref().filter(|token| !token.is_empty())
    }
}

/// A Zoom user.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    #[serde(deserialize_with = "lenient::name")]
    pub id: String,
    /// The Zoom account of the user, whose limits the calls use.
    #[serde(default, deserialize_with = "lenient::text")]
    pub account_id: Option<String>,
    /// The user's e-mail address.
    #[serde(default, deserialize_with = "lenient::text")]
    pub email: Option<String>,
}

/// Keeps the text an object was read from, where the object has a place for it.
pub(crate) trait KeepRaw<'a>: Deserialize<'a> {
    fn keep(&mut self, _raw: &'a str) {}

    /// The object by a shorter way than `serde_json`'s, where there is one.
    fn plain(_raw: &'a str) -> Option<Self> {
        None
    }
}

impl<'a> KeepRaw<'a> for Created<'a> {
    fn keep(&mut self, raw: &'a str) {
        self.text = raw;
    }

    fn plain(raw: &'a str) -> Option<Self> {
        created::plain(raw)
    }
}

impl<'a> KeepRaw<'a> for Meeting {
    fn keep(&mut self, raw: &'a str) {
        self.raw = raw.into();
    }
}

impl KeepRaw<'_> for Page {}
impl KeepRaw<'_> for User {}

/// The object that the `body` of an answer is; `what` is wanted, for the message.
pub(crate) fn read<'a, T: KeepRaw<'a>>(
    status: u16,
    body: &'a [u8],
    what: &str,
) -> Result<T, Unreadable> {
    let unreadable =
        |why: String| Unreadable { status, what: format!("{what} was expected: {why}") };
    let text = std::str::from_utf8(body).map_err(|_| unreadable("not utf-8".into()))?;
    if let Some(object) = T::plain(text) {
        return Ok(object);
    }
    // The parser's message may quote the body, so only the kind and place of the error are
    // reported.
    let mut object: T = serde_json::from_str(text).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Eof => "cut short",
            serde_json::error::Category::Data => "a field is missing or of another type",
            _ => "not json",
        };
        unreadable(format!("{kind} (line {}, column {})", error.line(), error.column()))
    })?;
    object.keep(text);
    Ok(object)
}

#[cfg(test)]
mod tests;
