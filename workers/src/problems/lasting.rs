//! Troubles that last, each by a name: when it began, whether it goes on, when it
//! is told again. Bounded; reads no clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// More of one kind are not told one by one.
const MOST: usize = 1_000;
/// Between two lines of the log about one trouble.
const TELL_EVERY: Duration = Duration::from_secs(600);

/// Troubles of one kind.
#[derive(Debug)]
pub struct Lasting {
    all: BTreeMap<String, Trouble>,
    stale: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Time at which it was met first.
    pub since: Instant,
    /// The cause, as it was met last.
    pub why: String,
    last: Instant,
    told: Instant,
}

impl Lasting {
    /// None. One that nobody met again for `stale` is over.
    #[must_use]
    pub fn new(stale: Duration) -> Self {
        Self { all: BTreeMap::new(), stale }
    }

    /// The trouble was met. True if it should be logged: it is new, or was not told
    /// for a while.
    pub fn met(&mut self, name: &str, why: &str, now: Instant) -> bool {
        self.tidy(now);
        if let Some(known) = self.all.get_mut(name) {
            known.last = now;
            why.clone_into(&mut known.why);
            let tell = now.saturating_duration_since(known.told) >= TELL_EVERY;
            if tell {
                known.told = now;
            }
            return tell;
        }
        if self.all.len() >= MOST {
            return false;
        }
        let new = Trouble { since: now, why: why.to_owned(), last: now, told: now };
        self.all.insert(name.to_owned(), new);
        true
    }

    /// The trouble is over; how long it lasted, if there was one.
    pub fn over(&mut self, name: &str, now: Instant) -> Option<Duration> {
        let known = self.all.remove(name)?;
        Some(now.saturating_duration_since(known.since))
    }

    /// True if there is none: asked before a name is made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Troubles that last, by name.
    pub fn known(&mut self, now: Instant) -> impl Iterator<Item = (&str, &Trouble)> {
        self.tidy(now);
        self.all.iter().map(|(name, trouble)| (name.as_str(), trouble))
    }

    fn tidy(&mut self, now: Instant) {
        let stale = self.stale;
        self.all.retain(|_, known| now.saturating_duration_since(known.last) < stale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_when_it_begins_and_now_and_then_until_it_is_over() {
        let (mut all, begun) = (Lasting::new(Duration::from_secs(120)), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        let told: Vec<_> = (0..1_300).filter(|n| all.met("app", "refused", at(*n))).collect();
        assert_eq!(told, [0, 600, 1_200]);
        assert!(all.met("other", "refused", at(1_299)), "each has its own");
        let known: Vec<_> = all.known(at(1_300)).map(|(n, t)| (n.to_owned(), t.since)).collect();
        assert_eq!(known, [("app".to_owned(), begun), ("other".to_owned(), at(1_299))]);
        assert_eq!(all.over("app", at(1_300)), Some(Duration::from_secs(1_300)));
        assert_eq!(all.over("app", at(1_300)), None);
        assert_eq!(all.known(at(1_299 + 120)).count(), 0, "nobody met it again");
        assert!(all.is_empty());
    }

    #[test]
    fn there_are_never_too_many() {
        let (mut all, now) = (Lasting::new(Duration::from_secs(60)), Instant::now());
        for n in 0..2 * MOST {
            all.met(&n.to_string(), "why", now);
        }
        assert_eq!(all.known(now).count(), MOST);
    }
}
