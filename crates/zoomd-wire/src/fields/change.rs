//! The changes of a meeting that is there: Zoom's own PATCH body, passed on.
//!
//! Invariant: it sets something, and nothing that Zoom is known to ignore or to refuse.

use jiff::Timestamp;

use super::findings::Findings;
use super::invalid::InvalidJob;
use super::meeting::Meeting;
use super::read;
use super::settings::OF_ONE_DATE;
use crate::Marker;

/// Fields that one date of a series can have of its own, beside some settings.
const OF_ONE: [&str; 4] = ["agenda", "start_time", "duration", "settings"];

/// Changes that keep to Zoom's limits.
#[derive(Debug, Clone)]
pub struct Change {
    meeting: Meeting,
    /// The type that it names.
    pub meeting_type: Option<u8>,
    names: Vec<Box<str>>,
}

impl Change {
    /// The body as Zoom gets it, without a marker: one JSON object.
    pub fn body(&self) -> &str {
        self.meeting.body()
    }

    /// The body with the marker at the end of the agenda that it sets; `None` where it
    /// sets none, or the marker does not fit.
    pub fn body_with_marker(&self, marker: &Marker) -> Option<Vec<u8>> {
        self.sets("agenda").then(|| self.meeting.body_with_marker(marker)).flatten()
    }

    /// Names of the fields that it sets, in their order.
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// True if it sets this field.
    pub fn sets(&self, name: &str) -> bool {
        self.names.iter().any(|set| &**set == name)
    }

    /// The start that it sets.
    pub fn start(&self) -> Option<Timestamp> {
        self.meeting.start
    }

    /// True if its start binds the job.
    pub(crate) fn binds(&self) -> bool {
        self.meeting.binds()
    }

    /// The time of [`start`](Self::start), if it binds the job.
    pub(crate) fn must_start_by(&self) -> Option<Timestamp> {
        self.meeting.must_start_by()
    }
}

/// Changes in a body with valid fields.
pub(super) fn checked(
    meeting: Meeting,
    meeting_type: Option<u8>,
    one: bool,
    found: &mut Findings,
) -> Option<Change> {
    let mut names: Vec<Box<str>> = Vec::new();
    let mut odd: Vec<String> = Vec::new();
    // Fields that cannot be parsed were reported before.
    let _ = read::each_field(meeting.body(), |name, value| {
        let empty = value == "null" || (name == "settings" && is_empty(value));
        if empty || names.iter().any(|known| &**known == name) {
            return;
        }
        names.push(name.into());
        match name {
            "settings" if one => {
                let _ = read::each_field(value, |name, _| {
                    if !OF_ONE_DATE.contains(&name) {
                        odd.push(format!("settings.{}", short(name)));
                    }
                });
            }
            _ if one && !OF_ONE.contains(&name) => odd.push(short(name)),
            _ => {}
        }
    });
    if names.is_empty() {
        let message = "`meeting` is empty: it must set at least one field";
        found.fault(InvalidJob::new("meeting", message));
    }
    for name in odd {
        let settings = OF_ONE_DATE.join(", ");
        let message = format!(
            "`meeting.{name}` cannot be set for one date of a series: Zoom takes agenda, start_time, duration and the settings {settings}"
        );
        found.fault(InvalidJob::new(format!("meeting.{name}"), message));
    }
    Some(Change { meeting, meeting_type, names })
}

fn is_empty(settings: &str) -> bool {
    let mut any = false;
    read::each_field(settings, |_, value| any |= value != "null").is_ok() && !any
}

fn short(name: &str) -> String {
    name.chars().take(64).collect()
}
