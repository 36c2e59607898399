//! Rooms whose jobs nothing holds back and no claim takes, by what one look after
//! another saw. Pure: looks and times in, rooms that stand still out.

use std::collections::BTreeMap;

use zoomd_store::inspect::Ready;

/// Looks so far.
#[derive(Debug, Default)]
pub(super) struct Still(BTreeMap<(String, String), Seen>);

#[derive(Debug)]
struct Seen {
    since_ms: i64,
    room: Ready,
}

/// A room that stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// The time since which the same job was next, in the accounts that were checked, ms.
    pub since_ms: i64,
    pub room: Ready,
}

impl Still {
    /// Hears which rooms of `account` may run jobs now; the others may not.
    pub(super) fn hear(&mut self, account: &str, rooms: Vec<Ready>, now_ms: i64) {
        let mut before = std::mem::take(&mut self.0);
        for room in rooms {
            let key = (room.account.clone(), room.host.clone());
            let known = before.remove(&key).filter(|seen| seen.room.first == room.first);
            let since_ms = known.map_or(now_ms, |seen| seen.since_ms);
            self.0.insert(key, Seen { since_ms, room });
        }
        before.retain(|(of, _), _| of != account);
        self.0.append(&mut before);
    }

    /// Forgets the accounts that are not among these: they have nothing that waits, or a
    /// reason for it.
    pub(super) fn keep(&mut self, is_candidate: impl Fn(&str) -> bool) {
        self.0.retain(|(account, _), _| is_candidate(account));
    }

    /// Accounts with rooms that are watched.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|(account, _)| account.as_str())
    }

    /// Rooms in which the same job has been next for longer than `late_ms`.
    pub(super) fn stuck(&self, now_ms: i64, late_ms: i64) -> Vec<Stuck> {
        let late = self.0.values().filter(|seen| now_ms - seen.since_ms > late_ms);
        late.map(|seen| Stuck { since_ms: seen.since_ms, room: seen.room.clone() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(account: &str, host: &str, first: &str) -> Ready {
        Ready {
            account: account.to_owned(),
            host: host.to_owned(),
            jobs: 3,
            first: first.to_owned(),
            oldest: "old".to_owned(),
            oldest_ms: 1,
        }
    }

    #[test]
    fn a_room_whose_first_job_stays_is_stuck() {
        let mut still = Still::default();
        still.hear("acme", vec![room("acme", "me", "a"), room("acme", "ann", "x")], 0);
        still.hear("beta", vec![room("beta", "me", "b")], 0);
        // Claims come in one of them.
        still.hear("acme", vec![room("acme", "me", "a"), room("acme", "ann", "y")], 50_000);
        let stuck = |still: &Still, now| {
            let stuck = still.stuck(now, 60_000).into_iter();
            stuck.map(|s| (s.room.account, s.room.host, s.since_ms)).collect::<Vec<_>>()
        };
        assert_eq!(stuck(&still, 60_000), []);
        let both = ["acme", "beta"].map(|account| (account.to_owned(), "me".to_owned(), 0));
        assert_eq!(stuck(&still, 61_000), both);
        // A reason came between: it counts from then on.
        still.hear("acme", Vec::new(), 62_000);
        still.hear("acme", vec![room("acme", "me", "a")], 65_000);
        assert_eq!(stuck(&still, 70_000), [both[1].clone()]);
        still.keep(|account| account == "acme");
        assert_eq!(stuck(&still, 70_000), []);
        assert_eq!(still.accounts().collect::<Vec<_>>(), ["acme"]);
    }
}
