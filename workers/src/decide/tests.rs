use bytes::Bytes;
use http::HeaderMap;
use zoom_api::LimitKind;

use super::*;

const NOW: &str = "2026-11-25T10:00:00Z";

const OLD_USER_DAY: &str = r#"{"code":300,"message":"A maximum of 100 meetings can be created/updated for a single user in one day."}"#;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn reply(status: u16, body: &str) -> Result<Reply, TransportError> {
    Ok(Reply::new(status, &HeaderMap::new(), Bytes::copy_from_slice(body.as_bytes())))
}

fn trouble(kind: TransportKind, sent: Sent) -> Result<Reply, TransportError> {
    Err(TransportError { kind, sent, status: None, detail: String::new() })
}

/// The decision on a create.
fn decided(
    answer: &Result<Reply, TransportError>,
    sent: Timestamp,
    now: Timestamp,
) -> Decision<zoom_api::Created<'_>> {
    decide(answer, sent, now, |reply| {
        (reply.status == 201).then(|| reply.created().map_err(|error| error.to_string()))
    })
}

/// The decision in a few words.
fn word(answer: &Result<Reply, TransportError>) -> String {
    match decided(answer, at(NOW), at(NOW)) {
        Decision::Done(created) => format!("done {}", created.id),
        Decision::TokenRefused(_) => "token".into(),
        Decision::Retry { .. } => "retry".into(),
        Decision::Wait(Wait::Limited(limit)) => format!("limited {}", limit.kind.as_str()),
        Decision::Wait(wait) => format!("wait {wait:?}"),
        Decision::Reconcile { .. } => "reconcile".into(),
        Decision::Fail(verdict) => verdict.code.as_str().into(),
    }
}

