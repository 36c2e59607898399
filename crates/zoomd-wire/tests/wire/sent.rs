//! Request body for Zoom: times it understands, and the marker.

use zoomd_wire::{Marker, Meeting};

use crate::{job, with_fields, with_meeting};

fn meeting(body: &str) -> Meeting {
    job(&with_meeting(body)).meeting().unwrap().clone()
}

fn marked(body: &str) -> Option<String> {
    let bytes = meeting(body).body_with_marker(&Marker::from_bits(0))?;
    Some(String::from_utf8(bytes).unwrap())
}

#[test]
fn times_are_replaced_where_they_stand() {
    for (given, sent) in [
        ("2026-12-01T10:00:00Z", "2026-12-01T10:00:00Z"),
        ("2026-12-01T10:00:00.123456Z", "2026-12-01T10:00:00Z"),
        ("2026-12-01T10:00:00+02:00", "2026-12-01T08:00:00Z"),
        ("2026-12-01T00:30:00+05:30", "2026-11-30T19:00:00Z"),
        ("2026-12-01T10:00Z", "2026-12-01T10:00:00Z"),
        ("2026-12-01T10:00:00\\u005a", "2026-12-01T10:00:00Z"),
    ] {
        let body = meeting(&format!(r#"{{ "a":1.10, "start_time" : "{given}" ,"topic":"x"}}"#));
        assert_eq!(body.body(), format!(r#"{{ "a":1.10, "start_time" : "{sent}" ,"topic":"x"}}"#));
        assert_eq!(body.start.unwrap().to_string(), sent);
    }
}

#[test]
fn local_times_stay_local_and_count_in_their_zone() {
    for (zone, start) in [
        ("Europe/Berlin", "2026-12-01T09:00:00Z"),
        ("America/New_York", "2026-12-01T15:00:00Z"),
        ("Asia/Calcutta", "2026-12-01T04:30:00Z"),
        ("SST", "2026-11-30T23:00:00Z"),
    ] {
        let meeting =
            meeting(&format!(r#"{{"start_time":"2026-12-01T10:00:00.5","timezone":"{zone}"}}"#));
        assert_eq!(
            meeting.body(),
            format!(r#"{{"start_time":"2026-12-01T10:00:00","timezone":"{zone}"}}"#)
        );
        assert_eq!(meeting.start.unwrap().to_string(), start, "{zone}");
    }
}

#[test]
fn the_end_of_a_series_is_in_utc() {
    let body = meeting(
        r#"{"type":8,"recurrence":{"type":1,"end_date_time":"2027-07-01T12:00:00"},"start_time":"2027-01-01T12:00:00","timezone":"Europe/Berlin"}"#,
    );
    assert_eq!(
        body.body(),
        r#"{"type":8,"recurrence":{"type":1,"end_date_time":"2027-07-01T10:00:00Z"},"start_time":"2027-01-01T12:00:00","timezone":"Europe/Berlin"}"#
    );
}

#[test]
fn the_marker_ends_the_agenda() {
    let agenda = |text: &str| {
        format!(r#"{{"start_time":"2026-12-01T10:00:00+02:00","agenda":{text},"type":2}}"#)
    };
    let sent =
        |text: &str| format!(r#"{{"start_time":"2026-12-01T08:00:00Z","agenda":{text},"type":2}}"#);
    for (given, expected) in [
        (r#""talk""#, r#""talk\nzd-aaaaaaaaaaaa""#),
        (r#""""#, r#""zd-aaaaaaaaaaaa""#),
        ("null", r#""zd-aaaaaaaaaaaa""#),
        (r#""a\"b\\""#, r#""a\"b\\\nzd-aaaaaaaaaaaa""#),
    ] {
        assert_eq!(marked(&agenda(given)).unwrap(), sent(expected));
    }
    let before = r#"{"agenda":"talk","type":2,"start_time":"2026-12-01T10:00:00.0Z"}"#;
    assert_eq!(
        marked(before).unwrap(),
        r#"{"agenda":"talk\nzd-aaaaaaaaaaaa","type":2,"start_time":"2026-12-01T10:00:00Z"}"#
    );
    assert_eq!(marked(r#"{"type":3}"#).unwrap(), r#"{"agenda":"zd-aaaaaaaaaaaa","type":3}"#);
    let bare = job(r#"{"account":"a","meeting":{ "type":3 }}"#).meeting().unwrap().clone();
    let bare = bare.body_with_marker(&Marker::from_bits(0)).unwrap();
    assert_eq!(bare, br#"{"agenda":"zd-aaaaaaaaaaaa", "type":3 }"#);
}

#[test]
fn the_marker_is_left_out_where_it_has_no_place() {
    let agenda = |length: usize| {
        let text = "é".repeat(length);
        job(&with_fields(&format!(r#""agenda":"{text}""#))).meeting().unwrap().clone()
    };
    let fits = agenda(1_984);
    let sent = fits.body_with_marker(&Marker::from_bits(0)).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(sent["agenda"].as_str().unwrap().chars().count(), 2_000);
    assert_eq!((agenda(1_985).takes_marker(), agenda(1_985).agenda_chars), (false, 1_985));
    assert!(agenda(1_985).body_with_marker(&Marker::from_bits(0)).is_none());
    // Characters of two UTF-16 units count as two.
    let emoji = |length: usize| {
        let text = "\u{1f600}".repeat(length);
        job(&with_fields(&format!(r#""agenda":"{text}""#))).meeting().unwrap().clone()
    };
    assert!(emoji(992).takes_marker() && !emoji(993).takes_marker());
    assert!(!emoji(1_000).takes_marker() && emoji(1_000).body().contains("\u{1f600}"));
    for template in [
        r#"{"type":3,"template_id":"t"}"#,
        r#"{"type":3,"template_id":"t","agenda":null}"#,
        r#"{"type":3,"template_id":"t","agenda":""}"#,
    ] {
        assert!(marked(template).is_none(), "{template}");
    }
    let own = r#"{"type":3,"template_id":"t","agenda":"mine"}"#;
    assert!(marked(own).unwrap().contains("mine\\nzd-"));
    assert!(marked(r#"{"type":3,"template_id":""}"#).is_some());
}
