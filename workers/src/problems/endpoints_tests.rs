use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Result of a call.
#[derive(Clone, Copy)]
enum Went {
    Fine,
    Status(u16),
}
use Went::{Fine, Status};

/// Calls, whether jobs wait for the host, and what is told.
type Row = (&'static [(&'static str, Went)], bool, &'static [&'static str]);

/// Calls one after the other, one a second; the last just ended.
fn after(calls: &[(&'static str, Went)]) -> (Endpoints, Instant, Arc<str>) {
    let (mut endpoints, host): (_, Arc<str>) = (Endpoints::default(), "us".into());
    let mut now = Instant::now();
    for (endpoint, went) in calls {
        now += SECOND;
        let call = endpoints.begin(&host, endpoint, now);
        endpoints.end(&call, ended(*went), now);
    }
    (endpoints, now, host)
}

fn ended(went: Went) -> Ended {
    match went {
        Fine => Ended::Fine(SECOND),
        Status(status) => Ended::Trouble(Cause::of_status(status).expect("a trouble"), None),
    }
}

/// The faults in short: the endpoint, or `-` for the host, the calls, the status.
fn told(calls: &[(&'static str, Went)], open: bool) -> Vec<String> {
    let (mut endpoints, now, _) = after(calls);
    let short = |fault| match fault {
        Fault::Host(s) => format!("- {} {}", s.calls, s.cause.word()),
        Fault::Endpoint(name, s, other) => format!("{name} {} {} {other}", s.calls, s.cause.word()),
        Fault::Slow(name, _) => format!("{name} slow"),
    };
    endpoints.faults(now, |_| open).into_iter().map(|(_, fault)| short(fault)).collect()
}

#[test]
fn what_is_told_of_the_last_calls() {
    let table: &[Row] = &[
        (&[], false, &[]),
        (&[("create", Fine)], false, &[]),
        // One trouble is none.
        (&[("create", Status(503))], false, &[]),
        (
            &[("create", Status(503)), ("list", Fine), ("create", Fine), ("create", Status(503))],
            false,
            &[],
        ),
        // Creates fail, and others succeed meanwhile.
        (
            &[("create", Status(500)), ("list", Fine), ("create", Status(503))],
            false,
            &["create 2 503 list"],
        ),
        (
            &[
                ("create", Status(503)),
                ("create", Status(503)),
                ("me", Fine),
                ("create", Status(503)),
            ],
            false,
            &["create 3 503 me"],
        ),
        // A success from before says nothing.
        (&[("list", Fine), ("create", Status(503)), ("create", Status(503))], false, &["- 2 503"]),
        (&[("create", Status(503)), ("list", Status(502))], false, &["- 2 502"]),
        // Another one than that which succeeds.
        (
            &[("create", Status(503)), ("list", Fine), ("create", Status(503)), ("create", Fine)],
            false,
            &[],
        ),
        (
            &[
                ("create", Status(503)),
                ("list", Fine),
                ("create", Status(503)),
                ("list", Status(503)),
            ],
            false,
            &[],
        ),
        // Jobs wait for the host: that is told at the first trouble.
        (&[("create", Status(503))], true, &["- 1 503"]),
        (
            &[
                ("create", Status(503)),
                ("list", Fine),
                ("create", Status(503)),
                ("list", Status(503)),
            ],
            true,
            &["- 3 503"],
        ),
    ];
    for (n, (calls, open, expected)) in table.iter().enumerate() {
        assert_eq!(told(calls, *open), *expected, "row {n}");
    }
}

#[test]
fn a_trouble_has_a_beginning_and_is_over_when_nobody_meets_it() {
    let (mut endpoints, now, _) = after(&[("create", Status(503)), ("create", Status(503))]);
    let faults = endpoints.faults(now, |_| false);
    let [(_, Fault::Host(streak))] = &faults[..] else { panic!("{faults:?}") };
    assert_eq!(streak.since, now - SECOND);
    assert_eq!(endpoints.faults(now + STALE, |_| true).len(), 1, "jobs wait");
    assert_eq!(endpoints.faults(now + STALE, |_| false), []);
}

#[test]
fn one_host_is_not_another() {
    let (mut endpoints, now, _) = after(&[("create", Status(503)), ("create", Status(503))]);
    let eu: Arc<str> = "eu".into();
    let call = endpoints.begin(&eu, "create", now);
    endpoints.end(&call, Ended::Fine(SECOND), now);
    let faults = endpoints.faults(now, |_| false);
    assert!(matches!(&faults[..], [(host, Fault::Host(_))] if **host == *"us"), "{faults:?}");
}

#[test]
fn a_call_under_way_counts_until_it_ends_however_it_ends() {
    let (mut endpoints, now, host) = after(&[]);
    let call = endpoints.begin(&host, "create", now);
    assert_eq!(endpoints.faults(now + 4 * SECOND, |_| false), []);
    let faults = endpoints.faults(now + 20 * SECOND, |_| false);
    assert!(matches!(&faults[..], [(_, Fault::Slow("create", slow))] if slow.calls == 1));
    endpoints.end(&call, Ended::Unknown, now + 20 * SECOND);
    assert_eq!(endpoints.faults(now + 20 * SECOND, |_| false), []);
}

#[test]
fn there_are_never_too_many_hosts() {
    let (mut endpoints, now, _) = after(&[]);
    for n in 0..10 * MOST {
        let host: Arc<str> = n.to_string().into();
        let call = endpoints.begin(&host, "create", now);
        let went = if n % 2 == 0 { Fine } else { Status(503) };
        endpoints.end(&call, ended(went), now);
        assert!(endpoints.all.len() <= MOST);
    }
}
