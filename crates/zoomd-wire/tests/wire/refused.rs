//! Rejected jobs: the field that each error names, and its message.

use zoomd_wire::{InvalidJob, parse};

use crate::{refusal, rules, with_envelope, with_fields, with_meeting};

/// Asserts the field and that the message holds these words.
#[track_caller]
pub fn refused(text: &str, field: &str, words: &str) {
    let invalid = refusal(text);
    assert_eq!(invalid.field, field, "{invalid}");
    assert!(invalid.message.contains(words), "{:?} lacks {words:?}", invalid.message);
}

fn refused_bytes(bytes: &[u8]) -> InvalidJob {
    parse(bytes, &rules()).unwrap_err()
}

#[test]
fn what_is_no_json_object() {
    refused("", "job", "the job is empty");
    refused("  \n", "job", "the job is empty");
    refused("hello", "job", "the job is not JSON: expected value at line 1");
    refused("nope", "job", "the job is not JSON: no value begins like this at line 1");
    refused("{", "job", "the job is not JSON: EOF");
    refused(r#"{"account":"acme",}"#, "job", "the job is not JSON: trailing comma at line 1");
    refused(r#"{"account":"acme"} {}"#, "job", "the job is not JSON: trailing characters");
    refused("[]", "job", "the job is an array; it must be one JSON object");
    refused("7", "job", "the job is a number");
    refused("null", "job", "the job is null");
    refused(r#""{}""#, "job", "the job is a string");
}

#[test]
fn what_is_too_large_or_no_text() {
    let fill = 64 * 1024 - with_fields(r#""x":"""#).len() + 1;
    refused(
        &with_fields(&format!(r#""x":"{}""#, "x".repeat(fill))),
        "job",
        "the job has 65537 bytes; it may have 65536",
    );
    let invalid = refused_bytes(b"{\"account\":\"\xff\"}");
    assert_eq!(invalid.message, "the job is not UTF-8 (at byte 12)");
    refused(&with_envelope("\"id\":\"a\0b\""), "job", "holds a NUL character");
    refused(&with_envelope(r#""user":"a\u0000b""#), "user", "`user` holds a NUL character");
    refused(&with_fields(r#""topic":"\u0000""#), "meeting", "`meeting` holds a NUL character");
    refused(&with_envelope(r#""metadata":"\ud800""#), "metadata", "half of a surrogate pair");
}

#[test]
fn what_is_nested_too_deep() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    refused(
        &with_envelope(&format!(r#""metadata":{}"#, deep(64))),
        "metadata",
        "nested more than 64 deep",
    );
    refused(
        &with_fields(&format!(r#""x":{}"#, deep(30_000))),
        "meeting",
        "nested more than 64 deep",
    );
    refused(&"[".repeat(60_000), "job", "nested more than 64 deep");
    crate::job(&with_envelope(&format!(r#""metadata":{}"#, deep(63))));
}

#[test]
fn fields_that_are_unknown_or_twice() {
    refused(
        &with_envelope(r#""acount":"x""#),
        "acount",
        r#"the field "acount" is unknown; did you mean `account`?"#,
    );
    refused(&with_envelope(r#""notBefore":"x""#), "notBefore", "did you mean `not_before`?");
    refused(
        &with_envelope(r#""topic":"x""#),
        "topic",
        "it belongs inside `meeting`, as `meeting.topic`",
    );
    refused(&with_envelope(r#""colour":"x""#), "colour", "a job has id, account, kind");
    refused(&with_envelope(r#""account":"x""#), "account", "`account` appears twice");
    refused(&with_fields(r#""topic":"a","topic":"b""#), "meeting", "`meeting.topic` appears twice");
    refused(&with_fields(r#""start_time":null"#), "meeting", "`meeting.start_time` appears twice");
    refused(
        &with_fields(r#""type":8,"recurrence":{"type":1,"type":2}"#),
        "meeting.recurrence",
        "appears twice",
    );
}

/// Empty arrays, which are dropped, are no way to write a field twice.
#[test]
fn fields_that_are_dropped_and_there_again() {
    for (fields, field) in [
        (r#""settings":[],"settings":{"use_pmi":true}"#, "meeting.settings"),
        (r#""settings":[],"settings":[]"#, "meeting.settings"),
        (r#""recurrence":[],"recurrence":{"type":1}"#, "meeting.recurrence"),
        (r#""recurrence":{"type":1},"recurrence":{"type":2}"#, "meeting.recurrence"),
    ] {
        refused(&with_fields(fields), "meeting", &format!("`{field}` appears twice"));
    }
    for settings in
        [r#""breakout_room":[],"breakout_room":[]"#, r#""breakout_room":[],"breakout_room":{}"#]
    {
        refused(
            &with_fields(&format!(r#""settings":{{{settings}}}"#)),
            "meeting.settings.breakout_room",
            "appears twice",
        );
    }
}

/// The work for a job is bounded by its length, whatever is in it.
#[test]
fn a_field_that_comes_thousands_of_times_costs_one_look() {
    let many = [r#""settings":[],"#, r#""recurrence":[],"#].map(|field| {
        with_meeting(&format!(r#"{{{}"type":3}}"#, field.repeat(63_000 / field.len())))
    });
    let settings = r#""breakout_room":[],"#.repeat(3_000);
    let nested = with_fields(&format!(r#""settings":{{{settings}"use_pmi":false}}"#));
    let small_stack = std::thread::Builder::new().stack_size(256 * 1024);
    let parsing = small_stack.spawn(move || {
        for job in many {
            refused(&job, "meeting", "appears twice");
        }
        refused(&nested, "meeting.settings.breakout_room", "appears twice");
    });
    parsing.unwrap().join().unwrap();
}

#[test]
fn fields_that_are_missing() {
    refused("{}", "account", "`account` is missing");
    refused(r#"{"account":null,"meeting":{}}"#, "account", "`account` is missing");
    refused(r#"{"account":"a"}"#, "meeting", "`meeting` is missing; create_meeting needs it");
    refused(
        &with_meeting("{}"),
        "meeting.start_time",
        "`meeting.start_time` is missing; a meeting of type 2 needs it",
    );
    refused(&with_meeting(r#"{"type":8}"#), "meeting.start_time", "of type 8 needs it");
    refused(&with_meeting(r#"{"start_time":null}"#), "meeting.start_time", "is missing");
    refused(&with_meeting(r#"{"start_time":""}"#), "meeting.start_time", "is missing");
    refused(
        &with_fields(r#""type":8,"recurrence":{}"#),
        "meeting.recurrence.type",
        "1 daily, 2 weekly or 3 monthly",
    );
}

#[test]
fn wrong_types() {
    for (field, value, words) in [
        ("id", "7", "`id` is a number; it must be a string"),
        ("kind", "[]", "`kind` is an array; it must be a string"),
        ("user", "true", "`user` is a boolean; it must be a string"),
        ("not_before", "1700000000", "`not_before` is a number; it must be a string"),
        (
            "max_attempts",
            r#""5""#,
            "`max_attempts` is a string; it must be a whole number without quotes",
        ),
        ("max_attempts", "2.5", "`max_attempts` is 2.5; it must be a whole number"),
        ("max_attempts", "true", "`max_attempts` is a boolean"),
        ("reply", r#""yes""#, "`reply` is a string; it must be true or false"),
        ("priority", "1", "`priority` is a number; it must be a string"),
    ] {
        refused(&with_envelope(&format!(r#""{field}":{value}"#)), field, words);
    }
    refused(r#"{"account":7,"meeting":{"type":3}}"#, "account", "`account` is a number");
    refused(
        r#"{"account":"a","meeting":[1]}"#,
        "meeting",
        "`meeting` is an array; it must be an object",
    );
    for (field, value, words) in [
        ("topic", "7", "`meeting.topic` is a number"),
        ("type", r#""2""#, "`meeting.type` is a string; it must be a whole number without quotes"),
        ("timezone", "1", "`meeting.timezone` is a number"),
        ("duration", r#""30""#, "`meeting.duration` is a string"),
        ("duration", "30.5", "`meeting.duration` is 30.5"),
        ("agenda", "{}", "`meeting.agenda` is an object"),
        ("password", "123456", "`meeting.password` is a number"),
        ("schedule_for", "1", "`meeting.schedule_for` is a number"),
        ("pre_schedule", "1", "`meeting.pre_schedule` is a number"),
        ("default_password", r#""no""#, "`meeting.default_password` is a string"),
        ("template_id", "1", "`meeting.template_id` is a number"),
        ("settings", "[1]", "`meeting.settings` is an array; it must be an object"),
        ("tracking_fields", "{}", "`meeting.tracking_fields` is an object; it must be an array"),
    ] {
        refused(&with_fields(&format!(r#""{field}":{value}"#)), &format!("meeting.{field}"), words);
    }
    refused(
        &with_meeting(r#"{"start_time":1700000000}"#),
        "meeting.start_time",
        "is a number; it must be a string",
    );
    refused(
        &with_fields(r#""settings":{"use_pmi":"yes"}"#),
        "meeting.settings.use_pmi",
        "must be true or false",
    );
}

#[test]
fn every_limit_exceeded_by_one() {
    let long = |length: usize| "ü".repeat(length);
    for (field, value, words) in [
        (
            "topic",
            format!("\"{}\"", long(201)),
            "`meeting.topic` has 201 characters; Zoom takes at most 200",
        ),
        (
            "agenda",
            format!("\"{}\"", long(2_001)),
            "`meeting.agenda` has 2001 characters; Zoom takes at most 2000",
        ),
        (
            "password",
            format!("\"{}\"", long(11)),
            "`meeting.password` has 11 characters; Zoom takes at most 10",
        ),
        ("duration", "0".to_owned(), "`meeting.duration` is 0; it must be 1 to 1440 minutes"),
        ("duration", "1441".to_owned(), "`meeting.duration` is 1441; it must be 1 to 1440 minutes"),
        ("type", "4".to_owned(), "`meeting.type` is 4; Zoom has 1 (instant)"),
        ("type", "0".to_owned(), "`meeting.type` is 0"),
        ("tracking_fields", r#"[{"value":"x"}]"#.to_owned(), "must be objects with a `field`"),
        ("tracking_fields", "[1]".to_owned(), "must be objects with a `field`"),
    ] {
        refused(&with_fields(&format!(r#""{field}":{value}"#)), &format!("meeting.{field}"), words);
    }
    refused(
        &with_fields(&format!(r#""settings":{{"audio_conference_info":"{}"}}"#, long(2_049))),
        "meeting.settings.audio_conference_info",
        "has 2049 characters",
    );
    for (field, value, words) in [
        (
            "id",
            format!("\"{}\"", "x".repeat(129)),
            "`id` must be 1 to 128 characters of A-Z a-z 0-9 . _ : @ + -",
        ),
        ("id", r#""""#.to_owned(), "`id` must be"),
        ("id", r#""a b""#.to_owned(), "`id` must be"),
        ("max_attempts", "0".to_owned(), "`max_attempts` is 0; it must be 1 to 25"),
        ("max_attempts", "26".to_owned(), "`max_attempts` is 26; it must be 1 to 25"),
        (
            "metadata",
            format!("\"{}\"", "x".repeat(4_095)),
            "`metadata` has 4097 bytes; it may have 4096",
        ),
        ("user", format!("\"{}\"", "x".repeat(321)), "of at most 320 bytes"),
        ("user", r#""""#.to_owned(), "`user` must be `me`, a Zoom user id or an e-mail address"),
        ("user", r#""..""#.to_owned(), "`user` must be"),
        ("user", r#""a b""#.to_owned(), "`user` must be"),
        (
            "priority",
            r#""urgent""#.to_owned(),
            "`priority` is \"urgent\"; it must be high, normal or low",
        ),
    ] {
        refused(&with_envelope(&format!(r#""{field}":{value}"#)), field, words);
    }
    let account = |name: &str| format!(r#"{{"account":"{name}","meeting":{{"type":3}}}}"#);
    refused(
        &account(&"x".repeat(129)),
        "account",
        "`account` must be 1 to 128 characters of A-Z a-z 0-9 . _ @ -",
    );
    refused(&account("a:b"), "account", "`account` must be");
}

#[test]
fn kinds_that_are_unknown() {
    refused(&with_envelope(r#""kind":"create_meting""#), "kind", "did you mean `create_meeting`?");
    refused(
        &with_envelope(r#""kind":"dance""#),
        "kind",
        r#"the kind "dance" is unknown; it must be create_meeting, update_meeting, delete_meeting or end_meeting"#,
    );
    refused(&with_envelope(r#""meeting_id":7"#), "meeting_id", "does not go with create_meeting");
    for field in ["of", "occurrence", "scope", "notify"] {
        let text = with_envelope(&format!(r#""{field}":"series""#));
        refused(&text, field, "does not go with create_meeting");
    }
}

#[test]
fn what_zoom_does_not_let_stand_together() {
    refused(
        &with_fields(r#""type":1,"schedule_for":"bob""#),
        "meeting.schedule_for",
        "is not allowed with type 1",
    );
    for kind in [1, 8, 10] {
        refused(
            &with_fields(&format!(r#""type":{kind},"pre_schedule":true"#)),
            "meeting.pre_schedule",
            "only with type 2 or 3",
        );
    }
    refused(
        &with_fields(r#""type":10,"recurrence":{"type":1}"#),
        "meeting.recurrence",
        "is allowed only with type 8; this meeting is of type 10",
    );
}

#[test]
fn recurrences_that_zoom_has_not() {
    for (recurrence, field, words) in [
        (r#"{"type":4}"#, ".type", "is 4; it must be 1 to 3"),
        (r#"{"type":1,"repeat_interval":100}"#, ".repeat_interval", "it must be 1 to 99"),
        (r#"{"type":2,"repeat_interval":51}"#, ".repeat_interval", "it must be 1 to 50"),
        (r#"{"type":3,"repeat_interval":11}"#, ".repeat_interval", "it must be 1 to 10"),
        (r#"{"type":3,"repeat_interval":0}"#, ".repeat_interval", "it must be 1 to 10"),
        (
            r#"{"type":2,"weekly_days":"8"}"#,
            ".weekly_days",
            r#"is "8"; it must be days from 1 (Sunday) to 7"#,
        ),
        (r#"{"type":2,"weekly_days":""}"#, ".weekly_days", "it must be days"),
        (r#"{"type":2,"weekly_days":2}"#, ".weekly_days", "is a number; it must be a string"),
        (r#"{"type":3,"monthly_day":32}"#, ".monthly_day", "it must be 1 to 31"),
        (r#"{"type":3,"monthly_week":5}"#, ".monthly_week", "it must be 1 to 4, or -1"),
        (r#"{"type":3,"monthly_week":0}"#, ".monthly_week", "it must be 1 to 4, or -1"),
        (r#"{"type":3,"monthly_week_day":8}"#, ".monthly_week_day", "it must be 1 to 7"),
        (r#"{"type":1,"end_times":61}"#, ".end_times", "it must be 0 to 60"),
        (r#"{"type":1,"end_times":2,"end_date_time":"2027-01-01T00:00:00Z"}"#, "", "has both"),
        (
            r#"{"type":1,"end_date_time":"2026-11-30T00:00:00Z"}"#,
            ".end_date_time",
            "is before the first start",
        ),
        (
            r#"{"type":1,"end_date_time":"2027-01-01T00:00:00"}"#,
            ".end_date_time",
            "has no time zone; add Z",
        ),
        ("[]", "", "is missing; a meeting of type 8 needs it"),
        ("[1]", "", "is an array"),
    ] {
        let text = with_fields(&format!(r#""type":8,"recurrence":{recurrence}"#));
        refused(&text, &format!("meeting.recurrence{field}"), words);
    }
}

#[test]
fn fields_of_a_recurrence_that_need_or_exclude_each_other() {
    for (recurrence, field, words) in [
        (r#"{"type":2}"#, ".weekly_days", "is missing; a weekly meeting needs it"),
        (r#"{"type":3,"monthly_week":1}"#, ".monthly_week_day", "`monthly_week` needs it"),
        (r#"{"type":3,"monthly_week_day":1}"#, ".monthly_week", "`monthly_week_day` needs it"),
        (
            r#"{"type":3,"monthly_week":1,"monthly_week_day":1,"monthly_day":1}"#,
            ".monthly_day",
            "is set together with `monthly_week`",
        ),
    ] {
        let text = with_fields(&format!(r#""type":8,"recurrence":{recurrence}"#));
        refused(&text, &format!("meeting.recurrence{field}"), words);
    }
    refused(&with_fields(r#""type":8"#), "meeting.recurrence", "a meeting of type 8 needs it");
    crate::job(&with_fields(r#""type":8,"recurrence":{"type":3}"#));
}

#[test]
fn settings_that_zoom_would_refuse() {
    for (settings, field, words) in [
        (r#"{"jbh_time":7}"#, "jbh_time", "is 7; it must be 0, 5, 10 or 15"),
        (
            r#"{"jbh_time":"5"}"#,
            "jbh_time",
            "is a string; it must be a whole number without quotes",
        ),
        (
            r#"{"audio":"VoIP"}"#,
            "audio",
            r#"is "VoIP"; it must be "both", "telephony", "voip" or "#,
        ),
        (r#"{"audio":""}"#, "audio", r#"is ""; it must be"#),
        (r#"{"host_video":"true"}"#, "host_video", "is a string; it must be true or false without"),
        (r#"{"waiting_room":1}"#, "waiting_room", "is a number; it must be true or false"),
        (r#"{"auto_recording":true}"#, "auto_recording", "is a boolean; it must be a string"),
        (r#"{"alternative_hosts":[]}"#, "alternative_hosts", "is an array; it must be a string"),
        (r#"{"meeting_invitees":"a"}"#, "meeting_invitees", "is a string; it must be an array"),
        (r#"{"breakout_room":[1]}"#, "breakout_room", "is an array; it must be an object"),
        (r#"{"audio":"both","audio":"voip"}"#, "audio", "appears twice"),
    ] {
        let text = with_fields(&format!(r#""settings":{settings}"#));
        refused(&text, &format!("meeting.settings.{field}"), words);
    }
}

#[test]
fn texts_that_zoom_would_refuse() {
    for password in ["a b", "p\\u00e4ss", "a\\tb"] {
        let text = with_fields(&format!(r#""password":"{password}""#));
        refused(&text, "meeting.password", "may hold letters, digits and signs of ASCII only");
        assert!(!refusal(&text).message.contains(password), "a pass code is a secret");
    }
    crate::job(&with_fields(r#""password":"aZ9@-_*!$~""#));
    refused(&with_fields(r#""timezone":"""#), "meeting.timezone", "is empty; leave it out");
    refused(
        &with_meeting(r#"{"type":3,"start_time":""}"#),
        "meeting.start_time",
        "is empty; leave it out",
    );
    for name in ["localtime", "posixrules", "Factory", "../UTC", "/etc/localtime", "posix/UTC"] {
        let text = with_fields(&format!(r#""timezone":"{name}""#));
        refused(&text, "meeting.timezone", "which is no time zone");
    }
}

#[test]
fn a_marked_job_is_told_what_is_wrong_with_it() {
    let marked = format!("\u{feff}{}", with_envelope(r#""id":"1""#));
    refused(&marked, "job", "begins with a byte-order mark (U+FEFF)");
}

#[test]
fn all_faults_come_in_one_message() {
    let invalid = refusal(
        r#"{"id":"a b","acount":"x","kind":"dance","max_attempts":0,"not_before":"soon","colour":1,
            "meeting":{"type":8,"topic":7,"duration":"45","password":"a b","timezone":"Shire",
            "start_time":"tomorrow","recurrence":{"type":2,"end_times":99},
            "settings":{"jbh_time":7,"audio":"VoIP"}}}"#,
    );
    assert_eq!(invalid.field, "acount");
    for field in [
        "acount",
        "colour",
        "id",
        "account",
        "kind",
        "max_attempts",
        "not_before",
        "meeting.topic",
        "meeting.duration",
        "meeting.password",
        "meeting.timezone",
        "meeting.start_time",
        "meeting.recurrence.weekly_days",
        "meeting.recurrence.end_times",
        "meeting.settings.jbh_time",
        "meeting.settings.audio",
    ] {
        let named = [format!("`{field}`"), format!("{field:?}"), format!("the {field} ")];
        let told = named.iter().any(|name| invalid.message.contains(name.as_str()));
        assert!(told, "{field} is not in: {invalid}");
    }
    assert_eq!(invalid.message.matches(" Also: ").count(), 15, "{invalid}");
    insta::assert_snapshot!(invalid.message);
    let many: String = (0..30).map(|n| format!(r#","x{n}":1"#)).collect();
    let invalid = refusal(&format!(r#"{{"meeting":{{"duration":0}}{many}}}"#));
    assert!(invalid.message.len() < 8_000, "{}", invalid.message.len());
    let faults: String = (0..16).map(|n| format!(r#","y{n}":1"#)).collect();
    let days = r#""recurrence":{"type":7,"weekly_days":"9","monthly_day":0,"monthly_week":9}"#;
    let text = format!(
        r#"{{"id":"","user":"","kind":"x","meeting":{{"type":8,"duration":0,{days}}}{faults}}}"#
    );
    assert!(refusal(&text).message.contains(". Faults not listed: "), "{}", refusal(&text));
}

#[test]
fn what_was_accepted_once_passes_later_rules() {
    for (meeting, start) in [
        (r#"{"type":8,"start_time":"2026-12-01T10:00:00Z"}"#, "2026-12-01T10:00:00Z"),
        (
            r#"{"start_time":"2026-12-01T10:00:00","timezone":"Gone/Zone","settings":{"jbh_time":7},"password":"a b"}"#,
            "2026-12-01T10:00:00Z",
        ),
        (r#"{"start_time":"2026-12-01T10:00:00Z","timezone":""}"#, "2026-12-01T10:00:00Z"),
    ] {
        refusal(&with_meeting(meeting));
        let again = zoomd_wire::Rules::again(rules().now);
        let job = parse(with_meeting(meeting).as_bytes(), &again).expect("accepted before");
        assert_eq!(
            job.meeting().unwrap().start.map(|start| start.to_string()).as_deref(),
            Some(start)
        );
        assert_eq!(job.meeting().unwrap().body(), meeting);
    }
}

#[test]
fn times_that_are_not_clear() {
    let start = |time: &str| with_meeting(&format!(r#"{{"start_time":"{time}"}}"#));
    refused(
        &start("2026-12-01T10:00:00"),
        "meeting.start_time",
        "which has no time zone; add Z or an offset such as +02:00, or set `timezone`",
    );
    refused(
        &start("tomorrow"),
        "meeting.start_time",
        r#"is "tomorrow"; write it as "2030-01-07T10:00:00Z""#,
    );
    refused(&start("2026-12-01"), "meeting.start_time", "write it as");
    refused(
        &start("2026-09-30T23:59:59Z"),
        "meeting.start_time",
        "(2026-09-30T23:59:59Z) is in the past; Zoom would start the meeting immediately",
    );
    refused(&start("2026-10-01T01:59:59+02:00"), "meeting.start_time", "is in the past");
    let local = r#"{"start_time":"2026-10-01T01:59:59","timezone":"Europe/Berlin"}"#;
    refused(&with_meeting(local), "meeting.start_time", "(2026-09-30T23:59:59Z) is in the past");
    refused(
        &with_fields(r#""timezone":"Europe/Berln""#),
        "meeting.timezone",
        r#"did you mean "Europe/Berlin"?"#,
    );
    refused(&with_fields(r#""timezone":"Shire""#), "meeting.timezone", "use an IANA name");
}

#[test]
fn times_that_leave_no_time() {
    let times = |first: &str, last: &str| {
        with_envelope(&format!(r#""not_before":"{first}","deadline":"{last}""#))
    };
    refused(
        &times("2026-12-01T00:00:01Z", "2026-12-01T00:00:00Z"),
        "not_before",
        "is after `deadline` (2026-12-01T00:00:00Z), so the job could never run",
    );
    crate::job(&times("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"));
    let late = r#"{"account":"a","meeting":{"start_time":"2026-12-01T10:00:00Z"},"not_before":"2026-12-01T10:00:01Z"}"#;
    refused(late, "not_before", "is after the start of the meeting");
    // In a zone that does not exist no time comes before another.
    for meeting in [
        r#"{"start_time":"2026-12-01T10:00:00","timezone":"America/New_Yrok"}"#,
        r#"{"type":8,"start_time":"2026-12-01T10:00:00","timezone":"America/New_Yrok","recurrence":{"type":1,"end_date_time":"2026-12-01T09:00:00Z"}}"#,
    ] {
        let job =
            format!(r#"{{"account":"a","meeting":{meeting},"not_before":"2026-12-01T12:00:00Z"}}"#);
        refused(&job, "meeting.timezone", r#"did you mean "America/New_York"?"#);
        assert!(!refusal(&job).message.contains("Also"), "{}", refusal(&job));
    }
    refused(
        &with_envelope(r#""deadline":"2026-12-01T00:00:00""#),
        "deadline",
        "write it with its zone",
    );
    refused(
        &with_envelope(r#""not_before":"soon""#),
        "not_before",
        r#"is "soon"; write it with its zone"#,
    );
}

#[test]
fn an_invalid_job_still_says_whose_it_is() {
    let claims = *refusal(
        r#"{"id":"order-1","account":"acme","kind":"create_meeting","user":"ann","reply":true,
            "metadata":{"t":1},"meeting":{"type":9}}"#,
    )
    .claims;
    assert_eq!(claims.id.unwrap().as_str(), "order-1");
    assert_eq!(claims.account.as_deref(), Some("acme"));
    assert_eq!(claims.kind.as_deref(), Some("create_meeting"));
    assert_eq!(claims.user.as_deref(), Some("ann"));
    assert!(claims.reply);
    assert_eq!(claims.metadata.unwrap().get(), r#"{"t":1}"#);
    let torn = *refusal(r#"{"id":"order-1","account":"a b","reply":1,"meeting":{"#).claims;
    assert_eq!(torn.id.unwrap().as_str(), "order-1");
    assert_eq!((torn.account, torn.reply), (None, false));
    assert_eq!(torn.kind.as_deref(), Some("create_meeting"), "what a job is that does not say");
    let odd = *refusal(r#"{"account":"acme","kind":7}"#).claims;
    assert_eq!(odd.kind, None);
}

#[test]
fn entries_that_are_no_job() {
    assert!(InvalidJob::no_job_field().message.contains("XADD"));
    let extra = InvalidJob::extra_field(b"pri\xffority");
    assert!(extra.message.contains("beside `job`"), "{extra}");
}
