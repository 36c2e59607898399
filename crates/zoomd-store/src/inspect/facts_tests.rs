use super::*;
use crate::clock::DAY_MS;
use crate::eta::{Day, RateWindow, Room};

const NOW: i64 = DAY_MS / 2;

fn active() -> AccountFacts {
    let day = Day { most: 100, ..Day::default() };
    let rooms = vec![Room { host: "me".into(), waiting: 1, day, ..Room::default() }];
    let window = RateWindow { rate: 24, ..RateWindow::default() };
    let line = Backlog { now_ms: NOW, rooms, window, ..Backlog::default() };
    AccountFacts { state: Some("active".into()), line, ..AccountFacts::default() }
}

/// The host's hundred is used up: the job runs tomorrow.
fn used_up() -> AccountFacts {
    let mut facts = active();
    facts.line.rooms[0].day.used = 100;
    facts
}

fn met(why: WaitReason) -> Option<Obstacle> {
    Some(Obstacle { why, what: format!("{why} is so"), since_ms: Some(7) })
}

#[test]
fn the_reason_is_the_first_obstacle() {
    let mut asleep = active();
    asleep.line.wakes_ms = NOW + 900;
    let rotating = AccountFacts { rotating: true, ..asleep.clone() };
    let doubt = |due| Some(("no answer came".to_owned(), due));
    let in_doubt = AccountFacts { rotating: true, doubt: doubt(NOW + 600_000), ..active() };
    let overdue = AccountFacts { doubt: doubt(NOW), ..active() };
    let cases = [
        (AccountFacts { all_paused: true, ..active() }, (WaitReason::Paused, None)),
        (
            AccountFacts { state: Some("needs_reauth".into()), ..active() },
            (WaitReason::Consent, None),
        ),
        (AccountFacts { state: None, ..active() }, (WaitReason::Consent, None)),
        (AccountFacts { paused: Some(String::new()), ..active() }, (WaitReason::Paused, None)),
        (rotating, (WaitReason::Rotation, Some(NOW + 900))),
        (
            AccountFacts { rests: Some((NOW + 60_000, "no".into())), ..active() },
            (WaitReason::AppRejected, None),
        ),
        (in_doubt, (WaitReason::RotationInDoubt, Some(NOW + 600_000))),
        (overdue, (WaitReason::RotationInDoubt, None)),
        (
            AccountFacts { failing: Some("no connection".into()), ..active() },
            (WaitReason::Rotation, None),
        ),
        (AccountFacts { cap: Some((2, 2)), ..active() }, (WaitReason::InFlight, None)),
        (AccountFacts { cap: Some((1, 2)), ..active() }, (WaitReason::Turn, Some(NOW))),
        (asleep, (WaitReason::Second, Some(NOW + 900))),
        (active(), (WaitReason::Turn, Some(NOW))),
    ];
    for (facts, expected) in cases {
        assert_eq!(facts.expect(facts.position("me", 0)), expected, "{facts:?}");
    }
}

#[test]
fn no_time_is_told_while_an_obstacle_stands() {
    let lasting = [
        WaitReason::NoDaemon,
        WaitReason::RedisFull,
        WaitReason::RedisReadOnly,
        WaitReason::AppRejected,
        WaitReason::RotationHeld,
        WaitReason::RotationImpossible,
        WaitReason::KeyMissing,
    ];
    for why in lasting {
        for facts in [active(), used_up()] {
            let facts = AccountFacts { obstacle: met(why), ..facts };
            assert_eq!(facts.expect(facts.position("me", 0)), (why, None));
            assert_eq!(facts.detail(why), Some(format!("{why} is so")));
            assert_eq!((facts.since_ms(why), facts.since_ms(WaitReason::Turn)), (Some(7), None));
        }
    }
    for why in [WaitReason::ZoomUnreachable, WaitReason::ZoomEndpointFailing] {
        let facts = AccountFacts { obstacle: met(why), ..active() };
        assert_eq!(facts.expect(facts.position("me", 0)), (why, None));
        // Tomorrow the outage is over, or the forecast is meaningless anyway.
        let facts = AccountFacts { obstacle: met(why), ..used_up() };
        let (why, at) = facts.expect(facts.position("me", 0));
        assert!(why == WaitReason::HostDay && at >= Some(DAY_MS), "{why} {at:?}");
    }
}

#[test]
fn a_person_s_obstacle_is_told_before_that_of_a_machine() {
    let paused = AccountFacts { all_paused: true, obstacle: met(WaitReason::NoDaemon), ..active() };
    assert_eq!(paused.expect(paused.position("me", 0)), (WaitReason::Paused, None));
    let rests = Some((NOW + 60_000, "a wrong secret".into()));
    let both = AccountFacts { rests, obstacle: met(WaitReason::ZoomUnreachable), ..active() };
    assert_eq!(both.expect(both.position("me", 0)), (WaitReason::AppRejected, None));
    assert_eq!(both.detail(WaitReason::AppRejected).as_deref(), Some("a wrong secret"));
}

#[test]
fn a_job_that_sleeps_tells_what_it_sleeps_for() {
    let (soon, later) = (NOW + 10_000, NOW + 300_000);
    let down = || AccountFacts { obstacle: met(WaitReason::ZoomUnreachable), ..active() };
    let dead = || AccountFacts { obstacle: met(WaitReason::NoDaemon), ..active() };
    let cases = [
        (active(), (WaitReason::Backoff, soon), (WaitReason::Backoff, Some(soon))),
        (active(), (WaitReason::NotBefore, soon), (WaitReason::NotBefore, Some(soon))),
        (down(), (WaitReason::Backoff, soon), (WaitReason::Backoff, None)),
        (down(), (WaitReason::Backoff, later), (WaitReason::Backoff, None)),
        (down(), (WaitReason::NotBefore, soon), (WaitReason::ZoomUnreachable, None)),
        (down(), (WaitReason::NotBefore, later), (WaitReason::NotBefore, Some(later))),
        (dead(), (WaitReason::Backoff, later), (WaitReason::NoDaemon, None)),
        (dead(), (WaitReason::NotBefore, later), (WaitReason::NotBefore, Some(later))),
        (dead(), (WaitReason::NotBefore, soon), (WaitReason::NoDaemon, None)),
    ];
    for (facts, due, expected) in cases {
        let position = Position { due: Some(due), ..facts.position("me", 0) };
        assert_eq!(facts.expect(position), expected, "{due:?} {:?}", facts.obstacle);
    }
}
