//! Expected time of a waiting job: pure arithmetic over the current budgets, assuming no other
//! users and no later jobs ahead of it.
//!
//! Days are walked one by one: the number of jobs of each room that fit into a day gives the day on
//! which a job runs; the number of jobs before it in the line of the account gives the second.
//! Rooms are served in turn, so a long room delays a short one by the length of the short one only.
//!
//! The order within a day is approximate: the job that gets the last call of a day is not predicted
//! exactly. The tests of zoomd-model check all of it against a model of the scripts.

mod estimate;
mod rate_window;
#[cfg(test)]
mod tests;

use crate::clock::DAY_MS;
use crate::queue::WaitReason;
use estimate::Estimate;

pub use estimate::{MIDNIGHT_MARGIN_MS, next_day};
pub use rate_window::RateWindow;

/// No job waits for more days than this.
const MOST_DAYS: i64 = 400;

/// Used part of a day's limit; `most` 0: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Day {
    /// Calls of today.
    pub used: u64,
    /// Calls that count on tomorrow already: those granted just before midnight.
    pub tomorrow: u64,
    /// Maximum number of calls a day; 0: no limit.
    pub most: u64,
}

/// The waiting jobs of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Room {
    /// The host's name in the account's rooms.
    pub host: String,
    /// The host's name in the ledger.
    pub counted_as: String,
    /// Number of waiting jobs.
    pub waiting: u64,
    /// Place among the account's rooms: those with a smaller one are served
    /// before it.
    pub turn: u64,
    /// The host's day.
    pub day: Day,
    /// Closed by Zoom until then.
    pub closed_ms: i64,
    /// Earliest time of the next check.
    pub wakes_ms: i64,
}

/// All that waits in one account, and the budgets it waits for.
#[derive(Debug, Clone, Default)]
pub struct Backlog {
    /// The account and its Zoom account: their names spread what wakes at midnight.
    pub account: String,
    /// See `account`.
    pub zoom: String,
    /// The time of all these figures.
    pub now_ms: i64,
    pub window: RateWindow,
    pub label: Day,
    /// The label is closed by Zoom until then.
    pub closed_ms: i64,
    /// Earliest time of the account's next check.
    pub wakes_ms: i64,
    /// Rooms; those of one turn are served in this order.
    pub rooms: Vec<Room>,
    /// Other accounts that use the same budgets.
    pub sharers: Vec<Sharer>,
    /// Accounts of the Zoom account that have a turn, in their order.
    pub ring: Vec<String>,
    /// Accounts that stand in line for its budget, in their order.
    pub lined: Vec<String>,
}

/// The waiting jobs of another account of the same Zoom account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sharer {
    pub account: String,
    /// Earliest time of the next check.
    pub wakes_ms: i64,
    /// Rooms.
    pub rooms: Vec<Room>,
}

/// Position of a job.
#[derive(Debug, Clone, Copy, Default)]
pub struct Position {
    /// Index of the job's room in the line; its count includes the job.
    pub room: usize,
    /// Number of jobs of the room that stand before it.
    pub ahead: u64,
    /// It sleeps until then.
    pub due: Option<(WaitReason, i64)>,
}

/// Expected time of a job, and the reason for most of its wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    pub why: WaitReason,
    /// Expected time; never before the line's `now_ms`.
    pub at_ms: i64,
}

impl Backlog {
    /// The time at which the job at `position` is expected to run.
    #[must_use]
    pub fn expect(&self, position: Position) -> Expected {
        let mut estimate = Estimate::new(self);
        let (mut ahead, mut skipped) = (position.ahead, None);
        let (due_why, due) = position.due.unwrap_or((WaitReason::Turn, i64::MIN));
        while estimate.day < MOST_DAYS {
            estimate.keep(position.room, ahead);
            let (fits, opens) = (estimate.fits(), estimate.opens(position.room));
            let mine = fits.own.get(position.room).copied().unwrap_or(0);
            if due < estimate.ends_ms() {
                // While it sleeps those behind it go, too.
                let late = due > opens;
                let gone =
                    if late { estimate.gone_by(position.room, due, opens, &fits) } else { 0 };
                let before = ahead.saturating_sub(gone);
                let left = estimate.room_left(position.room, mine, late).saturating_sub(gone);
                if before < left && opens < estimate.ends_ms() {
                    let at_ms = estimate.time_of(position.room, before, opens.max(due), &fits);
                    let why = skipped.or(late.then_some(due_why));
                    let why =
                        why.unwrap_or_else(|| self.reason(position.room, before, at_ms, opens));
                    return Expected { why, at_ms };
                }
                skipped = Some(estimate.obstacle(position.room, opens, before + gone));
            }
            ahead = ahead.saturating_sub(mine);
            estimate.next(&fits);
        }
        Expected { why: skipped.unwrap_or(due_why), at_ms: self.now_ms + MOST_DAYS * DAY_MS }
    }

    /// Number of jobs of each room that run on this UTC day.
    #[must_use]
    pub fn today(&self) -> Vec<u64> {
        Estimate::new(self).fits().own
    }

    /// In how many days, today counted, each room is empty; 0 for an empty one.
    #[must_use]
    pub fn days(&self) -> Vec<u64> {
        let mut estimate = Estimate::new(self);
        let mut days = vec![0; self.rooms.len()];
        while estimate.day < MOST_DAYS && estimate.waiting.iter().any(|waiting| *waiting > 0) {
            let fits = estimate.fits();
            for (days, _) in
                days.iter_mut().zip(&estimate.waiting).filter(|(_, waiting)| **waiting > 0)
            {
                *days = u64::try_from(estimate.day).unwrap_or(0) + 1;
            }
            estimate.next(&fits);
        }
        days
    }

    /// Wait reason of a job that runs today.
    fn reason(&self, room: usize, before: u64, at: i64, opens: i64) -> WaitReason {
        let room = &self.rooms[room];
        if opens > self.now_ms && opens == at {
            if room.closed_ms.max(self.closed_ms) == opens {
                return WaitReason::Limited;
            }
            return if room.wakes_ms == opens { WaitReason::Host } else { WaitReason::Second };
        }
        let in_line = self.window.before(self.now_ms, at);
        if at <= self.now_ms || in_line > before.saturating_mul(2) {
            WaitReason::Turn
        } else {
            WaitReason::Second
        }
    }
}

/// Cuts to the highest level at which all together are no more than `most`.
fn level(fits: &mut [u64], most: u64) {
    let sum = |cut: u64| fits.iter().fold(0u64, |sum, one| sum.saturating_add((*one).min(cut)));
    if sum(u64::MAX) <= most {
        return;
    }
    let (mut low, mut high) = (0, most.saturating_add(1));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if sum(middle) <= most { low = middle } else { high = middle }
    }
    let mut rest = most - sum(low);
    for one in fits.iter_mut() {
        let more = u64::from(*one > low && rest > 0);
        rest -= more;
        *one = (*one).min(low + more);
    }
}
