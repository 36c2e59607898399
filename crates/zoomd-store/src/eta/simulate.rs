//! How a line goes on if nothing else happens: the pure model of rooms and turns,
//! put where the line stands, claims until the line is empty.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use super::{Backlog, Position, Room};
use crate::clock::DAY_MS;
use crate::eta::fair_queue::FairQueue;
use crate::limits::{Budgets, Label, PlanLimits, Rate};

/// Jobs of a line that is simulated; a longer one is reckoned in the large.
const MOST_JOBS: u64 = 20_000;
/// The same for a job that sleeps: each of a list of them is simulated by itself.
const MOST_ASLEEP: u64 = 1_000;
/// Rounds of claims, for a line that does not get on.
const MOST_ROUNDS: usize = 100_000;
/// How long after its grant a call may be sent, by default.
const SEND_MS: i64 = 10_000;
const PLAN: &str = "simulated";

/// When each waiting job of each room goes, by its place; reckoned once.
#[derive(Debug, Clone, Default)]
pub struct Simulated(OnceLock<Option<Vec<Vec<i64>>>>);

impl Backlog {
    /// The time at which the job of this position goes, as the model has it; `None` for a line that
    /// is too long to be simulated.
    pub(super) fn simulated(&self, position: Position) -> Option<i64> {
        let at = usize::try_from(position.ahead).ok()?;
        let waits = self.rooms.get(position.room).is_some_and(|room| position.ahead < room.waiting);
        if waits && position.due.is_none() {
            let times = self.simulated.0.get_or_init(|| self.simulate(None)).as_ref()?;
            return times.get(position.room)?.get(at).copied();
        }
        self.simulate(Some(position))?.get(position.room)?.last().copied()
    }

    /// Plays the line to its end, or until a job has gone that is not in it yet.
    fn simulate(&self, more: Option<Position>) -> Option<Vec<Vec<i64>>> {
        let rooms = || self.rooms.iter().chain(self.sharers.iter().flat_map(|s| &s.rooms));
        let total = rooms().fold(0, |sum: u64, room| sum.saturating_add(room.waiting));
        let most = if more.is_some_and(|position| position.due.is_some()) {
            MOST_ASLEEP
        } else {
            MOST_JOBS
        };
        if total > most {
            return None;
        }
        let mut turns = self.as_it_stands();
        let mut left = self.rooms.iter().map(|room| room.waiting).sum::<u64>();
        if let Some(position) = more {
            let room = self.rooms.get(position.room)?;
            let score = i64::try_from(2 * position.ahead.min(room.waiting)).ok()? + 1;
            let (account, host) = (&self.account, room.ledger_name());
            match position.due {
                Some((_, due)) => turns.sleep("more", account, host, score, due),
                None => turns.to_room("more", account, host, score),
            }
            left += 1;
        }
        let mut times = vec![Vec::new(); self.rooms.len()];
        let mut now = self.now_ms;
        for _ in 0..MOST_ROUNDS {
            let served = turns.claim(now, 128);
            for id in &served.jobs {
                if id == "more" {
                    times.get_mut(more?.room)?.push(now);
                    return Some(times);
                }
                let room = id.split_once('.').and_then(|(room, _)| room.parse::<usize>().ok());
                if let Some(times) = room.and_then(|room| times.get_mut(room)) {
                    times.push(now);
                    left -= 1;
                }
            }
            if left == 0 {
                return Some(times);
            }
            if !served.more {
                now = served.next_wake_ms?.max(now + 1);
            }
        }
        None
    }

    fn as_it_stands(&self) -> FairQueue {
        let most = |room: &Room| u32::try_from(room.day.most).unwrap_or(u32::MAX);
        let light = Rate {
            per_second: u32::try_from(self.window.rate).unwrap_or(u32::MAX),
            per_day: u32::try_from(self.label.most).unwrap_or(u32::MAX),
        };
        let host_day = self.rooms.iter().map(most).max().unwrap_or(0);
        let limits = PlanLimits { light, host_day, ..PlanLimits::default() };
        let plans = BTreeMap::from([(PLAN.to_owned(), limits)]);
        let budgets = Budgets { plans, share: 1.0, ..Budgets::default() };
        let mut turns = FairQueue::new(budgets, SEND_MS);
        self.restore_budgets(&mut turns);
        self.restore_rooms(&mut turns);
        turns
    }

    fn restore_budgets(&self, turns: &mut FairQueue) {
        let light = Label::Light.as_str();
        let today = self.now_ms.div_euclid(DAY_MS);
        let (mut ledger, mut gates) = (BTreeMap::new(), HashMap::new());
        let mut note = |field: String, day: super::Day| {
            for (day, used) in [(today, day.used), (today + 1, day.tomorrow)] {
                ledger.insert((day, field.clone()), u32::try_from(used).unwrap_or(u32::MAX));
            }
        };
        note(format!("l:{light}"), self.label);
        gates.insert(light.to_owned(), self.closed_ms);
        for room in self.rooms.iter().chain(self.sharers.iter().flat_map(|s| &s.rooms)) {
            note(format!("h:{}", room.ledger_name()), room.day);
            gates.insert(format!("h:{}", room.ledger_name()), room.closed_ms);
        }
        let grants = self.window.fresh.iter().rev().copied().collect();
        turns.budgets.restore(&self.zoom, grants, ledger, gates, self.window.lowered);
    }

    fn restore_rooms(&self, turns: &mut FairQueue) {
        turns.account(&self.account, &self.zoom, PLAN);
        let mut rooms: Vec<_> = self.rooms.iter().enumerate().collect();
        rooms.sort_by_key(|(index, room)| (room.turn, *index));
        for (index, room) in rooms {
            let jobs: Vec<_> = (0..room.waiting).map(|nth| format!("{index}.{nth}")).collect();
            turns.add_room(&self.account, room.ledger_name(), &jobs, room.wakes_ms);
        }
        for sharer in &self.sharers {
            turns.account(&sharer.account, &self.zoom, PLAN);
            for room in &sharer.rooms {
                let name = |nth| format!("{}|{}|{nth}", sharer.account, room.ledger_name());
                let jobs: Vec<_> = (0..room.waiting).map(name).collect();
                turns.add_room(&sharer.account, room.ledger_name(), &jobs, room.wakes_ms);
            }
        }
        let wakes = |name: &str| {
            let sharer = self.sharers.iter().find(|sharer| sharer.account == name);
            if name == self.account { self.wakes_ms } else { sharer.map_or(0, |s| s.wakes_ms) }
        };
        let others = self.sharers.iter().map(|sharer| &sharer.account);
        for name in self.ring.iter().chain(others).chain([&self.account]) {
            turns.add_lane(name, wakes(name));
        }
        turns.line_up(&self.zoom, &self.lined);
    }
}
