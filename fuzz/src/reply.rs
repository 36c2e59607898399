//! Any bytes as an answer of Zoom's: reading it ends in a value within bounds.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use zoom_api::{RawTokenReply, Reply, limit_kind};

const STATUSES: [u16; 16] =
    [201, 200, 204, 301, 400, 401, 403, 404, 408, 409, 429, 429, 500, 502, 503, 999];
const NAMES: [&str; 6] = [
    "retry-after",
    "date",
    "x-ratelimit-type",
    "x-ratelimit-remaining",
    "x-ratelimit-category",
    "content-type",
];

/// The first byte picks a status; lines up to an empty one are header values,
/// each after a byte that picks the name; the rest is the body. Answers what
/// kind of answer it was.
pub fn run(data: &[u8]) -> u64 {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let status = STATUSES[usize::from(*first) % STATUSES.len()];
    let (headers, body) = split(rest);
    let mut kind = DefaultHasher::new();
    status.hash(&mut kind);
    reply(&Reply::new(status, &headers, Bytes::copy_from_slice(body)), &mut kind);
    match RawTokenReply::new(status, body.to_vec()).parse() {
        Ok(_) => assert!((200..300).contains(&status), "a token from a {status}"),
        Err(refusal) => assert!(refusal.to_string().len() < 1_500, "{}", refusal.to_string().len()),
    }
    kind.finish()
}

fn split(mut rest: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        let Some((name, value)) = line.split_first() else { return (headers, after) };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(NAMES[usize::from(*name) % NAMES.len()], value);
        }
        rest = after;
    }
    (headers, rest)
}

fn reply(reply: &Reply, kind: &mut DefaultHasher) {
    let created = reply.created().is_ok_and(|created| {
        assert!(created.id > 0, "a meeting has a number");
        true
    });
    let page = reply.page().map_or(usize::MAX, |page| page.meetings.len().min(3));
    (created, page, reply.meeting().is_ok(), reply.user().is_ok()).hash(kind);
    (reply.date().is_some(), reply.tracking_id().is_some()).hash(kind);
    let error = reply.error();
    assert!(error.message.chars().count() <= 500 && error.errors.len() <= 1_000);
    assert!(error.to_string().len() < 100_000);
    (format!("{:?}", error.class()), error.errors.len().min(3)).hash(kind);
    for now in [Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        if let Some(limit) = limit_kind(reply, now, now) {
            assert!(limit.until > now || now == Timestamp::MAX);
            limit.kind.as_str().hash(kind);
        }
    }
}
