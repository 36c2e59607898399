//! Rules that hold for several codes, or for none.

use zoomd_store::inspect::DayNearEnd;

use super::*;
use crate::health::facts::Absent;
use crate::health::tools::Process;
use crate::health::verdict::Verdict;

#[test]
fn daemons_have_a_moment_to_find_a_redis_that_restarted() {
    let mut found = well();
    found.vitals.daemons = vec![daemon("d1", 6_000)];
    found.vitals.server.uptime_s = 3;
    assert_eq!(judged(found.clone()).problems, vec![]);
    // It was heard of since: then it fell silent.
    found.vitals.server.uptime_s = 8;
    assert_eq!(judged(found).verdict, Verdict::Down);
}

#[test]
fn no_daemon_is_told_since_the_last_one_ended_however_it_ended() {
    let left = |at_ms| Left { id: "d2".to_owned(), host: "m2".to_owned(), at_ms };
    let since = |found| {
        let problems = judged(found).problems;
        assert_eq!(&*problems[0].code, "no_daemon", "{problems:?}");
        (problems[0].since_ms, problems[0].what.contains("was stopped"))
    };
    let mut found = well();
    found.vitals.daemons = vec![daemon("d1", 60_000)];
    assert_eq!(since(found.clone()), (Some(NOW - 60_000), false));
    found.vitals.left = Some(left(NOW - 90_000));
    assert_eq!(since(found.clone()), (Some(NOW - 60_000), false), "the other was killed later");
    found.vitals.left = Some(left(NOW - 30_000));
    assert_eq!(since(found.clone()), (Some(NOW - 30_000), true));
    found.vitals.daemons.clear();
    assert_eq!(since(found), (Some(NOW - 30_000), true));
}

#[test]
fn nothing_is_told_of_a_namespace_in_which_nothing_is_wrong() {
    let judgement = judged(well());
    assert_eq!((judgement.verdict, judgement.problems), (Verdict::Ok, vec![]));
}

#[test]
fn a_redis_that_cannot_be_asked_is_the_first_problem_and_never_replaced() {
    let absent = |kind, text: &str| Absent { kind, text: text.to_owned(), since_ms: Some(1) };
    for (absent, code, next) in [
        (absent(ErrorKind::Unreachable, "redis: refused"), "redis_unreachable", "PING"),
        (absent(ErrorKind::ReadOnly, "a replica of x"), "redis_read_only", "primary"),
        (absent(ErrorKind::Layout, "namespace n has layout 1"), "other_layout", "earlier version"),
        (absent(ErrorKind::Auth, "WRONGPASS"), "redis_unreachable", "ZOOMD_REDIS_URL_FILE"),
        (absent(ErrorKind::Unreachable, "BUSY script"), "redis_unreachable", "SCRIPT KILL"),
    ] {
        let own = vec![Problem::degraded("zoom_slow", "slow", "zoomd doctor")];
        let judgement = judge(&Facts { here: here(), own, found: Err(absent) });
        assert_eq!(judgement.verdict, Verdict::Down);
        let first = &judgement.problems[0];
        assert_eq!((&*first.code, first.since_ms), (code, Some(1)), "{first:?}");
        assert!(first.next.contains(next) && !first.next.contains("redis-server "), "{first:?}");
        assert_eq!(judgement.problems.len(), 2, "the daemon's own problems are told as well");
    }
}

#[test]
fn a_missing_key_is_a_daemons_trouble_and_a_notice_in_a_shell() {
    let key = "0123abcd".parse().expect("a key");
    let keys = Some(Survey { grants: [(key, 2)].into(), ..Survey::default() });
    let found = || Found { keys: keys.clone(), ..well() };
    assert_eq!(judged(found()).verdict, Verdict::Ok);
    let daemon = Here { daemon: Some("d1".to_owned()), ..here() };
    let facts = Facts { here: daemon, own: Vec::new(), found: Ok(Box::new(found())) };
    assert_eq!(judge(&facts).verdict, Verdict::Degraded);
    let with_key = Here { keys: [key].into(), ..here() };
    let facts = Facts { here: with_key, own: Vec::new(), found: Ok(Box::new(found())) };
    assert_eq!(judge(&facts).problems, vec![]);
}

