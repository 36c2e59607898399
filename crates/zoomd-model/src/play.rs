//! Course of a queue without new events: the model of rooms and turns starts from the queue's state
//! and claims until it is empty.

use std::collections::{BTreeMap, HashMap};

use zoomd_store::clock::DAY_MS;
use zoomd_store::eta::{Backlog, Day, Position, Room};
use zoomd_store::limits::{Budgets, Label, PlanLimits, Rate};

use crate::fair_queue::FairQueue;

/// Rounds of claims, for a queue that does not get on.
const MOST_ROUNDS: usize = 1_000_000;
/// Default time limit from a grant to the send of its call.
const SEND_MS: i64 = 10_000;
const PLAN: &str = "played";

/// Plays a queue to its end, or until the job of `more` has gone, which is not among those
/// it counts: when each waiting job of each room goes, by its place. `None`: it does not
/// get on.
#[must_use]
pub fn play(queue: &Backlog, more: Option<Position>) -> Option<Vec<Vec<i64>>> {
    let mut turns = as_it_stands(queue);
    let mut left = queue.rooms.iter().map(|room| room.waiting).sum::<u64>();
    if let Some(position) = more {
        let room = queue.rooms.get(position.room)?;
        let score = i64::try_from(2 * position.ahead.min(room.waiting)).ok()? + 1;
        let (account, host) = (&queue.account, ledger_name(room));
        match position.due {
            Some((_, due)) => turns.sleep("more", account, host, score, due),
            None => turns.to_room("more", account, host, score),
        }
        left += 1;
    }
    let mut times = vec![Vec::new(); queue.rooms.len()];
    let mut now = queue.now_ms;
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

/// The host's name in the ledger; its own where that is not said.
fn ledger_name(room: &Room) -> &str {
    if room.counted_as.is_empty() { &room.host } else { &room.counted_as }
}

fn as_it_stands(queue: &Backlog) -> FairQueue {
    let most = |room: &Room| u32::try_from(room.day.most).unwrap_or(u32::MAX);
    let light = Rate {
        per_second: u32::try_from(queue.window.rate).unwrap_or(u32::MAX),
        per_day: u32::try_from(queue.label.most).unwrap_or(u32::MAX),
    };
    let host_day = queue.rooms.iter().map(most).max().unwrap_or(0);
    let limits = PlanLimits { light, host_day, ..PlanLimits::default() };
    let plans = BTreeMap::from([(PLAN.to_owned(), limits)]);
    let budgets = Budgets { plans, share: 1.0, ..Budgets::default() };
    let mut turns = FairQueue::new(budgets, SEND_MS);
    restore_budgets(queue, &mut turns);
    restore_rooms(queue, &mut turns);
    turns
}

fn restore_budgets(queue: &Backlog, turns: &mut FairQueue) {
    let light = Label::Light.as_str();
    let today = queue.now_ms.div_euclid(DAY_MS);
    let (mut ledger, mut gates) = (BTreeMap::new(), HashMap::new());
    let mut note = |field: String, day: Day| {
        for (day, used) in [(today, day.used), (today + 1, day.tomorrow)] {
            ledger.insert((day, field.clone()), u32::try_from(used).unwrap_or(u32::MAX));
        }
    };
    note(format!("l:{light}"), queue.label);
    gates.insert(light.to_owned(), queue.closed_ms);
    for room in queue.rooms.iter().chain(queue.sharers.iter().flat_map(|s| &s.rooms)) {
        note(format!("h:{}", ledger_name(room)), room.day);
        gates.insert(format!("h:{}", ledger_name(room)), room.closed_ms);
    }
    let grants = queue.window.fresh.iter().rev().copied().collect();
    turns.budgets.restore(&queue.zoom, grants, ledger, gates, queue.window.lowered);
}

fn restore_rooms(queue: &Backlog, turns: &mut FairQueue) {
    turns.account(&queue.account, &queue.zoom, PLAN);
    let mut rooms: Vec<_> = queue.rooms.iter().enumerate().collect();
    rooms.sort_by_key(|(index, room)| (room.turn, *index));
    for (index, room) in rooms {
        let jobs: Vec<_> = (0..room.waiting).map(|nth| format!("{index}.{nth}")).collect();
        turns.add_room(&queue.account, ledger_name(room), &jobs, room.wakes_ms);
    }
    for sharer in &queue.sharers {
        turns.account(&sharer.account, &queue.zoom, PLAN);
        for room in &sharer.rooms {
            let name = |nth| format!("{}|{}|{nth}", sharer.account, ledger_name(room));
            let jobs: Vec<_> = (0..room.waiting).map(name).collect();
            turns.add_room(&sharer.account, ledger_name(room), &jobs, room.wakes_ms);
        }
    }
    let wakes = |name: &str| {
        let sharer = queue.sharers.iter().find(|sharer| sharer.account == name);
        if name == queue.account { queue.wakes_ms } else { sharer.map_or(0, |s| s.wakes_ms) }
    };
    let others = queue.sharers.iter().map(|sharer| &sharer.account);
    for name in queue.ring.iter().chain(others).chain([&queue.account]) {
        turns.add_lane(name, wakes(name));
    }
    turns.line_up(&queue.zoom, &queue.lined);
}
