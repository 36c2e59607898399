//! Jobs that change a meeting: what Zoom's PATCH takes, of a whole meeting and of one
//! date of a series.

use zoomd_wire::{Change, Job, Marker, Request, Rules, parse};

use crate::refused::refused;
use crate::{at, job, rules};

fn text(fields: &str, meeting: &str) -> String {
    format!(
        r#"{{"account":"a","kind":"update_meeting","meeting_id":7{fields},"meeting":{meeting}}}"#
    )
}

fn update(meeting: &str) -> Job {
    job(&text("", meeting))
}

fn change(meeting: &str) -> Change {
    match update(meeting).request {
        Request::UpdateMeeting(asked) => asked.change,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_sets_something_within_zooms_limits() {
    let long = "x".repeat(201);
    let (topic, agenda) = (format!(r#"{{"topic":"{long}"}}"#), "y".repeat(2_001));
    let agenda = format!(r#"{{"agenda":"{agenda}"}}"#);
    for (meeting, field, message) in [
        ("{}", "meeting", "is empty: it must set at least one field"),
        (r#"{"topic":null}"#, "meeting", "is empty"),
        (r#"{"settings":{}}"#, "meeting", "is empty"),
        (r#"{"settings":[]}"#, "meeting", "is empty"),
        (r#"{"settings":{"waiting_room":null}}"#, "meeting", "is empty"),
        ("[]", "meeting", "is missing"),
        ("null", "meeting", "is missing"),
        (r#""x""#, "meeting", "must be an object"),
        (&topic, "meeting.topic", "Zoom takes at most 200"),
        (&agenda, "meeting.agenda", "Zoom takes at most 2000"),
        (r#"{"duration":0}"#, "meeting.duration", "it must be 1 to 1440 minutes"),
        (r#"{"duration":1441}"#, "meeting.duration", "it must be 1 to 1440 minutes"),
        (r#"{"duration":1.5}"#, "meeting.duration", "it must be a whole number"),
        (r#"{"password":"12345678901"}"#, "meeting.password", "at most 10"),
        (r#"{"type":4}"#, "meeting.type", "Zoom has 1 (instant)"),
        (r#"{"timezone":"Mars/Olympus"}"#, "meeting.timezone", "is no time zone"),
        (r#"{"settings":{"jbh_time":7}}"#, "meeting.settings.jbh_time", "it must be 0, 5"),
        (r#"{"topic":"a","topic":"b"}"#, "meeting", "`meeting.topic` appears twice"),
        (r#"{"default_password":true}"#, "meeting.default_password", "a meeting is made"),
        (r#"{"start_time":"2026-09-30T23:59:59Z"}"#, "meeting.start_time", "is in the past"),
        (r#"{"start_time":"2030-01-07T10:00:00"}"#, "meeting.start_time", "has no time zone"),
        (r#"{"start_time":"soon"}"#, "meeting.start_time", "write it as"),
        (r#"{"start_time":""}"#, "meeting.start_time", "is empty; leave it out"),
    ] {
        refused(&text("", meeting), field, message);
    }
    refused(r#"{"account":"a","kind":"update_meeting","meeting_id":7}"#, "meeting", "is missing");
}

#[test]
fn a_rule_comes_whole_or_not_at_all() {
    for (rule, field, message) in [
        (r#"{"end_times":5}"#, "type", "is missing: 1 daily, 2 weekly or 3 monthly"),
        (r#"{"type":2,"end_times":5}"#, "weekly_days", "is missing"),
        (r#"{"type":3,"end_times":5}"#, "monthly_day", "is missing; Zoom replaces the whole rule"),
        (r#"{"type":1,"end_times":61}"#, "end_times", "it must be 0 to 60"),
        (r#"{"type":4}"#, "type", "it must be 1 to 3"),
    ] {
        let field = format!("meeting.recurrence.{field}");
        refused(&text("", &format!(r#"{{"recurrence":{rule}}}"#)), &field, message);
    }
    let warned = |rule: &str| update(&format!(r#"{{"recurrence":{rule}}}"#)).warnings.len();
    assert_eq!(warned(r#"{"type":1,"end_times":5}"#), 0);
    assert_eq!(warned(r#"{"type":3,"monthly_week":-1,"monthly_week_day":2,"end_times":5}"#), 0);
    assert_eq!(warned(r#"{"type":1,"end_date_time":"2030-01-07T10:00:00Z"}"#), 0);
    for endless in [r#"{"type":1}"#, r#"{"type":1,"end_times":0}"#] {
        assert_eq!(warned(endless), 1, "Zoom gives it an end: {endless}");
    }
    // A series needs no new rule to be changed.
    assert_eq!(change(r#"{"type":8,"duration":30}"#).meeting_type, Some(8));
}

#[test]
fn one_date_takes_few_fields() {
    let one = |meeting: &str| text(r#","occurrence":"1648194360000""#, meeting);
    let all = r#"{"agenda":"a","start_time":"2030-01-07T10:00:00Z","duration":30,"settings":{
        "host_video":true,"participant_video":true,"join_before_host":true,"mute_upon_entry":true,
        "waiting_room":true,"watermark":true,"auto_recording":"none"}}"#;
    assert_eq!(job(&one(all)).changed().unwrap().len(), 4);
    let no = "cannot be set for one date of a series";
    for field in ["topic", "timezone", "password", "colour", "type", "recurrence", "use_pmi"] {
        let value = match field {
            "type" => "2",
            "recurrence" => r#"{"type":1,"end_times":2}"#,
            "use_pmi" => "false",
            "timezone" => r#""UTC""#,
            _ => r#""x""#,
        };
        let meeting = format!(r#"{{"duration":30,"{field}":{value}}}"#);
        refused(&one(&meeting), &format!("meeting.{field}"), no);
    }
    refused(&one(r#"{"settings":{"jbh_time":5}}"#), "meeting.settings.jbh_time", no);
    let start = text(r#","occurrence":"2030-01-07T10:00:00Z""#, r#"{"topic":"x"}"#);
    refused(&start, "meeting.topic", no);
}

#[test]
fn a_new_start_is_a_deadline_and_in_zooms_form() {
    let moved = update(r#"{"start_time":"2030-01-07T11:00:00.5+01:00","unknown":[1,{"a":2}]}"#);
    let start = at("2030-01-07T10:00:00Z");
    assert_eq!((moved.start(), moved.must_start_by()), (Some(start), Some(start)));
    let Request::UpdateMeeting(asked) = &moved.request else { panic!("{moved:?}") };
    assert_eq!(
        asked.change.body(),
        r#"{"start_time":"2030-01-07T10:00:00Z","unknown":[1,{"a":2}]}"#
    );
    // A series keeps its hour only in its zone.
    let local = change(r#"{"start_time":"2030-07-07T11:00","timezone":"Europe/Berlin"}"#);
    assert_eq!(
        (local.start(), local.body()),
        (
            Some(at("2030-07-07T09:00:00Z")),
            r#"{"start_time":"2030-07-07T11:00:00","timezone":"Europe/Berlin"}"#
        )
    );
    assert_eq!(update(r#"{"topic":"t"}"#).must_start_by(), None);
    // A meeting without a fixed time has none.
    assert_eq!(update(r#"{"type":3,"start_time":"2020-01-07T10:00:00Z"}"#).start(), None);
    let past = text("", r#"{"start_time":"2020-01-07T10:00:00Z"}"#);
    let allowed = parse(past.as_bytes(), &Rules { allow_past_start: true, ..rules() }).unwrap();
    assert_eq!(allowed.must_start_by(), None);
}

#[test]
fn an_agenda_keeps_the_marker() {
    let marker = Marker::from_bits(7);
    let with = |meeting: &str| {
        let body = change(meeting).body_with_marker(&marker);
        body.map(|body| String::from_utf8(body).unwrap())
    };
    assert_eq!(with(r#"{"agenda":"a"}"#), Some(format!(r#"{{"agenda":"a\n{marker}"}}"#)));
    assert_eq!(with(r#"{"agenda":""}"#), Some(format!(r#"{{"agenda":"{marker}"}}"#)));
    for none in [r#"{"topic":"t"}"#, r#"{"topic":"t","agenda":null}"#] {
        assert_eq!(with(none), None, "{none}");
    }
    let full = format!(r#"{{"agenda":"{}"}}"#, "x".repeat(1_990));
    assert_eq!(with(&full), None, "it does not fit");
}

#[test]
fn other_changes_are_another_job() {
    let digest = |meeting: &str| update(meeting).digest();
    assert_eq!(digest(r#"{"topic":"a","type":2}"#), digest(r#"{ "type": 2, "topic":"a" }"#));
    assert_ne!(digest(r#"{"topic":"a"}"#), digest(r#"{"topic":"b"}"#));
    let names = update(r#"{"topic":"a","settings":{"waiting_room":true},"agenda":null}"#);
    let names: Vec<&str> = names.changed().unwrap().iter().map(|name| &**name).collect();
    assert_eq!(names, ["topic", "settings"]);
}