#[test]
fn a_daemon_that_was_replaced_on_its_machine_is_not_missed() {
    let mut found = well();
    found.vitals.daemons[0].presence.started_ms = NOW - 1_000;
    found.vitals.daemons.push(daemon("d0", 60_000));
    assert_eq!(judged(found.clone()).problems, vec![]);
    found.processes = BTreeMap::from([("d0".to_owned(), Process::Stopped)]);
    let problems = judged(found).problems;
    assert_eq!((&*problems[0].code, &*problems[0].next), ("daemon_silent", "kill -CONT 42"));
}

#[test]
fn what_waited_while_no_daemon_ran_is_not_overdue_when_one_starts() {
    let began = |ago_ms: i64| {
        let mut found = well();
        found.vitals.daemons[0].presence.started_ms = NOW - ago_ms;
        found.vitals.oldest_unread_ms = Some(NOW - 600_000);
        found.vitals.first_lease_ms = Some(NOW - 600_000);
        found
    };
    assert_eq!(judged(began(2_000)).problems, vec![]);
    let problems = judged(began(61_000)).problems;
    assert_eq!(
        (problems[0].code.as_ref(), problems[0].since_ms),
        ("jobs_overdue", Some(NOW - 600_000))
    );
    // A daemon that has not announced itself yet reports neither the daemon that it replaces
    // nor itself.
    let mut found = began(2_000);
    found.vitals.daemons = vec![daemon("d0", 60_000)];
    let new = Here { daemon: Some("d1".to_owned()), ..here() };
    let facts = Facts { here: new, own: Vec::new(), found: Ok(Box::new(found)) };
    assert_eq!(judge(&facts).problems, vec![]);
}

#[test]
fn a_lost_authorization_says_how_it_was_lost() {
    for (why, words) in [
        ("refused", "acme needs authorization (refused: Zoom does not accept its refresh token)"),
        ("reply_lost", "(reply_lost: the answer to its last token refresh was lost)"),
        ("new_word", "account acme needs authorization (new_word)"),
    ] {
        let mut found = well();
        let account = found.accounts.0.get_mut("acme").expect("an account");
        (account.state, account.why) = ("needs_reauth".to_owned(), Some(why.to_owned()));
        let problems = judged(found).problems;
        assert!(problems[0].what.ends_with(words), "{problems:?}");
    }
}

#[test]
fn a_problem_of_some_daemons_is_told_once_and_stops_not_everything() {
    let mut found = well();
    let told = |since| Problem::down("zoom_slow", "calls are slow", "zoomd doctor").since(since);
    found.vitals.daemons = vec![daemon("d1", 100), daemon("d2", 100), daemon("d3", 100)];
    found.vitals.daemons[0].presence.problems = vec![told(5_000)];
    found.vitals.daemons[1].presence.problems = vec![told(3_000)];
    let judgement = judged(found);
    assert_eq!(judgement.verdict, Verdict::Degraded);
    let [problem] = judgement.problems.as_slice() else { panic!("{judgement:?}") };
    assert_eq!(problem.what, "calls are slow (told by 2 of 3 daemons)");
    assert_eq!(problem.since_ms, Some(3_000));
}

#[test]
fn what_the_namespace_knows_is_not_told_again_by_a_daemon() {
    let mut found = well();
    found.vitals.stops = vec![stop()];
    let told = |code| Problem::degraded(code, "told by a daemon", "zoomd doctor");
    found.vitals.daemons[0].presence.problems =
        vec![told("app_rejected"), told("clock_skew"), told("zoom_slow")];
    found.clock_off_ms = 9_000;
    let problems = judged(found).problems;
    let codes: Vec<_> = problems.iter().map(|problem| &*problem.code).collect();
    assert_eq!(codes, ["app_rejected", "zoom_slow", "clock_skew", "clock_skew"]);
    assert!(problems[0].what.contains("app app"), "{problems:?}");
}

