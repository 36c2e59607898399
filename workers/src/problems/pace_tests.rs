use super::*;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A pace after `calls` of 200 ms each, one a second.
fn quick(start: Instant, calls: u64) -> (Pace, Instant) {
    let mut pace = Pace::new(start);
    let at = |n| start + Duration::from_secs(n);
    (0..calls).for_each(|n| pace.answered(at(n), ms(200)));
    (pace, at(calls))
}

#[test]
fn steps_are_a_fifth_apart_and_hold_every_time() {
    for time in [1, 2, 7, 200, 4_999, 5_000, 20_000, 60_000] {
        let step = step(ms(time));
        assert!(least(step) <= ms(time) && ms(time) < least(step + 1), "{time} ms");
    }
    assert_eq!((step(Duration::ZERO), step(Duration::MAX)), (0, STEPS - 1));
    assert!(least(STEPS - 1) > ms(60_000));
}

#[test]
fn what_is_slow() {
    let start = Instant::now();
    // Quick calls of the last hour, calls of now, calls under way; is that slow?
    let table: &[(u64, &[u64], &[u64], bool)] = &[
        (3_600, &[], &[], false),
        (3_600, &[200, 200, 200], &[], false),
        // One call alone is no trend, but one under way is what somebody waits for.
        (0, &[20_000], &[], false),
        (0, &[20_000; 3], &[], true),
        (0, &[], &[4_000], false),
        (0, &[], &[20_000], true),
        (0, &[4_000; 50], &[], false),
        // 5 % of the last five minutes, which have 300 quick calls.
        (3_600, &[20_000; 10], &[], false),
        (3_600, &[20_000; 16], &[], true),
        (3_600, &[20_000; 8], &[20_000; 8], true),
    ];
    for (before, now_calls, under_way, expected) in table {
        let (mut pace, now) = quick(start, *before);
        now_calls.iter().for_each(|took| pace.answered(now, ms(*took)));
        let under_way: Vec<_> = under_way.iter().map(|time| ms(*time)).collect();
        let slow = pace.look(now, &under_way);
        assert_eq!(slow.is_some(), *expected, "{before} {now_calls:?} {under_way:?}: {slow:?}");
    }
}

#[test]
fn a_time_that_is_usual_is_not_slow() {
    let start = Instant::now();
    let mut pace = Pace::new(start);
    let at = |n: u64| start + Duration::from_secs(10 * n);
    (0..360).for_each(|n| pace.answered(at(n), ms(4_000)));
    (360..375).for_each(|n| pace.answered(at(n), ms(12_000)));
    assert_eq!(pace.look(at(375), &[]), None, "three times as long as usual");
    // Looked at as it goes: what is usual stays what it was when it began.
    for n in 375..415 {
        pace.answered(at(n), ms(25_000));
        pace.look(at(n), &[]);
    }
    let slow = pace.look(at(415), &[]).expect("six times as long");
    assert!(slow.usual.is_some_and(|usual| usual >= ms(4_000) && usual < ms(5_000)), "{slow:?}");
    assert!(slow.p95 > ms(20_000) && slow.p95 <= ms(25_000), "{slow:?}");
}

#[test]
fn without_a_day_nothing_is_claimed_of_it() {
    let now = Instant::now();
    let mut pace = Pace::new(now);
    let slow = pace.look(now + ms(20_000), &[ms(20_000)]).expect("slow");
    assert_eq!((slow.usual, slow.since, slow.calls), (None, now, 1));
}

#[test]
fn a_slowness_is_told_until_it_is_over_and_does_not_become_usual_within_a_day() {
    let (mut pace, mut now) = quick(Instant::now(), 3_600);
    let usual = pace.look(now, &[]).map_or_else(|| pace.usual(), |slow| slow.usual);
    let mut since = None;
    for _ in 0..23 * 60 {
        (0..3).for_each(|_| pace.answered(now, ms(20_000)));
        now += MINUTE;
        if let Some(slow) = pace.look(now, &[]) {
            assert_eq!(slow.usual, usual);
            assert_eq!(*since.get_or_insert(slow.since), slow.since);
        }
    }
    assert!(since.is_some() && pace.look(now, &[]).is_some());
    // Five minutes of quick calls end it.
    for _ in 0..6 {
        (0..3).for_each(|_| pace.answered(now, ms(200)));
        now += MINUTE;
    }
    assert_eq!(pace.look(now, &[]), None);
}

#[test]
fn memory_is_bounded() {
    let start = Instant::now();
    let mut pace = Pace::new(start);
    for minute in 0..3 * 24 * 60 {
        pace.answered(start + MINUTE * minute, ms(200));
        assert!(pace.minutes.len() <= MINUTES && pace.hours.len() <= HOURS);
    }
    let gone = start + 10 * DAY;
    assert_eq!(pace.look(gone, &[]), None);
    assert!(pace.minutes.is_empty() && pace.hours.is_empty());
}
