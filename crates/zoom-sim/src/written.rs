//! Meetings as JSON: in the reply of a create and a get, in the list, and for the library and the
//! control endpoint.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::iso;
use crate::meetings::Meeting;
use crate::occurrences;
use crate::settings;
use crate::world::World;

/// The part of a meeting that is shown.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shown {
    /// One occurrence alone.
    pub(crate) occurrence: Option<i64>,
    /// Occurrences that ended before then are left out.
    pub(crate) since_ms: Option<i64>,
}

/// A meeting in the form of the library and the control endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeetingView {
    pub id: u64,
    /// Counts meetings from 1 in the order they were made.
    pub serial: u64,
    /// The host's e-mail address.
    pub host_email: String,
    /// The host's id.
    pub host_id: String,
    pub topic: String,
    /// The whole agenda.
    pub agenda: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: i64,
    /// The start in UTC.
    pub start_time: Option<String>,
    /// The time zone.
    pub timezone: String,
    /// Minutes.
    pub duration: i64,
    /// The time of its creation, by the simulator's clock.
    pub created_ms: i64,
    /// The marker found in the agenda.
    pub marker: Option<String>,
    /// It was deleted since.
    pub deleted: bool,
    /// True while a participant is in the meeting.
    pub running: bool,
}

fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    out.extend_from_slice(key.as_bytes());
    // Writing a string into a vector cannot fail.
    let _ = serde_json::to_writer(&mut *out, value);
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

