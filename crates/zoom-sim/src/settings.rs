//! The settings of a meeting: the names Zoom publishes, what each may hold, and
//! what a meeting has that asked for none. Other names are tolerated and dropped.

use serde_json::{Map, Value};

/// Type of value that a published setting accepts.
#[derive(Clone, Copy)]
enum Kind {
    Flag,
    /// One of these numbers.
    Number(&'static [i64]),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text with a maximum number of characters.
    Text(usize),
    List,
    Object,
}

use Kind::{Flag, List, Number, Object, Text, Word};

const LONG: usize = 2_048;

const PUBLISHED: [(&str, Kind); 63] = [
    ("host_video", Flag),
    ("participant_video", Flag),
    ("join_before_host", Flag),
    ("jbh_time", Number(&[0, 5, 10, 15])),
    ("mute_upon_entry", Flag),
    ("waiting_room", Flag),
    ("waiting_room_options", Object),
    ("use_pmi", Flag),
    ("approval_type", Number(&[0, 1, 2])),
    ("registration_type", Number(&[1, 2, 3])),
    ("audio", Word(&["both", "telephony", "voip", "thirdParty"])),
    ("audio_conference_info", Text(LONG)),
    ("auto_recording", Word(&["local", "cloud", "none"])),
    ("auto_add_recording_to_video_management", Object),
    ("alternative_hosts", Text(LONG)),
    ("alternative_hosts_email_notification", Flag),
    ("alternative_host_update_polls", Flag),
    ("alternative_host_manage_meeting_summary", Flag),
    ("alternative_host_manage_cloud_recording", Flag),
    ("email_notification", Flag),
    ("meeting_authentication", Flag),
    ("authentication_option", Text(LONG)),
    ("authentication_domains", Text(LONG)),
    ("authentication_exception", List),
    ("contact_name", Text(LONG)),
    ("contact_email", Text(LONG)),
    ("registrants_confirmation_email", Flag),
    ("registrants_email_notification", Flag),
    ("close_registration", Flag),
    ("show_share_button", Flag),
    ("show_join_info", Flag),
    ("allow_multiple_devices", Flag),
    ("encryption_type", Word(&["enhanced_encryption", "e2ee"])),
    ("breakout_room", Object),
    ("language_interpretation", Object),
    ("sign_language_interpretation", Object),
    ("meeting_invitees", List),
    ("private_meeting", Flag),
    ("internal_meeting", Flag),
    ("calendar_type", Number(&[1, 2])),
    ("focus_mode", Flag),
    ("watermark", Flag),
    ("host_save_video_order", Flag),
    ("global_dial_in_countries", List),
    ("approved_or_denied_countries_or_regions", Object),
    ("additional_data_center_regions", List),
    ("continuous_meeting_chat", Object),
    ("resources", List),
    ("question_and_answer", Object),
    ("auto_start_meeting_summary", Flag),
    ("who_will_receive_summary", Number(&[1, 2, 3, 4])),
    ("auto_start_ai_companion_questions", Flag),
    ("who_can_ask_questions", Number(&[1, 2, 3, 4, 5])),
    ("summary_template_id", Text(LONG)),
    ("device_testing", Flag),
    ("participant_focused_meeting", Flag),
    ("push_change_to_calendar", Flag),
    ("email_in_attendee_report", Flag),
    ("request_permission_to_unmute_participants", Flag),
    ("cn_meeting", Flag),
    ("in_meeting", Flag),
    ("enforce_login", Flag),
    ("enforce_login_domains", Text(LONG)),
];

/// Settings that an update of one occurrence may set.
const OF_AN_OCCURRENCE: [&str; 7] = [
    "host_video",
    "participant_video",
    "join_before_host",
    "mute_upon_entry",
    "waiting_room",
    "watermark",
    "auto_recording",
];

pub(crate) const USUAL: &str = r#""host_video":false,"participant_video":false,"cn_meeting":false,"in_meeting":false,"join_before_host":false,"jbh_time":0,"mute_upon_entry":false,"watermark":false,"use_pmi":false,"approval_type":2,"audio":"both","auto_recording":"none","enforce_login":false,"enforce_login_domains":"","alternative_hosts":"","alternative_host_update_polls":false,"close_registration":false,"show_share_button":false,"allow_multiple_devices":false,"registrants_confirmation_email":true,"waiting_room":true,"request_permission_to_unmute_participants":false,"registrants_email_notification":true,"meeting_authentication":false,"encryption_type":"enhanced_encryption","approved_or_denied_countries_or_regions":{"enable":false},"breakout_room":{"enable":false},"private_meeting":false,"email_notification":true,"host_save_video_order":false,"device_testing":false,"focus_mode":false"#;

impl Kind {
    fn takes(self, value: &Value) -> bool {
        match self {
            Flag => value.is_boolean(),
            Number(allowed) => value.as_i64().is_some_and(|n| allowed.contains(&n)),
            Word(allowed) => value.as_str().is_some_and(|word| allowed.contains(&word)),
            Text(most) => value.as_str().is_some_and(|text| text.chars().count() <= most),
            List => value.is_array(),
            Object => value.is_object(),
        }
    }
}

fn kind_of(name: &str) -> Option<Kind> {
    PUBLISHED.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// The published settings whose values Zoom refuses. `null` is as good as absent.
pub(crate) fn unfit(asked: &Map<String, Value>) -> Vec<&str> {
    let fits = |name: &str, value: &Value| {
        value.is_null() || kind_of(name).is_none_or(|kind| kind.takes(value))
    };
    asked.iter().filter(|(name, value)| !fits(name, value)).map(|(name, _)| name.as_str()).collect()
}

/// The settings that an update of one occurrence may not set.
pub(crate) fn not_of_an_occurrence(asked: &Map<String, Value>) -> Vec<&str> {
    let known = |name: &str| OF_AN_OCCURRENCE.contains(&name) || kind_of(name).is_none();
    asked.keys().map(String::as_str).filter(|name| !known(name)).collect()
}

/// Lays what was asked for over what there is; names that are not published are dropped.
pub(crate) fn merge(into: &mut Map<String, Value>, asked: Map<String, Value>) {
    let published = |(name, value): &(String, Value)| kind_of(name).is_some() && !value.is_null();
    into.extend(asked.into_iter().filter(published));
}

/// All settings of a meeting that asked for `asked`, as the inside of an object.
pub(crate) fn write(out: &mut Vec<u8>, asked: &Map<String, Value>) {
    if asked.is_empty() {
        return out.extend_from_slice(USUAL.as_bytes());
    }
    let mut all: Map<String, Value> =
        serde_json::from_str(&format!("{{{USUAL}}}")).unwrap_or_default();
    all.extend(asked.clone());
    let json = Value::Object(all).to_string();
    let inside = json.strip_prefix('{').and_then(|json| json.strip_suffix('}'));
    out.extend_from_slice(inside.unwrap_or_default().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).expect("an object")
    }

    #[test]
    fn the_usual_ones_are_published_and_fit() {
        let usual = map(&format!("{{{USUAL}}}"));
        assert!(usual.keys().all(|name| kind_of(name).is_some()), "{usual:?}");
        assert!(unfit(&usual).is_empty());
    }

    #[test]
    fn each_published_name_refuses_another_kind() {
        for (name, kind) in PUBLISHED {
            let odd = if matches!(kind, Flag) { Value::from("true") } else { Value::from(true) };
            let asked = Map::from_iter([(name.to_owned(), odd)]);
            assert_eq!(unfit(&asked), [name]);
        }
        assert!(unfit(&map(r#"{"odd":[1],"audio":null}"#)).is_empty());
        assert_eq!(unfit(&map(r#"{"audio":"VoIP","jbh_time":7}"#)), ["audio", "jbh_time"]);
    }

    #[test]
    fn what_is_not_published_is_dropped() {
        let mut settings = map(r#"{"host_video":true}"#);
        merge(&mut settings, map(r#"{"odd":[1],"audio":"voip","watermark":null}"#));
        assert_eq!(settings, map(r#"{"host_video":true,"audio":"voip"}"#));
        assert_eq!(
            not_of_an_occurrence(&map(r#"{"audio":"voip","watermark":true,"odd":1}"#)),
            ["audio"]
        );
    }
}
