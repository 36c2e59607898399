//! The JSON that consumers read, whole.

use serde_json::value::RawValue;
use zoomd_wire::{
    EntryId, Failure, FailureCode, Kind, MeetingReply, Success, TraceParent, ZoomAnswer,
    reply_fields,
};

use crate::at;

const ENTRY: EntryId = EntryId { ms: 1_700_000_000_000, seq: 0 };

fn failure<'a>(code: FailureCode, message: &'a str, job: &'a [u8]) -> Failure<'a> {
    Failure {
        job_id: "order-1234",
        run: 1,
        entry_id: ENTRY,
        account: Some("acme"),
        kind: Some("create_meeting"),
        user: Some("me"),
        code,
        message,
        field: None,
        attempts: 0,
        origin: None,
        zoom: None,
        candidates: None,
        cancelled_by: None,
        enqueued_at: ENTRY.time(),
        started_at: None,
        failed_at: at("2026-12-01T10:00:00.5Z"),
        job,
        traceparent: None,
        metadata: None,
    }
}

fn raw(text: &str) -> &RawValue {
    serde_json::from_str(text).unwrap()
}

#[test]
fn success() {
    let reply = r#"{"uuid":"x==","id":78475495050,"start_url":"secret","settings":{},"join_url":"https://zoom.us/j/78475495050"}"#;
    let fields = reply_fields(reply).unwrap();
    let meeting = MeetingReply::new(reply, &fields, &[]);
    let success = Success {
        job_id: "order-1234",
        run: 1,
        entry_id: ENTRY,
        account: "acme",
        kind: Kind::CreateMeeting,
        user: "me",
        attempts: 1,
        reconciled: false,
        enqueued_at: ENTRY.time(),
        started_at: at("2023-11-14T22:13:20.001Z"),
        finished_at: at("2023-11-14T22:13:20.250999Z"),
        meeting: &meeting,
        effect: None,
        of: None,
        changed: None,
        merged_into: None,
        warnings: &[zoomd_wire::Warning {
            field: "meeting.recurrence".into(),
            message: "`meeting.recurrence` was dropped".to_owned(),
        }],
        traceparent: TraceParent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        metadata: Some(raw(r#"{"tenant": 7, "n": 1.10}"#)),
    };
    crate::schema::is_outcome(&success.to_json());
    insta::assert_snapshot!(success.to_json());
}

#[test]
fn rejected_by_zoom() {
    let mut failure = failure(
        FailureCode::ZoomRejected,
        "Zoom says: Validation Failed.",
        br#" {"account": "acme"} "#,
    );
    failure.attempts = 1;
    failure.started_at = Some(at("2023-11-14T22:13:20.001Z"));
    failure.zoom = Some(ZoomAnswer {
        status: 400,
        code: Some(300),
        message: "Validation Failed.",
        errors: Some(raw(r#"[{"field":"duration","message":"Invalid field."}]"#)),
    });
    failure.metadata = Some(raw("null"));
    crate::schema::is_outcome(&failure.to_json());
    insta::assert_snapshot!(failure.to_json());
}

#[test]
fn an_unknown_outcome_lists_what_it_may_be() {
    let mut failure = failure(FailureCode::OutcomeUnknown, "two meetings fit", b"{}");
    failure.candidates = Some(raw(r#"[{"id":1},{"id":2}]"#));
    crate::schema::is_outcome(&failure.to_json());
    insta::assert_snapshot!(failure.to_json());
}

#[test]
fn what_is_no_json_comes_back_as_text() {
    let mut invalid = failure(FailureCode::InvalidJob, "the job is not JSON", b"{\"a\":\x01\"");
    (invalid.account, invalid.kind, invalid.user, invalid.field) = (None, None, None, Some("job"));
    crate::schema::is_outcome(&invalid.to_json());
    insta::assert_snapshot!(invalid.to_json());
}

#[test]
fn what_is_no_text_comes_back_whole() {
    let bytes = b"{\"account\":\"\xff\"}";
    let json: serde_json::Value =
        serde_json::from_str(&failure(FailureCode::InvalidJob, "", bytes).to_json()).unwrap();
    assert_eq!(json["text"], "{\"account\":\"\u{fffd}\"}");
    use base64::Engine as _;
    let exact = json["text_base64"].as_str().unwrap();
    assert_eq!(base64::engine::general_purpose::STANDARD.decode(exact).unwrap(), bytes);
}

#[test]
fn what_is_too_long_is_cut_between_characters() {
    let long = format!("{{\"a\":\"{}\"}}", "é".repeat(40_000));
    let json: serde_json::Value =
        serde_json::from_str(&failure(FailureCode::InvalidJob, "", long.as_bytes()).to_json())
            .unwrap();
    let text = json["text"].as_str().unwrap();
    assert!(long.starts_with(text) && (65_534..=65_536).contains(&text.len()));
    assert_eq!(json["text_bytes"], long.len());
    assert!(json.get("text_base64").is_none());
}

#[test]
fn what_would_break_a_consumer_comes_back_as_text() {
    let deep = format!("{{\"metadata\":{}{}}}", "[".repeat(70), "]".repeat(70));
    for job in [deep.as_str(), r#"{"x":"\ud800"}"#] {
        let json: serde_json::Value =
            serde_json::from_str(&failure(FailureCode::InvalidJob, "", job.as_bytes()).to_json())
                .unwrap();
        assert_eq!(json["text"], job);
    }
}
