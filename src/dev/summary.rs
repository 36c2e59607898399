//! Result, and whether it is what should have come of it.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use zoom_sim::Sim;
use zoomd_store::streams::{Item, Stream};

use super::Play;
use super::cast::meant_to_fail;
use crate::output::{FAIL, GOOD, paint};

/// Counts outcomes as they come.
#[derive(Debug)]
pub(super) struct Tally {
    begun: Instant,
    meetings: u64,
    found: u64,
    again: u64,
    failed: BTreeMap<String, u64>,
    unexpected: u64,
    /// Rotations seen.
    pub(super) rotations: u64,
    /// Times Zoom answered 429.
    pub(super) limited: u64,
}

/// The summary, for people and as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// True if everything is as it should be.
    pub(super) well: bool,
    /// Jobs with an outcome.
    pub(super) outcomes: u64,
    seconds: f64,
    meetings: u64,
    found_by_reconcile: u64,
    after_further_attempts: u64,
    failed: BTreeMap<String, u64>,
    failed_unexpectedly: u64,
    rotations: u64,
    answers_429: u64,
    meetings_at_zoom: u64,
    made_twice: u64,
    rules_of_zoom_broken: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(super) fn new(begun: Instant) -> Self {
        Self {
            begun,
            meetings: 0,
            found: 0,
            again: 0,
            failed: BTreeMap::new(),
            unexpected: 0,
            rotations: 0,
            limited: 0,
        }
    }

    /// Jobs with an outcome so far.
    pub(super) fn outcomes(&self) -> u64 {
        self.meetings + self.failed.values().sum::<u64>()
    }

    /// Counts one entry of the output streams.
    pub(super) fn count(&mut self, item: &Item) {
        match item.stream {
            Stream::Results => {
                let result: Value = serde_json::from_str(item.field("result")).unwrap_or_default();
                self.meetings += 1;
                self.found += u64::from(result["reconciled"] == true);
                self.again += u64::from(result["attempts"].as_u64().unwrap_or(1) > 1);
            }
            Stream::Failures => {
                let code = item.field("code");
                *self.failed.entry(code.to_owned()).or_default() += 1;
                self.unexpected += u64::from(meant_to_fail(item.field("job_id")) != Some(code));
            }
            Stream::Events | Stream::Jobs => {}
        }
    }

    /// Compares what we know with what Zoom knows.
    pub(super) fn summary(&self, sim: &Sim, play: Play) -> Summary {
        let counters = sim.counters();
        let made_twice = sim.twins().len() as u64;
        let broken: BTreeMap<_, _> =
            counters.broken.list().into_iter().filter(|(_, n)| *n > 0).collect();
        // With chaos a job may end as failed when its luck was bad often enough.
        let kept = broken.is_empty() && self.unexpected == 0;
        Summary {
            well: made_twice == 0 && (kept || play.chaos),
            outcomes: self.outcomes(),
            seconds: self.begun.elapsed().as_secs_f64(),
            meetings: self.meetings,
            found_by_reconcile: self.found,
            after_further_attempts: self.again,
            failed: self.failed.clone(),
            failed_unexpectedly: self.unexpected,
            rotations: self.rotations,
            answers_429: self.limited,
            meetings_at_zoom: counters.meetings_created,
            made_twice,
            rules_of_zoom_broken: broken,
        }
    }
}

impl Summary {
    /// For people.
    pub(super) fn text(&self) -> String {
        let failed: u64 = self.failed.values().sum();
        let codes: Vec<_> = self.failed.iter().map(|(code, n)| format!("{code} {n}")).collect();
        let mut text = format!("\n{} jobs in {:.1} s\n", self.outcomes, self.seconds);
        let mut line = |n: u64, what: &str| text += &format!("  {n:>6}  {what}\n");
        line(self.meetings, "meetings, each with its result in the stream");
        line(failed, &format!("failed ({})", codes.join(", ")));
        line(self.failed_unexpectedly, "unexpected failures");
        line(self.found_by_reconcile, "found at Zoom after a lost reply, no duplicate");
        line(self.after_further_attempts, "needed a retry");
        line(self.answers_429, "rate limit replies from Zoom (429)");
        line(self.rotations, "tokens refreshed, none lost");
        line(self.made_twice, "duplicate meetings");
        for (rule, n) in &self.rules_of_zoom_broken {
            line(*n, &format!("rule of Zoom broken: {rule}"));
        }
        let (word, style) = if self.well { ("OK", GOOD) } else { ("FAILED", FAIL) };
        text + &paint(word, style) + "\n"
    }
}
