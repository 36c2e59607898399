//! Zoom's errors, parsed and classified.
//!
//! The same code comes under several statuses and its text may be in any language, so the class
//! follows from (code, status), and from the text last. Parsing never fails: an unreadable error
//! has class `Unclear`.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::limit_words::{self, LimitKind};
use crate::text::scrub;

const LONGEST_MESSAGE: usize = 500;
const MOST_FIELDS: usize = 50;

/// An answer of Zoom's that is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoomError {
    /// The HTTP status.
    pub status: u16,
    /// Zoom's own code, where the body had one.
    pub code: Option<i64>,
    /// Zoom's words, bounded and without anything that may be a token.
    pub message: String,
    /// Problem with which field.
    pub errors: Vec<FieldError>,
}

/// Problem with one field of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name in the request.
    pub field: String,
    /// Zoom's words.
    pub message: String,
}

/// Class of a Zoom error, by the reaction it requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// The access token is not accepted: get another.
    Token,
    /// The grant lacks a scope: only a new consent helps.
    Scope,
    /// A limit, under whatever 4xx: see [`limit_kind`](crate::limit_kind).
    RateLimited,
    /// The user, meeting or account named does not exist, or not for this token.
    NotFound,
    /// Understood and refused; sent again it is refused again.
    Refused,
    /// Zoom did not say what became of the request: a 5xx, a redirect, an
    /// answer that is none.
    Unclear,
}

impl Class {
    /// The class as one lower-case word, for metrics and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Scope => "scope",
            Self::RateLimited => "rate_limited",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Unclear => "unclear",
        }
    }
}

impl ZoomError {
    /// Reads a body as an error, whatever it is.
    pub fn read(status: u16, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let found = from_json(&text).or_else(|| from_xml(&text));
        let (code, message, errors) = found.unwrap_or_default();
        Self { status, code, message: scrub(&message, LONGEST_MESSAGE), errors }
    }

    /// Class of this error.
    pub fn class(&self) -> Class {
        let readable = self.code.is_some() || !self.message.is_empty();
        match (self.status, self.code) {
            (300..500, _) if self.limit().is_some() => Class::RateLimited,
            (500.., _) | (..400, _) | (408 | 425, _) => Class::Unclear,
            (_, Some(4711 | 4700 | 104)) => Class::Scope,
            _ if self.says("does not contain scope") => Class::Scope,
            (400, Some(124)) if self.says("only supports") => Class::Refused,
            (_, Some(124)) => Class::Token,
            (_, Some(1001 | 1010 | 2001 | 3001)) => Class::NotFound,
            (401, None) => Class::Token,
            (401, _) if self.says("access token") => Class::Token,
            (404, _) if readable => Class::NotFound,
            _ if readable => Class::Refused,
            _ => Class::Unclear,
        }
    }

    /// The limit that this error names; what that means depends on the status, too.
    pub(crate) fn limit(&self) -> Option<LimitKind> {
        let is_429 = self.status == 429 || self.code == Some(429);
        let fields = self.errors.iter().map(|field| &field.message);
        limit_words::named(is_429, std::iter::once(&self.message).chain(fields))
    }

    /// True if the meeting named does not exist (any more).
    pub fn is_meeting_missing(&self) -> bool {
        self.code == Some(3001) && (400..500).contains(&self.status)
    }

    fn says(&self, part: &str) -> bool {
        self.message.to_ascii_lowercase().contains(part)
    }
}

