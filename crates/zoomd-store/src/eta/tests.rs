//! Tables of estimates: a line, a position, and when and why its job runs.

use super::*;
use crate::limits::SECOND_MS;

const NOON: i64 = 20_000 * DAY_MS + DAY_MS / 2;
const MIDNIGHT: i64 = 20_001 * DAY_MS;

fn room(host: &str, waiting: u64, used: u64) -> Room {
    Room {
        host: host.into(),
        waiting,
        day: Day { used, most: 100, ..Day::default() },
        ..Room::default()
    }
}

/// A Pro account at noon.
fn line(rooms: Vec<Room>) -> Backlog {
    let window = RateWindow { rate: 24, ..RateWindow::default() };
    let (account, zoom) = ("acme".into(), "Z".into());
    Backlog { account, zoom, now_ms: NOON, window, rooms, ..Backlog::default() }
}

fn at(line: &Backlog, room: usize, ahead: u64) -> (WaitReason, i64) {
    let expected = line.expect(Position { room, ahead, due: None });
    (expected.why, expected.at_ms - NOON)
}

/// Opening time of the host's hundred on the n-th day from now.
fn opening(line: &Backlog, room: usize, days: i64) -> i64 {
    let name = format!("{}|{}", line.account, line.rooms[room].host);
    next_day(MIDNIGHT + (days - 1) * DAY_MS - 1, &name) - NOON
}

#[test]
fn the_place_in_the_line_is_counted_by_the_second() {
    let mut all = line(vec![room("me", 1_000, 0)]);
    all.rooms[0].day.most = 0;
    for (ahead, expected) in [
        (0, (WaitReason::Turn, 0)),
        (23, (WaitReason::Turn, 0)),
        (24, (WaitReason::Second, SECOND_MS)),
        (999, (WaitReason::Second, 41 * SECOND_MS)),
    ] {
        assert_eq!(at(&all, 0, ahead), expected, "{ahead} before it");
    }
    // Slots of this second are free a second, and a little, after they were taken.
    all.window.fresh = vec![NOON - 700; 24];
    assert_eq!(at(&all, 0, 0), (WaitReason::Second, SECOND_MS - 700));
    assert_eq!(at(&all, 0, 24), (WaitReason::Second, 2 * SECOND_MS - 700));
    // Half the rate, which recovers by a hundredth in a second.
    all.window = RateWindow { rate: 24, lowered: Some((0.5, NOON)), fresh: Vec::new() };
    assert_eq!(at(&all, 0, 12), (WaitReason::Second, SECOND_MS));
    assert_eq!(at(&all, 0, 24), (WaitReason::Second, 2 * SECOND_MS));
    all.window.rate = 0;
    assert_eq!(at(&all, 0, 999), (WaitReason::Turn, 0));
}

#[test]
fn a_long_room_delays_a_short_one_by_the_short_one_only() {
    let mut two = line(vec![room("loud", 100_000, 0), room("calm", 48, 0)]);
    two.rooms.iter_mut().for_each(|room| room.day.most = 0);
    assert_eq!(at(&two, 1, 0), (WaitReason::Turn, 0));
    assert_eq!(at(&two, 1, 40).1, 3 * SECOND_MS);
    assert_eq!(at(&two, 0, 99_999).1, (100_047 / 24) * SECOND_MS);
    // Accounts of one Zoom account share its rate in turn.
    let sharer =
        |waiting| Sharer { rooms: vec![Room { waiting, ..Room::default() }], ..Sharer::default() };
    two.sharers = vec![sharer(100_000), sharer(10)];
    assert_eq!(at(&two, 1, 40), (WaitReason::Turn, 7 * SECOND_MS));
    assert_eq!(at(&two, 1, 0), (WaitReason::Turn, 0));
}

#[test]
fn the_hosts_hundred_puts_jobs_off_day_by_day() {
    let one = line(vec![room("me", 250, 30)]);
    assert_eq!(at(&one, 0, 69), (WaitReason::Second, 2 * SECOND_MS));
    assert_eq!(at(&one, 0, 70), (WaitReason::HostDay, opening(&one, 0, 1)));
    assert_eq!(at(&one, 0, 169), (WaitReason::HostDay, opening(&one, 0, 1) + 4 * SECOND_MS));
    assert_eq!(at(&one, 0, 249), (WaitReason::HostDay, opening(&one, 0, 2) + 3 * SECOND_MS));
    // A host that has used up its day does not hold up another.
    let two = line(vec![room("spent", 5_000, 100), room("fresh", 10, 0)]);
    assert_eq!(at(&two, 1, 9), (WaitReason::Turn, 0));
    assert_eq!(at(&two, 0, 0).1, opening(&two, 0, 1));
    assert_eq!(two.days(), [51, 1]);
    assert_eq!(line(vec![room("a", 0, 0), room("b", 101, 0)]).days(), [0, 2]);
}

