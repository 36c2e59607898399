//! Predicted waits, checked against the model of rooms and turns running on from there: Zoom's real
//! plans, queues of some thousand jobs, no other users of the budgets and no later jobs.

use zoomd_model::play::play;
use zoomd_store::clock::DAY_MS;
use zoomd_store::eta::{Backlog, Day, Position, RateWindow, Room, Sharer};

/// Queues that are tried; many more when asked for.
fn worlds() -> u64 {
    std::env::var("ZOOMD_ETA_WORLDS").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
}

/// Distance by which a time may lie off: a tenth of the wait, and one second's slots.
const SLOT_MS: i64 = 1_500;
/// Jobs next to the last of a day may go a day earlier or later: a turn of each account.
const TURN: u64 = 16;

struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most.max(1)
    }
}

/// A queue: hosts of one account, or accounts that share a Zoom account.
fn queue(dice: &mut Dice) -> Backlog {
    let (by_host, by_label, shared) = (dice.below(2) == 0, dice.below(2) == 0, dice.below(2) == 0);
    let host_day = if by_host { 100 } else { 0 };
    let rooms = |account: &str, dice: &mut Dice| -> Vec<Room> {
        (0..=dice.below(5))
            .map(|n| Room {
                host: format!("U{account}{n}"),
                waiting: dice.below(1_200),
                turn: n,
                day: Day {
                    used: if by_host { dice.below(101) } else { 0 },
                    most: host_day,
                    tomorrow: 0,
                },
                ..Room::default()
            })
            .collect()
    };
    let own = rooms("a", dice);
    let sharers: Vec<_> = (0..if shared { 1 + dice.below(3) } else { 0 })
        .map(|n| Sharer {
            account: format!("s{n}"),
            wakes_ms: 0,
            rooms: rooms(&n.to_string(), dice),
        })
        .collect();
    let most = if by_label { 1_000 + dice.below(4_000) } else { 0 };
    let mut ring: Vec<_> = sharers.iter().map(|sharer| sharer.account.clone()).collect();
    let place = usize::try_from(dice.below(ring.len() as u64 + 1)).expect("few");
    ring.insert(place, "a".to_owned());
    Backlog {
        account: "a".to_owned(),
        zoom: "Z".to_owned(),
        now_ms: 20_000 * DAY_MS + i64::try_from(dice.below(86_000_000)).expect("ms"),
        window: RateWindow {
            rate: if dice.below(2) == 0 { 24 } else { 64 },
            ..RateWindow::default()
        },
        label: Day { used: if most > 0 { dice.below(most) } else { 0 }, most, tomorrow: 0 },
        rooms: own,
        sharers,
        ring,
        ..Backlog::default()
    }
}

/// Number of predicted times, and of those that came true.
#[derive(Debug, Default)]
struct Told {
    asked: u64,
    /// Longer than a quarter of a day.
    long: u64,
    wrong: u64,
}

impl Told {
    /// Asks about some jobs of a queue, and compares with what came.
    fn ask(&mut self, queue: &Backlog, dice: &mut Dice) {
        let came = play(queue, None).expect("it gets on");
        for _ in 0..40 {
            let room = usize::try_from(dice.below(queue.rooms.len() as u64)).expect("few");
            if queue.rooms[room].waiting == 0 {
                continue;
            }
            let ahead = dice.below(queue.rooms[room].waiting);
            let at = |ahead| queue.expect(Position { room, ahead, due: None }).at_ms;
            let (said, came) = (at(ahead), came[room][usize::try_from(ahead).expect("few")]);
            self.asked += 1;
            self.long += u64::from(came - queue.now_ms > DAY_MS / 4);
            let near = at(ahead.saturating_sub(TURN)) - SLOT_MS..=at(ahead + TURN) + SLOT_MS;
            let ends_a_day = near.end() - near.start() > DAY_MS / 2 && near.contains(&came);
            let is_right = (said - came).abs() <= (came - queue.now_ms) / 10 + SLOT_MS;
            self.wrong += u64::from(!is_right && !ends_a_day);
        }
    }
}

#[test]
fn what_is_said_of_a_wait_comes_true_but_next_to_the_end_of_a_day() {
    let (mut alone, mut shared) = (Told::default(), Told::default());
    for seed in 1..=worlds() {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let queue = queue(&mut dice);
        let told = if queue.sharers.is_empty() { &mut alone } else { &mut shared };
        told.ask(&queue, &mut dice);
    }
    for (told, most_wrong) in [(&alone, 2), (&shared, 40)] {
        assert!(told.asked > 500 && told.long > 200, "{told:?}");
        assert!(told.wrong * 1_000 <= told.asked * most_wrong, "{told:?}");
    }
}
