//! One pass over the days: who is served on which, and when in it.

use super::{Backlog, Room, level};
use crate::clock::{DAY_MS, next_midnight_ms};
use crate::queue::WaitReason;

/// A call this close to midnight belongs to both days.
pub const MIDNIGHT_MARGIN_MS: i64 = 5_000;
/// Jobs of one host, and of one account, in one turn (lua/claim.lua).
const HOST_TURN: u64 = 4;
const ACCOUNT_TURN: u64 = 16;
/// A call granted so shortly before midnight counts on both days: the margin, and
/// the time it may take to leave (`send_within`, of which this is the default).
const EVE_MS: i64 = MIDNIGHT_MARGIN_MS + 10_000;

/// Number of jobs that run on a day.
#[derive(Debug, Clone, Default)]
pub(super) struct Fits {
    /// Of each room.
    pub(super) own: Vec<u64>,
    /// Of each room of each other account.
    sharers: Vec<Vec<u64>>,
}

/// One pass over the days.
pub(super) struct Estimate<'a> {
    line: &'a Backlog,
    pub(super) waiting: Vec<u64>,
    sharers: Vec<Vec<u64>>,
    /// Calls of today that count on tomorrow too, of each room.
    carried: Vec<u64>,
    pub(super) day: i64,
    midnight_ms: i64,
}

impl<'a> Estimate<'a> {
    pub(super) fn new(line: &'a Backlog) -> Self {
        let waiting = |rooms: &[Room]| rooms.iter().map(|room| room.waiting).collect();
        Self {
            line,
            waiting: waiting(&line.rooms),
            sharers: line.sharers.iter().map(|sharer| waiting(&sharer.rooms)).collect(),
            carried: vec![0; line.rooms.len()],
            day: 0,
            midnight_ms: next_midnight_ms(line.now_ms),
        }
    }

    pub(super) fn ends_ms(&self) -> i64 {
        self.midnight_ms + self.day * DAY_MS
    }

    /// True if what is granted today counts on tomorrow as well.
    fn is_eve(&self) -> bool {
        self.line.now_ms >= self.midnight_ms - EVE_MS
    }

    /// Rest of a day's limit, `carried` of which was spent the evening before.
    fn left(&self, limit: super::Day, carried: u64) -> u64 {
        let used = match self.day {
            0 if self.is_eve() => limit.used.max(limit.tomorrow),
            0 => limit.used,
            1 => limit.tomorrow.saturating_add(carried),
            _ => 0,
        };
        if limit.most == 0 { u64::MAX } else { limit.most.saturating_sub(used) }
    }

    /// Earliest time of a room on this day.
    pub(super) fn opens(&self, room: usize) -> i64 {
        let line = self.line;
        let Some(room) = line.rooms.get(room) else { return line.now_ms };
        self.opening(&line.account, room).max(line.wakes_ms)
    }

    fn opening(&self, account: &str, room: &Room) -> i64 {
        let line = self.line;
        let gate = line.closed_ms.max(room.closed_ms).max(room.wakes_ms).max(line.now_ms);
        if self.day == 0 {
            return gate;
        }
        let eve = self.ends_ms() - DAY_MS - 1;
        let own = next_day(eve, &format!("{account}|{}", room.host));
        let whole = next_day(eve, &line.zoom);
        gate.max(if room.day.most > 0 { own } else { whole })
    }

    /// Number of jobs a room may send on this day; for a job that comes late, regardless of how
    /// many wait in it now.
    pub(super) fn room_left(&self, index: usize, fits: u64, late: bool) -> u64 {
        let carried = self.carried.get(index).copied().unwrap_or(0);
        let left = self.line.rooms.get(index).map_or(0, |room| self.left(room.day, carried));
        if late && self.line.label.most == 0 { left } else { left.min(fits) }
    }

    /// The job that is asked about is still there.
    pub(super) fn keep(&mut self, room: usize, ahead: u64) {
        if let Some(waiting) = self.waiting.get_mut(room) {
            *waiting = (*waiting).max(ahead.saturating_add(1));
        }
    }

    /// Number of jobs of each room that fit into this day. Accounts have equal parts of
    /// the label's day, and in them rooms have.
    pub(super) fn fits(&self) -> Fits {
        let line = self.line;
        let of = |account: &str, room: &Room, waiting: u64, carried: u64| {
            let open = self.opening(account, room) < self.ends_ms();
            if open { waiting.min(self.left(room.day, carried)) } else { 0 }
        };
        let own = line.rooms.iter().zip(&self.waiting).zip(&self.carried);
        let own = own.map(|((room, waiting), carried)| of(&line.account, room, *waiting, *carried));
        let mut fits = Fits { own: own.collect(), sharers: Vec::new() };
        for (sharer, waiting) in line.sharers.iter().zip(&self.sharers) {
            let rooms = sharer.rooms.iter().zip(waiting);
            fits.sharers.push(rooms.map(|(room, n)| of(&sharer.account, room, *n, 0)).collect());
        }
        let accounts = || std::iter::once(&fits.own).chain(&fits.sharers);
        let mut parts: Vec<u64> = accounts().map(|rooms| sum(rooms)).collect();
        level(&mut parts, self.left(line.label, sum(&self.carried)));
        let accounts = std::iter::once(&mut fits.own).chain(&mut fits.sharers);
        for (rooms, part) in accounts.zip(parts) {
            level(rooms, part);
        }
        fits
    }