#[test]
fn every_answer_has_one_meaning() {
    let table = [
        (201, r#"{"id":1,"join_url":"j","start_url":"s"}"#, "done 1"),
        (201, r#"{"join_url":"j"}"#, "reconcile"),
        (201, "", "reconcile"),
        (201, "<html>", "reconcile"),
        (200, r#"{"id":1,"join_url":"j"}"#, "reconcile"),
        (204, "", "reconcile"),
        (302, "", "reconcile"),
        (400, r#"{"code":300,"message":"Validation Failed."}"#, "zoom_rejected"),
        (400, r#"{"code":3000,"message":"You cannot schedule a meeting for x"}"#, "zoom_rejected"),
        (400, r#"{"code":200,"message":"Only available for Paid"}"#, "zoom_rejected"),
        (400, r#"{"code":3161,"message":"may not host"}"#, "zoom_rejected"),
        (404, r#"{"code":1001,"message":"User does not exist: x."}"#, "zoom_rejected"),
        (404, r#"{"code":1120,"message":"no valid invitation"}"#, "zoom_rejected"),
        (401, r#"{"code":1010,"message":"User not in account"}"#, "zoom_rejected"),
        (400, "<result><code>300</code><message>bad</message></result>", "zoom_rejected"),
        (400, r#"{"code":4711,"message":"does not contain scopes:[a]"}"#, "missing_scope"),
        (401, r#"{"code":4711,"message":""}"#, "missing_scope"),
        (403, r#"{"code":4711,"message":""}"#, "missing_scope"),
        (401, r#"{"code":4700,"message":""}"#, "missing_scope"),
        (401, r#"{"code":124,"message":"Access token is expired."}"#, "token"),
        (400, r#"{"code":124,"message":"Invalid access token."}"#, "token"),
        (401, "", "token"),
        (429, r#"{"code":429,"message":"maximum per-second rate limit"}"#, "limited per_second"),
        (429, r#"{"code":429,"message":"maximum daily rate limit"}"#, "limited label_day"),
        (429, r#"{"code":429,"message":"for this particular user."}"#, "limited user_day"),
        (429, r#"{"code":429,"message":"Too many concurrent requests."}"#, "limited concurrent"),
        (429, r#"{"code":200,"message":"?"}"#, "limited unknown"),
        (429, "<html>", "limited unknown"),
        (400, r#"{"code":429,"message":"?"}"#, "limited unknown"),
        (400, OLD_USER_DAY, "limited user_day"),
        (403, OLD_USER_DAY, "limited user_day"),
        (429, OLD_USER_DAY, "limited user_day"),
        (503, OLD_USER_DAY, "reconcile"),
        (400, r#"{"code":104,"message":"does not contain scopes:[a]"}"#, "missing_scope"),
        (400, r#"{"code":4700,"message":""}"#, "missing_scope"),
        (400, "<html>", "reconcile"),
        (403, "<html>", "reconcile"),
        (408, "{}", "reconcile"),
        (500, "", "reconcile"),
        (500, r#"{"code":300,"message":"x"}"#, "reconcile"),
        (502, "<html>", "reconcile"),
        (503, "", "reconcile"),
        (504, "", "reconcile"),
    ];
    for (status, body, expected) in table {
        assert_eq!(word(&reply(status, body)), expected, "{status} {body}");
    }
}

#[test]
fn what_may_have_left_is_asked_about_and_what_has_not_costs_nothing() {
    use TransportKind::*;
    for kind in [Dns, Connect, Tls, Timeout, Reset, BodyTooLarge, Protocol] {
        assert_eq!(word(&trouble(kind, Sent::Maybe)), "reconcile", "{kind:?}");
        assert_eq!(word(&trouble(kind, Sent::No)), "wait Unreachable", "{kind:?}");
    }
    assert_eq!(word(&trouble(Withheld, Sent::No)), "wait TooLate");
    assert_eq!(word(&trouble(Local, Sent::No)), "wait Local");
    assert_eq!(word(&trouble(Request, Sent::No)), "invalid_job");
}

#[test]
fn a_days_limit_closes_until_the_day_of_the_call_is_over() {
    let answer = reply(429, r#"{"code":429,"message":"for this particular user"}"#);
    let (sent, now) = (at("2026-11-25T23:59:59Z"), at("2026-11-26T00:00:03Z"));
    let Decision::Wait(Wait::Limited(limit)) = decided(&answer, sent, now) else {
        panic!("a limit");
    };
    assert_eq!(limit.kind, LimitKind::UserDay);
    assert_eq!(limit.until, at("2026-11-26T00:00:04Z"));
}

#[test]
fn an_unknown_limit_closes_no_label_and_its_job_is_not_the_first_to_try_again() {
    let kinds = [
        (LimitKind::PerSecond, "light"),
        (LimitKind::Concurrent, "light"),
        (LimitKind::LabelDay, "day:light"),
        (LimitKind::UserDay, "host"),
        (LimitKind::Unknown, "host"),
    ];
    for (kind, gate) in kinds {
        let found = match close("light", Limit { kind, until: at(NOW) }) {
            Close::Second { label, .. } => label.to_owned(),
            Close::LabelDay { label, .. } => format!("day:{label}"),
            Close::HostDay { .. } => "host".to_owned(),
        };
        assert_eq!(found, gate, "{kind:?}");
    }
    let until = at("2026-11-25T10:01:00Z");
    for roll in [0.0, 0.5, 1.0] {
        let aside = stand_aside(until, at(NOW), roll).duration_since(until).as_secs();
        assert!((24..=36).contains(&aside), "{aside}");
    }
    assert_eq!(stand_aside(at(NOW), until, 0.5), at("2026-11-25T10:00:01Z"));
    assert_eq!(stand_aside(at("2026-11-26T10:00:00Z"), at(NOW), 0.5), at("2026-11-26T10:05:00Z"));
}

#[test]
fn a_rest_is_asked_for_by_servers_in_trouble_by_their_own_clock() {
    let rest = |status, headers: &[(&'static str, &'static str)]| {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a value"));
        }
        asked_rest(&Ok(Reply::new(status, &map, Bytes::new()))).map(|rest| rest.as_secs())
    };
    let date = ("date", "Wed, 25 Nov 2020 10:00:00 GMT");
    assert_eq!(rest(503, &[("retry-after", "120")]), Some(120));
    assert_eq!(rest(503, &[date, ("retry-after", "Wed, 25 Nov 2020 10:02:00 GMT")]), Some(120));
    assert_eq!(rest(503, &[("retry-after", "Wed, 25 Nov 2020 10:02:00 GMT")]), None);
    assert_eq!(rest(503, &[]), None);
    assert_eq!(rest(429, &[("retry-after", "120")]), None);
    assert_eq!(asked_rest(&trouble(TransportKind::Reset, Sent::Maybe)), None);
}

#[test]
fn a_fresh_token_refused_costs_an_attempt_and_twice_ends_the_job() {
    let error = || ZoomError::read(401, br#"{"code":124,"message":"Invalid access token."}"#);
    let attempt = |number, refused_before| Attempt { number, max: 3, refused_before };
    let decide = |attempt, token| refused::<()>(attempt, token, error(), at(NOW), 0.5);
    for before in [false, true] {
        let fate = decide(attempt(3, before), Refused::Replaced);
        assert!(matches!(fate, Decision::Wait(Wait::Token)));
    }
    let Decision::Retry { at: when, .. } = decide(attempt(1, false), Refused::TooYoung) else {
        panic!("a retry");
    };
    assert_eq!(when, at("2026-11-25T10:00:02Z"));
    let Decision::Fail(verdict) = decide(attempt(2, true), Refused::TooYoung) else {
        panic!("a failure");
    };
    assert_eq!(verdict.code, FailureCode::ZoomRejected);
    assert_eq!(verdict.zoom.expect("zoom's words").code, Some(124));
}

#[test]
fn attempts_are_spaced_and_end() {
    let attempt = |number| Attempt { number, max: 4, refused_before: false };
    let mut waits = Vec::new();
    for number in 1..4 {
        let Decision::Retry { at: when, .. } =
            again::<()>(attempt(number), at(NOW), 0.5, "the last call created no meeting")
        else {
            panic!("a retry");
        };
        waits.push(when.duration_since(at(NOW)).as_secs());
    }
    assert_eq!(waits, [2, 10, 60]);
    let Decision::Fail(verdict) =
        again::<()>(attempt(4), at(NOW), 0.5, "the last call created no meeting")
    else {
        panic!("a failure")
    };
    assert_eq!(verdict.code, FailureCode::RetriesExhausted);
    assert_eq!(verdict.message, "4 of 4 attempts are spent: the last call created no meeting");
}

#[test]
fn only_servers_in_trouble_open_the_circuit() {
    for (status, trouble) in [(201, false), (400, false), (401, false), (429, false), (500, true)] {
        assert_eq!(is_trouble(&reply(status, "")), trouble, "{status}");
    }
    assert!(is_trouble(&trouble(TransportKind::Connect, Sent::No)));
    assert!(!is_trouble(&trouble(TransportKind::Withheld, Sent::No)));
    // Nor is it Zoom's trouble that this machine has no file left.
    assert!(!is_trouble(&trouble(TransportKind::Local, Sent::No)));
    assert!(is_trouble(&trouble(TransportKind::Proxy, Sent::No)));
}
