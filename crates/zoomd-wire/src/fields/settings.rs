//! The settings of a meeting held against Zoom's published names and values.
//!
//! Invariant: a name that Zoom does not publish is never refused, since Zoom adds
//! some every few months; one that is nearly a published name is warned of.

use super::body::warn_of_units;
use super::findings::Findings;
use super::invalid::InvalidJob;
use super::limits::AUDIO_INFO;
use super::read;
use super::suggest;

/// The values that a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Switch,
    Number(&'static [i64]),
    Word(&'static [&'static str]),
    Text,
    Info,
    Object,
    List,
}

use Takes::{Info, List, Number, Object, Switch, Text, Word};

/// A published setting, as a path for messages.
type Published = (&'static str, Takes);

const START: usize = "meeting.settings.".len();

macro_rules! published {
    ($($name:literal: $takes:expr,)*) => {
        &[$((concat!("meeting.settings.", $name), $takes)),*]
    };
}

/// All of them, the shortest name first.
const PUBLISHED: &[Published] = published! {
    "audio": Word(&["both", "telephony", "voip", "thirdParty"]),
    "use_pmi": Switch,
    "jbh_time": Number(&[0, 5, 10, 15]),
    "resources": List,
    "watermark": Switch,
    "cn_meeting": Switch,
    "focus_mode": Switch,
    "host_video": Switch,
    "in_meeting": Switch,
    "contact_name": Text,
    "waiting_room": Switch,
    "approval_type": Number(&[0, 1, 2]),
    "breakout_room": Object,
    "calendar_type": Number(&[1, 2]),
    "contact_email": Text,
    "enforce_login": Switch,
    "auto_recording": Word(&["local", "cloud", "none"]),
    "device_testing": Switch,
    "show_join_info": Switch,
    "encryption_type": Word(&["enhanced_encryption", "e2ee"]),
    "mute_upon_entry": Switch,
    "private_meeting": Switch,
    "internal_meeting": Switch,
    "join_before_host": Switch,
    "meeting_invitees": List,
    "alternative_hosts": Text,
    "participant_video": Switch,
    "registration_type": Number(&[1, 2, 3]),
    "show_share_button": Switch,
    "close_registration": Switch,
    "email_notification": Switch,
    "authentication_name": Text,
    "question_and_answer": Object,
    "summary_template_id": Text,
    "waiting_room_options": Object,
    "audio_conference_info": Info,
    "authentication_option": Text,
    "enforce_login_domains": Text,
    "host_save_video_order": Switch,
    "who_can_ask_questions": Number(&[1, 2, 3, 4, 5]),
    "allow_multiple_devices": Switch,
    "authentication_domains": Text,
    "meeting_authentication": Switch,
    "continuous_meeting_chat": Object,
    "language_interpretation": Object,
    "push_change_to_calendar": Switch,
    "authentication_exception": List,
    "email_in_attendee_report": Switch,
    "global_dial_in_countries": List,
    "who_will_receive_summary": Number(&[1, 2, 3, 4]),
    "auto_start_meeting_summary": Switch,
    "participant_focused_meeting": Switch,
    "sign_language_interpretation": Object,
    "alternative_host_update_polls": Switch,
    "additional_data_center_regions": List,
    "registrants_confirmation_email": Switch,
    "registrants_email_notification": Switch,
    "auto_start_ai_companion_questions": Switch,
    "alternative_hosts_email_notification": Switch,
    "auto_add_recording_to_video_management": Object,
    "alternative_host_manage_cloud_recording": Switch,
    "alternative_host_manage_meeting_summary": Switch,
    "approved_or_denied_countries_or_regions": Object,
    "request_permission_to_unmute_participants": Switch,
};

/// Names are shorter than this.
const LONGEST: usize = 64;

/// Number of names that are shorter than each length: the start of its names.
const BEGIN: [usize; LONGEST + 1] = {
    let mut begin = [0; LONGEST + 1];
    let mut at = 0;
    while at < PUBLISHED.len() {
        let mut longer = PUBLISHED[at].0.len() - START + 1;
        while longer <= LONGEST {
            begin[longer] += 1;
            longer += 1;
        }
        at += 1;
    }
    begin
};

/// The place of a setting in the table. Few names are of one length, so few are
/// compared.
fn published(name: &str) -> Option<usize> {
    let (from, to) = (*BEGIN.get(name.len())?, *BEGIN.get(name.len() + 1)?);
    (from..to).find(|at| &PUBLISHED[*at].0[START..] == name)
}

/// The objects in it that PHP wrote as empty arrays: they count as absent. None
/// where such a setting is there twice, which is a fault.
pub(super) fn empty_objects(settings: &str) -> Vec<&str> {
    let mut empty = Vec::new();
    let mut seen = 0u128;
    let mut twice = false;
    if settings.contains('[') {
        // The check reports what cannot be read.
        let _ = read::each_field(settings, |name, value| {
            let object = published(name).filter(|at| PUBLISHED[*at].1 == Object);
            let Some(bit) = object.map(|at| 1u128 << at) else { return };
            twice |= seen & bit != 0;
            seen |= bit;
            if read::is_empty_array(value) {
                empty.push(value);
            }
        });
    }
    if twice { Vec::new() } else { empty }
}

/// Checks the object in `settings`; whether the meeting is in the personal room.
pub(super) fn check(settings: &str, found: &mut Findings) -> bool {
    let mut seen = 0u128;
    let mut use_pmi = false;
    let read = read::each_field(settings, |name, value| {
        let Some(at) = published(name) else {
            return unknown(name, found);
        };
        let (field, takes) = PUBLISHED[at];
        let bit = 1u128 << at;
        if seen & bit != 0 {
            return found.newer(Err(InvalidJob::twice(field)));
        }
        seen |= bit;
        if value == "null" {
            return;
        }
        if field.ends_with(".use_pmi") {
            use_pmi = found.take(read::boolean(field, value)).unwrap_or_default();
            return;
        }
        match takes {
            Info => {
                if let Some((_, length)) = found.take(read::at_most(field, value, AUDIO_INFO)) {
                    warn_of_units(field, length, AUDIO_INFO, found);
                }
            }
            takes => found.newer(fits(field, takes, value)),
        }
    });
    if let Err(error) = read {
        let message = format!("`meeting.settings` cannot be read: {error}");
        found.fault(InvalidJob::new("meeting.settings", message));
    }
    use_pmi
}

fn fits(field: &'static str, takes: Takes, value: &str) -> Result<(), InvalidJob> {
    match takes {
        Switch => read::boolean(field, value).map(drop),
        Number(choices) => {
            let number = read::integer(field, value)?;
            if choices.contains(&number) {
                return Ok(());
            }
            let choices: Vec<_> = choices.iter().map(i64::to_string).collect();
            let message = format!("`{field}` is {number}; it must be {}", read::either(&choices));
            Err(InvalidJob::new(field, message))
        }
        Word(choices) => {
            let word = read::string(field, value)?;
            if choices.contains(&&*word) {
                return Ok(());
            }
            let choices: Vec<_> = choices.iter().map(|word| format!("\"{word}\"")).collect();
            let message = format!(
                "`{field}` is {}; it must be {}",
                read::short(&word),
                read::either(&choices)
            );
            Err(InvalidJob::new(field, message))
        }
        Text | Info => read::string(field, value).map(drop),
        Object => read::object(field, value).map(drop),
        List => read::array(field, value).map(drop),
    }
}

/// A name that is not published.
fn unknown(name: &str, found: &mut Findings) {
    let names = PUBLISHED.iter().map(|(path, _)| &path[START..]);
    if let Some(meant) = suggest::nearest(name, names) {
        let name: String = name.chars().take(64).collect();
        let message = format!(
            "Zoom has no setting `{name}` and may ignore it; did you mean `meeting.settings.{meant}`?"
        );
        found.warn(format!("meeting.settings.{name}"), message);
    }
}

/// Settings that one date of a series can have of its own.
pub(super) const OF_ONE_DATE: [&str; 7] = [
    "host_video",
    "participant_video",
    "join_before_host",
    "mute_upon_entry",
    "waiting_room",
    "watermark",
    "auto_recording",
];

/// True for the name of a setting.
pub(super) fn is_setting(name: &str) -> bool {
    published(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_setting_is_found() {
        assert!(PUBLISHED.len() < 128);
        for (at, (path, _)) in PUBLISHED.iter().enumerate() {
            assert_eq!(published(&path[START..]), Some(at), "{path}");
        }
        assert_eq!(published("waitingroom"), None);
        assert_eq!(published(""), None);
        for length in [LONGEST - 1, LONGEST, LONGEST + 1, 1_000] {
            assert_eq!(published(&"a".repeat(length)), None);
        }
    }
}
