//! Redis' sorted set, as far as rooms and turns need one.

use std::collections::{BTreeSet, HashMap};

/// Names by score, then by name: Redis' sorted set.
#[derive(Debug, Clone, Default)]
pub(super) struct Zset {
    pub(super) order: BTreeSet<(i64, String)>,
    scores: HashMap<String, i64>,
}

impl Zset {
    pub(super) fn set(&mut self, name: &str, score: i64) {
        self.remove(name);
        self.order.insert((score, name.to_owned()));
        self.scores.insert(name.to_owned(), score);
    }

    /// Only where it is not there.
    pub(super) fn add(&mut self, name: &str, score: i64) {
        if !self.has(name) {
            self.set(name, score);
        }
    }

    /// Behind all others, if it is not there.
    pub(super) fn push(&mut self, name: &str) {
        let last = self.order.last().map_or(0, |(score, _)| *score);
        self.add(name, last + 1);
    }

    pub(super) fn remove(&mut self, name: &str) -> bool {
        let Some(score) = self.scores.remove(name) else { return false };
        self.order.remove(&(score, name.to_owned()))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.scores.contains_key(name)
    }

    pub(super) fn first(&self) -> Option<String> {
        self.order.first().map(|(_, name)| name.clone())
    }

    /// Up to `most` names whose score is at most `until`, taken out.
    pub(super) fn take(&mut self, until: i64, most: usize) -> Vec<String> {
        let taken: Vec<_> = self
            .order
            .iter()
            .take_while(|(score, _)| *score <= until)
            .take(most)
            .cloned()
            .collect();
        taken.into_iter().map(|(_, name)| (self.remove(&name), name).1).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
