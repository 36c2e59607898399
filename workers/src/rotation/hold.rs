//! The hold after a change of Redis' run id (step 9): no rotation starts before
//! every process that may have a token of its own has compared its journal with
//! the server that came back.
//!
//! Redis cannot say what it forgot, so the living remember each other: whoever
//! was seen alive within the last ten minutes has to report as well, and while
//! one of these is silent the hold lasts its longest.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use zoomd_store::StoreError;
use zoomd_store::rotation::{Beat, Heard};

use super::{Rotator, lock};

/// One whose last beat is not older is alive.
const ALIVE_MS: i64 = 30_000;
/// The time for which the living remember one.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Names that are told at most.
const MOST: usize = 200;

/// A process' memory of the others.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The moment at which each was seen alive last.
    seen: HashMap<String, Instant>,
    /// The last beat of anybody on the server that was heard last.
    last_ms: Option<i64>,
    /// The last beat of anybody on the server before that one.
    before_ms: Option<i64>,
    /// The dead whose journals are in this process' own.
    journals: BTreeSet<String>,
    /// The server that has all of this process' journal.
    committed_to: Option<String>,
    /// The server that was heard last, and whether it holds rotations back.
    run_id: String,
    holding: bool,
    /// Start of the hold.
    held_since: Option<Instant>,
}

impl Memory {
    fn heard(&mut self, heard: &Heard, now: Instant) {
        let changed = self.run_id != heard.run_id;
        if changed {
            self.before_ms = self.last_ms;
        }
        for (id, at) in &heard.beats {
            let room = self.seen.len() < MOST || self.seen.contains_key(id);
            if heard.now_ms - at < ALIVE_MS && room {
                self.seen.insert(id.clone(), now);
            }
        }
        // Nobody is forgotten over an outage, in which nobody could be seen.
        let keep_all = changed || heard.hold_until_ms.is_some();
        let gone = |id: &String| heard.gone.contains(id);
        self.seen.retain(|id, at| (keep_all || now.duration_since(*at) < REMEMBERED) && !gone(id));
        // By the clock of this server: that of the one before may have been ahead.
        self.last_ms = heard.beats.iter().map(|(_, at)| *at).max().or(self.last_ms);
        self.run_id.clone_from(&heard.run_id);
        self.holding = heard.hold_until_ms.is_some();
        self.held_since = self.holding.then(|| self.held_since.unwrap_or(now));
    }
}

impl Rotator {
    /// True while no rotation starts, as far as this process has heard.
    pub(crate) fn is_holding(&self) -> bool {
        lock(&self.0.memory).holding
    }

    /// Since when no rotation starts, as far as this process has heard.
    pub(crate) fn held_since(&self) -> Option<Instant> {
        lock(&self.0.memory).held_since
    }

    /// The run id that the last beat heard; empty before the first.
    pub(super) fn run_heard(&self) -> String {
        lock(&self.0.memory).run_id.clone()
    }

    pub(crate) fn acquaintances(&self) -> usize {
        lock(&self.0.memory).seen.len()
    }

    /// Reports for a dead process from now on: what it left is committed.
    pub(super) fn took_over(&self, process: String) {
        let mut memory = lock(&self.0.memory);
        if memory.journals.len() >= MOST {
            memory.journals.pop_first();
        }
        memory.journals.insert(process);
    }

