use super::*;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

const PER_SECOND: &str =
    "You have reached the maximum per-second rate limit for this API. Try again later.";
const LABEL_DAY: &str = "You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request.";
const USER_DAY: &str = "You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this particular user. You may resume these requests at GMT 00:00:00.";
const REGISTRANT: &str = "You have exceeded the daily rate limit (3) of Add meeting registrant API requests permitted for this particular registrant.";
const OLD_USER_DAY: &str =
    "A maximum of 100 meetings can be created/updated for a single user in one day.";
const CONCURRENT: &str =
    "Too many concurrent requests. A request to disassociate this user has already been made.";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn reply(status: u16, message: &str, headers: &[(&str, &str)]) -> Reply {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let body = serde_json::json!({"code": 429, "message": message}).to_string();
    Reply::new(status, &map, Bytes::from(body))
}

/// Message, headers, and what they mean.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], LimitKind, &'a str);

#[test]
fn each_limit_is_told_by_its_text_then_by_headers() {
    let now = "2026-03-01T12:00:00Z";
    let midnight = "2026-03-02T00:00:00Z";
    let daily = ("x-ratelimit-type", "Daily-limit");
    let qps = ("X-RateLimit-Type", "QPS");
    let wait = |text| ("retry-after", text);
    let table: &[Row<'_>] = &[
        (PER_SECOND, &[], LimitKind::PerSecond, "2026-03-01T12:00:01Z"),
        (PER_SECOND, &[wait("5")], LimitKind::PerSecond, "2026-03-01T12:00:05Z"),
        (PER_SECOND, &[wait("86400")], LimitKind::PerSecond, "2026-03-01T12:00:01Z"),
        (PER_SECOND, &[daily], LimitKind::PerSecond, "2026-03-01T12:00:01Z"),
        (LABEL_DAY, &[], LimitKind::LabelDay, midnight),
        (LABEL_DAY, &[wait(midnight)], LimitKind::LabelDay, midnight),
        (LABEL_DAY, &[wait("2020-05-31T00:00:00Z")], LimitKind::LabelDay, midnight),
        (LABEL_DAY, &[wait("2026-03-01T18:00:00Z")], LimitKind::LabelDay, "2026-03-01T18:00:00Z"),
        (LABEL_DAY, &[wait("2036-03-01T18:00:00Z")], LimitKind::LabelDay, midnight),
        (USER_DAY, &[], LimitKind::UserDay, midnight),
        (
            USER_DAY,
            &[("x-ratelimit-category", "Light"), ("x-ratelimit-remaining", "5893"), qps, wait("3")],
            LimitKind::UserDay,
            midnight,
        ),
        (CONCURRENT, &[], LimitKind::Concurrent, "2026-03-01T12:00:02Z"),
        ("Слишком много запросов", &[daily], LimitKind::Unknown, "2026-03-01T12:15:00Z"),
        ("Слишком много запросов", &[qps], LimitKind::Unknown, "2026-03-01T12:01:00Z"),
        (OLD_USER_DAY, &[], LimitKind::UserDay, midnight),
        ("Слишком много запросов", &[], LimitKind::Unknown, "2026-03-01T12:01:00Z"),
        (REGISTRANT, &[], LimitKind::Unknown, "2026-03-01T12:01:00Z"),
        ("", &[wait("600")], LimitKind::Unknown, "2026-03-01T12:10:00Z"),
    ];
    for (message, headers, kind, until) in table {
        let reply = reply(429, message, headers);
        let expected = Limit { kind: *kind, until: at(until) };
        assert_eq!(limit_kind(&reply, at(now), at(now)), Some(expected), "{message} {headers:?}");
    }
    assert_eq!(limit_kind(&reply(503, PER_SECOND, &[]), at(now), at(now)), None);
}

#[test]
fn known_words_decide_under_other_statuses_too() {
    let now = at("2026-03-01T12:00:00Z");
    let kind = |status, body: serde_json::Value| {
        let body = Bytes::from(body.to_string());
        let reply = Reply::new(status, &HeaderMap::new(), body);
        limit_kind(&reply, now, now).map(|limit| limit.kind)
    };
    let error = |code, message| serde_json::json!({"code": code, "message": message});
    for (status, code) in [(400, 300), (403, 300), (403, 3000), (404, 1), (300, 300)] {
        for text in [OLD_USER_DAY, USER_DAY] {
            let found = kind(status, error(code, text));
            assert_eq!(found, Some(LimitKind::UserDay), "{status} {code} {text}");
        }
    }
    let webinars =
        "A maximum of (100) webinars can be created and updated for a single user in one day.";
    assert_eq!(kind(400, error(300, webinars)), Some(LimitKind::UserDay));
    let field = serde_json::json!({"code": 300, "message": "Validation Failed.",
        "errors": [{"field": "", "message": OLD_USER_DAY}]});
    assert_eq!(kind(400, field), Some(LimitKind::UserDay));
    assert_eq!(kind(403, error(200, LABEL_DAY)), Some(LimitKind::LabelDay));
    assert_eq!(kind(400, error(200, PER_SECOND)), Some(LimitKind::PerSecond));
    assert_eq!(kind(400, error(429, "?")), Some(LimitKind::Unknown));
    for text in [
        "Invalid field.",
        "The limit for the number of attendees has been reached.",
        "This particular user may not host.",
        "Two concurrent meetings are not allowed.",
    ] {
        assert_eq!(kind(400, error(300, text)), None, "{text}");
    }
    for status in [201, 500, 503] {
        assert_eq!(kind(status, error(300, OLD_USER_DAY)), None, "{status}");
    }
}

#[test]
fn a_server_in_trouble_is_left_alone_as_long_as_it_asks_within_bounds() {
    let now = at("2026-03-01T12:00:00Z");
    let rest = |status, value| {
        let reply = reply(status, "", &[("retry-after", value)]);
        asked_rest(&reply, now).map(|rest| rest.as_secs())
    };
    assert_eq!(rest(503, "120"), Some(120));
    assert_eq!(rest(500, "Sun, 01 Mar 2026 12:02:00 GMT"), Some(120));
    assert_eq!(rest(503, "2026-03-01T12:00:07Z"), Some(7));
    assert_eq!(rest(503, "86400"), Some(600));
    assert_eq!(rest(503, "18446744073709551615"), Some(600));
    assert_eq!(rest(503, "Sun, 01 Mar 2126 12:02:00 GMT"), Some(600));
    for (status, value) in
        [(503, "0"), (503, "soon"), (503, "2020-05-31T00:00:00Z"), (429, "120"), (201, "120")]
    {
        assert_eq!(rest(status, value), None, "{status} {value}");
    }
}

#[test]
fn a_day_is_the_day_of_the_call() {
    let user_day = reply(429, USER_DAY, &[]);
    let until = |sent, now| limit_kind(&user_day, at(sent), at(now)).unwrap().until;
    assert_eq!(
        until("2026-03-01T23:59:59Z", "2026-03-02T00:00:03Z"),
        at("2026-03-02T00:00:04Z"),
        "sent yesterday, answered today: open again at once"
    );
    assert_eq!(
        until("2026-03-02T00:01:59Z", "2026-03-02T00:02:00Z"),
        at("2026-03-02T00:04:00Z"),
        "zoom's clock may be behind ours"
    );
    assert_eq!(until("2026-03-02T00:02:00Z", "2026-03-02T00:02:01Z"), at("2026-03-03T00:00:00Z"));
}
