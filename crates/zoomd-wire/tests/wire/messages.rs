//! Every message about one wrong value, to be read as people read it: the
//! snapshot is the test.

use std::collections::BTreeSet;

use crate::{refusal, with_envelope, with_fields, with_meeting};

/// One value of each kind that JSON has, and texts that look like others.
const ODD: [&str; 9] =
    ["7", "-1", "4.5", "true", "[1]", r#"{"a":1}"#, r#""45""#, r#""x y""#, r#""""#];

const ENVELOPE: [&str; 10] = [
    "id",
    "account",
    "kind",
    "user",
    "not_before",
    "deadline",
    "max_attempts",
    "priority",
    "reply",
    "colour",
];

const MEETING: [&str; 14] = [
    "topic",
    "type",
    "start_time",
    "timezone",
    "duration",
    "agenda",
    "password",
    "default_password",
    "schedule_for",
    "pre_schedule",
    "template_id",
    "tracking_fields",
    "settings",
    "recurrence",
];

const SETTINGS: [&str; 8] = [
    "host_video",
    "jbh_time",
    "audio",
    "alternative_hosts",
    "audio_conference_info",
    "breakout_room",
    "meeting_invitees",
    "use_pmi",
];

const RECURRENCE: [&str; 8] = [
    "type",
    "repeat_interval",
    "weekly_days",
    "monthly_day",
    "monthly_week",
    "monthly_week_day",
    "end_times",
    "end_date_time",
];

fn jobs() -> impl Iterator<Item = String> {
    let each = |names: &'static [&'static str], job: fn(String) -> String| {
        names
            .iter()
            .flat_map(move |name| ODD.iter().map(move |value| job(format!(r#""{name}":{value}"#))))
    };
    let in_envelope = |field: String| match field.starts_with(r#""account""#) {
        true => format!(r#"{{{field},"meeting":{{"type":3}}}}"#),
        false => with_envelope(&field),
    };
    let in_meeting = |field: String| match &field[1..] {
        field_of if field_of.starts_with("start_time") => with_meeting(&format!("{{{field}}}")),
        field_of if field_of.starts_with("recurrence") => {
            with_fields(&format!(r#""type":8,{field}"#))
        }
        _ => with_fields(&field),
    };
    each(&ENVELOPE, in_envelope)
        .chain(each(&MEETING, in_meeting))
        .chain(each(&SETTINGS, |field| with_fields(&format!(r#""settings":{{{field}}}"#))))
        .chain(each(&RECURRENCE, |field| {
            let kind = if field.starts_with(r#""type""#) { "" } else { r#""type":1,"# };
            with_fields(&format!(r#""type":8,"recurrence":{{{kind}{field}}}"#))
        }))
}

#[test]
fn every_message_reads_as_a_sentence() {
    let rules = crate::rules();
    let mut messages = BTreeSet::new();
    for job in jobs() {
        if zoomd_wire::parse(job.as_bytes(), &rules).is_err() {
            messages.insert(refusal(&job).message);
        }
    }
    for message in &messages {
        let begins = message.starts_with('`') || message.starts_with("the ");
        let whole = message.matches('`').count() % 2 == 0 && !message.contains("  ");
        assert!(begins && whole && !message.ends_with('.'), "{message}");
    }
    insta::assert_snapshot!(messages.into_iter().collect::<Vec<_>>().join("\n"));
}
