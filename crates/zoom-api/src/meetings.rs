//! Calls of the Meetings API that the project uses.
//!
//! Owns paths and queries: an id is always encoded, so that none can lead to another call. Each
//! function is one HTTP exchange; paging is the caller's loop, with [`Pager`](crate::Pager) to keep
//! it finite.

use std::fmt;

use http::Method;
use jiff::civil::Date;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::body::SendBody;
use crate::client::{self, Client};
use crate::error::{Sent, TransportError, TransportKind};
use crate::reply::Reply;
use crate::token::AccessToken;

const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'@');

/// Selection of meetings for a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListKind {
    /// Unexpired, live and to come.
    #[default]
    Scheduled,
    /// Under way.
    Live,
    /// To come.
    Upcoming,
    /// Over, of the last six months.
    Previous,
}

/// Query for a list of meetings. All pages of one list must use the same query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// Selection of meetings.
    pub kind: ListKind,
    /// Number of meetings on a page; Zoom gives at most 300.
    pub page_size: u16,
    /// The first day, whatever Zoom compares it with: it publishes only "start date".
    pub from: Option<Date>,
    /// The last day; Zoom publishes only "end date".
    pub to: Option<Date>,
    /// Token of the next page; empty tokens are not sent.
    pub next_page_token: Option<String>,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            kind: ListKind::default(),
            page_size: 300,
            from: None,
            to: None,
            next_page_token: None,
        }
    }
}

/// One meeting, by number or by the id of an occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeetingRef {
    /// The meeting's number.
    Id(u64),
    /// The id of one occurrence.
    Uuid(String),
}

impl From<u64> for MeetingRef {
    fn from(id: u64) -> Self {
        Self::Id(id)
    }
}

impl std::str::FromStr for MeetingRef {
    type Err = std::convert::Infallible;

    /// Digits, also in groups as Zoom prints them, are a number; all else is a UUID.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        Ok(match digits.parse() {
            Ok(id) => Self::Id(id),
            Err(_) => Self::Uuid(text.to_owned()),
        })
    }
}

impl fmt::Display for MeetingRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Uuid(uuid) => uuid.fmt(f),
        }
    }
}

impl Client {
    /// `POST /users/{user}/meetings`. Not idempotent: never to be repeated
    /// after an error that says [`Sent::Maybe`] without having asked first.
    pub async fn post_meeting(
        &self,
        token: &AccessToken,
        user: &str,
        body: SendBody,
    ) -> Result<Reply, TransportError> {
        let to = match user {
            "me" => self.my_meetings(),
            _ => client::uri(&self.user_meetings(user)?)?,
        };
        self.post_json(token, to, body).await
    }

    /// `GET /users/{user}/meetings`, one page.
    pub async fn list_meetings(
        &self,
        token: &AccessToken,
        user: &str,
        query: &ListQuery,
    ) -> Result<Reply, TransportError> {
        let mut url = self.user_meetings(user)?;
        query.write(&mut url);
        self.get(token, url).await
    }

    /// `GET /meetings/{id}`.
    pub async fn get_meeting(
        &self,
        token: &AccessToken,
        meeting: &MeetingRef,
    ) -> Result<Reply, TransportError> {
        let segment = match meeting {
            MeetingRef::Id(id) => id.to_string(),
            MeetingRef::Uuid(uuid) => uuid_segment(uuid)?,
        };
        self.get(token, self.api_url(&format!("meetings/{segment}"))).await
    }

    /// `GET /meetings/{id}` of a recurring one: as it is on one date, or with all its
    /// dates, those that are over too.
    pub async fn get_dates(
        &self,
        token: &AccessToken,
        meeting: u64,
        date: Option<u64>,
    ) -> Result<Reply, TransportError> {
        let mut url = self.dated(meeting, date);
        if date.is_none() {
            url.query_pairs_mut().append_pair("show_previous_occurrences", "true");
        }
        self.get(token, url).await
    }

    /// `PATCH /meetings/{id}`: the whole meeting, or one date of it.
    pub async fn patch_meeting(
        &self,
        token: &AccessToken,
        meeting: u64,
        date: Option<u64>,
        body: SendBody,
    ) -> Result<Reply, TransportError> {
        let to = client::uri(&self.dated(meeting, date))?;
        self.send_json(Method::PATCH, token, to, body).await
    }

    /// `PUT /meetings/{id}/status`.
    pub async fn put_status(
        &self,
        token: &AccessToken,
        meeting: u64,
        body: SendBody,
    ) -> Result<Reply, TransportError> {
        let to = client::uri(&self.api_url(&format!("meetings/{meeting}/status")))?;
        self.send_json(Method::PUT, token, to, body).await
    }

    fn dated(&self, meeting: u64, date: Option<u64>) -> Url {
        let mut url = self.api_url(&format!("meetings/{meeting}"));
        if let Some(date) = date {
            url.query_pairs_mut().append_pair("occurrence_id", &date.to_string());
        }
        url
    }