#[test]
fn an_outage_holds_back_what_waits_for_it_and_not_more() {
    let mut found = well();
    for (name, change) in [
        ("beta", (|a| a.api_host = "api-eu.zoom.us".to_owned()) as fn(&mut AccountVitals)),
        ("held", |a| a.paused = Some(String::new())),
        ("lost", |a| a.state = "needs_reauth".to_owned()),
        ("live", |a| (a.expires_ms, a.waiting) = (NOW + 60_000, 50)),
    ] {
        let mut account = account(name);
        account.api_host = "api.zoom.us".to_owned();
        account.waiting = 100;
        change(&mut account);
        found.accounts.0.insert(name.to_owned(), account);
    }
    // Of the seven of acme two sleep for long, and one waits for tomorrow.
    found.asleep = BTreeMap::from([("acme".to_owned(), 2)]);
    found.held = vec![Held { jobs: 1, ..host_day(WaitReason::HostDay) }];
    let told = |code, host: &str| {
        let told = Problem::degraded(code, "it is broken", "zoomd doctor").of_host(host);
        let mut found = found.clone();
        found.vitals.daemons[0].presence.problems = vec![told];
        let problems = judged(found).problems;
        let problem = problems.iter().find(|problem| problem.code == code).expect("told");
        assert!(problem.jobs_at_most, "{problem:?}");
        crate::health::held(problem)
    };
    let up_to = |jobs| Some(format!("holds back up to {jobs} jobs"));
    // Where acme's calls go is not known.
    assert_eq!(told("zoom_unreachable", "api.zoom.us"), up_to(54));
    assert_eq!(told("zoom_unreachable", "api-eu.zoom.us"), up_to(104));
    // An account whose token lives needs no other.
    assert_eq!(told("zoom_unreachable", "https://zoom.us"), up_to(104));
    assert_eq!(told("rotation_impossible", "m1"), up_to(104));
}

#[test]
fn a_day_that_jobs_wait_for_is_told_once_and_a_room_that_stands_still_by_each() {
    let mut found = well();
    found.held = vec![host_day(WaitReason::HostDay)];
    found.days_near_end = vec![DayNearEnd {
        accounts: vec!["acme".to_owned()],
        why: WaitReason::HostDay,
        host: "Uann".to_owned(),
        until_ms: NOW + 3_600_000,
        full: true,
    }];
    let problems = judged(found.clone()).problems;
    assert_eq!((problems.len(), problems[0].jobs), (1, Some(5)), "{problems:?}");
    let mut found = well();
    // A daemon has looked for long; this command has not.
    let stuck = Found { stuck: vec![stuck()], ..well() };
    let facts = Facts { here: here(), own: Vec::new(), found: Ok(Box::new(stuck)) };
    found.vitals.daemons[0].presence.problems = watched(&facts);
    found.vitals.first_due_ms = Some(NOW - 61_000);
    let problems = judged(found).problems;
    let told: Vec<_> = problems.iter().map(|p| (&*p.code, p.account.as_deref())).collect();
    assert_eq!(told, [("jobs_overdue", None), ("jobs_overdue", Some("acme"))]);
}

#[test]
fn many_accounts_are_counted_and_not_listed() {
    let mut found = well();
    for nth in 0..9 {
        let mut held = account(&format!("a{nth}"));
        held.state = "needs_reauth".to_owned();
        held.waiting = nth;
        found.accounts.0.insert(held.name.clone(), held);
    }
    let judgement = judged(found);
    let texts: Vec<_> = judgement.problems.iter().map(|p| (p.account.as_deref(), p.jobs)).collect();
    let listed = [(Some("a8"), Some(8)), (Some("a7"), Some(7)), (Some("a6"), Some(6))];
    assert_eq!(texts, [&listed[..], &[(None, Some(15))]].concat());
    assert_eq!(judgement.headline(), "DEGRADED: account a8 needs authorization (+3 more)");
}