#[test]
fn the_labels_day_is_shared_by_all_hosts() {
    let mut free = line(vec![room("a", 80, 0), room("b", 80, 0)]);
    free.label = Day { used: 5_900, most: 6_000, ..Day::default() };
    free.window.rate = 3;
    assert_eq!(at(&free, 0, 49).0, WaitReason::Second);
    let (why, late) = at(&free, 0, 50);
    assert_eq!((why, late / 60_000), (WaitReason::LabelDay, 12 * 60));
    assert_eq!(free.days(), [2, 2]);
}

#[test]
fn gates_open_when_they_say() {
    let hour = 3_600_000;
    let mut shut = line(vec![room("me", 10, 0), room("other", 10, 0)]);
    shut.rooms[0].closed_ms = NOON + hour;
    assert_eq!(at(&shut, 0, 0), (WaitReason::Limited, hour));
    assert_eq!(at(&shut, 1, 0), (WaitReason::Turn, 0));
    shut.closed_ms = NOON + 2 * hour;
    assert_eq!(at(&shut, 1, 9), (WaitReason::Limited, 2 * hour));
    // Until midnight: then the day's own opening counts.
    shut.rooms[0].closed_ms = MIDNIGHT;
    assert_eq!(at(&shut, 0, 0), (WaitReason::Limited, opening(&shut, 0, 1)));
    // The first create of an unknown host is under way.
    let mut first = line(vec![Room { wakes_ms: NOON + 800, ..room("x@example.com", 2, 0) }]);
    assert_eq!(at(&first, 0, 0), (WaitReason::Host, 800));
    first.rooms[0].wakes_ms = 0;
    first.wakes_ms = NOON + 400;
    assert_eq!(at(&first, 0, 1), (WaitReason::Second, 400));
}

#[test]
fn a_sleeping_job_finds_what_is_left_when_it_wakes() {
    let expect = |line: &Backlog, ahead, due| {
        let expected =
            line.expect(Position { room: 0, ahead, due: Some((WaitReason::Backoff, due)) });
        (expected.why, expected.at_ms)
    };
    // Without other jobs: at its time.
    let alone = line(vec![room("me", 1, 0)]);
    assert_eq!(expect(&alone, 0, NOON + 10_000), (WaitReason::Backoff, NOON + 10_000));
    // Fewer than the hundred: all before it have run by then.
    let few = line(vec![room("me", 60, 0)]);
    assert_eq!(expect(&few, 59, NOON + 10_000), (WaitReason::Backoff, NOON + 10_000));
    // Jobs behind it take the day while it sleeps.
    let many = line(vec![room("me", 500, 0)]);
    assert_eq!(expect(&many, 0, NOON + 60_000), (WaitReason::HostDay, NOON + opening(&many, 0, 1)));
    // Due the day after tomorrow, when the others are done or have not begun.
    let late = MIDNIGHT + DAY_MS + DAY_MS / 2;
    assert_eq!(expect(&few, 0, late), (WaitReason::Backoff, late));
    assert_eq!(expect(&many, 499, late).0, WaitReason::HostDay);
    // Due already: like any other.
    assert_eq!(expect(&few, 0, NOON - 5), (WaitReason::Turn, NOON));
}

#[test]
fn the_level_is_the_highest_that_fits() {
    for (fits, most, expected) in [
        (vec![5, 1, 9], 100, vec![5, 1, 9]),
        (vec![5, 1, 9], 9, vec![4, 1, 4]),
        (vec![5, 1, 9], 8, vec![4, 1, 3]),
        (vec![5, 1, 9], 2, vec![1, 1, 0]),
        (vec![5, 1, 9], 0, vec![0, 0, 0]),
        (vec![u64::MAX, u64::MAX], 7, vec![4, 3]),
    ] {
        let mut cut = fits.clone();
        level(&mut cut, most);
        assert_eq!(cut, expected, "{fits:?} to {most}");
    }
}

#[test]
fn a_line_of_any_length_has_an_answer_soon() {
    let rooms = |each| (0..500).map(|n| room(&format!("U{n}"), each, 0)).collect();
    let began = std::time::Instant::now();
    let short = line(rooms(40));
    // 20,000 jobs at 24 in 1.1 seconds: a quarter of an hour.
    let all: Vec<_> = (0..500).map(|room| at(&short, room, 39).1).collect();
    assert!(all.iter().all(|at| *at > 13 * 60_000 && *at < 16 * 60_000), "{all:?}");
    assert!(at(&line(rooms(4_000)), 3, 10).1 > 3 * 60_000);
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
}
