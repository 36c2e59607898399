//! Matching of listed meetings with a call whose reply was lost. Pure.
//!
//! With a marker, the marker alone decides; how alike two meetings are only
//! orders the questions. Without one nothing is ever adopted: a meeting that
//! could be ours makes the outcome unknown, to be looked at by a person.
//!
//! A row is ruled out without being read in full only if it shows that it was
//! made before the first call, or an agenda that cannot be the beginning of
//! ours: where Zoom cuts an agenda, and whether it shows one, is not relied on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use zoom_api::Listed;
use zoomd_wire::{Marker, Meeting};

/// Zoom publishes that a list cuts an agenda here.
const AGENDA_CUT: usize = 250;
/// Distance by which Zoom's clock may be from ours.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(10);
/// Zoom may not keep the seconds of a start.
const SECONDS: SignedDuration = SignedDuration::from_secs(60);
/// Characters at the end of a cut agenda that may be half of something.
const FRAYED: usize = 6;
/// Distance by which Zoom's clock may be from Redis' where a start is nearly now.
const CLOCKS: SignedDuration = SignedDuration::from_secs(5);
/// A meeting expires 30 days after its date and leaves the list.
const EXPIRY_DAYS: i64 = 29;

/// The meeting that is looked for.
#[derive(Debug, Clone)]
pub struct Matcher<'a> {
    marker: Option<&'a Marker>,
    meeting: &'a Meeting,
    since: Timestamp,
    /// The agenda as it was sent, by its letters and digits.
    agenda: String,
}

/// Result of comparing a row with the meeting that is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// It carries the marker.
    Carries,
    /// Agenda must be read in full; the likeliest have the lowest rank.
    Ask(u8),
    /// There is no marker, and it could be the one.
    Candidate,
    /// Another meeting.
    Other,
}

impl<'a> Matcher<'a> {
    /// The meeting of a job that was first sent at `since`, by its marker if it has one.
    #[must_use]
    pub fn new(marker: Option<&'a Marker>, meeting: &'a Meeting, since: Timestamp) -> Self {
        let agenda = agenda_of(meeting.body()).flatten().unwrap_or_default();
        let agenda =
            letters(&agenda) + &letters(&marker.map(ToString::to_string).unwrap_or_default());
        Self { marker, meeting, since, agenda }
    }

    /// Classifies a row.
    #[must_use]
    pub fn class(&self, row: &Listed) -> Match {
        let Some(marker) = self.marker else {
            let alike = is_recent(row, self.since) && self.likeness(row) == 3;
            return if alike { Match::Candidate } else { Match::Other };
        };
        if row.agenda.as_deref().is_some_and(|text| marker.is_in(text)) {
            return Match::Carries;
        }
        let hides = may_hide(row, self.since) && self.may_begin_with(row.agenda.as_deref());
        if hides { Match::Ask(3 - self.likeness(row)) } else { Match::Other }
    }

    /// True if there is a marker to know it by.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.marker.is_some()
    }

    /// True if the full agenda of a meeting carries the marker.
    #[must_use]
    pub fn is_it(&self, agenda: Option<&str>) -> bool {
        self.marker.is_some_and(|marker| agenda.is_some_and(|text| marker.is_in(text)))
    }

    /// True if the row looks like the meeting, for people to decide.
    #[must_use]
    pub fn is_candidate(&self, row: &Listed) -> bool {
        row.id > 0 && is_recent(row, self.since) && self.likeness(row) == 3
    }

    /// True if what a list shows of an agenda may be the beginning of ours.
    fn may_begin_with(&self, shown: Option<&str>) -> bool {
        let shown = shown.unwrap_or_default();
        if shown.len() >= AGENDA_CUT {
            return true;
        }
        let shown = letters(shown);
        let whole = shown.len() - FRAYED.min(shown.len() / 2);
        let head = shown.get(..whole).unwrap_or_default();
        shown.len() <= self.agenda.len() + FRAYED && self.agenda.starts_with(head)
    }

    /// Number of fields that agree, of topic, type and start; a field that a meeting does not
    /// have agrees.
    fn likeness(&self, one: &Listed) -> u8 {
        let wanted = self.meeting;
        let topic = one.topic.as_deref().zip(wanted.topic.as_deref());
        let topic = topic.is_none_or(|(a, b)| is_same(a, b));
        let kind = one.meeting_type.is_none_or(|t| t == wanted.meeting_type);
        let start = match (wanted.start, one.start_time.as_deref()) {
            (Some(wanted), Some(text)) => text
                .parse::<Timestamp>()
                .is_ok_and(|start| start.duration_since(wanted).abs() < SECONDS),
            _ => true,
        };
        u8::from(topic) + u8::from(kind) + u8::from(start)
    }
}

/// True if a row made since `since` may carry a marker that the list does not
/// show. One that ends with another marker is another job's meeting.
#[must_use]
pub fn may_hide(row: &Listed, since: Timestamp) -> bool {
    let shown = row.agenda.as_deref().unwrap_or_default();
    let last = shown.split_whitespace().next_back().unwrap_or_default();
    is_recent(row, since) && last.parse::<Marker>().is_err()
}

/// Made no earlier than the first call, as far as clocks can be trusted. A
/// meeting that does not say counts as recent.
fn is_recent(one: &Listed, since: Timestamp) -> bool {
    let made = one.created_at.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    made.is_none_or(|made| made >= since.saturating_sub(CLOCK_SLACK).unwrap_or(made))
}

/// Reason why Zoom's lists may not show a meeting that exists: its start, sent last at `sent`
/// by a call that took at most `over`, or the time that has passed.
#[must_use]
pub fn unlisted(
    meeting: &Meeting,
    sent: Timestamp,
    over: Duration,
    now: Timestamp,
) -> Option<&'static str> {
    let start = meeting.start?;
    let by = SignedDuration::try_from(over).unwrap_or(SignedDuration::from_mins(1));
    let arrival = sent.saturating_add(by + CLOCKS).unwrap_or(sent);
    if start <= arrival {
        return Some(
            "its start was in the past when it was sent: Zoom may have created an instant meeting, which no list shows",
        );
    }
    let expired = now.checked_sub((EXPIRY_DAYS * 24).hours()).is_ok_and(|old| start < old);
    expired.then_some("its date is too long ago for Zoom's list")
}

/// The agenda in the JSON of a meeting: `None` for what is no object, `Some(None)`
/// without an agenda.
#[must_use]
pub fn agenda_of(json: &str) -> Option<Option<String>> {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
    Some(fields.get("agenda").and_then(|agenda| agenda.as_str().map(ToOwned::to_owned)))
}

/// True if two texts are equal but for spaces and signs, which Zoom may change.
fn is_same(a: &str, b: &str) -> bool {
    let (of_a, of_b) = (letters(a), letters(b));
    if of_a.is_empty() && of_b.is_empty() { a.trim() == b.trim() } else { of_a == of_b }
}

/// ASCII letters and digits of a text, in lower case: the rest may change on the way.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
#[path = "matcher_tests.rs"]
mod tests;
