use super::*;
use crate::inspect::Presence;

fn daemon(id: &str, alive: bool, problems: Vec<Problem>) -> DaemonLine {
    let presence = Presence {
        id: id.to_owned(),
        host: "box".to_owned(),
        pid: 1,
        version: "1".to_owned(),
        started_ms: 1,
        problems,
    };
    DaemonLine { presence, seen_ms: 500, alive }
}

fn problem(code: &'static str, since_ms: i64) -> Problem {
    Problem::degraded(code, "it is broken", "zoomd doctor").since(since_ms)
}

const ACME: Asking<'_> =
    Asking { account: Some("acme"), api_host: Some("api.zoom.us"), token_lives: false };

fn why(daemons: Vec<DaemonLine>, who: Asking<'_>) -> Option<WaitReason> {
    Obstacles::new(None, daemons).of(who).map(|obstacle| obstacle.why)
}

#[test]
fn nothing_is_known_unless_it_is_asked_for() {
    assert_eq!(Obstacles::default().of(ACME), None);
}

#[test]
fn without_a_living_daemon_nothing_runs() {
    let none = Obstacles::new(None, Vec::new()).of(ACME).expect("an obstacle");
    assert_eq!((none.why, none.since_ms), (WaitReason::NoDaemon, None));
    let dead = Obstacles::new(None, vec![daemon("a", false, Vec::new())]).of(ACME);
    let dead = dead.expect("an obstacle");
    assert_eq!((dead.why, dead.since_ms, dead.lasts()), (WaitReason::NoDaemon, Some(500), true));
    assert!(dead.what.contains("a on box"), "{}", dead.what);
    let left = |at_ms| Left::read(&format!("{at_ms} b box of mine"));
    let after = |left: Option<Left>| {
        let dead = vec![daemon("a", false, Vec::new())];
        let told = Obstacles::new(None, dead).after(left).of(ACME).expect("told");
        (told.since_ms, told.what)
    };
    let (since_ms, what) = after(left(900));
    assert_eq!((since_ms, what.ends_with("b on box of mine")), (Some(900), true), "{what}");
    assert_eq!(after(left(100)).0, Some(500), "the other was killed later");
    assert_eq!(
        why(vec![daemon("a", false, Vec::new()), daemon("b", true, Vec::new())], ACME),
        None
    );
}

#[test]
fn a_redis_that_takes_no_writes_hides_the_daemons() {
    let full = Obstacle { why: WaitReason::RedisFull, what: "full".to_owned(), since_ms: None };
    let known = Obstacles::new(Some(full.clone()), Vec::new());
    assert_eq!(known.of(ACME), Some(full));
}

#[test]
fn a_problem_keeps_those_it_is_about() {
    let alive = |problem| vec![daemon("a", true, vec![problem])];
    let live = Asking { token_lives: true, ..ACME };
    let unknown = Asking { api_host: None, ..ACME };
    let any = problem("zoom_unreachable", 1);
    let host = any.clone().of_host("API.zoom.us");
    let other_host = any.clone().of_host("api-eu.zoom.us");
    let token_server = any.clone().of_host("https://zoom.us");
    let creates = problem("zoom_endpoint_failing", 1).of_endpoint("create_meeting");
    let lists = problem("zoom_endpoint_failing", 1).of_endpoint("list_meetings");
    let of_acme = problem("app_rejected", 1).of_account("acme");
    let of_other = problem("app_rejected", 1).of_account("other");
    let cases = [
        (any, ACME, Some(WaitReason::ZoomUnreachable)),
        (host.clone(), ACME, Some(WaitReason::ZoomUnreachable)),
        (host.clone(), live, Some(WaitReason::ZoomUnreachable)),
        (host, unknown, Some(WaitReason::ZoomUnreachable)),
        (other_host, ACME, None),
        (
            problem("zoom_unreachable", 1).of_host("127.0.0.1:9"),
            ACME,
            Some(WaitReason::ZoomUnreachable),
        ),
        (token_server.clone(), ACME, Some(WaitReason::ZoomUnreachable)),
        (token_server, Asking { api_host: None, ..live }, None),
        (problem("zoom_endpoint_failing", 1), ACME, Some(WaitReason::ZoomEndpointFailing)),
        (creates, ACME, Some(WaitReason::ZoomEndpointFailing)),
        (lists, ACME, None),
        (problem("app_rejected", 1), ACME, Some(WaitReason::AppRejected)),
        (problem("app_rejected", 1), live, None),
        (of_acme.clone(), ACME, Some(WaitReason::AppRejected)),
        (of_acme, Asking::default(), None),
        (of_other, ACME, None),
        (problem("rotation_impossible", 1), ACME, Some(WaitReason::RotationImpossible)),
        (problem("rotation_held", 1), live, None),
        (problem("zoom_slow", 1), ACME, None),
        (problem("of_a_later_version", 1), ACME, None),
    ];
    for (problem, who, expected) in cases {
        assert_eq!(why(alive(problem.clone()), who), expected, "{problem:?} {who:?}");
    }
}

#[test]
fn another_daemon_runs_what_one_cannot() {
    let away = || vec![problem("zoom_unreachable", 10)];
    let later = vec![problem("zoom_slow", 1), problem("zoom_unreachable", 20)];
    assert_eq!(why(vec![daemon("a", true, away()), daemon("b", true, Vec::new())], ACME), None);
    let both =
        vec![daemon("a", true, away()), daemon("b", true, later), daemon("c", false, vec![])];
    let both = Obstacles::new(None, both).of(ACME).expect("all of them");
    assert_eq!((both.why, both.since_ms), (WaitReason::ZoomUnreachable, Some(20)));
}

#[test]
fn what_lasts_is_told_first() {
    let both = vec![problem("zoom_unreachable", 1), problem("app_rejected", 1)];
    assert_eq!(why(vec![daemon("a", true, both)], ACME), Some(WaitReason::AppRejected));
}

#[test]
fn a_job_in_hands_takes_long_where_its_daemon_is_silent_or_slow() {
    let slow = vec![problem("zoom_slow", 1)];
    let all = vec![daemon("a", true, slow), daemon("b", false, vec![]), daemon("c", true, vec![])];
    let obstacles = Obstacles::new(None, all);
    let told = |id| obstacles.in_hands_of(id).unwrap_or_default();
    assert_eq!(told("a"), problem("zoom_slow", 1).what);
    assert!(told("b").contains("has no heartbeat"), "{}", told("b"));
    assert_eq!((told("c").as_str(), told("gone").as_str()), ("", ""));
}
