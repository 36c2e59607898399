//! The meeting's body: Zoom's own request, passed on.
//!
//! It is never rewritten. Times are replaced in place by the same instant in the form that Zoom
//! understands, and invalid fields are removed; the reconcile marker is added to the end of the
//! agenda when it is sent.

use std::ops::Range;

use jiff::Timestamp;

use crate::Marker;

/// A meeting that keeps to Zoom's limits.
#[derive(Debug, Clone)]
pub struct Meeting {
    pub(super) body: Box<str>,
    pub(super) agenda: Agenda,
    pub(super) start_binds: bool,
    /// The topic.
    pub topic: Option<String>,
    /// 1 instant, 2 scheduled, 3 recurring without fixed time, 8 recurring
    /// with fixed time, 10 screen share only.
    pub meeting_type: u8,
    /// Start time of a meeting of type 2 or 8.
    pub start: Option<Timestamp>,
    /// The zone in which Zoom shows it.
    pub timezone: Option<String>,
    /// Minutes.
    pub duration: Option<u16>,
    /// The length of the agenda in characters.
    pub agenda_chars: usize,
    /// The other user it is scheduled for.
    pub schedule_for: Option<String>,
    /// True if it takes place in the host's personal room.
    pub use_pmi: bool,
    /// True if it is made from a template.
    pub template: bool,
}

/// Position of the marker in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Agenda {
    /// There is none: one is put in front of the other fields.
    Absent,
    /// It is null, here.
    Null(Range<usize>),
    /// Closing quote is here.
    Text { end: usize, empty: bool },
    /// The marker does not fit, or would replace the template's agenda.
    Closed,
}

impl Meeting {
    /// The body as Zoom gets it, without the marker: one JSON object.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The body with the marker at the end of its agenda; `None` where it does
    /// not fit, or would replace the agenda of a template.
    pub fn body_with_marker(&self, marker: &Marker) -> Option<Vec<u8>> {
        let (cut, before, after) = match &self.agenda {
            Agenda::Closed => return None,
            Agenda::Text { end, empty: true } => (*end..*end, "", ""),
            Agenda::Text { end, empty: false } => (*end..*end, "\\n", ""),
            Agenda::Null(range) => (range.clone(), "\"", "\""),
            Agenda::Absent if self.is_empty() => (1..1, "\"agenda\":\"", "\""),
            Agenda::Absent => (1..1, "\"agenda\":\"", "\","),
        };
        let body = self.body.as_bytes();
        let parts = [
            &body[..cut.start],
            before.as_bytes(),
            marker.as_str().as_bytes(),
            after.as_bytes(),
            &body[cut.end..],
        ];
        Some(parts.concat())
    }

    /// True if [`body_with_marker`](Self::body_with_marker) has a place for it.
    pub fn takes_marker(&self) -> bool {
        self.agenda != Agenda::Closed
    }

    /// True if Zoom's list can tell later if a create succeeded: not for an
    /// instant meeting, which is never listed, nor for the personal room,
    /// whose id is the same for all.
    pub fn reconcilable(&self) -> bool {
        matches!(self.meeting_type, 2 | 3 | 8) && !self.use_pmi
    }

    /// Start time of a meeting of type 2 or 8, if it binds the job.
    pub(crate) fn must_start_by(&self) -> Option<Timestamp> {
        self.start.filter(|_| self.start_binds)
    }

    /// True if its start binds the job.
    pub(crate) fn binds(&self) -> bool {
        self.start_binds
    }

    fn is_empty(&self) -> bool {
        self.body[1..].trim_start().starts_with('}')
    }
}
