//! Times of the calls to one endpoint: those of the last five minutes, those of
//! the last day, and whether the former are far longer than the latter.
//!
//! Times are counted in histograms with steps of 19 %, one for each of the last
//! minutes and one for each of the last hours, so that memory is bounded. A minute
//! becomes part of its hour when it is over five minutes old. The clock is the
//! caller's.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A p95 that is not longer is never slow.
pub const SLOW: Duration = Duration::from_secs(5);
/// A p95 is slow that is so many times as long as the usual one.
const TIMES: u32 = 4;
/// Slow calls that have ended before a p95 of theirs is told.
const FEWEST: u64 = 3;
/// Calls from which on the usual time counts as known.
const KNOWN: u64 = 20;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// A slowness that has lasted so long is the usual time.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The minutes that are "now".
const MINUTES: usize = 5;
/// The hours that are "usual".
const HOURS: usize = 24;
/// From 1 ms to 65 s, four steps for each doubling, and all that is longer.
const STEPS: usize = 65;

/// Number of calls by duration.
#[derive(Debug, Clone)]
struct Histogram {
    counts: [u32; STEPS],
}

impl Histogram {
    const EMPTY: Self = Self { counts: [0; STEPS] };

    fn add(&mut self, time: Duration) {
        let count = &mut self.counts[step(time)];
        *count = count.saturating_add(1);
    }

    fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
    }

    fn total(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// The step that 95 % of the calls do not pass.
    fn p95(&self) -> Option<usize> {
        let total = self.total();
        let rank = (total * 95).div_ceil(100);
        let mut seen = 0;
        let mut steps = self.counts.iter().map(|count| {
            seen += u64::from(*count);
            seen
        });
        steps.position(|seen| seen >= rank).filter(|_| total > 0)
    }

    /// Calls that took longer than all of this step.
    fn over(&self, step: usize) -> u64 {
        self.counts.iter().skip(step + 1).map(|count| u64::from(*count)).sum()
    }
}

fn step(time: Duration) -> usize {
    let ms = time.as_secs_f64() * 1_000.0;
    (ms.max(1.0).log2() * 4.0).floor().clamp(0.0, (STEPS - 1) as f64) as usize
}

/// The shortest time of a step.
fn least(step: usize) -> Duration {
    Duration::from_secs_f64((step as f64 / 4.0).exp2() / 1_000.0)
}

/// Calls that are far slower than usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slow {
    /// 5 % of the calls take at least this.
    pub p95: Duration,
    /// The p95 of the day before, at most; `None`: too few calls are known.
    pub usual: Option<Duration>,
    /// Start.
    pub since: Instant,
    /// Slow calls of the last five minutes, those under way among them.
    pub calls: u64,
}

/// The pace of one endpoint.
#[derive(Debug)]
pub struct Pace {
    /// By minute, the newest first; none for a minute without calls.
    minutes: VecDeque<(u64, Histogram)>,
    hours: VecDeque<(u64, Histogram)>,
    begun: Instant,
    /// Time at which the calls became slow, and the usual duration before.
    slow: Option<(Instant, Option<Duration>)>,
}

impl Pace {
    /// Of an endpoint that was not called before `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { minutes: VecDeque::new(), hours: VecDeque::new(), begun: now, slow: None }
    }

    /// A call was answered.
    pub fn answered(&mut self, now: Instant, took: Duration) {
        self.turn(now);
        let minute = self.minute(now);
        if self.minutes.front().is_none_or(|(last, _)| *last != minute) {
            self.minutes.push_front((minute, Histogram::EMPTY));
        }
        if let Some((_, histogram)) = self.minutes.front_mut() {
            histogram.add(took);
        }
    }

    /// Slowness of calls, counting those that are `under_way` for so long already.
    pub fn look(&mut self, now: Instant, under_way: &[Duration]) -> Option<Slow> {
        self.turn(now);
        let usual = match self.slow {
            // The base of comparison is kept, or a long slowness would become the usual time.
            Some((since, usual)) if now.saturating_duration_since(since) < DAY => usual,
            _ => self.usual(),
        };
        // A step is over the limit with all that is in it.
        let limit = step(usual.map_or(SLOW, |usual| SLOW.max(usual * TIMES)));
        let mut recent = Histogram::EMPTY;
        self.minutes.iter().for_each(|(_, minute)| recent.merge(minute));
        let ended = recent.over(limit);
        let long: Vec<_> = under_way.iter().filter(|time| step(**time) > limit).collect();
        long.iter().for_each(|time| recent.add(**time));
        let enough = !long.is_empty() || ended >= FEWEST;
        let Some(p95) = recent.p95().filter(|p95| enough && *p95 > limit).map(least) else {
            self.slow = None;
            return None;
        };
        let longest = long.iter().map(|time| **time).max().unwrap_or_default();
        let began = now.checked_sub(longest).unwrap_or(now);
        let (since, usual) = *self.slow.get_or_insert((began, usual));
        Some(Slow { p95, usual, since, calls: ended + long.len() as u64 })
    }

    /// The p95 of the day before the last five minutes, at most.
    fn usual(&self) -> Option<Duration> {
        let mut day = Histogram::EMPTY;
        self.hours.iter().for_each(|(_, hour)| day.merge(hour));
        let known = day.total() >= KNOWN;
        day.p95().filter(|_| known).map(|step| least(step + 1))
    }

    /// Moves minutes that are over into their hours, and forgets old hours.
    fn turn(&mut self, now: Instant) {
        let (minute, hour) = (self.minute(now), self.hour(now));
        while let Some((at, old)) = self.minutes.pop_back() {
            if at + MINUTES as u64 > minute {
                self.minutes.push_back((at, old));
                break;
            }
            let of = at * MINUTE.as_secs() / HOUR.as_secs();
            match self.hours.front_mut() {
                Some((last, histogram)) if *last == of => histogram.merge(&old),
                _ => self.hours.push_front((of, old)),
            }
        }
        while self.hours.back().is_some_and(|(at, _)| at + HOURS as u64 <= hour) {
            self.hours.pop_back();
        }
    }

    fn minute(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_secs() / MINUTE.as_secs()
    }

    fn hour(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_secs() / HOUR.as_secs()
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
