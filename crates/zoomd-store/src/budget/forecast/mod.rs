//! When a waiting job is expected to run: pure reckoning over what the budgets
//! hold now, as if nobody else spent and nothing came that stands before it.
//!
//! Days are walked one by one: how many jobs of each room fit into a day says
//! on which day a job runs; how many jobs stand before it in the line of the
//! account says at which second of it. Rooms are served in turn, so a long room
//! delays a short one by the length of the short one only.

mod pace;
#[cfg(test)]
mod tests;

use super::model::next_day;
use crate::clock::{DAY_MS, next_midnight_ms};
use crate::queue::Why;

pub use pace::Pace;

/// Jobs of one host, and of one account, in one turn (lua/claim.lua).
const HOST_TURN: u64 = 4;
const ACCOUNT_TURN: u64 = 16;
/// No job waits for more days than this.
const MOST_DAYS: i64 = 400;

/// What is used of a day's limit; `most` 0: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Day {
    /// Calls of today.
    pub used: u64,
    /// How many there may be.
    pub most: u64,
}

impl Day {
    fn left(self, first: bool) -> u64 {
        match (self.most, first) {
            (0, _) => u64::MAX,
            (most, true) => most.saturating_sub(self.used),
            (most, false) => most,
        }
    }
}

/// The waiting jobs of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Room {
    /// The host's name in the account's rooms.
    pub host: String,
    /// The host's name in the ledger.
    pub counted_as: String,
    /// How many wait.
    pub waiting: u64,
    /// The host's day.
    pub day: Day,
    /// Closed by Zoom until then.
    pub closed_ms: i64,
    /// Not looked at before then.
    pub wakes_ms: i64,
}

/// All that waits in one account, and the budgets it waits for.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// The account and its Zoom account: their names spread what wakes at midnight.
    pub account: String,
    /// See `account`.
    pub zoom: String,
    /// The moment of all these figures.
    pub now_ms: i64,
    /// The rate.
    pub pace: Pace,
    /// The day of the label.
    pub label: Day,
    /// The label is closed by Zoom until then.
    pub closed_ms: i64,
    /// The account is not looked at before then.
    pub wakes_ms: i64,
    /// Its rooms, in the order of their turn.
    pub rooms: Vec<Room>,
    /// Waiting jobs of each other account that spends the same budgets.
    pub sharers: Vec<u64>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seat {
    /// Which of the line's rooms; the job is one of those it counts.
    pub room: usize,
    /// How many of the room stand before it.
    pub ahead: u64,
    /// It sleeps until then.
    pub due: Option<(Why, i64)>,
}

/// When a job runs, and what it waits for longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// What it waits for.
    pub why: Why,
    /// When; never before the line's `now_ms`.
    pub at_ms: i64,
}

impl Line {
    /// When the job at `seat` is expected to run.
    #[must_use]
    pub fn expect(&self, seat: Seat) -> Expected {
        let mut walk = Walk::new(self);
        let (mut ahead, mut skipped) = (seat.ahead, None);
        let (due_why, due) = seat.due.unwrap_or((Why::Turn, i64::MIN));
        while walk.day < MOST_DAYS {
            walk.keep(seat.room, ahead);
            let (fits, opens) = (walk.fits(), walk.opens(seat.room));
            let mine = fits.get(seat.room).copied().unwrap_or(0);
            if due < walk.ends_ms() {
                // While it sleeps those behind it go, too.
                let late = due > opens;
                let gone = if late { walk.gone_by(seat.room, due, opens, &fits) } else { 0 };
                let before = ahead.saturating_sub(gone);
                let left = walk.room_left(seat.room, mine, late).saturating_sub(gone);
                if before < left && opens < walk.ends_ms() {
                    let at_ms = walk.time_of(seat.room, before, opens.max(due), &fits);
                    let why = skipped.or(late.then_some(due_why));
                    let why = why.unwrap_or_else(|| self.reason(seat.room, before, at_ms, opens));
                    return Expected { why, at_ms };
                }
                skipped = Some(walk.obstacle(seat.room, opens, before + gone));
            }
            ahead = ahead.saturating_sub(mine);
            walk.next(&fits);
        }
        Expected { why: skipped.unwrap_or(due_why), at_ms: self.now_ms + MOST_DAYS * DAY_MS }
    }

    /// How many jobs of each room run on this UTC day.
    #[must_use]
    pub fn today(&self) -> Vec<u64> {
        Walk::new(self).fits()
    }

    /// In how many days, today counted, each room is empty; 0 for an empty one.
    #[must_use]
    pub fn days(&self) -> Vec<u64> {
        let mut walk = Walk::new(self);
        let mut days = vec![0; self.rooms.len()];
        while walk.day < MOST_DAYS && walk.waiting.iter().any(|waiting| *waiting > 0) {
            let fits = walk.fits();
            for (days, _) in days.iter_mut().zip(&walk.waiting).filter(|(_, waiting)| **waiting > 0)
            {
                *days = u64::try_from(walk.day).unwrap_or(0) + 1;
            }
            walk.next(&fits);
        }
        days
    }

