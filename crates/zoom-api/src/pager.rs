//! The pages of one list: each meeting once, and an end to it. Makes no call.

use std::collections::HashSet;

use crate::meetings::ListQuery;
use crate::objects::{Listed, Page};

/// Walks the pages of one list: each meeting once, and an end to it.
#[derive(Debug)]
pub struct Pager {
    query: ListQuery,
    pages: u32,
    max_pages: u32,
    seen_tokens: HashSet<String>,
    seen_ids: HashSet<u64>,
}

/// Reason to stop reading a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PagerFull {
    /// It has more pages than are read.
    #[error("zoom's list of meetings has more than {0} pages")]
    TooLong(u32),
    /// A page token came a second time.
    #[error("zoom's list of meetings goes in a circle")]
    Circle,
}

impl Pager {
    /// Starts at the first page of `query`, for at most `max_pages`.
    pub fn new(query: ListQuery, max_pages: u32) -> Self {
        Self::resume(ListQuery { next_page_token: None, ..query }, 0, max_pages)
    }

    /// Goes on at the page token of `query`, after `pages` that were read.
    pub fn resume(query: ListQuery, pages: u32, max_pages: u32) -> Self {
        let (seen_tokens, seen_ids) = (HashSet::new(), HashSet::new());
        Self { query, pages, max_pages, seen_tokens, seen_ids }
    }

    /// Next query.
    pub fn query(&self) -> &ListQuery {
        &self.query
    }

    /// Number of pages that were read.
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// Takes the meetings of a page that no earlier page had, and steps to the
    /// next page.
    pub fn accept(&mut self, page: &mut Page) -> Step {
        let next = page.next_page_token().map(str::to_owned);
        self.pages += 1;
        let mut fresh = std::mem::take(&mut page.meetings);
        fresh.retain(|meeting| self.seen_ids.insert(meeting.id));
        let more = match &next {
            None => Ok(false),
            Some(_) if self.pages >= self.max_pages => Err(PagerFull::TooLong(self.max_pages)),
            Some(token) if !self.seen_tokens.insert(token.clone()) => Err(PagerFull::Circle),
            Some(_) => Ok(true),
        };
        self.query.next_page_token = next;
        Step { fresh, more }
    }
}

/// Result of adding one page.
#[derive(Debug)]
pub struct Step {
    /// Meetings that no earlier page had.
    pub fresh: Vec<Listed>,
    /// True if there is another page to ask for.
    pub more: Result<bool, PagerFull>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: &[u64], next: &str) -> Page {
        let meetings: Vec<_> = ids.iter().map(|id| serde_json::json!({"id": id})).collect();
        let json = serde_json::json!({"meetings": meetings, "next_page_token": next});
        serde_json::from_value(json).unwrap()
    }

    fn ids(step: &Step) -> Vec<u64> {
        step.fresh.iter().map(|meeting| meeting.id).collect()
    }

    #[test]
    fn a_pager_gives_each_meeting_once_and_ends() {
        let mut pager = Pager::new(ListQuery::default(), 3);
        let first = pager.accept(&mut page(&[1, 2], "t1"));
        assert_eq!((ids(&first), first.more), (vec![1, 2], Ok(true)));
        assert_eq!(pager.query().next_page_token.as_deref(), Some("t1"));
        let second = pager.accept(&mut page(&[2, 3], ""));
        assert_eq!((ids(&second), second.more), (vec![3], Ok(false)));
        assert_eq!(pager.pages(), 2);
    }

    #[test]
    fn what_a_page_shows_counts_also_where_the_list_does_not_end() {
        let mut pager = Pager::new(ListQuery::default(), 9);
        assert_eq!(pager.accept(&mut page(&[1], "t1")).more, Ok(true));
        let again = pager.accept(&mut page(&[2], "t1"));
        assert_eq!((ids(&again), again.more), (vec![2], Err(PagerFull::Circle)));
        let mut pager = Pager::new(ListQuery::default(), 1);
        let only = pager.accept(&mut page(&[1], "t1"));
        assert_eq!((ids(&only), only.more), (vec![1], Err(PagerFull::TooLong(1))));
        let query = ListQuery { next_page_token: Some("t8".into()), ..ListQuery::default() };
        let mut pager = Pager::resume(query, 8, 9);
        assert_eq!(pager.query().next_page_token.as_deref(), Some("t8"));
        assert_eq!(pager.accept(&mut page(&[1], "t9")).more, Err(PagerFull::TooLong(9)));
    }
}
