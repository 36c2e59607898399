//! Jobs that are about a meeting that another made: how they name it, what is refused,
//! and what is the same job.

use zoomd_wire::kind::{Extent, Occurrence, Part, Target};
use zoomd_wire::{Job, JobId, Kind, MaxWait, Request};

use crate::refused::refused;
use crate::{at, job};

const KINDS: [&str; 3] = ["update_meeting", "delete_meeting", "end_meeting"];

/// A job of a kind with these fields, and a body where the kind needs one.
fn text(kind: &str, fields: &str) -> String {
    let body = if kind == "update_meeting" { r#","meeting":{"duration":30}"# } else { "" };
    format!(r#"{{"account":"a","kind":"{kind}",{fields}{body}}}"#)
}

fn delete(fields: &str) -> Job {
    job(&text("delete_meeting", fields))
}

#[test]
fn a_target_is_named_once_and_well() {
    let number = "it must be Zoom's number of the meeting";
    for (fields, field, message) in [
        (r#""user":"me""#, "meeting_id", "is missing: Zoom's number of the meeting; or `of`"),
        (r#""of":null,"meeting_id":null"#, "meeting_id", "is missing"),
        (r#""of":"order-1","meeting_id":7"#, "of", "a job has one target"),
        (r#""meeting_id":0"#, "meeting_id", number),
        (r#""meeting_id":"0""#, "meeting_id", number),
        (r#""meeting_id":-7"#, "meeting_id", number),
        (r#""meeting_id":7.5"#, "meeting_id", number),
        (r#""meeting_id":7.0"#, "meeting_id", number),
        (r#""meeting_id":7e3"#, "meeting_id", number),
        (r#""meeting_id":"784 754""#, "meeting_id", number),
        (r#""meeting_id":"78475495050a""#, "meeting_id", number),
        (r#""meeting_id":"+7""#, "meeting_id", number),
        (r#""meeting_id":"""#, "meeting_id", number),
        (r#""meeting_id":[7]"#, "meeting_id", number),
        (r#""meeting_id":true"#, "meeting_id", number),
        (r#""meeting_id":9223372036854775808"#, "meeting_id", number),
        (r#""meeting_id":"9223372036854775808""#, "meeting_id", number),
        (r#""meeting_id":1000000000000000000"#, "meeting_id", number),
        (r#""of":7"#, "of", "`of` is a number; it must be a string"),
        (r#""of":"""#, "of", "`of` must be 1 to 128 characters"),
        (r#""of":"a b""#, "of", "`of` must be 1 to 128 characters"),
        (r#""of":"order-1","id":"order-1""#, "of", "the id of this job itself"),
        (r#""meeting_id":7,"colour":1"#, "colour", "is unknown"),
    ] {
        for kind in KINDS {
            refused(&text(kind, fields), field, message);
        }
    }
}

#[test]
fn a_scope_and_an_occurrence_exclude_each_other() {
    let date = "it must be Zoom's `occurrence_id`, as";
    for (fields, field, message) in [
        (r#""scope":"all""#, "scope", r#"it can be "series""#),
        (r#""scope":true"#, "scope", "it must be a string"),
        (r#""scope":"series","occurrence":"1648194360000""#, "scope", "stands beside `occurrence`"),
        (r#""occurrence":"""#, "occurrence", date),
        (r#""occurrence":"0""#, "occurrence", date),
        (r#""occurrence":"next monday""#, "occurrence", date),
        (r#""occurrence":"2030-01-07""#, "occurrence", date),
        (r#""occurrence":"2030-01-07T10:00:00""#, "occurrence", date),
        (r#""occurrence":"2030-13-07T10:00:00Z""#, "occurrence", date),
        (r#""occurrence":"1234567890123456789""#, "occurrence", date),
        (r#""occurrence":true"#, "occurrence", "it must be a string"),
        (r#""occurrence":1.5"#, "occurrence", "it must be a string"),
    ] {
        for kind in ["update_meeting", "delete_meeting"] {
            refused(&text(kind, &format!(r#""meeting_id":7,{fields}"#)), field, message);
        }
    }
}

#[test]
fn a_kind_takes_only_its_own_fields() {
    for (kind, fields, field, message) in [
        ("delete_meeting", r#""notify":"yes""#, "notify", "it must be true or false"),
        ("delete_meeting", r#""meeting":{"topic":"t"}"#, "meeting", "it has no body"),
        ("end_meeting", r#""meeting":{"topic":"t"}"#, "meeting", "it has no body"),
        ("end_meeting", r#""scope":"series""#, "scope", "the rest of a series stays"),
        ("end_meeting", r#""occurrence":"1648194360000""#, "occurrence", "whichever date it is"),
        ("end_meeting", r#""notify":true"#, "notify", "does not go with end_meeting"),
        ("update_meeting", r#""notify":true"#, "notify", "does not go with update_meeting"),
    ] {
        refused(&text(kind, &format!(r#""meeting_id":7,{fields}"#)), field, message);
    }
}

#[test]
fn a_target_and_a_part_for_each() {
    let whole = [Part::Folds, Part::Ends, Part::Passes];
    for (kind, part) in KINDS.into_iter().zip(whole) {
        let job = job(&text(kind, r#""meeting_id":"78475495050""#));
        assert_eq!((job.kind.as_str(), job.part()), (kind, Some(part)));
        assert_eq!((job.target(), job.of()), (Some(&Target::Meeting(78_475_495_050)), None));
        let job = self::job(&text(kind, r#""of":"order-1""#));
        let id = JobId::new("order-1").unwrap();
        assert_eq!((job.of(), job.part()), (Some(&id), Some(part)));
        assert_eq!(job.target(), Some(&Target::Create(id)));
        assert!(job.is_recoverable() && job.meeting().is_none());
        let spends = if kind == "update_meeting" { Some("me") } else { None };
        assert_eq!(job.charged_hosts(), [spends, None]);
    }
    let one = delete(r#""of":"order-1","occurrence":"1648194360000""#);
    assert_eq!(one.part(), Some(Part::Stands), "one date ends nothing");
    assert!(job(r#"{"account":"a","meeting":{"type":3}}"#).target().is_none());
    assert_eq!(Kind::ALL.len(), 4);
}

#[test]
fn the_extent_of_a_delete() {
    let extent = |fields: &str| match delete(&format!(r#""meeting_id":7,{fields}"#)).request {
        Request::DeleteMeeting(asked) => (asked.extent, asked.notify),
        other => panic!("{other:?}"),
    };
    let one = |occurrence| Extent::One(occurrence);
    assert_eq!(extent(r#""notify":true"#), (Extent::Single, true));
    assert_eq!(extent(r#""scope":"series""#), (Extent::Series, false));
    assert_eq!(extent(r#""scope":null,"occurrence":null"#), (Extent::Single, false));
    for id in [r#""1648194360000""#, "1648194360000"] {
        let fields = format!(r#""occurrence":{id}"#);
        assert_eq!(extent(&fields), (one(Occurrence::Id(1_648_194_360_000)), false));
    }
    let start = one(Occurrence::Start(at("2030-01-07T10:00:00Z")));
    for text in ["2030-01-07T10:00:00Z", "2030-01-07T11:00:00+01:00", "2030-01-07T10:00Z"] {
        assert_eq!(extent(&format!(r#""occurrence":"{text}""#)), (start, false), "{text}");
    }
}

#[test]
fn another_target_is_another_job() {
    let plain = delete(r#""meeting_id":78475495050"#);
    // Spelling of the fields, or writing out the defaults, does not make another job.
    let all = delete(r#""meeting_id":"78475495050","scope":"series","notify":true,"of":null"#);
    assert_eq!(plain.digest(), all.digest());
    let mut digests: Vec<u64> = [
        r#""meeting_id":78475495050"#,
        r#""meeting_id":78475495051"#,
        r#""meeting_id":78475495050,"user":"b@x.test""#,
        r#""meeting_id":78475495050,"occurrence":"1648194360000""#,
        r#""meeting_id":78475495050,"occurrence":"1648194360001""#,
        r#""meeting_id":78475495050,"occurrence":"2030-01-07T10:00:00Z""#,
        r#""of":"78475495050""#,
        r#""of":"order-1""#,
    ]
    .into_iter()
    .flat_map(|fields| KINDS.map(|kind| (kind, fields)))
    .filter(|(kind, fields)| *kind != "end_meeting" || !fields.contains("occurrence"))
    .map(|(kind, fields)| job(&text(kind, fields)).digest())
    .collect();
    let all = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), all);
    // It is stored: it never changes.
    let stored = delete(r#""meeting_id":78475495050"#).digest();
    assert_eq!(stored, 446_215_677_319_058_791);
}

#[test]
fn an_end_is_soon_worth_nothing() {
    let waits = MaxWait {
        usual: std::time::Duration::from_secs(30 * 86_400),
        momentary: std::time::Duration::from_secs(600),
    };
    let written = at("2030-01-07T10:00:00Z");
    let last = |kind: &str, fields: &str| job(&text(kind, fields)).last_moment(written, &waits);
    assert_eq!(last("delete_meeting", r#""meeting_id":7"#), at("2030-02-06T10:00:00Z"));
    assert_eq!(last("end_meeting", r#""meeting_id":7"#), at("2030-01-07T10:10:00Z"));
    let later = r#""meeting_id":7,"not_before":"2030-01-08T10:00:00Z""#;
    assert_eq!(last("end_meeting", later), at("2030-01-08T10:10:00Z"));
}
