//! Tables of times: what a body says, and when the meeting is over.

use super::*;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The last start of a series that begins at `start` in `zone`, as Zoom's clock tells it.
fn last(rule: &str, start: &str, zone: &str) -> Option<String> {
    let series = Some(rule.parse().expect("a rule"));
    let timing = Timing {
        meeting_type: 8,
        start: Some(time(start)),
        minutes: Some(0),
        timezone: Some(zone.to_owned()),
        series,
    };
    match timing.last_end(Timestamp::UNIX_EPOCH) {
        LastEnd::At(end) => Some(end.to_string()),
        LastEnd::Never => None,
    }
}

#[test]
fn a_series_ends_with_its_last_date() {
    // 2030-01-01 is a Tuesday.
    let start = "2030-01-01T10:00:00Z";
    let until = |text: &str| format!("@{}", time(text).as_second());
    for (rule, expected) in [
        ("d1*3", "2030-01-03T10:00:00Z"),
        ("d10*2", "2030-01-11T10:00:00Z"),
        ("w1*3", "2030-01-15T10:00:00Z"),
        // Sunday and Thursday: the Sunday before the start is none of them.
        ("w1:1,5*3", "2030-01-10T10:00:00Z"),
        ("w2:1,5*3", "2030-01-17T10:00:00Z"),
        ("m1*3", "2030-03-01T10:00:00Z"),
        ("m1:15*2", "2030-02-15T10:00:00Z"),
        // No 31st in February and April: they are passed over.
        ("m1:31*3", "2030-05-31T10:00:00Z"),
        ("m1:-1.2*2", "2030-02-25T10:00:00Z"),
        ("m2:2.3*2", "2030-03-12T10:00:00Z"),
        ("d1*0", "2030-01-01T10:00:00Z"),
    ] {
        assert_eq!(last(rule, start, "UTC").as_deref(), Some(expected), "{rule}");
    }
    for (rule, end, expected) in [
        ("d1", "2030-01-03T09:59:59Z", "2030-01-02T10:00:00Z"),
        ("d1", "2030-01-03T10:00:00Z", "2030-01-03T10:00:00Z"),
        ("w1:3", "2030-02-01T00:00:00Z", "2030-01-29T10:00:00Z"),
        ("d1", "2029-01-01T00:00:00Z", "2030-01-01T10:00:00Z"),
        // Too many to count: no later than its end.
        ("d1", "2040-01-01T00:00:00Z", "2040-01-01T00:00:00Z"),
    ] {
        let rule = format!("{rule}{}", until(end));
        assert_eq!(last(&rule, start, "UTC").as_deref(), Some(expected), "{rule}");
    }
    assert_eq!(last("w1:3", start, "UTC"), None);
}

#[test]
fn a_series_keeps_its_hour_when_clocks_change() {
    // Berlin: UTC+1 until 2030-03-31, then UTC+2. Monday there is still Sunday in UTC.
    let expected = Some("2030-04-07T22:30:00Z".to_owned());
    assert_eq!(last("w1:2*4", "2030-03-17T23:30:00Z", "Europe/Berlin"), expected);
}

#[test]
fn a_body_tells_the_time() {
    let of = |body: &str| Timing::default().patched(body);
    let single =
        of(r#"{"type":2,"start_time":"2030-01-07T10:00:00Z","duration":30,"timezone":"UTC"}"#);
    assert_eq!(single.start, Some(time("2030-01-07T10:00:00Z")));
    assert_eq!((single.minutes, single.timezone.as_deref()), (Some(30), None));
    let end = LastEnd::At(time("2030-01-07T10:30:00Z"));
    assert_eq!(single.last_end(Timestamp::UNIX_EPOCH), end);
    let local = of(r#"{"type":2,"start_time":"2030-01-07T10:00:00","timezone":"Europe/Berlin"}"#);
    assert_eq!(local.start, Some(time("2030-01-07T09:00:00Z")));
    let instant = of(r#"{"type":1}"#);
    assert!(instant.is_instant());
    let end = LastEnd::At(time("2030-01-01T01:00:00Z"));
    assert_eq!(instant.last_end(time("2030-01-01T00:00:00Z")), end);
    assert_eq!(of(r#"{"type":3}"#).last_end(Timestamp::UNIX_EPOCH), LastEnd::Never);
    assert_eq!(of("[]"), Timing::default());
    let odd = of(r#"{"type":"2","duration":1.5,"recurrence":7,"start_time":null}"#);
    assert_eq!(odd, Timing::default());
}

#[test]
fn an_update_changes_what_it_names() {
    let weekly = Timing::default().patched(
        r#"{"type":8,"start_time":"2030-01-07T10:00:00Z","duration":30,"timezone":"Europe/Berlin",
            "recurrence":{"type":2,"weekly_days":"2,4","end_times":4}}"#,
    );
    assert_eq!(weekly.series.as_ref().map(ToString::to_string).as_deref(), Some("w1:2,4*4"));
    assert_eq!(weekly.timezone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(weekly.patched(r#"{"topic":"t","agenda":"a"}"#), weekly);
    let later = weekly.patched(r#"{"start_time":"2030-01-14T10:00:00Z"}"#);
    assert_eq!(later.start, Some(time("2030-01-14T10:00:00Z")));
    assert_eq!((later.minutes, &later.series), (Some(30), &weekly.series));
    let single = weekly.patched(r#"{"type":2,"duration":45}"#);
    assert_eq!((single.meeting_type, single.series, single.timezone), (2, None, None));
    assert_eq!((single.start, single.minutes), (weekly.start, Some(45)));
    assert_eq!(weekly.patched(r#"{"type":3}"#).start, None);
}

#[test]
fn a_rule_survives_its_text_and_zooms_form() {
    for rule in
        ["d1", "d99*60", "w1", "w50:1,7@1893456000", "m1", "m10:31*5", "m1:-1.7", "m3:4.1*2"]
    {
        let series: Series = rule.parse().expect("a rule");
        assert_eq!(series.to_string(), rule);
        let body = serde_json::json!({"type": 8, "recurrence": series.to_json()}).to_string();
        assert_eq!(Timing::default().patched(&body).series, Some(series), "{body}");
    }
    for bad in ["", "x1", "d", "dx", "m1:x", "m1:1.", "m1:.1", "d1*", "d1*x", "d1@", "d1@x", "d300"]
    {
        assert!(bad.parse::<Series>().is_err(), "{bad}");
    }
}
