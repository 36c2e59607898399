//! The objects of the API, as far as anybody here needs them.
//!
//! Only an `id` is required; all else may be missing, and fields nobody asked
//! for are skipped, not stored. `start_url` is a secret: whoever holds it can
//! host the meeting.

mod created;

use std::borrow::Cow;
use std::num::NonZeroU64;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::error::Unreadable;
use crate::reply::Reply;

/// What a create answered.
#[derive(Default)]
pub struct Created<'a> {
    /// The meeting's number.
    pub id: u64,
    /// The id of this one occurrence.
    pub uuid: Option<Cow<'a, str>>,
    /// Where guests go.
    pub join_url: Option<Cow<'a, str>>,
    /// The Zoom user whose meeting it became.
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

/// One meeting, as `GET /meetings/{id}` tells it.
#[derive(Debug, Deserialize)]
pub struct Meeting {
    /// What the list tells of a meeting too; the agenda is whole here.
    #[serde(flatten)]
    pub summary: Listed,
    /// The e-mail address of the host.
    #[serde(default)]
    pub host_email: Option<String>,
    /// `waiting` or `started`.
    #[serde(default)]
    pub status: Option<String>,
    /// Where the host goes, without a password.
    #[serde(default, deserialize_with = "secret")]
    pub start_url: Option<SecretString>,
    /// `open_api`, `web_portal` or `other`.
    #[serde(default)]
    pub creation_source: Option<String>,
    /// The whole answer. It holds the `start_url`, so it is as secret.
    #[serde(skip)]
    pub raw: SecretString,
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(SecretString::from))
}

/// A meeting's number; Zoom gives none 0.
fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    NonZeroU64::deserialize(from).map(NonZeroU64::get)
}

/// One meeting, as a list tells it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Listed {
    /// The meeting's number.
    #[serde(deserialize_with = "number")]
    pub id: u64,
    /// The id of this one occurrence.
    #[serde(default)]
    pub uuid: Option<String>,
    /// Whose meeting it is.
    #[serde(default)]
    pub host_id: Option<String>,
    /// Its title.
    #[serde(default)]
    pub topic: Option<String>,
    /// 1 instant, 2 scheduled, 3 and 8 recurring, 10 screen share.
    #[serde(default, rename = "type")]
    pub meeting_type: Option<u8>,
    /// When it starts, in UTC.
    #[serde(default)]
    pub start_time: Option<String>,
    /// How many minutes it lasts.
    #[serde(default)]
    pub duration: Option<u32>,
    /// The time zone it is shown in.
    #[serde(default)]
    pub timezone: Option<String>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Where guests go.
    #[serde(default)]
    pub join_url: Option<String>,
    /// What it is about; a list cuts it at 250 characters.
    #[serde(default)]
    pub agenda: Option<String>,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The meetings of this page.
    pub meetings: Vec<Listed>,
    /// How many there are on all pages, as Zoom counts them.
    #[serde(default)]
    pub total_records: Option<u64>,
    /// Leads to the next page for 15 minutes; empty at the end.
    #[serde(default)]
    next_page_token: Option<String>,
}

impl Page {
    /// The token of the next page, where there is one. An empty one would lead
    /// back to the first page.
    pub fn next_page_token(&self) -> Option<&str> {
        self.next_page_token.as_deref().filter(|token| !token.is_empty())
    }
}

/// A Zoom user.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: String,
    /// The Zoom account the user belongs to; its limits are what calls spend.
    #[serde(default)]
    pub account_id: Option<String>,
    /// The user's e-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// 1 basic (free), 2 licensed, 99 none.
    #[serde(default, rename = "type")]
    pub user_type: Option<u32>,
    /// The user's time zone.
    #[serde(default)]
    pub timezone: Option<String>,
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

