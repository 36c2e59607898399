//! Parsing of any bytes and headers ends in a value.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use zoom_api::{
    AccessToken, Endpoints, MeetingRef, RawTokenReply, Reply, ZoomError, limit_kind,
    next_utc_midnight, retry_after, scopes,
};

/// Bytes of all kinds: noise, and things that nearly are what is expected.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let nearly = r#"(\{|\[|"|:|,|\}|\]|null|-?[0-9]{1,25}|"(id|code|message|errors|meetings|access_token|refresh_token|expires_in|error|reason|uuid|next_page_token)":|"[a-zé\\/]{0,9}"|<code>|</code>|<message>|<result>|[ \n]){0,40}"#;
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        nearly.prop_map(String::into_bytes),
        (1..60_000_usize).prop_map(|depth| b"[".repeat(depth)),
        (1..20_000_usize).prop_map(|depth| br#"{"id":"#.repeat(depth)),
    ]
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let names = prop_oneof![
        Just("retry-after"),
        Just("date"),
        Just("x-ratelimit-type"),
        Just("x-ratelimit-limit"),
        Just("x-ratelimit-remaining"),
        Just("x-ratelimit-category"),
        Just("x-zm-trackingid"),
    ];
    let values = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        "[0-9]{0,30}".prop_map(String::into_bytes),
        "-?[0-9]{1,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})?"
            .prop_map(String::into_bytes),
        "[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
            .prop_map(String::into_bytes),
    ];
    proptest::collection::vec((names, values), 0..8).prop_map(|pairs| {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                map.append(name, value);
            }
        }
        map
    })
}

fn time() -> impl Strategy<Value = Timestamp> {
    let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    (first..=last).prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn replies(status in 0_u16..1000, headers in headers(), body in body(), sent in time(), now in time()) {
        let reply = Reply::new(status, &headers, Bytes::from(body));
        let _ = (reply.created().is_ok(), reply.page().is_ok(), reply.meeting().is_ok());
        let _ = (reply.user().is_ok(), reply.date(), reply.tracking_id());
        let error = reply.error();
        prop_assert!(error.message.chars().count() <= 500);
        let _ = (error.class(), error.to_string());
        if let Some(limit) = limit_kind(&reply, sent, now) {
            prop_assert!(limit.until > now || now == Timestamp::MAX);
        }
    }

    #[test]
    fn too_many_calls(headers in headers(), message in ".{0,60}", now in 0_i64..4_000_000_000) {
        let now = Timestamp::from_second(now).unwrap();
        let body = serde_json::json!({"code": 429, "message": message}).to_string();
        let reply = Reply::new(429, &headers, Bytes::from(body));
        let limit = limit_kind(&reply, now, now).expect("a 429 names a limit");
        let wait = limit.until.duration_since(now);
        prop_assert!(wait >= SignedDuration::from_secs(1), "{wait}");
        prop_assert!(wait <= SignedDuration::from_hours(25), "{wait}");
    }

    #[test]
    fn token_replies(status in 0_u16..1000, body in body()) {
        for coding in ["gzip", "deflate", "br", "zstd, br"] {
            let coded = RawTokenReply::new(status, body.clone()).coded(Some(coding.to_owned()));
            let _ = (coded.parse(), coded.revoked());
        }
        let reply = RawTokenReply::new(status, body);
        match reply.parse() {
            Ok(_) => prop_assert!((200..300).contains(&status)),
            Err(refusal) => prop_assert!(refusal.to_string().len() < 1500),
        }
    }

    #[test]
    fn errors_stay_small(status in 0_u16..1000, body in body()) {
        let error = ZoomError::read(status, &body);
        prop_assert!(error.to_string().len() < 100_000);
    }

    #[test]
    fn texts(text in "\\PC{0,80}", other in ".{0,80}") {
        let _ = (retry_after(&text), retry_after(&other));
        let _ = scopes::missing(&text, scopes::Need::Create);
        let _ = text.parse::<MeetingRef>();
        let _ = Endpoints::new(&text, &other, true);
        let _ = Endpoints::zoom().regional_api(&format!("https://{text}"));
        if let Ok(token) = AccessToken::new(&text) {
            let _ = token.claims();
            prop_assert_eq!(token.expose(), &text);
        }
    }

    #[test]
    fn midnight_is_ahead(at in time()) {
        let midnight = next_utc_midnight(at);
        prop_assert!(midnight > at || midnight == Timestamp::MAX);
        prop_assert!(midnight.duration_since(at) <= SignedDuration::from_hours(24));
    }
}
