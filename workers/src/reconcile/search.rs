//! State shared by the looks for one lost call, kept in the job's record.
//!
//! A look ends with its lease; a list of many pages is read over several. What
//! was read is kept for as long as Zoom keeps a page token. All of it belongs
//! to one call: after another one nothing of it counts.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zoom_api::Listed;
use zoomd_store::queue::Record;

/// The record's field for the search.
const SEARCH: &str = "search";
/// The record's field for meetings that were read and are not the one.
const READ: &str = "read";
/// Zoom's page tokens live for 15 minutes.
const TOKEN_MS: i64 = 10 * 60_000;
/// Candidates that are kept.
pub(super) const MOST_ALIKE: usize = 20;

/// State of the search after the looks so far.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Search {
    /// Time at which the lost call left.
    sent_ms: i64,
    /// Number of complete reads of the list since the call must be over.
    pub whole: u32,
    /// Zoom refused a list that names days.
    pub no_days: bool,
    /// Looks in a row that Zoom refused for a reason that lasts.
    pub refused: u32,
    /// Reads of a meeting that carries the marker which gave nothing.
    pub unread: u32,
    /// Times in a row that a list began again.
    pub restarts: u32,
    /// Position to resume at, and the rows of the pages before.
    at: Option<Stopped>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stopped {
    mark: Bookmark,
    at_ms: i64,
    pile: Pile,
}

/// The parts of a look, in their order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The list of meetings that are not over is read.
    #[default]
    Scheduled,
    /// The list of meetings that are over is read.
    Previous,
    /// All lists are read; single meetings are read in full.
    Meetings,
}

/// A place in a look.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bookmark {
    /// The part that is under way.
    pub stage: Stage,
    /// The page to be read; the first without it.
    pub token: Option<String>,
    /// Number of pages of this list that were read before.
    pub pages: u32,
    /// The read began when the lost call had to be over: it shows what is absent.
    pub decides: bool,
}

/// Rows of interest from the pages of a list.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Pile {
    /// Meetings that carry the marker.
    pub found: Vec<Listed>,
    /// Rows with the marker, but without an id that can be read.
    pub nameless: Vec<Listed>,
    /// Meetings to read in full, by rank; the likeliest have the lowest.
    pub ask: Vec<(u8, u64)>,
    /// Meetings that look like the one.
    pub alike: Vec<Listed>,
    /// Pages of the list of meetings that are not over.
    pub pages: u32,
    /// Rows that were read.
    pub rows: usize,
    /// Rows without an id that can be read.
    pub odd: usize,
    /// Of those, rows that may be the meeting.
    pub doubtful: usize,
}

impl Pile {
    /// A pile for a list that begins again: its rows will be counted again.
    pub(super) fn anew(&mut self) -> Self {
        let (ask, alike) = (std::mem::take(&mut self.ask), std::mem::take(&mut self.alike));
        Self { ask, alike, ..Self::default() }
    }
}

impl Search {
    /// Search for the call in the record, or a new one if another call left since.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let sent_ms = record.last_send_ms.unwrap_or_default();
        let known = record.more.get(SEARCH).cloned();
        let known = known.and_then(|known| serde_json::from_value::<Self>(known).ok());
        let known = known.filter(|known| known.sent_ms == sent_ms);
        known.unwrap_or(Self { sent_ms, ..Self::default() })
    }

    pub fn keep(&self, record: &mut Record) {
        let text = serde_json::to_value(self).unwrap_or_default();
        record.more.insert(SEARCH.to_owned(), text);
    }

    /// Goes on from this place next time.
    pub(super) fn stop_at(&mut self, mark: Bookmark, at_ms: i64, pile: Pile) {
        self.at = Some(Stopped { mark, at_ms, pile });
    }

    /// Position at which the look before stopped, if Zoom still knows it.
    pub(super) fn resume(&mut self, now_ms: i64) -> Option<(Bookmark, Pile)> {
        let stopped = self.at.take()?;
        let fresh = (0..TOKEN_MS).contains(&(now_ms - stopped.at_ms));
        fresh.then_some((stopped.mark, stopped.pile))
    }

    /// Meetings read so far that look like the one.
    pub fn alike(&self) -> &[Listed] {
        self.at.as_ref().map_or(&[], |stopped| &stopped.pile.alike)
    }
}

/// Meetings that were read in full and are not the one.
pub(super) fn read_before(record: &Record) -> Vec<u64> {
    let list = record.more.get(READ).and_then(Value::as_array);
    list.map(|ids| ids.iter().filter_map(Value::as_u64).collect()).unwrap_or_default()
}

/// Keeps them.
pub(super) fn keep_read(record: &mut Record, read: &[u64]) {
    record.more.insert(READ.to_owned(), read.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_belongs_to_one_call() {
        let mut record = Record { last_send_ms: Some(5), ..Record::default() };
        let mut search = Search::of(&record);
        search.whole = 1;
        let token = Some("t".to_owned());
        let mark = Bookmark { stage: Stage::Previous, token, pages: 3, decides: true };
        search.stop_at(mark.clone(), 1_000, Pile { ask: vec![(0, 7)], ..Pile::default() });
        search.keep(&mut record);
        let mut again = Search::of(&record);
        assert_eq!(again.whole, 1);
        let (found, pile) = again.resume(2_000).expect("a page");
        assert_eq!((found, pile.ask), (mark, vec![(0, 7)]));
        assert!(again.resume(2_000).is_none());
        record.last_send_ms = Some(6);
        assert_eq!(Search::of(&record).whole, 0);
    }

    #[test]
    fn a_page_token_that_zoom_forgot_is_not_used() {
        let mut search = Search::default();
        search.stop_at(Bookmark::default(), 1_000, Pile::default());
        assert!(search.clone().resume(1_000 + TOKEN_MS).is_none());
        assert!(search.resume(999).is_none());
    }
}