    /// `DELETE /meetings/{id}`: one date of it, or the whole meeting, of a recurring one
    /// all dates. With `notify` Zoom mails its host and its registrants.
    pub async fn erase_meeting(
        &self,
        token: &AccessToken,
        meeting: u64,
        date: Option<u64>,
        notify: bool,
    ) -> Result<Reply, TransportError> {
        let mut url = self.dated(meeting, date);
        if notify {
            url.query_pairs_mut()
                .append_pair("schedule_for_reminder", "true")
                .append_pair("cancel_meeting_reminder", "true");
        }
        self.delete(token, url).await
    }

    /// `GET /users/me`: reads the owner of the token.
    pub async fn users_me(&self, token: &AccessToken) -> Result<Reply, TransportError> {
        self.get(token, self.api_url("users/me")).await
    }

    /// `GET` of a path below the API's base, with a query as it stands in an address: a read
    /// that somebody else asked for. Each segment is encoded, so none leads elsewhere.
    pub async fn get_path(
        &self,
        token: &AccessToken,
        segments: &[&str],
        query: Option<&str>,
    ) -> Result<Reply, TransportError> {
        let encoded: Result<Vec<String>, _> = segments.iter().map(|one| segment(one)).collect();
        let mut url = self.api_url(&encoded?.join("/"));
        url.set_query(query);
        self.get(token, url).await
    }

    fn user_meetings(&self, user: &str) -> Result<Url, TransportError> {
        Ok(self.api_url(&format!("users/{}/meetings", segment(user)?)))
    }
}

impl ListQuery {
    fn write(&self, url: &mut Url) {
        let mut pairs = url.query_pairs_mut();
        let kind = match self.kind {
            ListKind::Scheduled => "scheduled",
            ListKind::Live => "live",
            ListKind::Upcoming => "upcoming",
            ListKind::Previous => "previous_meetings",
        };
        pairs.append_pair("type", kind);
        pairs.append_pair("page_size", &self.page_size.clamp(1, 300).to_string());
        if let Some(from) = self.from {
            pairs.append_pair("from", &from.to_string());
        }
        if let Some(to) = self.to {
            pairs.append_pair("to", &to.to_string());
        }
        if let Some(token) = self.next_page_token.as_deref().filter(|t| !t.is_empty()) {
            pairs.append_pair("next_page_token", token);
        }
    }
}

/// One path segment. `.` and `..` would climb, encoded or not.
fn segment(id: &str) -> Result<String, TransportError> {
    if matches!(id, "" | "." | "..") {
        let detail = "an id that is empty or climbs is no id";
        return Err(TransportError::new(TransportKind::Request, Sent::No, detail));
    }
    Ok(utf8_percent_encode(id, SEGMENT).to_string())
}

/// Zoom decodes the UUID twice where it begins with a slash or holds two in a row.
fn uuid_segment(uuid: &str) -> Result<String, TransportError> {
    let once = segment(uuid)?;
    if uuid.starts_with('/') || uuid.contains("//") {
        return segment(&once);
    }
    Ok(once)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_encoded_and_cannot_climb() {
        assert_eq!(segment("a.b+c@x.y").unwrap(), "a.b%2Bc@x.y");
        assert_eq!(segment("a/../b?c#d%2e").unwrap(), "a%2F..%2Fb%3Fc%23d%252e");
        for bad in ["", ".", ".."] {
            assert_eq!(segment(bad).unwrap_err().kind, TransportKind::Request);
        }
    }

    #[test]
    fn some_uuids_are_encoded_twice() {
        assert_eq!(uuid_segment("ab+c/d==").unwrap(), "ab%2Bc%2Fd%3D%3D");
        assert_eq!(uuid_segment("/abc==").unwrap(), "%252Fabc%253D%253D");
        assert_eq!(uuid_segment("a//c==").unwrap(), "a%252F%252Fc%253D%253D");
    }

    #[test]
    fn a_meeting_is_named_by_number_or_uuid() {
        let read = |text: &str| text.parse::<MeetingRef>().unwrap();
        assert_eq!(read("784 7549 5050"), MeetingRef::Id(78_475_495_050));
        assert_eq!(read("784-7549-5050"), MeetingRef::Id(78_475_495_050));
        assert_eq!(read("abc=="), MeetingRef::Uuid("abc==".into()));
    }

    #[test]
    fn queries_name_only_what_is_asked() {
        let mut url = Url::parse("https://a/v2/users/me/meetings").unwrap();
        ListQuery::default().write(&mut url);
        assert_eq!(url.query(), Some("type=scheduled&page_size=300"));
        let mut url = Url::parse("https://a/").unwrap();
        let query = ListQuery {
            kind: ListKind::Upcoming,
            page_size: 9999,
            from: Some("2026-03-01".parse().unwrap()),
            to: Some("2026-03-02".parse().unwrap()),
            next_page_token: Some("a b&".into()),
        };
        query.write(&mut url);
        assert_eq!(
            url.query(),
            Some(
                "type=upcoming&page_size=300&from=2026-03-01&to=2026-03-02&next_page_token=a+b%26"
            )
        );
    }
}