impl World {
    /// The reply of a create and of a get.
    pub(crate) fn write_meeting(&self, m: &Meeting, shown: Shown) -> Vec<u8> {
        let mut out = Vec::with_capacity(2_048 + m.agenda.len());
        let host = &self.users[m.host];
        let change = shown.occurrence.and_then(|id| m.changes.get(&id));
        push(&mut out, "{");
        text(&mut out, r#""uuid":"#, &self.uuid(m));
        push(&mut out, &format!(r#","id":{}"#, self.id_text(m.id)));
        text(&mut out, r#","host_id":"#, &host.id);
        text(&mut out, r#","host_email":"#, &host.email);
        if let Some(assistant) = m.assistant {
            text(&mut out, r#","assistant_id":"#, &self.users[assistant].id);
        }
        text(&mut out, r#","topic":"#, &m.topic);
        let status = if m.running { "started" } else { "waiting" };
        push(&mut out, &format!(r#","type":{},"status":"{status}""#, m.kind));
        let start = change.and_then(|c| c.start_ms).or(shown.occurrence).or(m.start_ms);
        write_times(&mut out, m, start, change.and_then(|c| c.duration).unwrap_or(m.duration));
        let agenda = change.and_then(|c| c.agenda.as_ref()).unwrap_or(&m.agenda);
        if !agenda.is_empty() {
            text(&mut out, r#","agenda":"#, agenda);
        }
        self.write_urls(&mut out, m);
        write_extras(&mut out, m, host.pmi, shown);
        push(&mut out, r#","creation_source":"open_api","settings":{"#);
        match change.filter(|c| !c.settings.is_empty()) {
            None => settings::write(&mut out, &m.settings),
            Some(change) => {
                let mut all = m.settings.clone();
                all.extend(change.settings.clone());
                settings::write(&mut out, &all);
            }
        }
        push(&mut out, "}}");
        out
    }

    pub(crate) fn join_url(&self, m: &Meeting) -> String {
        let pwd = self.mixed(21, m.serial);
        format!("https://us05web.zoom.us/j/{}?pwd={pwd:016x}.1", m.id)
    }

    fn write_urls(&self, out: &mut Vec<u8>, m: &Meeting) {
        let pwd = self.mixed(21, m.serial);
        let part = |n: u64| self.mixed(22 + n, m.serial);
        push(
            out,
            &format!(
                r#","start_url":"https://us05web.zoom.us/s/{id}?zak=eyJ0eXAiOiJKV1QiLCJzdiI6IjAwMDAwMSIsInptX3NrbSI6InptX28ybSIsImFsZyI6IkhTMjU2In0.{a:016x}{b:016x}{c:016x}{d:016x}{a:016x}{b:016x}.{c:016x}{d:016x}","join_url":"{join}""#,
                join = self.join_url(m),
                id = m.id,
                a = part(0),
                b = part(1),
                c = part(2),
                d = part(3),
            ),
        );
        if m.takes_registrants() {
            let code = part(8);
            push(
                out,
                &format!(
                    r#","registration_url":"https://us05web.zoom.us/meeting/register/{code:016x}""#
                ),
            );
        }
        if !m.password.is_empty() {
            text(out, r#","password":"#, &m.password);
            push(
                out,
                &format!(
                    r#","h323_password":"{n:06}","pstn_password":"{n:06}","encrypted_password":"{pwd:016x}.1""#,
                    n = pwd % 1_000_000,
                ),
            );
        }
        push(
            out,
            &format!(
                r#","chat_join_url":"https://us05web.zoom.us/launch/jc/{}","dynamic_host_key":"{:06}""#,
                m.id,
                part(9) % 1_000_000,
            ),
        );
    }

    /// One entry of the list.
    pub(crate) fn write_entry(&self, out: &mut Vec<u8>, m: &Meeting) {
        let host = &self.users[m.host];
        push(out, "{");
        text(out, r#""uuid":"#, &self.uuid(m));
        push(out, &format!(r#","id":{}"#, self.id_text(m.id)));
        text(out, r#","host_id":"#, &host.id);
        text(out, r#","topic":"#, &m.topic);
        push(out, &format!(r#","type":{}"#, m.kind));
        write_times(out, m, m.start_ms, m.duration);
        if !m.agenda.is_empty() && !self.rules.list.no_agenda {
            let most = self.rules.list.agenda_chars;
            let cut = m.agenda.char_indices().nth(most).map_or(m.agenda.len(), |(at, _)| at);
            text(out, r#","agenda":"#, &m.agenda[..cut]);
        }
        if m.pmi {
            push(out, &format!(r#","pmi":"{}""#, host.pmi));
        }
        push(out, &format!(r#","join_url":"{}"}}"#, self.join_url(m)));
    }

    fn id_text(&self, id: u64) -> String {
        if self.rules.ids_as_text { format!("\"{id}\"") } else { id.to_string() }
    }

    /// Zoom's uuids are base64 of 16 bytes, slashes and all. Each time that a meeting
    /// runs has its own.
    pub(crate) fn uuid(&self, meeting: &Meeting) -> String {
        use base64::Engine as _;
        let (mut raw, serial) = ([0; 16], meeting.serial);
        raw[..8].copy_from_slice(&self.mixed(31 + (meeting.runs << 8), serial).to_be_bytes());
        raw[8..].copy_from_slice(&self.mixed(32, serial).to_be_bytes());
        base64::engine::general_purpose::STANDARD.encode(raw)
    }

    pub(crate) fn view_meeting(&self, m: &Meeting) -> MeetingView {
        let host = &self.users[m.host];
        MeetingView {
            id: m.id,
            serial: m.serial,
            host_email: host.email.clone(),
            host_id: host.id.clone(),
            topic: m.topic.clone(),
            agenda: m.agenda.clone(),
            kind: m.kind,
            start_time: m.start_ms.map(iso),
            timezone: m.timezone.clone(),
            duration: m.duration,
            created_ms: m.created_ms,
            marker: m.marker.as_deref().map(str::to_owned),
            deleted: m.deleted,
            running: m.running,
        }
    }
}

fn write_times(out: &mut Vec<u8>, m: &Meeting, start_ms: Option<i64>, minutes: i64) {
    if let Some(start) = start_ms {
        push(out, &format!(r#","start_time":"{}","duration":{minutes}"#, iso(start)));
    }
    text(out, r#","timezone":"#, &m.timezone);
    push(out, &format!(r#","created_at":"{}""#, iso(m.created_ms)));
}

fn write_extras(out: &mut Vec<u8>, m: &Meeting, pmi: u64, shown: Shown) {
    if m.pmi {
        push(out, &format!(r#","pmi":"{pmi}""#));
    }
    push(out, &format!(r#","pre_schedule":{}"#, m.pre_schedule));
    if !m.tracking.is_empty() {
        push(out, r#","tracking_fields":["#);
        for (i, (field, value)) in m.tracking.iter().enumerate() {
            push(out, if i > 0 { "," } else { "" });
            text(out, r#"{"field":"#, field);
            text(out, r#","value":"#, value);
            push(out, r#","visible":true}"#);
        }
        push(out, "]");
    }
    if let Some(recurrence) = &m.recurrence {
        let json = serde_json::to_value(recurrence).unwrap_or_default();
        let kept = json.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null());
        let kept: Map<_, _> = kept.map(|(k, v)| (k.clone(), v.clone())).collect();
        push(out, &format!(r#","recurrence":{}"#, Value::Object(kept)));
        let first = m.start_ms.unwrap_or(m.created_ms);
        let since = shown.since_ms.unwrap_or(i64::MIN);
        occurrences::write(out, first, m.duration, recurrence, &m.changes, since);
    }
}
