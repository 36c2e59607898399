//! Words about a collector in trouble: once when it begins, once a minute while it lasts,
//! once when it is over.

use std::time::{Duration, Instant};

/// Between two lines about the same trouble.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Trouble with the collector.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    told: Option<Instant>,
    lost: usize,
}

impl Trouble {
    /// The collector did not take spans.
    pub(super) fn met(&mut self, place: &str, why: &str, now: Instant) {
        if self.told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
            return;
        }
        self.told = Some(now);
        let lost = self.lost;
        tracing::warn!(
            collector = place,
            lost,
            "traces: {place} does not take spans: {why}; jobs are not affected, spans that do not fit in memory are dropped"
        );
    }

    /// So many spans were given up.
    pub(super) fn lost(&mut self, spans: usize) {
        self.lost += spans;
    }

    /// The collector takes spans.
    pub(super) fn over(&mut self, place: &str) {
        if self.told.take().is_some() {
            let lost = std::mem::take(&mut self.lost);
            tracing::info!(collector = place, lost, "traces: {place} takes spans again");
        }
    }
}