    /// Says that this process is there, and hears whether Redis is another. Answers
    /// the run id of a server that has yet to be given what the journal holds.
    pub(crate) async fn beat(&self) -> Result<Option<String>, StoreError> {
        // One after the other: a late answer must not undo what a later one told.
        let _in_turn = self.0.beating.lock().await;
        if self.is_closing() {
            return Ok(None);
        }
        let run_id = self.run_heard();
        let (journals, seen, last_ms, committed_to, was_holding) = {
            let memory = lock(&self.0.memory);
            let journals: Vec<_> = memory.journals.iter().cloned().collect();
            let seen: Vec<_> = memory.seen.keys().cloned().collect();
            let committed = memory.committed_to.clone();
            let last_ms = if memory.holding { memory.before_ms } else { memory.last_ms };
            (journals, seen, last_ms, committed, memory.holding)
        };
        let beat = Beat {
            process: &self.0.daemon,
            committed_to: committed_to.as_deref(),
            journals: &journals,
            seen: &seen,
            last_ms,
            hold: self.0.settings.settle_after_restart,
            run_id: &run_id,
        };
        let heard = self.0.rotations.beat(&beat).await?;
        lock(&self.0.memory).heard(&heard, Instant::now());
        match (was_holding, heard.hold_until_ms) {
            (false, Some(until)) => {
                let seconds = (until - heard.now_ms).max(0).unsigned_abs().div_ceil(1_000);
                tracing::warn!(
                    "redis restarted or failed over: token refreshes are on hold until every daemon has compared its journal with it, for up to {seconds} s"
                );
            }
            (true, None) => tracing::info!("token refresh: resumed; the journals are committed"),
            _ => {}
        }
        Ok(Some(heard.run_id).filter(|run| committed_to.as_ref() != Some(run)))
    }

    /// Gives the server of `run_id` what the journal holds. Not while an exchange is
    /// under way: what it will bring is not in the journal yet.
    pub(crate) async fn commit_all(&self, run_id: &str) -> bool {
        if !lock(&self.0.running).is_empty() || !lock(&self.0.unpersisted).is_empty() {
            return false;
        }
        match self.repair().await {
            Ok(_) => {
                lock(&self.0.memory).committed_to = Some(run_id.to_owned());
                true
            }
            Err(error) => {
                tracing::debug!(%error, "rotation journal: could not be compared with redis yet");
                false
            }
        }
    }

    /// Says that this process ends and leaves nothing; else those who come after it
    /// have its file, and report for it.
    pub(crate) async fn leave(&self) {
        // Behind the last beat, which would make it known again.
        let _in_turn = self.0.beating.lock().await;
        if self.0.journal.entries().is_empty()
            && lock(&self.0.running).is_empty()
            && let Err(error) = self.0.rotations.leave(&self.0.daemon).await
        {
            tracing::debug!(%error, "could not say that this process has ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(now_ms: i64, beats: &[(&str, i64)], gone: &[&str]) -> Heard {
        Heard {
            run_id: "r".to_owned(),
            hold_until_ms: None,
            now_ms,
            beats: beats.iter().map(|(id, at)| ((*id).to_owned(), *at)).collect(),
            gone: gone.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    fn names(memory: &Memory) -> Vec<&str> {
        let mut names: Vec<_> = memory.seen.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_living_are_remembered_for_ten_minutes_whatever_the_store_forgets() {
        let (mut memory, begun) = (Memory::default(), Instant::now());
        let later = |minutes: u64| begun + Duration::from_secs(60 * minutes);
        memory
            .heard(&heard(100_000, &[("a", 99_000), ("b", 80_000), ("dead", 60_000)], &[]), begun);
        assert_eq!(names(&memory), ["a", "b"]);
        assert_eq!(memory.last_ms, Some(99_000));
        // The store went back after a while: it knows neither b nor the last beat.
        let back = Heard { run_id: "r2".to_owned(), ..heard(900_000, &[("a", 899_000)], &[]) };
        memory.heard(&back, later(14));
        assert_eq!(names(&memory), ["a", "b"]);
        assert_eq!((memory.before_ms, memory.last_ms), (Some(99_000), Some(899_000)));
        memory.heard(&Heard { now_ms: 905_000, ..back }, later(15));
        assert_eq!(names(&memory), ["a"]);
        assert_eq!(memory.before_ms, Some(99_000));
        memory.heard(&heard(910_000, &[("c", 909_000)], &["a"]), later(16));
        assert_eq!(names(&memory), ["c"], "one that ended well holds nobody up");
        // A server whose clock is behind: the next hold compares with its own beats.
        let behind = Heard { run_id: "r3".to_owned(), ..heard(500_000, &[("c", 499_000)], &[]) };
        memory.heard(&behind, later(17));
        assert_eq!((memory.before_ms, memory.last_ms), (Some(909_000), Some(499_000)));
        memory.heard(&Heard { run_id: "r4".to_owned(), ..behind }, later(18));
        assert_eq!(memory.before_ms, Some(499_000));
    }
}
