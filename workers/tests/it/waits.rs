//! Jobs that must wait: limits, tokens, deadlines, a Zoom or a Redis that is away.

use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;
use zoom_sim::{Endpoint, Fault, LimitKind, UserSpec, What};
use zoomd_store::grants::Grants;
use zoomd_store::inspect::Ops;
use zoomd_store::limits::{Budgets, PlanLimits};
use zoomd_store::queue::WaitReason;
use zoomd_wire::AccountName;

use crate::resp::Answer;
use crate::world::{LIMIT, World, job, job_with};

fn succeeded(outcome: &Value, attempts: u32) {
    assert_eq!(outcome["status"], "succeeded", "{outcome}");
    assert_eq!(outcome["attempts"], attempts, "{outcome}");
}

#[tokio::test]
async fn a_limit_closes_its_key_and_costs_no_attempt() {
    let world = World::new().await;
    for account in ["busy", "free"] {
        world.account(account).await;
    }
    let engine = world.engine().await;
    let fault = Fault::new(Endpoint::Create, What::Limit(LimitKind::PerSecond)).of("busy");
    world.sim.fault(fault);
    let began = Instant::now();
    world.enqueue(&job_with("busy", "limited"));
    world.until(&["HLEN", "zoomd:v1:payload:busy"], &Answer::Number(1)).await;
    world.enqueue(&job_with("busy", "behind"));
    world.enqueue(&job_with("free", "other"));
    let other = world.outcome("other").await;
    succeeded(&other, 1);
    assert!(began.elapsed() < Duration::from_secs(1), "another account does not wait");
    let outcomes = world.outcomes(3).await;
    assert!(began.elapsed() >= Duration::from_secs(1), "the key was closed for a second");
    succeeded(&outcomes["limited"], 1);
    succeeded(&outcomes["behind"], 1);
    assert_eq!(world.sim.counters().arrived.create, 4, "the job behind did not ask as well");
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_hosts_spent_day_parks_that_host_alone() {
    let world = World::new().await;
    for account in ["spent", "fresh"] {
        world.account(account).await;
    }
    let engine = world.engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Limit(LimitKind::UserDay)).of("spent"));
    world.enqueue(&job_with("spent", "tomorrow"));
    world.until(&["HLEN", "zoomd:v1:payload:spent"], &Answer::Number(1)).await;
    for n in 0..5 {
        world.enqueue(&job("spent", &format!("behind {n}")));
    }
    world.enqueue(&job_with("fresh", "now"));
    succeeded(&world.outcome("now").await, 1);
    assert_eq!(world.sim.counters().arrived.create, 2);
    engine.drain(LIMIT).await;
    assert_eq!(world.resp().call(&["HLEN", "zoomd:v1:payload:spent"]).number(), 6, "they wait");
    let events = world.resp().call(&["XRANGE", "zoomd:events", "-", "+"]);
    let events: Vec<Value> = events
        .list()
        .iter()
        .map(|event| event.list()[1].list())
        .filter(|fields| fields[1].text() == "job.waiting")
        .map(|fields| serde_json::from_str(fields[5].text()).expect("JSON"))
        .collect();
    assert_eq!(events.len(), 6, "the one that met it, and those behind: {events:?}");
    for event in &events {
        let fields: Vec<_> = event.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["account", "at", "event", "job_id", "until", "v", "why"], "{event}");
        assert_eq!((&event["v"], &event["why"]), (&1.into(), &"limited".into()), "{event}");
        for time in [&event["at"], &event["until"]] {
            assert!(time.as_str().is_some_and(|t| t.parse::<Timestamp>().is_ok()), "{event}");
        }
    }
}

