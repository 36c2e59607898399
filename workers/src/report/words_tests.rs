use super::*;
use crate::problems::cause::Cause;
use crate::problems::endpoints::Endpoints;

fn times() -> Times {
    Times { now: Instant::now(), now_ms: 1_800_000_000_000 }
}

/// The faults of these calls: endpoint, and the status of a trouble.
fn faults(calls: &[(&'static str, Option<u16>)], open: bool, now: Instant) -> Vec<Fault> {
    use crate::problems::endpoints::Ended;
    let (mut endpoints, host) = (Endpoints::default(), "api.zoom.us".into());
    for (endpoint, status) in calls {
        let call = endpoints.begin(&host, endpoint, now);
        let cause = status.and_then(Cause::of_status);
        let ended = cause.map_or(Ended::Fine(Duration::ZERO), |cause| Ended::Trouble(cause, None));
        endpoints.end(&call, ended, now);
    }
    endpoints.faults(now, |_| open).into_iter().map(|(_, fault)| fault).collect()
}

#[test]
fn each_fault_of_zoom_names_its_cause() {
    let times = times();
    let tell = |fault: &Fault, away, creates| {
        let problem = zoom("api.zoom.us", fault, away, creates, times);
        assert_eq!(problem.host.as_deref(), Some("api.zoom.us"));
        assert_eq!(problem.since_ms, Some(times.now_ms));
        (problem.code.into_owned(), problem.what)
    };
    let failing =
        [("create_meeting", Some(503)), ("list_meetings", None), ("create_meeting", Some(503))];
    let (one, whole) = (faults(&failing, false, times.now), faults(&failing[..1], true, times.now));
    assert_eq!(
        tell(&one[0], false, true),
        (
            "zoom_endpoint_failing".to_owned(),
            "creating a meeting at api.zoom.us fails (create_meeting): it answers HTTP 503; the \
             last 2 calls failed, while listing meetings (list_meetings) succeeds; its jobs are on \
             hold"
                .to_owned()
        )
    );
    assert_eq!(
        tell(&whole[0], true, false),
        (
            "zoom_unreachable".to_owned(),
            "cannot reach api.zoom.us: it answers HTTP 503; its jobs are on hold".to_owned()
        )
    );
    let slow = Slow { p95: Duration::from_millis(19_484), usual: None, since: times.now, calls: 1 };
    let known = Slow { usual: Some(Duration::from_millis(215)), calls: 7, ..slow };
    assert_eq!(
        tell(&Fault::Slow("create_meeting", slow), false, false).1,
        "creating a meeting at api.zoom.us is slow (create_meeting): 19.5 s or more (p95 of the \
         last 5 minutes, 1 slow call); the usual time is not known yet, and more than 5.0 s counts \
         as slow"
    );
    assert_eq!(
        tell(&Fault::Slow("list_meetings", known), false, false),
        (
            "zoom_slow".to_owned(),
            "listing meetings at api.zoom.us is slow (list_meetings): 19.5 s or more (p95 of the \
             last 5 minutes, 7 slow calls); usual in the last day: up to 0.2 s"
                .to_owned()
        )
    );
}

#[test]
fn each_trouble_of_redis_has_its_code() {
    let codes = [
        (ErrorKind::Unreachable, "redis_unreachable"),
        (ErrorKind::ReadOnly, "redis_read_only"),
        (ErrorKind::OutOfMemory, "redis_full"),
        (ErrorKind::Auth, "redis_unreachable"),
        (ErrorKind::Other, "redis_unreachable"),
    ];
    for (kind, code) in codes {
        let problem = redis(kind, "the cause");
        assert_eq!(problem.code, code);
        assert!(problem.what.ends_with("the cause"), "{}", problem.what);
    }
}

#[test]
fn a_failover_degrades_only_while_jobs_wait_for_it() {
    use zoomd_store::inspect::Level;
    for (held, level) in [(true, Level::Degraded), (false, Level::Notice)] {
        let problem = redis_failed_over(held);
        assert_eq!((&*problem.code, problem.level), ("redis_failed_over", level));
        assert!(problem.what.contains("failed over") && held == problem.what.contains("wait"));
    }
}

#[test]
fn accounts_are_told_one_by_one_up_to_a_bound() {
    use crate::problems::lasting::Lasting;
    let (times, mut known) = (times(), Lasting::new(Duration::from_secs(60)));
    for n in 0..2 * NAMED {
        known.met(&format!("user-{n:02}"), "invalid_client", times.now);
    }
    let told = own_apps_rejected(known.known(times.now), times);
    assert_eq!(told.len(), NAMED);
    assert_eq!(told[0].account.as_deref(), Some("user-00"));
    assert!(told[0].what.contains("invalid_client"), "{}", told[0].what);
    assert_eq!(skew(-90_000).what, "this machine's clock is 90 s ahead of zoom's");
}