    /// What a job waits for that runs today.
    fn reason(&self, room: usize, before: u64, at: i64, opens: i64) -> Why {
        let room = &self.rooms[room];
        if opens > self.now_ms && opens == at {
            if room.closed_ms.max(self.closed_ms) == opens {
                return Why::Limited;
            }
            return if room.wakes_ms == opens { Why::Host } else { Why::Second };
        }
        let in_line = self.pace.before(self.now_ms, at);
        if at <= self.now_ms || in_line > before.saturating_mul(2) {
            Why::Turn
        } else {
            Why::Second
        }
    }
}

/// One pass over the days.
struct Walk<'a> {
    line: &'a Line,
    waiting: Vec<u64>,
    day: i64,
    midnight_ms: i64,
}

impl<'a> Walk<'a> {
    fn new(line: &'a Line) -> Self {
        let waiting = line.rooms.iter().map(|room| room.waiting).collect();
        Self { line, waiting, day: 0, midnight_ms: next_midnight_ms(line.now_ms) }
    }

    fn ends_ms(&self) -> i64 {
        self.midnight_ms + self.day * DAY_MS
    }

    /// When a room is served first on this day.
    fn opens(&self, room: usize) -> i64 {
        let line = self.line;
        let Some(room) = line.rooms.get(room) else { return line.now_ms };
        let gates = [line.closed_ms, line.wakes_ms, room.closed_ms, room.wakes_ms];
        let gate = gates.into_iter().max().unwrap_or(0).max(line.now_ms);
        if self.day == 0 {
            return gate;
        }
        let eve = self.ends_ms() - DAY_MS - 1;
        let own = next_day(eve, &format!("{}|{}", line.account, room.host));
        let whole = next_day(eve, &line.zoom);
        gate.max(if room.day.most > 0 { own } else { whole })
    }

    /// What a room may send on this day; for a job that comes late, whatever
    /// waits in it now.
    fn room_left(&self, room: usize, fits: u64, late: bool) -> u64 {
        let left = self.line.rooms.get(room).map_or(0, |room| room.day.left(self.day == 0));
        if late && self.line.label.most == 0 { left } else { left.min(fits) }
    }

    /// The job that is asked about is still there.
    fn keep(&mut self, room: usize, ahead: u64) {
        if let Some(waiting) = self.waiting.get_mut(room) {
            *waiting = (*waiting).max(ahead.saturating_add(1));
        }
    }

    /// How many jobs of each room fit into this day.
    fn fits(&self) -> Vec<u64> {
        let first = self.day == 0;
        let open = |index: usize| self.opens(index) < self.ends_ms();
        let rooms = self.line.rooms.iter().zip(&self.waiting).enumerate();
        let mut fits: Vec<u64> = rooms
            .map(
                |(index, (room, waiting))| {
                    if open(index) { (*waiting).min(room.day.left(first)) } else { 0 }
                },
            )
            .collect();
        level(&mut fits, self.line.label.left(first));
        fits
    }

    fn next(&mut self, fits: &[u64]) {
        for (waiting, gone) in self.waiting.iter_mut().zip(fits) {
            *waiting -= (*gone).min(*waiting);
        }
        self.day += 1;
    }

    /// Why a job with so many of its room to go before it goes on tomorrow.
    fn obstacle(&self, room: usize, opens: i64, before: u64) -> Why {
        let line = self.line;
        let Some(room) = line.rooms.get(room) else { return Why::Turn };
        if opens >= self.ends_ms() && room.closed_ms.max(line.closed_ms) >= self.ends_ms() {
            return Why::Limited;
        }
        let full = room.day.most > 0 && room.day.left(self.day == 0) <= before;
        if full || line.label.most == 0 { Why::HostDay } else { Why::LabelDay }
    }

    /// When a job goes that has `before` of its room in front of it, rooms and
    /// accounts being served in turn.
    fn time_of(&self, room: usize, before: u64, from: i64, fits: &[u64]) -> i64 {
        let own = fits.iter().enumerate().filter(|(index, _)| *index != room);
        let others = own.map(|(index, fits)| (*fits).min(in_turn(before, HOST_TURN, index < room)));
        let place = others.fold(before, u64::saturating_add);
        let sharers = if self.day == 0 { &self.line.sharers[..] } else { &[] };
        let others =
            sharers.iter().map(|waiting| (*waiting).min(in_turn(place, ACCOUNT_TURN, true)));
        let place = others.fold(place, u64::saturating_add);
        self.line.pace.time_of(place, from)
    }

    /// How many others of a room have gone at a time, all rooms served alike.
    fn gone_by(&self, room: usize, at: i64, opens: i64, fits: &[u64]) -> u64 {
        let busy = fits.iter().filter(|fits| **fits > 0).count().max(1) as u64;
        let others = self.waiting.get(room).map_or(0, |waiting| waiting.saturating_sub(1));
        let fit = fits.get(room).map_or(0, |fits| (*fits).min(others));
        fit.min(self.line.pace.before(opens, at) / busy)
    }
}

/// How many of another in the ring have gone before the job with `before` of its
/// own in front of it.
fn in_turn(before: u64, quantum: u64, first: bool) -> u64 {
    (before / quantum + u64::from(first)).saturating_mul(quantum)
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
