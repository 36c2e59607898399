use serde_json::json;
use zoomd_wire::{Request, Rules, parse};

use super::*;

fn shown(json: &Value) -> Shown {
    Shown::of(&json.to_string()).expect("a meeting")
}

fn change(meeting: &Value) -> Change {
    let job =
        json!({"account": "a", "kind": "update_meeting", "meeting_id": 7, "meeting": meeting});
    let job = parse(job.to_string().as_bytes(), &Rules::at(Timestamp::UNIX_EPOCH));
    match job.expect("a job").request {
        Request::UpdateMeeting(update) => update.change,
        other => panic!("{other:?}"),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn what_a_change_sets_is_compared_and_nothing_else() {
    let meeting = shown(&json!({
        "id": 7, "type": 8, "topic": "t", "duration": 30, "timezone": "Europe/Berlin",
        "start_time": "2030-01-07T10:00:00Z", "agenda": "a\nzd-bbbbbbbbbbbb",
        "recurrence": {"type": 2, "weekly_days": "2", "end_times": 5, "repeat_interval": 1},
        "tracking_fields": [{"field": "f", "value": "v", "visible": true}],
        "settings": {"waiting_room": true, "breakout_room": {"enable": true, "rooms": []}, "audio": "voip"},
    }));
    let marker: Marker = "zd-bbbbbbbbbbbb".parse().expect("a marker");
    for (wanted, is_so) in [
        (json!({"topic": "t"}), true),
        (json!({"topic": "u"}), false),
        (json!({"topic": "t", "duration": 31}), false),
        (json!({"start_time": "2030-01-07T11:00:00+01:00"}), true),
        (json!({"start_time": "2030-01-07T11:00:00", "timezone": "Europe/Berlin"}), true),
        (json!({"start_time": "2030-01-07T11:00:00Z"}), false),
        (json!({"timezone": "UTC"}), false),
        (json!({"agenda": "a"}), true),
        (json!({"agenda": ""}), false),
        (json!({"recurrence": {"type": 2, "weekly_days": "2", "end_times": 5}}), true),
        (json!({"recurrence": {"type": 2, "weekly_days": "3", "end_times": 5}}), false),
        (json!({"recurrence": {"type": 2, "weekly_days": "2", "end_times": 0}}), false),
        (json!({"tracking_fields": [{"field": "f", "value": "v"}]}), true),
        (json!({"tracking_fields": [{"field": "f", "value": "w"}]}), false),
        (json!({"settings": {"waiting_room": true, "breakout_room": {"enable": true}}}), true),
        (json!({"settings": {"waiting_room": false}}), false),
        (json!({"settings": {"jbh_time": 5}}), false),
        // Fields that no read shows never match.
        (json!({"topic": "t", "password": "secret"}), false),
        (json!({"schedule_for": "b@x.test"}), false),
        (json!({"template_id": "t"}), false),
        (json!({"unheard_of": 1}), false),
    ] {
        assert_eq!(meeting.is_as(&change(&wanted), Some(&marker)), is_so, "{wanted}");
    }
    assert!(!meeting.is_as(&change(&json!({"agenda": "a"})), None), "the marker is to go");
}

#[test]
fn a_date_is_known_by_its_first_start() {
    // Ten o'clock of three days; the second was moved to the hour of the third.
    let date = |id: &str, start: &str, status: &str| json!({"occurrence_id": id, "start_time": start, "duration": 30, "status": status});
    let series = shown(&json!({"type": 8, "occurrences": [
        date("1893924000000", "2030-01-06T10:00:00Z", "available"),
        date("1894010400000", "2030-01-08T10:00:00Z", "available"),
        date("1894096800000", "2030-01-08T10:00:00Z", "deleted"),
    ]}));
    assert_eq!(series.date_of(at("2030-01-06T10:00:00Z")), Ok(1_893_924_000_000));
    assert_eq!(series.date_of(at("2030-01-07T10:00:00Z")), Ok(1_894_010_400_000), "it was moved");
    assert_eq!(series.date_of(at("2030-01-08T10:00:00Z")), Ok(1_894_096_800_000));
    let none = series.date_of(at("2030-01-09T10:00:00Z")).expect_err("no such date");
    assert!(
        none.why.contains("no date") && none.dates.is_some_and(|d| d.contains("1893924000000"))
    );
    assert!(series.has_date(1_894_010_400_000) && !series.has_date(1_894_096_800_000));
    // Ids that are no times: the start must do.
    let other = shown(&json!({"type": 8, "occurrences": [
        date("11", "2030-01-06T10:00:00Z", "available"),
        date("12", "2030-01-07T10:00:00Z", "available"),
        date("13", "2030-01-07T10:00:00Z", "available"),
    ]}));
    assert_eq!(other.date_of(at("2030-01-06T10:00:00Z")), Ok(11));
    let several = other.date_of(at("2030-01-07T10:00:00Z")).expect_err("two");
    assert!(
        several.why.contains("several") && !several.dates.is_some_and(|d| d.contains("\"11\""))
    );
    assert!(shown(&json!({"type": 8})).date_of(at("2030-01-06T10:00:00Z")).is_err());
}

#[test]
fn a_marker_stands_at_the_end_of_the_agenda() {
    let marker = |agenda: &str| shown(&json!({"type": 2, "agenda": agenda})).marker();
    assert_eq!(marker("é\nzd-bbbbbbbbbbbb").map(|m| m.to_string()), Some("zd-bbbbbbbbbbbb".into()));
    assert_eq!(marker("zd-bbbbbbbbbbbb").map(|m| m.to_string()), Some("zd-bbbbbbbbbbbb".into()));
    for none in ["", "é", "zd-bbbbbbbbbbbb.", "ééééééééé", "xx-bbbbbbbbbbbb"] {
        assert_eq!(marker(none), None, "{none}");
    }
    assert!(Shown::of(r#"{"id":7}"#).is_none() && Shown::of("[]").is_none());
}
