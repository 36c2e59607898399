//! Existing meetings, in the order they were made. Bounded: beyond `keep.meetings` the oldest
//! are forgotten.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value};

use crate::occurrences::{self, Changes};
use crate::recurrence::Recurrence;

pub(crate) struct Meeting {
    pub(crate) serial: u64,
    pub(crate) id: u64,
    pub(crate) host: usize,
    pub(crate) assistant: Option<usize>,
    pub(crate) created_ms: i64,
    pub(crate) kind: i64,
    pub(crate) start_ms: Option<i64>,
    pub(crate) timezone: String,
    pub(crate) duration: i64,
    pub(crate) topic: String,
    pub(crate) agenda: String,
    pub(crate) password: String,
    pub(crate) pmi: bool,
    pub(crate) pre_schedule: bool,
    pub(crate) tracking: Vec<(String, String)>,
    pub(crate) recurrence: Option<Recurrence>,
    pub(crate) changes: Changes,
    /// The settings as asked for; written over the usual ones.
    pub(crate) settings: Map<String, Value>,
    pub(crate) registrants: Vec<Registrant>,
    pub(crate) marker: Option<Box<str>>,
    pub(crate) looks_left: u32,
    /// True while a participant is in the meeting.
    pub(crate) running: bool,
    /// Number of times that the meeting ran and was ended.
    pub(crate) runs: u64,
    /// Times of the updates in the last 24 hours.
    pub(crate) updates: VecDeque<i64>,
    /// Old state that delayed reads still show.
    pub(crate) stale: Option<Stale>,
    pub(crate) deleted: bool,
    pub(crate) deleted_ms: i64,
}

/// A meeting as it was before an update.
pub(crate) struct Stale {
    pub(crate) body: Vec<u8>,
    pub(crate) until_ms: i64,
    pub(crate) reads_left: u32,
}

/// Somebody who registered.
pub(crate) struct Registrant {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) at_ms: i64,
    /// Number of registrations on the day of the last one.
    pub(crate) times: u32,
}

impl Meeting {
    /// The ids of its occurrences that are not deleted; none unless it recurs.
    pub(crate) fn occurrences(&self) -> Vec<i64> {
        let first = self.start_ms.unwrap_or(self.created_ms);
        let all = self.recurrence.iter().flat_map(|rule| occurrences::starts(first, rule));
        all.filter(|id| !self.changes.get(id).is_some_and(|c| c.deleted)).collect()
    }

    /// True if people register for it.
    pub(crate) fn takes_registrants(&self) -> bool {
        matches!(self.settings.get("approval_type").and_then(Value::as_i64), Some(0 | 1))
    }
}

#[derive(Default)]
pub(crate) struct Meetings {
    kept: VecDeque<Meeting>,
    /// Serials of those already forgotten end here.
    forgotten: u64,
    by_id: HashMap<u64, u64>,
    markers: HashMap<Box<str>, u32>,
}

impl Meetings {
    pub(crate) fn next_serial(&self) -> u64 {
        self.forgotten + self.kept.len() as u64 + 1
    }

    pub(crate) fn live(&self, serial: u64) -> Option<&Meeting> {
        let index = serial.checked_sub(self.forgotten + 1)?;
        self.kept.get(usize::try_from(index).ok()?).filter(|m| !m.deleted)
    }

    pub(crate) fn live_mut(&mut self, serial: u64) -> Option<&mut Meeting> {
        let index = serial.checked_sub(self.forgotten + 1)?;
        self.kept.get_mut(usize::try_from(index).ok()?).filter(|m| !m.deleted)
    }

    pub(crate) fn by_id(&self, id: u64) -> Option<&Meeting> {
        self.live(*self.by_id.get(&id)?)
    }

    /// A meeting that the list shows: deleted ones do so for a while.
    pub(crate) fn listed(&self, serial: u64, deleted_after_ms: i64) -> Option<&Meeting> {
        let index = serial.checked_sub(self.forgotten + 1)?;
        let kept = self.kept.get(usize::try_from(index).ok()?);
        kept.filter(|m| !m.deleted || m.deleted_ms > deleted_after_ms)
    }

    /// A deleted meeting comes back.
    pub(crate) fn recover(&mut self, id: u64) -> Option<&mut Meeting> {
        let index = self.by_id.get(&id)?.checked_sub(self.forgotten + 1)?;
        let kept = self.kept.get_mut(usize::try_from(index).ok()?).filter(|m| m.deleted)?;
        kept.deleted = false;
        Some(kept)
    }

    /// The meeting of this id, deleted or not.
    pub(crate) fn ever(&self, id: u64) -> Option<&Meeting> {
        let index = self.by_id.get(&id)?.checked_sub(self.forgotten + 1)?;
        self.kept.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Meeting> {
        self.kept.iter()
    }

    /// Counts a marker; true when a meeting with it was made before.
    fn mark(&mut self, marker: Option<&str>) -> bool {
        let Some(marker) = marker else { return false };
        let times = self.markers.entry(marker.into()).or_default();
        *times += 1;
        *times > 1
    }

    /// Markers that more than one meeting was made with, and how many.
    pub(crate) fn twins(&self) -> Vec<(String, u32)> {
        let twins = self.markers.iter().filter(|(_, n)| **n > 1);
        twins.map(|(marker, n)| (marker.to_string(), *n)).collect()
    }

    /// Adds a meeting; returns true for a duplicate, and the meeting that had to be forgotten.
    pub(crate) fn add(&mut self, meeting: Meeting, keep: usize) -> (bool, Option<Meeting>) {
        let twin = self.mark(meeting.marker.as_deref());
        self.by_id.insert(meeting.id, meeting.serial);
        self.kept.push_back(meeting);
        let oldest = if self.kept.len() > keep { self.kept.pop_front() } else { None };
        if let Some(old) = &oldest {
            self.forgotten += 1;
            if self.by_id.get(&old.id) == Some(&old.serial) {
                self.by_id.remove(&old.id);
            }
            if let Some(marker) = &old.marker
                && self.markers.get(marker) == Some(&1)
            {
                self.markers.remove(marker);
            }
        }
        (twin, oldest)
    }
}
