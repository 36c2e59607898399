//! Sets the model to the state of a namespace, to see how it continues from there.

use super::{FairQueue, room};

impl FairQueue {
    /// A room with `jobs` of an account, behind its other rooms; asleep until
    /// `wakes_ms` if that is not 0.
    pub(crate) fn add_room(&mut self, account: &str, host: &str, jobs: &[String], wakes_ms: i64) {
        let name = room(account, host);
        let waiting = self.rooms.entry(name.clone()).or_default();
        let last = waiting.order.last().map_or(0, |(score, _)| *score);
        for (id, nth) in jobs.iter().zip(1..) {
            // Room is left between two, for one that comes later.
            waiting.set(id, last + 2 * nth);
        }
        if waiting.is_empty() {
            self.rooms.remove(&name);
        } else if wakes_ms > 0 {
            self.asleep.set(&name, wakes_ms);
        } else {
            self.hosts.entry(account.to_owned()).or_default().push(host);
        }
    }

    /// The lane of an account has a turn, behind all others, or sleeps.
    pub(crate) fn add_lane(&mut self, account: &str, wakes_ms: i64) {
        if wakes_ms > 0 {
            self.asleep.set(account, wakes_ms);
        } else if self.hosts.contains_key(account) {
            self.ring.push(account);
        }
    }

    /// The lanes that stand in line for the budget of a Zoom account.
    pub(crate) fn line_up(&mut self, zoom: &str, lanes: &[String]) {
        for lane in lanes {
            self.lines.entry(zoom.to_owned()).or_default().push(lane);
        }
    }
}
