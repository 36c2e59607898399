//! Jobs that delete a meeting: what is taken, what is refused, and what is the same.

use zoomd_wire::Kind;

use crate::job;
use crate::refused::refused;

#[test]
fn deletes_that_name_no_meeting_or_more_than_is_built() {
    let delete = |fields: &str| format!(r#"{{"account":"a","kind":"delete_meeting",{fields}}}"#);
    for (fields, field, message) in [
        (r#""user":"me""#, "meeting_id", "is missing; delete_meeting needs it"),
        (r#""meeting_id":0"#, "meeting_id", "it must be Zoom's number of the meeting"),
        (r#""meeting_id":-7"#, "meeting_id", "it must be Zoom's number of the meeting"),
        (r#""meeting_id":7.5"#, "meeting_id", "it must be Zoom's number of the meeting"),
        (r#""meeting_id":"784 754""#, "meeting_id", "it must be Zoom's number of the meeting"),
        (r#""meeting_id":"""#, "meeting_id", "it must be Zoom's number of the meeting"),
        (r#""meeting_id":[7]"#, "meeting_id", "it must be Zoom's number of the meeting"),
        (r#""meeting_id":1000000000000000000"#, "meeting_id", "it must be Zoom's number"),
        (r#""of":"order-1","meeting_id":7"#, "of", "is not built yet: name the meeting"),
        (r#""meeting_id":7,"occurrence":"1648194360000""#, "occurrence", "is not built yet"),
        (r#""meeting_id":7,"scope":"all""#, "scope", r#"it can be "series""#),
        (r#""meeting_id":7,"scope":true"#, "scope", "it must be a string"),
        (r#""meeting_id":7,"notify":"yes""#, "notify", "it must be true or false"),
        (r#""meeting_id":7,"meeting":{"topic":"t"}"#, "meeting", "does not go with delete_meeting"),
        (r#""meeting_id":7,"colour":1"#, "colour", "is unknown"),
    ] {
        refused(&delete(fields), field, message);
    }
}

#[test]
fn a_delete_is_its_target() {
    let delete =
        |fields: &str| job(&format!(r#"{{"account":"a","kind":"delete_meeting",{fields}}}"#));
    let plain = delete(r#""meeting_id":78475495050"#);
    assert_eq!(plain.kind, Kind::DeleteMeeting);
    let zoomd_wire::Request::DeleteMeeting(asked) = &plain.request else { panic!("{plain:?}") };
    assert_eq!((asked.meeting_id, asked.series, asked.notify), (78_475_495_050, false, false));
    assert_eq!((plain.charged_hosts(), plain.is_recoverable()), ([None, None], true));
    assert_eq!(
        (plain.must_start_by(), plain.start(), plain.meeting().is_none()),
        (None, None, true)
    );
    let all = delete(r#""meeting_id":"78475495050","scope":"series","notify":true,"of":null"#);
    let zoomd_wire::Request::DeleteMeeting(asked) = &all.request else { panic!("{all:?}") };
    assert!(asked.series && asked.notify);
    // How it is written, and how much of the meeting goes, is no other job.
    assert_eq!(plain.digest(), all.digest());
    for other in [r#""meeting_id":78475495051"#, r#""meeting_id":78475495050,"user":"b@x.test""#] {
        assert_ne!(delete(other).digest(), plain.digest(), "{other}");
    }
}
