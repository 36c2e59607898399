//! A complete answer of the REST API, as it came.
//!
//! Owns the body (once, never copied) and the few headers that matter. Reading
//! the body is asked for, not done ahead: a create that succeeded is looked at
//! once, for five fields.

use bytes::Bytes;
use http::header::DATE;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::decode::{self, Undecoded};
use crate::error::{TransportError, Unreadable};
use crate::failure;
use crate::headers::{RateHeaders, http_date};
use crate::objects::{self, Created, KeepRaw, Meeting, Page, User};
use crate::zoom_error::ZoomError;

// Made once: a name given as text is read anew with each look.
static TRACKING_ID: HeaderName = HeaderName::from_static("x-zm-trackingid");

/// A complete answer: status, limits, body.
#[derive(Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Rate-limit headers.
    pub headers: RateHeaders,
    /// The body, decoded; as it came where it cannot be.
    pub body: Bytes,
    undecoded: Option<String>,
    date: Option<HeaderValue>,
    tracking_id: Option<HeaderValue>,
}

impl Reply {
    /// Takes an answer as it came, and decodes its body to `limit` bytes at most.
    pub(crate) fn received(
        status: u16,
        headers: &HeaderMap,
        body: Bytes,
        limit: usize,
    ) -> Result<Self, TransportError> {
        let codings = decode::codings(headers);
        match decode::whole(codings.as_deref(), &body, limit) {
            Ok(body) => Ok(Self::new(status, headers, body)),
            Err(Undecoded::TooLarge) => {
                Err(TransportError { status: Some(status), ..failure::too_large(limit) })
            }
            // The status still says what it says, and the body may be plain after all.
            Err(Undecoded::Coding(coding)) => {
                Ok(Self { undecoded: Some(coding), ..Self::new(status, headers, body) })
            }
        }
    }

    /// Puts an answer together from its parts, the body decoded.
    pub fn new(status: u16, headers: &HeaderMap, body: Bytes) -> Self {
        Self {
            status,
            headers: RateHeaders::read(headers),
            body,
            undecoded: None,
            date: headers.get(DATE).cloned(),
            tracking_id: headers.get(&TRACKING_ID).cloned(),
        }
    }

    /// True if the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The time of Zoom's clock when it answered.
    pub fn date(&self) -> Option<Timestamp> {
        http_date(self.date.as_ref()?.to_str().ok()?)
    }

    /// The id under which Zoom's support finds this call.
    pub fn tracking_id(&self) -> Option<&str> {
        self.tracking_id.as_ref()?.to_str().ok()
    }

    /// The meeting that a create made. Only 201 is a success of create.
    pub fn created(&self) -> Result<Created<'_>, Unreadable> {
        self.read(201, "a created meeting")
    }

    /// The meeting that was asked for.
    pub fn meeting(&self) -> Result<Meeting, Unreadable> {
        self.read(200, "a meeting")
    }

    /// One page of meetings.
    pub fn page(&self) -> Result<Page, Unreadable> {
        self.read(200, "a list of meetings")
    }

    /// The user that was asked for.
    pub fn user(&self) -> Result<User, Unreadable> {
        self.read(200, "a user")
    }

    /// The answer read as an error, whatever it is (JSON, XML, or neither).
    pub fn error(&self) -> ZoomError {
        ZoomError::read(self.status, &self.body)
    }

    fn read<'a, T: KeepRaw<'a>>(&'a self, status: u16, what: &str) -> Result<T, Unreadable> {
        if self.status != status {
            let what = format!("status {status} was expected");
            return Err(Unreadable { status: self.status, what });
        }
        objects::read(self.status, &self.body, what).map_err(|mut unreadable| {
            if let Some(coding) = &self.undecoded {
                unreadable.what += &format!("; its content-encoding {coding:?} cannot be decoded");
            }
            unreadable
        })
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_and_tracking_id() {
        let mut map = HeaderMap::new();
        map.insert("date", HeaderValue::from_static("Sun, 31 May 2020 00:00:00 GMT"));
        map.insert("x-zm-trackingid", HeaderValue::from_static("WEB_1"));
        let reply = Reply::new(200, &map, Bytes::new());
        assert_eq!(reply.date().unwrap().to_string(), "2020-05-31T00:00:00Z");
        assert_eq!(reply.tracking_id(), Some("WEB_1"));
    }

    #[test]
    fn debug_shows_no_body() {
        let reply = Reply::new(201, &HeaderMap::new(), Bytes::from_static(b"start_url"));
        assert!(!format!("{reply:?}").contains("start_url"));
    }
}