impl fmt::Display for ZoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zoom answered {}", self.status)?;
        if let Some(code) = self.code {
            write!(f, " (code {code})")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        for error in &self.errors {
            write!(f, "; {}: {}", error.field, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ZoomError {}

type Found = (Option<i64>, String, Vec<FieldError>);

#[derive(Deserialize)]
struct Json<'a> {
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    errors: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct JsonField<'a> {
    #[serde(borrow, default)]
    field: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
}

fn from_json(text: &str) -> Option<Found> {
    let json: Json<'_> = serde_json::from_str(text).ok()?;
    let code = json.code.and_then(|raw| raw.get().trim_matches('"').parse().ok());
    let message = json.message.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    let fields = json
        .errors
        .and_then(|raw| serde_json::from_str::<Vec<JsonField<'_>>>(raw.get()).ok())
        .unwrap_or_default();
    let clean = |text: Option<Cow<'_, str>>| scrub(&text.unwrap_or_default(), LONGEST_MESSAGE);
    let errors = fields
        .into_iter()
        .take(MOST_FIELDS)
        .map(|field| FieldError { field: clean(field.field), message: clean(field.message) });
    (code.is_some() || message.is_some())
        .then(|| (code, message.unwrap_or_default(), errors.collect()))
}

/// `<result><code>300</code><message>…</message><errors>…</errors></result>`: what
/// some calls answered to clients that did not ask for JSON. Each field's fault
/// stands in an element of its own, whatever its name.
fn from_xml(text: &str) -> Option<Found> {
    let (fields, rest) = match between(text, "errors") {
        Some((before, inner, after)) => (fields_of(inner), [before, after].concat()),
        None => (Vec::new(), text.to_owned()),
    };
    let within = |tag| between(&rest, tag).map(|(_, inner, _)| plain(inner));
    let code = within("code")?.parse().ok()?;
    Some((Some(code), within("message").unwrap_or_default(), fields))
}

fn fields_of(errors: &str) -> Vec<FieldError> {
    let mut fields = Vec::new();
    let mut rest = errors;
    while fields.len() < MOST_FIELDS
        && let Some((before, field, after)) = between(rest, "field")
    {
        // Zoom puts the message before the code, or after it and before the next code.
        let ahead = between(before, "message").map(|(_, message, _)| (message, after));
        let behind = || {
            let (gap, message, after) = between(after, "message")?;
            (!gap.contains("<field")).then_some((message, after))
        };
        let (message, after) = ahead.or_else(behind).unwrap_or(("", after));
        fields.push(FieldError {
            field: scrub(&plain(field), LONGEST_MESSAGE),
            message: scrub(&plain(message), LONGEST_MESSAGE),
        });
        rest = after;
    }
    fields
}

/// Text before, inside and after the first element `tag`; it may have attributes.
fn between<'a>(text: &'a str, tag: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let open = format!("<{tag}");
    let mut from = 0;
    loop {
        let at = from + text[from..].find(&open)?;
        let rest = &text[at + open.len()..];
        let end = rest.find('>')?;
        if rest.starts_with('>') || rest.starts_with(char::is_whitespace) {
            let (inner, after) = rest[end + 1..].split_once(&format!("</{tag}>"))?;
            return Some((&text[..at], inner, after));
        }
        from = at + open.len();
    }
}

fn plain(text: &str) -> String {
    let text = text.trim();
    let cdata = text.strip_prefix("<![CDATA[").and_then(|text| text.strip_suffix("]]>"));
    cdata.map_or_else(|| unescape(text), str::to_owned)
}

fn unescape(text: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_from_code_and_status() {
        let table = [
            (401, r#"{"code":124,"message":"Invalid access token."}"#, Class::Token),
            (401, r#"{"code":124,"message":"Access token is expired."}"#, Class::Token),
            (400, r#"{"code":124,"message":"Access token is expired."}"#, Class::Token),
            (
                400,
                r#"{"code":124,"message":"This API only supports OAuth2 authorization."}"#,
                Class::Refused,
            ),
            (401, "", Class::Token),
            (401, "<html>", Class::Token),
            (
                400,
                r#"{"code":4711,"message":"Invalid access token, does not contain scopes:[a]."}"#,
                Class::Scope,
            ),
            (401, r#"{"code":4711,"message":""}"#, Class::Scope),
            (403, r#"{"code":4711,"message":""}"#, Class::Scope),
            (401, r#"{"code":4700,"message":"x"}"#, Class::Scope),
            (400, r#"{"code":4700,"message":"x"}"#, Class::Scope),
            (
                400,
                r#"{"code":104,"message":"Invalid access token, does not contain scopes."}"#,
                Class::Scope,
            ),
            (401, r#"{"code":104,"message":""}"#, Class::Scope),
            (403, r#"{"code":"104","message":""}"#, Class::Scope),
            (400, r#"{"code":300,"message":"does not contain scopes:[a]"}"#, Class::Scope),
            (
                401,
                r#"{"code":124,"message":"Invalid access token, does not contain scopes:[a]."}"#,
                Class::Scope,
            ),
            (400, "<result><code>4711</code><message>x</message></result>", Class::Scope),
            (403, r#"{"code":124,"message":"Access token is expired."}"#, Class::Token),
            (
                400,
                r#"{"code":300,"message":"A maximum of 100 meetings can be created/updated for a single user in one day."}"#,
                Class::RateLimited,
            ),
            (403, r#"{"code":429,"message":"x"}"#, Class::RateLimited),
            (401, r#"{"message":"does not contain scopes"}"#, Class::Scope),
            (403, r#"{"code":1,"message":"does not contain scopes"}"#, Class::Scope),
            (401, r#"{"code":1010,"message":"User not in account"}"#, Class::NotFound),
            (404, r#"{"code":1001,"message":"User does not exist: a."}"#, Class::NotFound),
            (400, r#"{"code":1001,"message":"User does not exist: a."}"#, Class::NotFound),
            (404, r#"{"code":3001,"message":"Встреча не существует"}"#, Class::NotFound),
            (404, r#"{"message":"no such page"}"#, Class::NotFound),
            (400, r#"{"code":300,"message":"Validation Failed."}"#, Class::Refused),
            (400, r#"{"code":"300","message":"Validation Failed."}"#, Class::Refused),
            (400, r#"{"code":3161,"message":"may not host"}"#, Class::Refused),
            (400, r#"{"code":200,"message":"plan"}"#, Class::Refused),
            (400, "<result><code>300</code><message>a &amp; b</message></result>", Class::Refused),
            (409, r#"{"code":1,"message":"x"}"#, Class::Refused),
            (400, "", Class::Unclear),
            (400, "<html>bad gateway</html>", Class::Unclear),
            (403, "<html>", Class::Unclear),
            (404, "", Class::Unclear),
            (408, r#"{"code":1,"message":"x"}"#, Class::Unclear),
            (429, "", Class::RateLimited),
            (429, r#"{"code":200,"message":"x"}"#, Class::RateLimited),
            (500, r#"{"code":300,"message":"x"}"#, Class::Unclear),
            (502, "", Class::Unclear),
            (503, r#"{"code":124,"message":"x"}"#, Class::Unclear),
            (200, "{}", Class::Unclear),
            (302, "", Class::Unclear),
        ];
        for (status, body, class) in table {
            let error = ZoomError::read(status, body.as_bytes());
            assert_eq!(error.class(), class, "{status} {body}");
        }
    }

    #[test]
    fn fields_and_xml_are_read() {
        let error = ZoomError::read(
            400,
            br#"{"code":300,"message":"Validation Failed.","errors":[{"field":"duration","message":"Too long"},{}]}"#,
        );
        assert_eq!(error.errors[0].field, "duration");
        assert_eq!(
            error.to_string(),
            "zoom answered 400 (code 300): Validation Failed.; duration: Too long; : "
        );
        let xml =
            b"<?xml?><result><code> 3001 </code><message>a &lt;b&gt; &amp;lt;</message></result>";
        let error = ZoomError::read(404, xml);
        assert_eq!(error.code, Some(3001));
        assert_eq!(error.message, "a <b> &lt;");
        assert!(error.is_meeting_missing());
    }

    #[test]
    fn the_fields_of_an_xml_error_are_kept() {
        let one = |field: &str, message: &str| FieldError {
            field: field.to_owned(),
            message: message.to_owned(),
        };
        let table = [
            (
                "<result><code>300</code><errors><field>duration</field><message>Too long</message>\
                 </errors><message>Validation Failed.</message></result>",
                vec![one("duration", "Too long")],
            ),
            (
                "<result><code>300</code><message>Validation Failed.</message><errors>\
                 <error><field>a</field><message>x &amp; y</message></error>\
                 <error><message>z</message><field>b</field></error></errors></result>",
                vec![one("a", "x & y"), one("b", "z")],
            ),
            (
                "<result><errors type=\"array\"><field>a</field><field>b</field><message><![CDATA[<t>]]>\
                 </message></errors><code>300</code><message>Validation Failed.</message></result>",
                vec![one("a", ""), one("b", "<t>")],
            ),
            (
                "<result><code>300</code><message>Validation Failed.</message><errors/></result>",
                vec![],
            ),
        ];
        for (body, fields) in table {
            let error = ZoomError::read(400, body.as_bytes());
            assert_eq!((error.code, error.message.as_str()), (Some(300), "Validation Failed."));
            assert_eq!(error.errors, fields, "{body}");
        }
    }

    #[test]
    fn odd_shapes_are_read_as_far_as_they_go() {
        let error = ZoomError::read(400, br#"{"code":{"a":1},"message":["x"],"errors":"y"}"#);
        assert_eq!((error.code, error.message.as_str()), (None, ""));
        let error = ZoomError::read(400, br#"{"code":300,"message":7,"errors":[1]}"#);
        assert_eq!((error.code, error.errors.len()), (Some(300), 0));
        let long = format!(r#"{{"code":300,"message":"{}"}}"#, "a b ".repeat(100_000));
        let error = ZoomError::read(400, long.as_bytes());
        assert!(error.message.len() <= LONGEST_MESSAGE);
    }
}
