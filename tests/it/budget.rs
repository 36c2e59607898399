//! `zoomd budget`, and a host's hundred: 130 jobs of one user on a Pro plan.

use jiff::Timestamp;
use serde_json::Value;
use zoom_sim::{Config, Endpoint, Fault, LimitKind, What};

use crate::support::{Rig, job, until};

#[tokio::test]
async fn a_hundred_go_thirty_wait_and_zoom_never_has_to_say_no() {
    // Only the hundred binds: on a busy machine grants of one second may bunch.
    let mut zoom = Config::unlimited();
    zoom.rules.limits.user_day = Some(100);
    let rig = Rig::with(redis_local::Options::default(), zoom).await;
    rig.connect("acme");
    let untouched = rig.run(&["budget", "--json"]).expect(0).json();
    let spent = |lines: &Value, name: &str| -> Option<Value> {
        let lines = lines.as_array().expect("a list");
        lines
            .iter()
            .find(|line| line["limit"].as_str().is_some_and(|l| l.starts_with(name)))
            .cloned()
    };
    assert!(spent(&untouched, "creates of").is_none(), "{untouched}");

    let _daemon = rig.daemon();
    for number in 0..130 {
        rig.xadd(&job("acme", &format!("order-{number:03}"))).await;
    }
    let list = until("thirty wait, the others are done", || {
        let list = rig.run(&["job", "list", "--json", "--limit", "200"]).expect(0).json();
        (list.as_array().expect("a list").len() == 30).then_some(list)
    });
    let last = list.as_array().expect("a list").last().expect("one")["job_id"].clone();
    let shown = rig.run(&["job", "show", last.as_str().expect("an id"), "--json"]).expect(0).json();
    assert_eq!(shown["why"], "host_day", "{shown}");
    assert!(
        shown["because"].as_str().is_some_and(|b| b.contains("meetings for this host")),
        "{shown}"
    );
    let midnight = tomorrow();
    let at: Timestamp = shown["expected_at"].as_str().and_then(|at| at.parse().ok()).expect("one");
    assert!((0..60).contains(&(at.as_second() - midnight.as_second())), "{shown}");
    said_at_acceptance(&rig, midnight);
    an_end_at_the_deadline(&rig).await;
    assert_eq!(rig.sim.counters().arrived.create, 100);
    assert!(rig.sim.counters().broken.none(), "{:?}", rig.sim.violations());

    let lines = rig.run(&["budget", "acme", "--json"]).expect(0).json();
    let hundred = spent(&lines, "creates of").expect("the host's day");
    assert_eq!(
        (&hundred["used"], &hundred["most"], &hundred["left"]),
        (&100.into(), &100.into(), &0.into())
    );
    assert!(hundred["waiting"].as_u64() >= Some(29), "{hundred}");
    assert!(
        hundred["because"].as_str().is_some_and(|b| b.contains("meetings for this host")),
        "{hundred}"
    );
    let told = rig.run(&["budget", "acme"]).expect(0);
    assert!(told.stdout.contains("####################"), "{}", told.stdout);
    assert!(told.stderr.contains(" waiting, first in "), "{}", told.stderr);
}

fn tomorrow() -> Timestamp {
    let day = 86_400;
    let next = (Timestamp::now().as_second() / day + 1) * day;
    Timestamp::from_second(next).expect("a time")
}

/// The host's day is used up: another job is told so.
fn said_at_acceptance(rig: &Rig, midnight: Timestamp) {
    let one = ["enqueue", "--account", "acme", "--type", "3"];
    let ran = rig.run(&one).expect(0);
    assert!(ran.stderr.contains("is over today's limit, expected "), "{}", ran.stderr);
    let shown = rig.run(&[&one[..], &["--json"]].concat()).expect(0).json();
    assert_eq!((&shown["fits_today"], &shown["why"]), (&false.into(), &"host_day".into()));
    let at: Timestamp = shown["expected_at"].as_str().and_then(|at| at.parse().ok()).expect("one");
    assert!(at >= midnight, "{shown}");
    let later = (midnight + jiff::SignedDuration::from_hours(1)).to_string();
    let shown = rig.run(&[&one[..], &["--not-before", &later, "--json"]].concat()).expect(0).json();
    assert_eq!((&shown["expected_at"], &shown["why"]), (&later.into(), &"not_before".into()));
}

/// A deadline before the reset ends the job when it passes.
async fn an_end_at_the_deadline(rig: &Rig) {
    let deadline = Timestamp::now() + jiff::SignedDuration::from_millis(1_500);
    let mut late: Value = serde_json::from_str(&job("acme", "late")).expect("JSON");
    late["deadline"] = deadline.to_string().into();
    rig.xadd(&late.to_string()).await;
    let (_, failure) = rig.outcome("late").await;
    assert_eq!(failure["code"], "deadline_exceeded");
    let over = Timestamp::now().duration_since(deadline).as_secs_f64();
    assert!((0.0..10.0).contains(&over), "{over} s after its deadline");
    waited_for_the_day(rig, "late", "failed: deadline_exceeded");
    rig.run(&["job", "cancel", "order-129"]).expect(0);
    waited_for_the_day(rig, "order-129", "failed: cancelled");
}

/// The story of a job that ended without having run says what it waited for, and how long.
fn waited_for_the_day(rig: &Rig, id: &str, end: &str) {
    let shown = rig.run(&["job", "show", id, "--json"]).expect(0).json();
    let lines = shown["timeline"].as_array().expect("a list");
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, ["accepted", "wait", "result"], "{shown}");
    assert_eq!((&lines[1]["reason"], &lines[2]["what"]), (&"host_day".into(), &end.into()));
    assert!(lines[1]["duration_ms"].as_u64() >= Some(1_000), "{shown}");
}

