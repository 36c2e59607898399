use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

fn opened(now: Instant) -> Circuit {
    let mut circuit = Circuit::new(PATIENCE);
    for n in 1..=TRIPS {
        assert_eq!(circuit.troubled(now, 0.5), n == TRIPS);
    }
    circuit
}

#[test]
fn it_takes_troubles_in_a_row_to_open_it() {
    let now = Instant::now();
    let mut circuit = Circuit::new(PATIENCE);
    for _ in 0..10 {
        for _ in 1..TRIPS {
            assert!(!circuit.troubled(now, 0.5));
        }
        assert!(!circuit.answered(now));
    }
    assert_eq!((circuit.ask(now, 0.5), circuit.room(now)), (Gate::Go, None));
}

#[test]
fn one_call_tries_when_the_pause_is_over() {
    let now = Instant::now();
    let mut circuit = opened(now);
    let Gate::Wait { until } = circuit.ask(now, 0.5) else { panic!("open") };
    assert_eq!(until, now + FIRST_PAUSE);
    assert_eq!((circuit.room(now), circuit.room(until)), (Some(0), Some(1)));
    assert_eq!(circuit.ask(until, 0.5), Gate::Go);
    assert!(matches!(circuit.ask(until, 0.5), Gate::Wait { .. }));
    assert!(circuit.is_open());
    assert!(circuit.answered(until));
    assert!(!circuit.is_open());
    assert!(circuit.was_open_since(now) && !circuit.was_open_since(until + FIRST_PAUSE));
    assert_eq!(circuit.ask(until, 0.5), Gate::Go);
}

#[test]
fn the_pause_doubles_to_a_bound() {
    let mut now = Instant::now();
    let mut circuit = opened(now);
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let Gate::Wait { until } = circuit.peek(now) else { panic!("open") };
        pauses.push((until - now).as_secs());
        now = until;
        assert_eq!(circuit.ask(now, 0.5), Gate::Go);
        circuit.troubled(now, 0.5);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
}

#[test]
fn calls_return_as_they_are_answered_and_not_all_at_once() {
    let mut now = Instant::now() + FIRST_PAUSE;
    let mut circuit = opened(now - FIRST_PAUSE);
    assert_eq!(circuit.ask(now, 0.5), Gate::Go);
    assert!(circuit.answered(now));
    let mut rounds = Vec::new();
    while circuit.room(now).is_some() {
        let mut went = 0;
        while went < 2 * FULL && circuit.ask(now, 0.5) == Gate::Go {
            went += 1;
        }
        rounds.push(went);
        now += SHORTLY;
        (0..went).for_each(|_| assert!(!circuit.answered(now)));
    }
    assert_eq!(rounds, [2, 4, 8, 16, 32, 64, 128, 256]);
}

#[test]
fn a_trouble_on_the_way_back_opens_it_at_once() {
    let now = Instant::now();
    let mut circuit = opened(now);
    let later = now + FIRST_PAUSE;
    assert_eq!(circuit.ask(later, 0.5), Gate::Go);
    circuit.answered(later);
    assert!(circuit.troubled(later, 0.5));
    assert_eq!(circuit.peek(later), Gate::Wait { until: later + FIRST_PAUSE });
}

#[test]
fn a_probe_that_never_reports_does_not_stop_calls_for_ever() {
    let now = Instant::now();
    let mut circuit = opened(now);
    let later = now + Duration::from_secs(2);
    assert_eq!(circuit.ask(later, 0.5), Gate::Go);
    assert!(matches!(circuit.ask(later + PATIENCE, 0.5), Gate::Wait { .. }));
    assert_eq!(circuit.ask(later + PATIENCE * 2, 0.5), Gate::Go);
    circuit.not_tried(later + PATIENCE * 2);
    assert_eq!(circuit.ask(later + PATIENCE * 2, 0.5), Gate::Go);
}

#[test]
fn calls_that_never_report_do_not_narrow_the_way_back_for_ever() {
    let now = Instant::now();
    let mut circuit = opened(now);
    let later = now + FIRST_PAUSE;
    circuit.ask(later, 0.5);
    circuit.answered(later);
    assert_eq!([0; 2].map(|_| circuit.ask(later, 0.5)), [Gate::Go; 2]);
    assert!(matches!(circuit.ask(later, 0.5), Gate::Wait { .. }));
    circuit.not_tried(later);
    assert_eq!(circuit.ask(later, 0.5), Gate::Go);
    assert_eq!(circuit.ask(later + PATIENCE, 0.5), Gate::Go);
}

#[test]
fn a_host_that_asks_for_a_rest_gets_it_whatever_comes_back_meanwhile() {
    let now = Instant::now();
    let until = now + Duration::from_secs(120);
    let closed = Gate::Wait { until };
    let mut circuit = Circuit::new(PATIENCE);
    assert!(circuit.asked_to_rest(now, until), "one answer opens it");
    // Calls that were under way: a success, troubles, and one that asks for less.
    assert!(!circuit.answered(now));
    (0..2 * TRIPS).for_each(|_| assert!(!circuit.troubled(now, 0.5)));
    assert!(!circuit.asked_to_rest(now, now + Duration::from_secs(1)));
    let last = until - Duration::from_millis(1);
    assert_eq!((circuit.ask(now, 0.5), circuit.ask(last, 0.5)), (closed, closed));
    assert_eq!((circuit.room(last), circuit.is_open()), (Some(0), true));
    assert!(circuit.was_open_since(now), "a call that was lost meanwhile is no attempt");
    // Then one call tries, and its trouble counts as any.
    assert_eq!(circuit.ask(until, 0.5), Gate::Go);
    circuit.troubled(until, 0.5);
    assert_eq!(circuit.peek(until), Gate::Wait { until: until + 2 * FIRST_PAUSE });
    let later = until + 2 * FIRST_PAUSE;
    assert_eq!(circuit.ask(later, 0.5), Gate::Go);
    assert!(circuit.answered(later));
}

#[test]
fn a_rest_may_be_asked_for_in_any_state() {
    let now = Instant::now();
    let until = now + Duration::from_secs(120);
    let mut probing = opened(now);
    assert_eq!(probing.ask(now + FIRST_PAUSE, 0.5), Gate::Go);
    let mut returning = opened(now);
    returning.ask(now + FIRST_PAUSE, 0.5);
    returning.answered(now + FIRST_PAUSE);
    for (mut circuit, opens) in [(opened(now), false), (probing, false), (returning, true)] {
        assert_eq!(circuit.asked_to_rest(now + FIRST_PAUSE, until), opens);
        circuit.not_tried(now + FIRST_PAUSE);
        circuit.answered(now + FIRST_PAUSE);
        assert_eq!(circuit.peek(now + FIRST_PAUSE), Gate::Wait { until });
    }
}