pub(crate) fn read<'a, T: KeepRaw<'a>>(reply: &'a Reply, what: &str) -> Result<T, Unreadable> {
    let unreadable = |why: String| Unreadable {
        status: reply.status,
        what: format!("{what} was expected: {why}"),
    };
    let text = std::str::from_utf8(&reply.body).map_err(|_| unreadable("not utf-8".into()))?;
    if let Some(object) = T::plain(text) {
        return Ok(object);
    }
    // The message of the parser may quote the body, so only its kind and place are told.
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
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderMap;
    use secrecy::ExposeSecret;

    fn reply(status: u16, body: &'static str) -> Reply {
        Reply::new(status, &HeaderMap::new(), Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn only_201_is_a_created_meeting() {
        let body = r#"{"id":12345678901,"uuid":"a\/b==","join_url":"https://j/1","start_url":"https://s/1?zak=x","settings":{"a":[1,2]},"host_id":"h"}"#;
        let answer = reply(201, body);
        let created = answer.created().unwrap();
        assert_eq!(created.id, 12_345_678_901);
        assert_eq!(created.uuid.as_deref(), Some("a/b=="));
        assert_eq!(created.host_id.as_deref(), Some("h"));
        assert_eq!(created.host_email, None);
        let names: Vec<_> = created.fields.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["id", "uuid", "join_url", "start_url", "settings", "host_id"]);
        assert_eq!(created.fields[4].1, r#"{"a":[1,2]}"#);
        assert!(!format!("{created:?}").contains("zak"));
        assert_eq!(created.text, body);
        for status in [200, 202, 204, 302, 400] {
            assert_eq!(reply(status, body).created().unwrap_err().status, status);
        }
    }

    #[test]
    fn what_cannot_be_read_says_where_and_quotes_nothing() {
        for body in [
            "",
            "secret",
            "[]",
            "{}",
            r#"{"id":"secret"}"#,
            r#"{"id":-1,"start_url":"secret"}"#,
            r#"{"id":0,"uuid":"secret"}"#,
            r#"{"id":1,"id":2,"uuid":"secret"}"#,
            r#"{"id":1,"uuid":["secret"]}"#,
            r#"{"id":1,"uuid":"secret"#,
            r#"{"id":1} secret"#,
        ] {
            let error = reply(201, body).created().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
            let error = reply(200, body).meeting().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let broken =
            Reply::new(201, &HeaderMap::new(), Bytes::from_static(b"{\"id\":1,\"a\":\"\xff\"}"));
        assert!(broken.created().is_err());
    }

    fn told(created: Created<'_>) -> String {
        let Created { id, uuid, join_url, host_id, host_email, fields, .. } = created;
        format!("{:?}", (id, uuid, join_url, host_id, host_email, fields))
    }

    #[test]
    fn a_plain_answer_reads_as_any_other() {
        let plain = [
            r#"{"id":1}"#,
            r#"{"id":1,"uuid":"a==","host_id":"h","host_email":"é@x","join_url":"j","settings":{"a":[1]}}"#,
            r#" {"topic":"a\/b", "id" : 18446744073709551615 , "uuid":"" } "#,
        ];
        let others = [
            r#"{"uuid":"a\/b","id":1}"#,
            r#"{"id":1,"uuid":null}"#,
            r#"{"id":1,"uuid":7}"#,
            r#"{"id":1,"uuid":"a","uuid":"b"}"#,
            r#"{"id":1,"id":1}"#,
            r#"{"id":0}"#,
            r#"{"id":-1}"#,
            r#"{"id":1.0}"#,
            r#"{"id":"1"}"#,
            r#"{"id":18446744073709551616}"#,
            r#"{"i\u0064":1}"#,
            r#"{"topic":"t"}"#,
        ];
        for text in plain {
            let usual: Created<'_> = serde_json::from_str(text).unwrap();
            assert_eq!(created::plain(text).map(told), Some(told(usual)), "{text}");
        }
        for text in others {
            assert!(created::plain(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_meeting_keeps_its_secrets() {
        let answer = reply(
            200,
            r#"{"id":1,"topic":"t","type":2,"agenda":"a","start_url":"https://s?zak=x","host_email":"h@x"}"#,
        );
        let meeting = answer.meeting().unwrap();
        assert_eq!(meeting.summary.topic.as_deref(), Some("t"));
        assert_eq!(meeting.start_url.as_ref().unwrap().expose_secret(), "https://s?zak=x");
        assert!(meeting.raw.expose_secret().contains("zak"));
        assert!(!format!("{meeting:?}").contains("zak"));
    }

    #[test]
    fn an_empty_page_token_ends_the_list() {
        let end =
            reply(200, r#"{"meetings":[{"id":1},{"id":2,"agenda":null}],"next_page_token":""}"#);
        let page = end.page().unwrap();
        assert_eq!(page.meetings.len(), 2);
        assert_eq!(page.next_page_token(), None);
        let more = reply(200, r#"{"meetings":[],"next_page_token":"n"}"#);
        assert_eq!(more.page().unwrap().next_page_token(), Some("n"));
        assert!(reply(200, "{}").page().is_err(), "no list is not an empty list");
    }
}
