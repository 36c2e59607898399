//! Jobs that one call carries: for every pair of fields it comes to the same as the two
//! in turn, whichever way Zoom takes a zone without a start.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;
use zoomd_wire::Request;
use zoomd_wire::kind::{FOLDED_MAX, fold};

use crate::job;

/// Fields that a body may set, with two values each.
const FIELDS: [&str; 19] = [
    r#""topic":"a""#,
    r#""topic":"b""#,
    r#""duration":30"#,
    r#""agenda":"x""#,
    r#""type":2"#,
    r#""type":3"#,
    r#""type":8"#,
    r#""timezone":"Europe/Berlin""#,
    r#""timezone":"America/New_York""#,
    r#""start_time":"2030-01-07T10:00:00Z""#,
    r#""start_time":"2030-07-08T11:00:00Z""#,
    r#""start_time":"2030-07-09T12:00:00","timezone":"Asia/Tokyo""#,
    r#""recurrence":{"type":1,"end_times":5}"#,
    r#""recurrence":{"type":2,"weekly_days":"2","end_times":3}"#,
    r#""tracking_fields":[{"field":"f","value":"1"}]"#,
    r#""settings":{"waiting_room":true,"audio":"voip"}"#,
    r#""settings":{"waiting_room":false}"#,
    r#""settings":{"breakout_room":{"enable":true}}"#,
    r#""settings":{"breakout_room":{"rooms":[]},"waiting_room":true}"#,
];

fn update(fields: &str, beside: &str) -> Request {
    let text = format!(
        r#"{{"account":"a","kind":"update_meeting","meeting_id":7{beside},"meeting":{{{fields}}}}}"#
    );
    job(&text).request
}