    pub(super) fn next(&mut self, fits: &Fits) {
        let gone = |waiting: &mut Vec<u64>, fits: &[u64]| {
            for (waiting, gone) in waiting.iter_mut().zip(fits) {
                *waiting -= (*gone).min(*waiting);
            }
        };
        gone(&mut self.waiting, &fits.own);
        self.sharers.iter_mut().zip(&fits.sharers).for_each(|(waiting, fits)| gone(waiting, fits));
        if self.day == 0 && self.is_eve() {
            self.carried.clone_from(&fits.own);
        }
        self.day += 1;
    }

    /// Reason why a job with so many of its room ahead of it waits until tomorrow.
    pub(super) fn obstacle(&self, room: usize, opens: i64, before: u64) -> WaitReason {
        let line = self.line;
        let Some(room) = line.rooms.get(room) else { return WaitReason::Turn };
        if opens >= self.ends_ms() && room.closed_ms.max(line.closed_ms) >= self.ends_ms() {
            return WaitReason::Limited;
        }
        let full = room.day.most > 0 && self.left(room.day, 0) <= before;
        if full || line.label.most == 0 { WaitReason::HostDay } else { WaitReason::LabelDay }
    }

    /// Time when a job with `before` others of its room ahead of it runs; rooms and accounts are
    /// served in turn.
    pub(super) fn time_of(&self, room: usize, before: u64, from: i64, fits: &Fits) -> i64 {
        let sharers = || fits.sharers.iter().map(|rooms| sum(rooms)).filter(|fits| *fits > 0);
        let part = self.turn_of_account(sharers().count());
        let turn = |index: usize| (self.line.rooms.get(index).map_or(0, |room| room.turn), index);
        let others = fits.own.iter().enumerate().filter(|(index, _)| *index != room);
        let others = others
            .map(|(index, fits)| (*fits).min(in_turn(before, part, turn(index) < turn(room))));
        let place = others.fold(before, u64::saturating_add);
        // In each second all that stand in line have equal parts.
        let place = sharers().fold(place, |all, fits| all.saturating_add(fits.min(place)));
        self.line.window.time_of(place, from)
    }

    /// Jobs of one account before the others have their turn.
    fn turn_of_account(&self, sharers: usize) -> u64 {
        if self.line.window.rate == 0 {
            return ACCOUNT_TURN;
        }
        (self.line.window.rate / (sharers as u64 + 1)).clamp(1, ACCOUNT_TURN)
    }

    /// Number of jobs of other rooms that have run by a time, all rooms served alike.
    pub(super) fn gone_by(&self, room: usize, at: i64, opens: i64, fits: &Fits) -> u64 {
        let all = fits.own.iter().copied().chain(fits.sharers.iter().map(|rooms| sum(rooms)));
        let busy = all.filter(|fits| *fits > 0).count().max(1) as u64;
        let others = self.waiting.get(room).map_or(0, |waiting| waiting.saturating_sub(1));
        let fit = fits.own.get(room).map_or(0, |fits| (*fits).min(others));
        fit.min(self.line.window.before(opens, at) / busy)
    }
}

fn sum(counts: &[u64]) -> u64 {
    counts.iter().fold(0, |sum, one| sum.saturating_add(*one))
}

/// Number of jobs of another room that run before the job with `before` of its own ahead of it.
/// Rooms take four in turn, but fewer where the account's turn is not a multiple of four.
fn in_turn(before: u64, account_turn: u64, first: bool) -> u64 {
    let hosts = account_turn.div_ceil(HOST_TURN).max(1);
    let turns = before.saturating_mul(hosts) / account_turn.max(1) + u64::from(first);
    turns.saturating_mul(account_turn) / hosts
}

/// End of the wait for a full day: after the margin of the next, spread over ten seconds by the
/// name.
#[must_use]
pub fn next_day(now_ms: i64, name: &str) -> i64 {
    let spread = name.bytes().fold(0, |sum, byte| (sum * 31 + i64::from(byte)) % 10_007);
    let tomorrow = now_ms.rem_euclid(DAY_MS) >= MIDNIGHT_MARGIN_MS;
    let day = now_ms.div_euclid(DAY_MS) + i64::from(tomorrow);
    day * DAY_MS + MIDNIGHT_MARGIN_MS + spread
}
