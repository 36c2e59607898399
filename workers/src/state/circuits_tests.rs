use super::super::circuit_breaker::TRIPS;
use super::*;

fn new() -> Circuits {
    Circuits::new(Duration::from_secs(60))
}

/// Troubles in a row.
fn troubles(circuits: &mut Circuits, host: &Arc<str>, work: Work, met: Met, now: Instant) {
    for _ in 0..TRIPS {
        circuits.troubled(host, work, met, now, 0.5);
    }
}

#[test]
fn one_hosts_trouble_is_not_anothers() {
    let now = Instant::now();
    let (us, eu): (Arc<str>, Arc<str>) = ("us".into(), "eu".into());
    let mut circuits = new();
    assert_eq!((circuits.room(now), circuits.closed_until(now)), (None, None));
    troubles(&mut circuits, &us, Work::Write, Met::NoConnection, now);
    assert_eq!((circuits.room(now), circuits.out_of_reach()), (Some(0), vec![us.clone()]));
    assert!(circuits.closed_until(now).is_some(), "the only host is away");
    assert_eq!(circuits.ask(&eu, Work::Write, now, 0.5), Gate::Go);
    assert_eq!((circuits.room(now), circuits.closed_until(now)), (None, None));
    troubles(&mut circuits, &eu, Work::Read, Met::Failure, now);
    let until = circuits.closed_until(now).expect("both are away");
    assert_eq!(circuits.room(until), Some(2), "a probe for each");
    assert_eq!(circuits.out_of_reach(), [eu, us]);
}

#[test]
fn creates_that_fail_wait_and_reads_go_on() {
    let (now, host): (_, Arc<str>) = (Instant::now(), "us".into());
    let mut circuits = new();
    for n in 1..=TRIPS {
        let opened = circuits.troubled(&host, Work::Write, Met::Failure, now, 0.5);
        assert_eq!(opened, (n == TRIPS).then_some(Opened::Writes), "{n}");
        // Success of reads between them is no success of creates.
        assert!(!circuits.answered(&host, Work::Read, now));
    }
    assert_eq!((circuits.out_of_reach(), circuits.writes_wait()), (vec![], vec![host.clone()]));
    assert!(circuits.is_open(&host) && circuits.was_open_since(&host, now));
    let until = circuits.closed_until(now).expect("nothing but creates is claimed");
    assert!(matches!(circuits.ask(&host, Work::Write, now, 0.5), Gate::Wait { .. }));
    assert_eq!(circuits.ask(&host, Work::Read, now, 0.5), Gate::Go);
    // One create tries; its trouble makes the others wait longer.
    assert_eq!(circuits.ask(&host, Work::Write, until, 0.5), Gate::Go);
    assert!(matches!(circuits.ask(&host, Work::Write, until, 0.5), Gate::Wait { .. }));
    circuits.troubled(&host, Work::Write, Met::Failure, until, 0.5);
    assert_eq!(circuits.closed_until(until), Some(until + 2 * (until - now)));
    let later = until + 2 * (until - now);
    assert_eq!(circuits.ask(&host, Work::Write, later, 0.5), Gate::Go);
    assert!(circuits.answered(&host, Work::Write, later));
    assert!(!circuits.is_open(&host));
    assert_eq!(circuits.closed_until(later), None);
}

#[test]
fn a_read_that_fails_while_creates_fail_is_the_hosts_trouble() {
    let (now, host): (_, Arc<str>) = (Instant::now(), "us".into());
    let mut circuits = new();
    troubles(&mut circuits, &host, Work::Write, Met::Failure, now);
    let opened = circuits.troubled(&host, Work::Read, Met::Failure, now, 0.5);
    assert_eq!(opened, Some(Opened::Host));
    assert!(matches!(circuits.ask(&host, Work::Read, now, 0.5), Gate::Wait { .. }));
    // A create that may not go leaves the probe to others.
    let until = circuits.closed_until(now).expect("closed");
    assert_eq!(circuits.ask(&host, Work::Read, until, 0.5), Gate::Go);
    assert!(matches!(circuits.ask(&host, Work::Write, until, 0.5), Gate::Wait { .. }));
    assert!(circuits.answered(&host, Work::Read, until));
    assert_eq!(circuits.ask(&host, Work::Write, until, 0.5), Gate::Go);
}

#[test]
fn a_rest_that_a_create_is_asked_for_is_for_all_calls() {
    let (now, host): (_, Arc<str>) = (Instant::now(), "us".into());
    let mut circuits = new();
    assert_eq!(circuits.ask(&host, Work::Write, now, 0.5), Gate::Go);
    let until = now + Duration::from_secs(120);
    assert_eq!(circuits.asked_to_rest(&host, Work::Write, now, until), Some(Opened::Host));
    for work in [Work::Write, Work::Read] {
        assert_eq!(circuits.ask(&host, work, now, 0.5), Gate::Wait { until });
    }
    assert_eq!(circuits.ask(&host, Work::Write, until, 0.5), Gate::Go);
}

#[test]
fn names_without_end_take_no_room_without_end() {
    let (now, mut circuits) = (Instant::now(), new());
    for n in 0..10 * MOST {
        circuits.ask(&n.to_string().into(), Work::Read, now, 0.5);
    }
    assert!(circuits.hosts.len() <= MOST);
}