fn create(meeting: &str) -> Request {
    job(&format!(r#"{{"account":"a","meeting":{meeting}}}"#)).request
}

fn body(request: &Request) -> Value {
    let text = match request {
        Request::CreateMeeting(meeting) => meeting.body(),
        Request::UpdateMeeting(update) => update.change.body(),
        other => panic!("{other:?}"),
    };
    serde_json::from_str(text).expect("JSON")
}

/// Every body of one or two of the fields that names none twice.
fn bodies() -> Vec<String> {
    let mut all: Vec<String> = FIELDS.iter().map(|field| (*field).to_owned()).collect();
    for (n, one) in FIELDS.iter().enumerate() {
        all.extend(FIELDS[n + 1..].iter().map(|other| format!("{one},{other}")));
    }
    let name = |part: &str| part.split('"').nth(1).map(str::to_owned);
    all.retain(|body| {
        let value: BTreeMap<String, Value> =
            serde_json::from_str(&format!("{{{body}}}")).expect("JSON");
        let top = body.matches("\"topic\"").count() < 2
            && body.matches("\"timezone\"").count() < 2
            && body.matches("\"start_time\"").count() < 2
            && body.matches("\"settings\"").count() < 2
            && body.matches("\"recurrence\"").count() < 2
            && FIELDS[4..7].iter().filter(|kind| body.contains(**kind)).count() < 2;
        // Zoom has no rule beside such a type.
        let sound =
            value.get("type").is_none_or(|kind| *kind == 8) || !value.contains_key("recurrence");
        name(body).is_some() && top && sound
    });
    all
}

/// A meeting as Zoom keeps it.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    fields: BTreeMap<String, Value>,
    settings: BTreeMap<String, Value>,
    kind: i64,
    zone: String,
    start: Timestamp,
    /// The rule, with the start and the zone by which its dates are reckoned.
    rule: Option<(Value, Timestamp, String)>,
}

impl Kept {
    /// One of this type.
    fn of(kind: i64) -> Self {
        let start = "2030-02-02T09:00:00Z".parse().expect("a time");
        let rule = serde_json::json!({"type": 1, "end_times": 9});
        Self {
            fields: BTreeMap::new(),
            settings: BTreeMap::new(),
            kind,
            zone: "Europe/Paris".to_owned(),
            start,
            rule: (kind == 8).then(|| (rule, start, "Europe/Paris".to_owned())),
        }
    }

    /// After a PATCH; `None` where Zoom refuses it. A zone without a start leaves the
    /// instant, or the time on the wall if `wall`.
    fn patched(mut self, body: &Value, wall: bool) -> Option<Self> {
        let body = body.as_object().expect("an object");
        let zone = body.get("timezone").and_then(Value::as_str).unwrap_or(&self.zone).to_owned();
        let tz = |name: &str| TimeZone::get(name).expect("a zone");
        let at = |local: DateTime, zone: &str| tz(zone).to_timestamp(local).expect("a time");
        match body.get("start_time").and_then(Value::as_str) {
            Some(text) if text.ends_with('Z') => self.start = text.parse().expect("a time"),
            Some(text) => self.start = at(text.parse().expect("a time"), &zone),
            None if wall => self.start = at(tz(&self.zone).to_datetime(self.start), &zone),
            None => {}
        }
        self.zone = zone;
        self.kind = body.get("type").and_then(Value::as_i64).unwrap_or(self.kind);
        let rule = body.get("recurrence").cloned().or(self.rule.take().map(|(rule, ..)| rule));
        if self.kind == 8 && rule.is_none() {
            return None;
        }
        let (start, zone) = (self.start, self.zone.clone());
        self.rule = rule.filter(|_| self.kind == 8).map(|rule| (rule, start, zone));
        for (name, value) in body {
            match name.as_str() {
                "settings" => {
                    let new = value.as_object().expect("settings").clone();
                    for (name, value) in new {
                        // Zoom does not publish if it merges objects in the settings: assume it
                        // does.
                        let old = self.settings.remove(&name);
                        let value = match (old, value) {
                            (Some(Value::Object(mut old)), Value::Object(new)) => {
                                old.extend(new);
                                Value::Object(old)
                            }
                            (_, value) => value,
                        };
                        self.settings.insert(name, value);
                    }
                }
                "start_time" | "timezone" | "type" | "recurrence" => {}
                _ => drop(self.fields.insert(name.clone(), value.clone())),
            }
        }
        Some(self)
    }
}

#[test]
fn folded_is_the_same_as_in_turn_for_every_pair() {
    let all: Vec<(String, Request)> =
        bodies().into_iter().map(|body| (body.clone(), update(&body, ""))).collect();
    let (mut folds, mut pairs) = (0, 0);
    for (one, first) in &all {
        for (other, second) in &all {
            pairs += 1;
            let Some((1, whole)) = fold(first, &[second]) else { continue };
            folds += 1;
            for (kind, wall) in [(2, false), (2, true), (3, false), (8, false), (8, true)] {
                let before = Kept::of(kind);
                let at_once = before.clone().patched(&body(&whole), wall);
                let first = before.patched(&body(first), wall);
                // A refused part says nothing of the whole: then they are sent in turn.
                let Some(first) = first else {
                    assert!(at_once.is_none(), "{one} + {other} of type {kind}");
                    continue;
                };
                let in_turn = first.patched(&body(second), wall);
                assert_eq!(at_once, in_turn, "{one} + {other} of type {kind}, wall {wall}");
            }
        }
    }
    assert!(folds * 3 > pairs, "only {folds} of {pairs} fold");
}

#[test]
fn a_create_is_made_as_its_changes_leave_it() {
    let made = r#"{"topic":"a","type":2,"start_time":"2030-01-07T10:00:00Z","duration":30}"#;
    let folded = |first: &str, later: &[&str]| {
        let later: Vec<Request> = later.iter().map(|fields| update(fields, "")).collect();
        let later: Vec<&Request> = later.iter().collect();
        fold(&create(first), &later)
    };
    let later = [r#""topic":"b""#, r#""start_time":"2030-01-08T10:00:00Z""#, r#""agenda":"x""#];
    let (count, whole) = folded(made, &later).expect("they fold");
    let Request::CreateMeeting(meeting) = &whole else { panic!("{whole:?}") };
    assert_eq!((count, meeting.start), (3, Some("2030-01-08T10:00:00Z".parse().unwrap())));
    assert_eq!(
        body(&whole),
        serde_json::json!({"topic": "b", "type": 2, "start_time": "2030-01-08T10:00:00Z",
                           "duration": 30, "agenda": "x"})
    );
    assert!(meeting.takes_marker(), "the marker goes behind the new agenda");
    for alone in [
        r#""schedule_for":"b@x.test""#,
        r#""template_id":"t""#,
        r#""timezone":"Europe/Berlin""#,
        r#""type":3"#,
        r#""settings":{"use_pmi":false}"#,
        &format!(r#""agenda":"{}""#, "x".repeat(1_990)),
    ] {
        assert!(folded(made, &[alone]).is_none(), "{alone}");
    }
    // Of a series only what says so: the other would be refused in its turn.
    let series = r#"{"topic":"a","type":8,"start_time":"2030-01-07T10:00:00Z","recurrence":{"type":1,"end_times":5}}"#;
    for (made, beside, folds) in [
        (series, "", false),
        (series, r#","scope":"series""#, true),
        (made, r#","scope":"series""#, true),
    ] {
        let one = update(r#""topic":"b""#, beside);
        assert_eq!(fold(&create(made), &[&one]).is_some(), folds, "{made} {beside}");
    }
    let one = update(r#""duration":40"#, r#","occurrence":"1648194360000""#);
    assert!(fold(&create(made), &[&one]).is_none(), "one date is not the whole");
}

#[test]
fn only_neighbours_of_one_extent_fold_and_not_too_many() {
    let date = r#","occurrence":"1648194360000""#;
    let start = r#","occurrence":"2022-03-25T07:46:00Z""#;
    let ways = ["", r#","scope":"series""#, date, start];
    for one in ways {
        for other in ways {
            let (first, second) =
                (update(r#""duration":30"#, one), update(r#""duration":40"#, other));
            assert_eq!(fold(&first, &[&second]).is_some(), one == other, "{one} {other}");
        }
    }
    let plain = update(r#""topic":"a""#, "");
    let delete = job(r#"{"account":"a","kind":"delete_meeting","meeting_id":7}"#).request;
    let (count, _) = fold(&plain, &[&plain, &delete, &plain]).expect("one folds");
    assert_eq!(count, 1, "what stands behind another kind is no neighbour");
    assert!(fold(&delete, &[&plain]).is_none());
    // What makes it a series, and then one that does not say so.
    assert!(fold(&update(r#""type":3"#, ""), &[&plain]).is_none());
    let said = r#","scope":"series""#;
    assert!(fold(&update(r#""type":3"#, said), &[&update(r#""topic":"a""#, said)]).is_some());
    let many = vec![&plain; 100];
    assert_eq!(fold(&plain, &many).expect("they fold").0, FOLDED_MAX - 1);
    let large =
        |letter: &str, n: usize| update(&format!(r#""x{n}":"{}""#, letter.repeat(40_000)), "");
    assert!(fold(&large("a", 1), &[&large("b", 2)]).is_none(), "more than 64 KiB");
}

#[test]
fn the_same_list_or_object_is_not_folded() {
    let (one, other) = (FIELDS[14], FIELDS[12]);
    for field in [one, other] {
        assert!(fold(&update(field, ""), &[&update(field, "")]).is_none(), "{field}");
    }
    assert!(fold(&update(one, ""), &[&update(other, "")]).is_some());
    // The newest of the settings, one level deep.
    let (_, whole) = fold(&update(FIELDS[15], ""), &[&update(FIELDS[16], "")]).expect("they fold");
    let settings = serde_json::json!({"waiting_room": false, "audio": "voip"});
    assert_eq!(body(&whole)["settings"], settings);
}
