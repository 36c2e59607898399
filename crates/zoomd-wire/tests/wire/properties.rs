//! Properties of every text, not only of the cases we thought of.

use proptest::prelude::*;
use serde_json::Value;
use zoomd_wire::{EntryId, Failure, FailureCode, Marker, MeetingReply, parse, reply_fields};

use crate::rules;

/// JSON of any shape.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A time after the one at which the jobs are enqueued, in some clear form.
fn any_start() -> impl Strategy<Value = (String, i64)> {
    let offset = prop_oneof![Just(None), (-14i64 * 60..=14 * 60).prop_map(Some)];
    (1_800_000_000i64..4_000_000_000, offset, prop::option::of(0u32..1_000_000)).prop_map(
        |(second, offset, fraction)| {
            let east = offset.unwrap_or(0) * 60;
            let local = jiff::Timestamp::from_second(second + east).unwrap().to_string();
            let fraction = fraction.map_or(String::new(), |f| format!(".{f:06}"));
            let zone = match offset {
                None => "Z".to_owned(),
                Some(minutes) => {
                    let sign = if minutes < 0 { '-' } else { '+' };
                    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
                }
            };
            (format!("{}{fraction}{zone}", local.trim_end_matches('Z')), second)
        },
    )
}

fn any_meeting() -> impl Strategy<Value = (serde_json::Map<String, Value>, i64)> {
    let extra = prop::collection::btree_map("x_[a-z]{1,6}", any_json(), 0..4);
    (any_start(), prop::option::of("\\PC{0,40}"), extra, any::<bool>()).prop_map(
        |((start, second), agenda, extra, first)| {
            let mut meeting: serde_json::Map<String, Value> = extra.into_iter().collect();
            if first {
                meeting = std::iter::once(("start_time".to_owned(), start.into()))
                    .chain(meeting)
                    .collect();
            } else {
                meeting.insert("start_time".into(), start.into());
            }
            if let Some(agenda) = agenda {
                meeting.insert("agenda".into(), agenda.into());
            }
            (meeting, second)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = parse(&bytes, &rules());
    }

    #[test]
    fn any_json_gets_an_answer_and_its_failure_is_json(value in any_json(), cut in 0usize..64) {
        let text = format!(r#"{{"account":"acme","meeting":{value},"metadata":{value}}}"#);
        let torn: String = text.chars().take(text.chars().count().saturating_sub(cut)).collect();
        for job in [&text, &torn] {
            if let Err(invalid) = parse(job.as_bytes(), &rules()) {
                let entry = EntryId { ms: 1, seq: 0 };
                let failure = Failure {
                    job_id: "1-0", run: 1, entry_id: entry, account: None, kind: None, user: None,
                    code: FailureCode::InvalidJob, message: &invalid.message, field: Some(&invalid.field),
                    attempts: 0, origin: None, zoom: None, candidates: None, cancelled_by: None, enqueued_at: entry.time(),
                    started_at: None, failed_at: entry.time(), job: job.as_bytes(), traceparent: None,
                    metadata: invalid.claims.metadata.as_deref(),
                };
                prop_assert!(serde_json::from_str::<Value>(&failure.to_json()).is_ok());
            }
        }
    }

    #[test]
    fn the_body_changes_by_its_times_alone((meeting, second) in any_meeting()) {
        let text = format!(r#"{{"account":"acme","meeting":{}}}"#, Value::from(meeting.clone()));
        let parsed = parse(text.as_bytes(), &rules()).map_err(|e| TestCaseError::fail(e.message))?.meeting().unwrap().clone();
        prop_assert_eq!(parsed.start.unwrap().as_second(), second);
        let zulu = jiff::Timestamp::from_second(second).unwrap().to_string();
        let mut expected = meeting;
        expected.insert("start_time".into(), zulu.into());
        let body: serde_json::Map<String, Value> = serde_json::from_str(parsed.body()).unwrap();
        prop_assert_eq!(&body, &expected);

        let marker = Marker::from_bits(second as u64);
        let sent = parsed.body_with_marker(&marker).unwrap();
        let sent: serde_json::Map<String, Value> = serde_json::from_slice(&sent).unwrap();
        let agenda = sent["agenda"].as_str().unwrap();
        prop_assert!(agenda.ends_with(marker.as_str()) && marker.is_in(agenda));
        let before = expected.get("agenda").and_then(Value::as_str).unwrap_or("");
        prop_assert_eq!(agenda.trim_end_matches(marker.as_str()).trim_end_matches('\n'), before.trim_end_matches('\n'));
        expected.insert("agenda".into(), agenda.into());
        prop_assert_eq!(sent, expected);
    }

    #[test]
    fn a_reply_loses_its_secrets_and_nothing_else(extra in prop::collection::btree_map("\\PC{1,8}", any_json(), 0..6)) {
        let mut reply: serde_json::Map<String, Value> = extra.into_iter().collect();
        let text = Value::from(reply.clone()).to_string();
        let kept = MeetingReply::new(&text, &reply_fields(&text).unwrap(), &[]).to_json();
        reply.insert("start_url".into(), "s".into());
        let text = Value::from(reply.clone()).to_string();
        let filtered = MeetingReply::new(&text, &reply_fields(&text).unwrap(), &[]).to_json();
        let filtered: Value = serde_json::from_str(&filtered).unwrap();
        prop_assert_eq!(&filtered, &serde_json::from_str::<Value>(&kept).unwrap());
        reply.remove("start_url");
        reply.remove("settings");
        reply.remove("dynamic_host_key");
        prop_assert_eq!(filtered, Value::from(reply));
    }
}