#[tokio::test]
async fn an_account_that_is_not_there_has_no_budget() {
    let rig = Rig::start().await;
    let none = rig.run(&["budget", "nobody", "--json"]).expect(3).json();
    assert_eq!(none["error"]["code"], "unknown_account");
}

#[tokio::test]
async fn labels_and_share_are_those_of_the_configuration() {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_BUDGET_CREATE", "medium");
    rig.set("ZOOMD_BUDGET_SHARE", "0.5");
    rig.connect("acme");
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "order-1")).await;
    rig.outcome("order-1").await;
    let lines = rig.run(&["budget", "acme", "--json"]).expect(0).json();
    let used_and_most = |name: &str| {
        let lines = lines.as_array().expect("a list");
        let line = lines.iter().find(|line| line["limit"] == name).expect("the limit");
        (line["used"].as_u64(), line["most"].as_u64())
    };
    assert_eq!(used_and_most("medium per day"), (Some(1), None), "{lines}");
    assert_eq!(used_and_most("medium per second").1, Some(10), "half of a Pro plan's twenty");
    // None but the question whose the imported grant is.
    assert!(used_and_most("light per day").0 <= Some(1), "{lines}");
}

/// The line of a budget in JSON.
fn line(rig: &Rig, limit: &str) -> Value {
    let lines = rig.run(&["budget", "acme", "--json"]).expect(0).json();
    let found = lines.as_array().expect("a list").iter().find(|line| line["limit"] == limit);
    found.cloned().unwrap_or_else(|| panic!("{limit} is not in {lines}"))
}

#[tokio::test]
async fn what_another_app_spent_is_shown_apart() {
    // A day alone, so that no second's rate comes between.
    let mut zoom = Config::unlimited();
    let light = zoom_sim::Rate { rate: None, day: Some(6_000) };
    zoom.rules.limits.table = Some(zoom_sim::Table { light, ..zoom_sim::Table::default() });
    let rig = Rig::with(redis_local::Options::default(), zoom).await;
    rig.connect("acme");
    rig.run(&["account", "set", "acme", "--plan", "free"]).expect(0);
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "first")).await;
    rig.outcome("first").await;
    // The daemon asks whose the grant is. While that is under way it is counted here
    // and not yet at Zoom.
    rig.sim.wait_answered(Endpoint::Me, 1).await.expect("it asks");
    // The other app works with a token of its own.
    let tokens = rig.sim.tokens("acme").expect("a grant");
    let endpoints =
        zoom_api::Endpoints::new(&format!("{}/v2", rig.sim.url()), rig.sim.url(), false);
    let settings = zoom_api::Settings::new(endpoints.expect("loopback"));
    let client = zoom_api::Client::new(settings).expect("a client");
    let token = zoom_api::AccessToken::new(&tokens.access_token).expect("a token");
    let mut spent = 0;
    for _ in 0..3 {
        spent += u64::from(client.users_me(&token).await.expect("an answer").status == 200);
    }
    assert!(spent > 0);
    rig.xadd(&job("acme", "second")).await;
    rig.outcome("second").await;
    let shown = until("it is written down", || {
        let shown = line(&rig, "light per day");
        (shown["elsewhere"].as_u64() >= Some(spent)).then_some(shown)
    });
    let count = |name: &str| shown[name].as_u64().expect("a number");
    assert_eq!(count("left"), 6_000 - count("used") - count("elsewhere"), "{shown}");
    let text = rig.run(&["budget", "acme"]).expect(0).stdout;
    assert!(text.contains("ELSEWHERE"), "{text}");
}

#[tokio::test]
async fn a_429_that_nobody_knows_holds_back_its_host_and_is_kept_whole() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.sim.fault(Fault::new(Endpoint::Create, What::Limit(LimitKind::Unknown)));
    let daemon = rig.daemon();
    rig.xadd(&job("acme", "order-1")).await;
    let logged = daemon.wait_log("zoom answered 429 with an unknown text");
    assert!(logged["body"].as_str().is_some_and(|b| b.contains("Too many requests.")), "{logged}");
    let shown = until("the job waits", || {
        let shown = rig.run(&["job", "show", "order-1", "--json"]).expect(0).json();
        (shown["state"] == "sleeping").then_some(shown)
    });
    assert_eq!((&shown["why"], &shown["attempts"]), (&"limited".into(), &0.into()), "{shown}");
    assert!(line(&rig, "light per second")["closed_until"].is_null(), "others go on");
    rig.xadd(&job("acme", "order-2")).await;
    let behind = until("the next job of the host to wait", || {
        let shown = rig.run(&["job", "show", "order-2", "--json"]).expect(0).json();
        (shown["state"] == "waiting").then_some(shown)
    });
    assert_eq!(behind["why"], "limited", "{behind}");
    assert!(behind["expected_at"].as_str() < shown["expected_at"].as_str(), "{behind} {shown}");
}

#[tokio::test]
async fn a_429_met_by_a_command_closes_the_gate_for_all() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.sim.fault(Fault::new(Endpoint::List, What::Limit(LimitKind::LabelDay)));
    let met = rig.run(&["meeting", "list", "acme", "--json"]).expect(1).json();
    assert_eq!(met["error"]["code"], "rate_limited", "{met}");
    assert!(line(&rig, "medium per day")["closed_until"].is_string());
    assert!(line(&rig, "light per day")["closed_until"].is_null());
    let refused = rig.run(&["meeting", "list", "acme", "--json"]).expect(1).json();
    assert_eq!(refused["error"]["code"], "waiting", "{refused}");
    assert_eq!(rig.sim.counters().arrived.list, 1, "zoom was not asked again");
}
