//! Zoom's clock against this machine's, as the dates of replies show it. Reads no
//! clock itself.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Clocks that are further apart are told.
const FAR_MS: i64 = 60_000;
/// Dates in a row that must say so.
const LOOKS: u32 = 3;
/// Between two looks at a date.
const EVERY: Duration = Duration::from_secs(5);

/// Estimated difference between Zoom's clock and ours.
#[derive(Debug, Default)]
pub struct Skew {
    last: Option<Instant>,
    far: u32,
    since: Option<Instant>,
    ahead_ms: i64,
}

impl Skew {
    /// True if a date is to be looked at now.
    #[must_use]
    pub fn wants(&self, now: Instant) -> bool {
        self.last.is_none_or(|last| now.saturating_duration_since(last) >= EVERY)
    }

    /// A reply that `took` so long carried this date when this machine had that time.
    pub fn saw(&mut self, date: Timestamp, here: Timestamp, took: Duration, now: Instant) {
        self.last = Some(now);
        self.ahead_ms = date.as_millisecond() - here.as_millisecond();
        // The date was written at some time of the call, in whole seconds.
        let slack = i64::try_from(took.as_millis()).unwrap_or(i64::MAX).saturating_add(1_000);
        if self.ahead_ms.saturating_abs() > FAR_MS.saturating_add(slack) {
            self.far = self.far.saturating_add(1);
            self.since.get_or_insert(now);
        } else {
            (self.far, self.since) = (0, None);
        }
    }

    /// Distance by which Zoom's clock is ahead, and since when, if that is far.
    #[must_use]
    pub fn told(&self) -> Option<(i64, Instant)> {
        self.since.filter(|_| self.far >= LOOKS).map(|since| (self.ahead_ms, since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_in_three_replies_are_told() {
        let begun = Instant::now();
        let here = Timestamp::UNIX_EPOCH;
        let mut skew = Skew::default();
        // Seconds that Zoom is ahead, seconds the call took; is that told?
        let table = [
            (0, 0, false),
            (-300, 0, false),
            (-300, 0, false),
            (-300, 0, true),
            (-61, 0, false),
            (80, 30, false),
            (80, 1, false),
            (80, 1, false),
            (80, 1, true),
        ];
        for (n, (ahead, took, told)) in table.into_iter().enumerate() {
            let now = begun + EVERY * u32::try_from(n).expect("few");
            assert!(skew.wants(now));
            let date = Timestamp::from_second(ahead).expect("a time");
            skew.saw(date, here, Duration::from_secs(took), now);
            assert!(!skew.wants(now));
            assert_eq!(skew.told().is_some(), told, "look {n}");
        }
        assert_eq!(skew.told(), Some((80_000, begun + EVERY * 6)));
    }
}