#[tokio::test]
async fn the_hosts_day_in_older_words_parks_the_host_under_any_status() {
    let world = World::new().await;
    let spent = [(400, "old-400"), (403, "old-403"), (429, "old-429")];
    for account in ["old-400", "old-403", "old-429", "free"] {
        world.account(account).await;
    }
    let engine = world.engine().await;
    for (status, account) in spent {
        world.sim.rules(|rules| rules.limits.older_words = Some(status));
        let what = What::Limit(LimitKind::UserDay);
        world.sim.fault(Fault::new(Endpoint::Create, what).of(account));
        world.enqueue(&job_with(account, account));
        world.until(&["HLEN", &format!("zoomd:v1:payload:{account}")], &Answer::Number(1)).await;
        world.enqueue(&job(account, "behind"));
    }
    world.enqueue(&job_with("free", "now"));
    succeeded(&world.outcome("now").await, 1);
    assert_eq!(world.sim.counters().arrived.create, 4, "those behind wait for another day");
    engine.drain(LIMIT).await;
    for (_, account) in spent {
        let waiting = world.resp().call(&["HLEN", &format!("zoomd:v1:payload:{account}")]);
        assert_eq!(waiting.number(), 2, "{account}: nothing failed");
    }
}

#[tokio::test]
async fn a_limit_in_unknown_words_starves_no_other_host_and_its_job_tries_last() {
    let mut zoom = zoom_sim::Config::unlimited();
    zoom.apps[0].scope = zoom_sim::ADMIN_SCOPE.into();
    let world = World::with(zoom).await;
    for name in ["acme", "bob"] {
        world.sim.add_user(UserSpec::named(name).account("one"));
    }
    world.account("acme").await;
    let engine = world.engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Limit(LimitKind::Unknown)));
    world.enqueue(&job_with("acme", "met"));
    world.until(&["HLEN", "zoomd:v1:payload:acme"], &Answer::Number(1)).await;
    world.enqueue(&job_with("acme", "behind"));
    let mut other = job_with("acme", "other-host");
    other["user"] = "bob@example.com".into();
    world.enqueue(&other);
    succeeded(&world.outcome("other-host").await, 1);
    assert_eq!(world.sim.counters().arrived.create, 2, "jobs of that host wait");
    let later = |ms: i64| {
        world.store.clock().set_ms(ms);
        world.resp().call(&["PUBLISH", "zoomd:v1:wake", "q"]);
    };
    later(65_000);
    succeeded(&world.outcomes(2).await["behind"], 1);
    assert_eq!(world.sim.counters().arrived.create, 3);
    later(100_000);
    succeeded(&world.outcomes(3).await["met"], 1);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_server_that_asks_for_a_rest_gets_it_and_it_costs_no_attempt() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    let busy = What::Busy { status: 503, retry_after: "3".into() };
    world.sim.fault(Fault::new(Endpoint::Create, busy));
    let once = |id: &str| {
        let mut job = job_with("acme", id);
        job["max_attempts"] = 1.into();
        job
    };
    let began = Instant::now();
    world.enqueue(&once("first"));
    world.sim.wait_answered(Endpoint::Create, 1).await.expect("a call");
    let until = Instant::now() + LIMIT;
    while engine.zoom_out_of_reach().is_empty() {
        assert!(Instant::now() < until, "one answer opens the circuit");
        tokio::task::yield_now().await;
    }
    (0..10).for_each(|n| drop(world.enqueue(&once(&format!("later-{n}")))));
    world.sim.wait_for(Endpoint::Any, 2).await.expect("the next call");
    let rest = began.elapsed();
    assert!(rest >= Duration::from_millis(2_900), "called again after {rest:?}");
    world.outcomes(11).await.values().for_each(|outcome| succeeded(outcome, 1));
    assert_eq!(world.sim.meetings().len(), 11);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_dead_access_token_is_replaced_and_the_job_goes_on() {
    let world = World::new().await;
    world.account_aged("acme", 600).await;
    let engine = world.engine().await;
    world.sim.kill_access_token("acme");
    world.enqueue(&job_with("acme", "stale"));
    succeeded(&world.outcome("stale").await, 1);
    assert_eq!(world.sim.rotations("acme"), 1);
    assert_eq!(world.sim.counters().broken.dead_access_token, 1);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_fresh_token_refused_twice_ends_the_job() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Unauthorized).always());
    world.enqueue(&job_with("acme", "refused"));
    let failure = world.outcome("refused").await;
    assert_eq!(failure["code"], "zoom_rejected");
    assert_eq!(failure["zoom"]["code"], 124);
    assert_eq!(failure["attempts"], 2);
    assert_eq!(world.sim.rotations("acme"), 0);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn not_before_is_kept_and_a_deadline_ends_a_wait() {
    let world = World::new().await;
    world.account("acme").await;
    world.account("held").await;
    let held = AccountName::new("held").expect("a name");
    let grants = Grants::new(world.store.clone(), world.vault.clone());
    grants.pause(&held, "for the test").await.expect("redis");
    let engine = world.engine().await;
    let in_ms = |ms: i64| (Timestamp::now() + ms.milliseconds()).to_string();
    let mut later = job_with("acme", "later");
    later["not_before"] = in_ms(700).into();
    let mut late = job_with("held", "late");
    late["deadline"] = in_ms(400).into();
    let mut past = job_with("acme", "past");
    past["deadline"] = in_ms(-1).into();
    let began = Instant::now();
    [&later, &late, &past].into_iter().for_each(|job| drop(world.enqueue(job)));
    let outcomes = world.outcomes(3).await;
    assert_eq!(outcomes["past"]["code"], "deadline_exceeded");
    assert_eq!(outcomes["late"]["code"], "deadline_exceeded");
    let failed = outcomes["late"]["failed_at"].as_str().expect("a time");
    assert!(failed < outcomes["later"]["finished_at"].as_str().expect("a time"), "{outcomes:?}");
    succeeded(&outcomes["later"], 1);
    assert!(began.elapsed() >= Duration::from_millis(650));
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_zoom_that_is_away_costs_no_job_an_attempt() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    world.sim.down().await;
    for n in 0..40 {
        world.enqueue(&job_with("acme", &format!("patient-{n}")));
    }
    let until = Instant::now() + LIMIT;
    while engine.zoom_out_of_reach().is_empty() {
        assert!(Instant::now() < until, "the circuit opens");
        tokio::task::yield_now().await;
    }
    assert_eq!(engine.ready(), Ok(()), "zoom's trouble is not ours");
    world.sim.up().await;
    let outcomes = world.outcomes(40).await;
    outcomes.values().for_each(|outcome| succeeded(outcome, 1));
    assert_eq!(world.sim.meetings().len(), 40);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_redis_that_is_killed_and_comes_back_costs_nothing() {
    let mut world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::DelayMs(20)).always());
    let ids: Vec<_> = (0..300).map(|n| format!("steady-{n}")).collect();
    ids.iter().for_each(|id| drop(world.enqueue(&job_with("acme", id))));
    world.sim.wait_for(Endpoint::Create, 60).await.expect("calls");
    world.redis.kill();
    let until = Instant::now() + LIMIT;
    while engine.ready().is_ok() {
        assert!(Instant::now() < until, "the engine says that redis is gone");
        tokio::task::yield_now().await;
    }
    world.redis.restart().expect("redis starts again");
    let outcomes = world.outcomes(300).await;
    assert!(outcomes.values().all(|outcome| outcome["status"] == "succeeded"));
    assert_eq!(world.sim.meetings().len(), 300);
    assert!(world.sim.twins().is_empty());
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn after_redis_came_back_as_another_nothing_is_taken_for_a_while() {
    let rest = Duration::from_millis(1_500);
    let mut world = World::new().await;
    world.account("acme").await;
    let engine = world.engine_with(|setup| setup.settings.rest_after_restart = rest).await;
    world.enqueue(&job_with("acme", "before"));
    world.outcomes(1).await;
    world.redis.kill();
    let began = Instant::now();
    world.redis.restart().expect("redis starts again");
    world.enqueue(&job_with("acme", "after"));
    world.outcomes(2).await;
    assert!(began.elapsed() >= rest, "{:?}", began.elapsed());
    assert_eq!(zoomd_workers::Settings::default().rest_after_restart, Duration::from_secs(5));
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way_and_gives_back_the_rest() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine_with(|setup| setup.settings.concurrency = 4).await;
    let hold = world.sim.fault(Fault::new(Endpoint::Create, What::Hold).times(4));
    for n in 0..20 {
        world.enqueue(&job_with("acme", &format!("deploy-{n}")));
    }
    world.sim.wait_for(Endpoint::Create, 4).await.expect("four calls");
    let draining = tokio::spawn(engine.drain(LIMIT));
    let heir = world.engine().await;
    world.sim.release(hold);
    draining.await.expect("the first engine ends");
    let outcomes = world.outcomes(20).await;
    outcomes.values().for_each(|outcome| succeeded(outcome, 1));
    assert!(outcomes.values().all(|outcome| outcome["reconciled"] == false));
    assert_eq!(world.sim.meetings().len(), 20);
    heir.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_drain_without_grace_leaves_calls_to_reconcile() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    let hold = world.sim.fault(Fault::new(Endpoint::Create, What::Hold).after());
    world.enqueue(&job_with("acme", "cut"));
    world.sim.wait_for(Endpoint::Create, 1).await.expect("a call");
    engine.drain(Duration::ZERO).await;
    world.sim.release(hold);
    let heir = world.hasty_engine().await;
    let result = world.outcome("cut").await;
    succeeded(&result, 1);
    assert_eq!(result["reconciled"], true);
    assert_eq!(world.sim.meetings().len(), 1);
    heir.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn what_does_not_fit_today_runs_after_midnight() {
    let mut zoom = zoom_sim::Config::unlimited();
    zoom.rules.limits.user_day = Some(100);
    let world = World::with(zoom).await;
    // A minute before midnight, for Redis and for Zoom. Whose the grant is is learnt
    // on the way, and what was counted before goes with it.
    let day_ms = 86_400_000;
    let start_ms = (Timestamp::now().as_millisecond() / day_ms + 2) * day_ms - 60_000;
    let set = |ms: i64| {
        world.store.clock().set_ms(ms - Timestamp::now().as_millisecond());
        world.sim.set_time_ms(ms);
    };
    set(start_ms);
    world.account("acme").await;
    let hundred = PlanLimits { host_day: 100, ..PlanLimits::default() };
    let mut budgets = Budgets::default();
    budgets.plans.insert("unlimited".to_owned(), hundred);
    let limits = budgets.clone();
    let engine = world.engine_with(move |setup| setup.queue.budgets = limits).await;
    for n in 0..130 {
        world.enqueue(&job_with("acme", &format!("order-{n}")));
    }
    let outcomes = world.outcomes(100).await;
    outcomes.values().for_each(|outcome| succeeded(outcome, 1));
    world.until(&["HLEN", "zoomd:v1:payload:acme"], &Answer::Number(30)).await;
    assert_eq!(world.sim.counters().arrived.create, 100);
    let ops = Ops::new(world.store.clone()).within(budgets);
    let waiting = (0..130).map(|n| format!("order-{n}")).filter(|id| !outcomes.contains_key(id));
    for id in waiting {
        let view = ops.job(&id).await.expect("redis").expect("it waits");
        let after = view.until_ms.expect("a time") - start_ms - 60_000;
        assert_eq!(view.why, Some(WaitReason::HostDay));
        assert!((5_000..16_000).contains(&after), "{after} ms after midnight");
    }
    set(start_ms + 80_000);
    world.resp().call(&["PUBLISH", "zoomd:v1:wake", "q"]);
    let outcomes = world.outcomes(130).await;
    outcomes.values().for_each(|outcome| succeeded(outcome, 1));
    assert_eq!(world.sim.counters().arrived.create, 130);
    assert!(world.sim.counters().broken.none(), "{:?}", world.sim.violations());
    engine.drain(LIMIT).await;
    world.assert_idle();
}
