//! Parsed form of valid jobs.

use zoomd_wire::{Kind, Priority};

use crate::{at, job, rules, with_envelope, with_fields, with_meeting};

#[test]
fn a_job_with_everything() {
    let job = job(r#"{
        "id": "order-1234", "account": "acme", "kind": "create_meeting", "user": "Ann@Example.com",
        "meeting": {"topic": "Weekly sync", "type": 2, "start_time": "2026-12-01T10:00:00Z",
                    "duration": 30, "timezone": "UTC", "settings": {"waiting_room": true}},
        "not_before": "2026-11-30T00:00:00Z", "deadline": "2026-12-01T09:00:00+00:00",
        "max_attempts": 7, "priority": "high", "reply": true,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "metadata": {"tenant": 7, "n": 1.10}
    }"#);
    assert_eq!(job.id.as_ref().unwrap().as_str(), "order-1234");
    assert_eq!(job.account.as_str(), "acme");
    assert_eq!(job.kind, Kind::CreateMeeting);
    assert_eq!((job.user.as_str(), job.host()), ("Ann@Example.com", "ann@example.com"));
    assert_eq!(job.not_before, Some(at("2026-11-30T00:00:00Z")));
    assert_eq!(job.must_start_by(), Some(at("2026-12-01T09:00:00Z")));
    assert_eq!((job.max_attempts, job.priority, job.reply), (7, Priority::High, true));
    assert_eq!(job.traceparent.unwrap().parent_id, 0xb7ad_6b71_6920_3331);
    assert_eq!(job.metadata.as_ref().unwrap().get(), r#"{"tenant": 7, "n": 1.10}"#);
    let meeting = job.meeting().unwrap();
    assert_eq!(meeting.topic.as_deref(), Some("Weekly sync"));
    assert_eq!((meeting.meeting_type, meeting.duration), (2, Some(30)));
    assert_eq!(meeting.start, Some(at("2026-12-01T10:00:00Z")));
    assert_eq!(meeting.timezone.as_deref(), Some("UTC"));
    assert!(meeting.reconcilable() && meeting.takes_marker());
}

#[test]
fn a_job_with_nothing_to_spare() {
    let job = job(r#"{"account":"acme","meeting":{"type":3}}"#);
    assert_eq!((job.id.as_ref(), job.user.as_str(), job.host()), (None, "me", "me"));
    assert_eq!((job.max_attempts, job.priority, job.reply), (5, Priority::Normal, false));
    assert_eq!((job.not_before, job.deadline, job.must_start_by()), (None, None, None));
    assert!(job.traceparent.is_none() && job.metadata.is_none());
    assert_eq!(job.meeting().unwrap().body(), r#"{"type":3}"#);
}

#[test]
fn null_is_as_good_as_absent_but_metadata_comes_back() {
    let job = job(&with_envelope(
        r#""id":null,"kind":null,"user":null,"not_before":null,"deadline":null,"max_attempts":null,
           "priority":null,"reply":null,"traceparent":null,"meeting_id":null,"metadata":null"#,
    ));
    assert_eq!((job.id.as_ref(), job.user.as_str()), (None, "me"));
    assert_eq!(job.metadata.unwrap().get(), "null");
}

#[test]
fn a_malformed_traceparent_is_ignored() {
    for traceparent in [r#""nonsense""#, "7", "{}", r#""00-0-0-0""#] {
        assert!(
            job(&with_envelope(&format!(r#""traceparent":{traceparent}"#))).traceparent.is_none()
        );
    }
}

#[test]
fn each_limit_is_reached_and_not_passed() {
    let long = |length: usize| "ü".repeat(length);
    for fields in [
        format!(r#""topic":"{}""#, long(200)),
        format!(r#""agenda":"{}""#, long(2_000)),
        format!(r#""password":"{}""#, "x".repeat(10)),
        r#""duration":1"#.to_owned(),
        r#""duration":1440"#.to_owned(),
        format!(r#""settings":{{"audio_conference_info":"{}"}}"#, long(2_048)),
        r#""pre_schedule":true"#.to_owned(),
        r#""type":2,"schedule_for":"bob@example.com""#.to_owned(),
        r#""tracking_fields":[{"field":"cost","value":"1"},{"field":"x"}]"#.to_owned(),
        r#""topic":null,"agenda":null,"settings":null,"recurrence":null,"unknown":[1]"#.to_owned(),
        r#""type":8,"recurrence":{"type":1,"repeat_interval":99,"end_times":60}"#.to_owned(),
        r#""type":8,"recurrence":{"type":2,"repeat_interval":50,"weekly_days":"1,7"}"#.to_owned(),
        r#""type":8,"recurrence":{"type":3,"repeat_interval":10,"monthly_day":31}"#.to_owned(),
        r#""type":8,"recurrence":{"type":3,"monthly_week":-1,"monthly_week_day":7,"end_times":0,"end_date_time":"2027-01-01T00:00:00Z"}"#.to_owned(),
    ] {
        job(&with_fields(&fields));
    }
    for envelope in [
        r#""max_attempts":1"#.to_owned(),
        r#""max_attempts":25"#.to_owned(),
        format!(r#""id":"{}""#, "x".repeat(128)),
        format!(r#""metadata":"{}""#, "x".repeat(4_094)),
        r#""user":"KdYKjnimT4KPd8FFgQt9FQ""#.to_owned(),
    ] {
        job(&with_envelope(&envelope));
    }
    for kind in [1, 3, 10] {
        job(&with_meeting(&format!(r#"{{"type":{kind}}}"#)));
    }
    let fill = 64 * 1024 - with_fields(r#""x":"""#).len();
    job(&with_fields(&format!(r#""x":"{}""#, "x".repeat(fill))));
}

#[test]
fn the_host_is_whom_it_is_scheduled_for() {
    let job = job(&with_fields(r#""schedule_for":"Bob@Example.com""#));
    assert_eq!((job.user.as_str(), job.host()), ("me", "bob@example.com"));
    let ids_keep_their_case = crate::job(&with_envelope(r#""user":"KdYK""#));
    assert_eq!(ids_keep_their_case.host(), "KdYK");
}

#[test]
fn the_start_is_a_deadline_for_fixed_meetings_only() {
    let start = Some(at("2026-12-01T10:00:00Z"));
    assert_eq!(job(&with_fields(r#""type":2"#)).must_start_by(), start);
    assert_eq!(job(&with_fields(r#""type":8,"recurrence":{"type":1}"#)).must_start_by(), start);
    assert_eq!(job(&with_fields(r#""type":3"#)).must_start_by(), None);
    let late = r#"{"account":"a","meeting":{"start_time":"2026-12-01T10:00:00Z"},"deadline":"2027-01-01T00:00:00Z"}"#;
    assert_eq!(job(late).must_start_by(), start);
}

#[test]
fn a_start_in_the_past_is_taken_where_that_is_allowed() {
    let text = with_meeting(r#"{"start_time":"2026-09-30T23:59:59Z"}"#);
    let rules = zoomd_wire::Rules { allow_past_start: true, ..rules() };
    let job = zoomd_wire::parse(text.as_bytes(), &rules).unwrap();
    assert_eq!(job.must_start_by(), None);
    crate::job(&with_meeting(r#"{"start_time":"2026-10-01T00:00:00Z"}"#));
}

#[test]
fn what_reconcile_cannot_judge() {
    assert!(!job(&with_meeting(r#"{"type":1}"#)).is_recoverable());
    assert!(!job(&with_meeting(r#"{"type":10}"#)).is_recoverable());
    assert!(!job(&with_fields(r#""settings":{"use_pmi":true}"#)).is_recoverable());
    assert!(job(&with_fields(r#""settings":{"use_pmi":false}"#)).is_recoverable());
}

#[test]
fn one_job_in_two_texts_has_one_digest() {
    let digest = |text: &str| job(text).digest();
    let first =
        digest(r#"{"id":"1","account":"a","meeting":{"type":3,"topic":"é"},"priority":"low"}"#);
    let same = [
        r#"{"account":"a","meeting":{ "topic" : "\u00e9", "type": 3 }}"#,
        r#"{"kind":"create_meeting","user":"me","meeting":{"type":3,"topic":"é"},"account":"a","metadata":1}"#,
    ];
    for text in same {
        assert_eq!(digest(text), first, "{text}");
    }
    let other = [
        r#"{"account":"b","meeting":{"type":3,"topic":"é"}}"#,
        r#"{"account":"a","user":"x","meeting":{"type":3,"topic":"é"}}"#,
        r#"{"account":"a","meeting":{"type":3,"topic":"e"}}"#,
        r#"{"account":"a","meeting":{"type":3,"topic":"é","x":null}}"#,
    ];
    for text in other {
        assert_ne!(digest(text), first, "{text}");
    }
    assert_eq!(
        digest(&with_meeting(r#"{"start_time":"2026-12-01T10:00:00.5Z"}"#)),
        digest(&with_meeting(r#"{"start_time":"2026-12-01T12:00:00+02:00"}"#)),
    );
}

#[test]
fn what_cannot_be_meant_is_dropped_and_told() {
    // The shape of Zoom's own sample: a scheduled meeting with a whole recurrence.
    let sample = r#"{"type":2,"start_time":"2026-12-01T10:00:00Z","recurrence":{"end_date_time":"2026-12-31T00:00:00Z","end_times":7,"type":1,"weekly_days":"1"},"topic":"x"}"#;
    let given = job(&with_meeting(sample));
    assert_eq!(
        given.meeting().unwrap().body(),
        r#"{"type":2,"start_time":"2026-12-01T10:00:00Z","topic":"x"}"#
    );
    let [warning] = given.warnings.as_slice() else { panic!("{:?}", given.warnings) };
    assert_eq!(warning.field, "meeting.recurrence");
    assert!(warning.message.contains("was dropped: it is allowed only with type 8"), "{warning:?}");
    for kind in [1, 3] {
        let text = with_meeting(&format!(r#"{{"type":{kind},"recurrence":{{"type":9}}}}"#));
        assert_eq!(job(&text).meeting().unwrap().body(), format!(r#"{{"type":{kind}}}"#));
    }
    // Equal texts are the same job; so is a job without the fields that are dropped.
    let without =
        job(&with_meeting(r#"{"topic":"x","type":2,"start_time":"2026-12-01T10:00:00Z"}"#));
    assert_eq!(job(&with_meeting(sample)).digest(), given.digest());
    assert_eq!(without.digest(), given.digest());
}

#[test]
fn an_empty_array_for_an_object_is_absent() {
    let php = r#"{"type":3,"recurrence":[],"settings":{"breakout_room":[ ],"waiting_room":true,"meeting_invitees":[]}}"#;
    let given = job(&with_meeting(php));
    let sent = r#"{"type":3,"settings":{"waiting_room":true,"meeting_invitees":[]}}"#;
    assert_eq!((given.meeting().unwrap().body(), given.warnings.len()), (sent, 0));
    assert_eq!(
        job(&with_meeting(r#"{"settings":[ ],"type":3}"#)).meeting().unwrap().body(),
        r#"{"type":3}"#
    );
}

#[test]
fn a_name_near_a_published_one_is_warned_of() {
    for (fields, field, meant) in [
        (
            r#""settings":{"waitingroom":true}"#,
            "meeting.settings.waitingroom",
            "`meeting.settings.waiting_room`",
        ),
        (
            r#""settings":{"hostVideo":true}"#,
            "meeting.settings.hostVideo",
            "`meeting.settings.host_video`",
        ),
        (r#""waiting_room":true"#, "meeting.waiting_room", "inside `settings`"),
        (r#""timeZone":"UTC""#, "meeting.timeZone", "`meeting.timezone`"),
        (
            r#""type":8,"recurrence":{"type":1,"end_time":2}"#,
            "meeting.recurrence.end_time",
            "`meeting.recurrence.end_times`",
        ),
    ] {
        let job = job(&with_fields(fields));
        let [warning] = job.warnings.as_slice() else { panic!("{fields}: {:?}", job.warnings) };
        assert_eq!(warning.field, field);
        assert!(warning.message.contains(meant), "{warning:?}");
        assert!(job.meeting().unwrap().body().contains(fields), "nothing is changed");
    }
    let new = job(&with_fields(r#""settings":{"some_new_setting":{"a":1}},"brand_new":1"#));
    assert_eq!(new.warnings, []);
}

#[test]
fn a_text_that_is_too_long_in_utf16_is_warned_of() {
    let topic = job(&with_fields(&format!(r#""topic":"{}""#, "\u{1f600}".repeat(101))));
    assert_eq!(topic.warnings[0].field, "meeting.topic");
    assert!(topic.warnings[0].message.contains("101 characters that take 202 units"));
    let fits = job(&with_fields(&format!(r#""topic":"{}""#, "\u{1f600}".repeat(100))));
    assert_eq!(fits.warnings, []);
}
