//! Which of a host's meetings is the one that a lost call made. Pure.
//!
//! With a marker, the marker alone decides; how alike two meetings are only
//! orders the questions. Without one nothing is ever adopted: a meeting that
//! could be ours makes the outcome unknown, to be looked at by a person.

use jiff::{SignedDuration, Timestamp};
use zoom_api::Listed;
use zoomd_wire::{Marker, Meeting};

/// A list cuts an agenda here.
const AGENDA_CUT: usize = 250;
/// How far Zoom's clock may be from ours.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(10);

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'a> {
    /// The marker in its agenda, if it has one.
    pub marker: Option<&'a Marker>,
    /// What was asked for.
    pub meeting: &'a Meeting,
    /// When the first call may have left.
    pub since: Timestamp,
}

/// What a list shows.
#[derive(Debug, PartialEq, Eq)]
pub enum Sifted<'a> {
    /// The meetings that carry the marker; the first is the one.
    Found(Vec<&'a Listed>),
    /// Those whose agenda must be read in full, likeliest first; maybe none.
    Ask(Vec<&'a Listed>),
    /// No marker, and these could be it; maybe none.
    Alike(Vec<&'a Listed>),
}

impl Sought<'_> {
    /// Sifts a whole list.
    #[must_use]
    pub fn sift<'a>(&self, listed: &'a [Listed]) -> Sifted<'a> {
        let Some(marker) = self.marker else {
            return Sifted::Alike(listed.iter().filter(|one| self.could_be(one)).collect());
        };
        let carries = |one: &&Listed| one.agenda.as_deref().is_some_and(|text| marker.is_in(text));
        let mut found: Vec<_> = listed.iter().filter(carries).collect();
        if !found.is_empty() {
            found.sort_by(|a, b| a.created_at.cmp(&b.created_at).then(a.id.cmp(&b.id)));
            return Sifted::Found(found);
        }
        let ask =
            listed.iter().filter(|one| is_cut(one) || is_doubtful(one) && self.is_recent(one));
        let mut ask: Vec<_> = ask.collect();
        ask.sort_by_key(|one| (!self.is_recent(one), 3 - self.likeness(one)));
        Sifted::Ask(ask)
    }

    /// Whether the full agenda of a meeting carries the marker.
    #[must_use]
    pub fn is_it(&self, agenda: Option<&str>) -> bool {
        self.marker.is_some_and(|marker| agenda.is_some_and(|text| marker.is_in(text)))
    }

    fn could_be(&self, one: &Listed) -> bool {
        self.is_recent(one) && self.likeness(one) == 3
    }

    /// Made no earlier than the first call, as far as clocks can be trusted. A
    /// meeting that does not say counts as recent.
    fn is_recent(&self, one: &Listed) -> bool {
        is_recent(one, self.since)
    }

    /// How many of topic, type and start agree; what a meeting does not tell agrees.
    fn likeness(&self, one: &Listed) -> u8 {
        let wanted = self.meeting;
        let topic = one.topic.as_deref().is_none_or(|t| Some(t) == wanted.topic.as_deref());
        let kind = one.meeting_type.is_none_or(|t| t == wanted.meeting_type);
        let start = match (wanted.start, one.start_time.as_deref()) {
            (Some(wanted), Some(text)) => text.parse::<Timestamp>().is_ok_and(|s| s == wanted),
            _ => true,
        };
        u8::from(topic) + u8::from(kind) + u8::from(start)
    }
}

/// Whether a meeting made since `since` may carry a marker that the list hides.
#[must_use]
pub fn may_hide(one: &Listed, since: Timestamp) -> bool {
    (is_cut(one) || is_doubtful(one)) && is_recent(one, since)
}

/// Whether a list may cut an agenda of so many characters and a marker, whatever
/// it counts.
#[must_use]
pub fn may_be_cut(agenda_chars: usize) -> bool {
    const LONGEST_CHAR: usize = 4;
    const MARKER: usize = 16;
    agenda_chars * LONGEST_CHAR + MARKER >= AGENDA_CUT
}

fn is_recent(one: &Listed, since: Timestamp) -> bool {
    let made = one.created_at.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    made.is_none_or(|made| made >= since.saturating_sub(CLOCK_SLACK).unwrap_or(made))
}

/// Whether the list has cut the agenda.
fn is_cut(one: &Listed) -> bool {
    one.agenda.as_deref().is_some_and(|text| text.chars().count() >= AGENDA_CUT)
}

/// Whether it may have: a list that counts bytes cuts others earlier, and one
/// without an agenda may not show it.
fn is_doubtful(one: &Listed) -> bool {
    one.agenda.as_deref().is_none_or(|text| text.len() >= AGENDA_CUT)
}

#[cfg(test)]
#[path = "sift_tests.rs"]
mod tests;
