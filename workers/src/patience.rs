//! Times of the looks, and the look after which a meeting counts as absent. Pure.
//!
//! Zoom may show a meeting some time after it made it, and a call may still be
//! on its way after its answer was given up. So there are several looks, and
//! the last comes no earlier than the moment by which the call must be over.

use std::time::Duration;

/// Patience of the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// The wait before each look, counted from the one before.
    pub delays: Vec<Duration>,
    /// Longest time that a job's calls stay unresolved before it is given up.
    pub give_up: Duration,
    /// Time after a success on a second send at which duplicate meetings are searched for.
    pub twins_after: Duration,
    /// Maximum number of meetings that one look reads in full.
    pub most_gets: usize,
    /// Maximum number of pages of a list.
    pub most_pages: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            delays: [2, 8, 20].map(Duration::from_secs).to_vec(),
            give_up: Duration::from_secs(24 * 3600),
            twins_after: Duration::from_secs(300),
            most_gets: 100,
            most_pages: 100,
        }
    }
}

/// Next step after a look that found nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another look.
    LookAt(i64),
    /// There is no such meeting.
    Absent,
}

impl Patience {
    /// Time of the first look after an outcome was lost at `lost_ms`.
    #[must_use]
    pub fn first_look_ms(&self, lost_ms: i64) -> i64 {
        later(lost_ms, self.delays.first().copied().unwrap_or_default())
    }

    /// True if a look that finds nothing may be the last, made at `now_ms` after
    /// `looks` others: it must read the whole list.
    #[must_use]
    pub fn decides(&self, looks: u32, now_ms: i64, quiet_ms: i64) -> bool {
        self.after_look(looks + 1, now_ms, quiet_ms) == Next::Absent
    }

    /// True if Zoom named a lasting reason in so many looks in a row that it is
    /// believed: a missing scope, or a host that the grant may not see.
    #[must_use]
    pub fn is_refused(&self, refused: u32, now_ms: i64, quiet_ms: i64) -> bool {
        usize::try_from(refused).is_ok_and(|times| times > self.delays.len()) && now_ms >= quiet_ms
    }

    /// Next step after look number `looks` (1 and more), made at `now_ms`; `quiet_ms` is the
    /// time by which the lost call must be over.
    #[must_use]
    pub fn after_look(&self, looks: u32, now_ms: i64, quiet_ms: i64) -> Next {
        let looks = usize::try_from(looks).unwrap_or(usize::MAX);
        match self.delays.get(looks) {
            Some(delay) => Next::LookAt(later(now_ms, *delay)),
            None if now_ms < quiet_ms => Next::LookAt(quiet_ms),
            None => Next::Absent,
        }
    }
}

fn later(ms: i64, wait: Duration) -> i64 {
    ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_spaced_and_the_last_is_not_before_the_call_is_over() {
        let patience = Patience::default();
        assert_eq!(patience.first_look_ms(1_000), 3_000);
        assert_eq!(patience.after_look(1, 3_000, 60_000), Next::LookAt(11_000));
        assert_eq!(patience.after_look(2, 11_000, 60_000), Next::LookAt(31_000));
        assert_eq!(patience.after_look(3, 31_000, 60_000), Next::LookAt(60_000));
        assert_eq!(patience.after_look(4, 60_000, 60_000), Next::Absent);
        assert_eq!(patience.after_look(3, 31_000, 0), Next::Absent);
    }

    #[test]
    fn only_the_last_look_must_read_the_whole_list() {
        let patience = Patience::default();
        let decides: Vec<_> = (0..4).map(|looks| patience.decides(looks, 31_000, 60_000)).collect();
        assert_eq!(decides, [false; 4]);
        assert!(!patience.decides(1, 60_000, 60_000));
        assert!(patience.decides(2, 60_000, 60_000));
    }

    #[test]
    fn a_lasting_refusal_is_believed_after_as_many_looks_as_there_are() {
        let patience = Patience::default();
        assert!(!patience.is_refused(3, 99, 50));
        assert!(!patience.is_refused(4, 49, 50));
        assert!(patience.is_refused(4, 50, 50));
    }

    #[test]
    fn without_delays_one_look_is_made_when_the_call_is_over() {
        let patience = Patience { delays: Vec::new(), ..Patience::default() };
        assert_eq!(patience.first_look_ms(5), 5);
        assert_eq!(patience.after_look(1, 5, 9), Next::LookAt(9));
        assert_eq!(patience.after_look(2, 9, 9), Next::Absent);
    }
}
