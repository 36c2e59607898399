//! Rate of a line: a number of calls in any second, fewer for a while after Zoom has reported too
//! many.

use crate::limits::SECOND_MS;

/// A lowered rate recovers by this part of the whole in a second.
const RECOVERY: f64 = 0.01;

/// Calls per second, and what was used of them in the last one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RateWindow {
    /// Calls granted in any second; 0: no limit.
    pub rate: u64,
    /// The part of it that is used since a time (ms), if Zoom had it lowered.
    pub lowered: Option<(f64, i64)>,
    /// The grants of the last second, the oldest first.
    pub fresh: Vec<i64>,
}

impl RateWindow {
    /// Time of a call that has `place` others before it from `from` on.
    #[must_use]
    pub fn time_of(&self, place: u64, from: i64) -> i64 {
        if self.rate == 0 {
            return from;
        }
        let (mut place, mut at) = (place, from);
        while let Some(rate) = self.lowered_at(at) {
            if place < rate {
                return self.after_fresh(place, rate, at);
            }
            (place, at) = (place - rate, at + SECOND_MS);
        }
        let seconds = i64::try_from(place / self.rate).unwrap_or(i64::MAX / (2 * SECOND_MS));
        self.after_fresh(place % self.rate, self.rate, at).saturating_add(seconds * SECOND_MS)
    }

    /// Number of calls that fit between two times.
    #[must_use]
    pub fn before(&self, from: i64, to: i64) -> u64 {
        if self.rate == 0 {
            return if to > from { u64::MAX } else { 0 };
        }
        let mut at = from;
        let mut count = 0;
        while let Some(rate) = self.lowered_at(at).filter(|_| at + SECOND_MS <= to) {
            (count, at) = (count + rate, at + SECOND_MS);
        }
        count + u64::try_from((to - at).max(0)).unwrap_or(0) / SECOND_MS.unsigned_abs() * self.rate
    }

    fn lowered_at(&self, at: i64) -> Option<u64> {
        let (part, since) = self.lowered?;
        let part = part + (at - since) as f64 / 1000.0 * RECOVERY;
        (part < 1.0).then(|| ((self.rate as f64 * part) as u64).max(1))
    }

    /// A slot is free again a second, and a little, after it was taken.
    fn after_fresh(&self, place: u64, rate: u64, at: i64) -> i64 {
        let taken = (self.fresh.len() as u64 + place).checked_sub(rate);
        let slot = taken.and_then(|slot| self.fresh.get(usize::try_from(slot).ok()?));
        slot.map_or(at, |taken| at.max(taken + SECOND_MS))
    }
}
