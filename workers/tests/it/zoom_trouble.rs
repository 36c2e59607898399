//! A Zoom that is slow, hangs, storms, or says what cannot be read: every job
//! has its one outcome, and no time without Zoom costs an attempt.

use std::time::{Duration, Instant};

use serde_json::Value;
use zoom_sim::{Endpoint, Fault, LimitKind, UserSpec, What};
use zoomd_store::duplicates::Duplicates;
use zoomd_workers::backoff;
use zoomd_workers::{Engine, Setup};

use crate::world::{LIMIT, World, job_with};

const JOBS: usize = 60;

/// Jobs that have one attempt and no more.
fn enqueue(world: &World, from: usize, count: usize) {
    for n in from..from + count {
        let mut job = job_with("acme", &format!("patient-{n}"));
        job["max_attempts"] = 1.into();
        world.enqueue(&job);
    }
}

fn all_at_the_first_attempt(outcomes: impl IntoIterator<Item = Value>) {
    for outcome in outcomes {
        assert_eq!(outcome["status"], "succeeded", "{outcome}");
        assert_eq!(outcome["attempts"], 1, "{outcome}");
    }
}

/// Zoom is away in one way or another for as long as the circuit needs to open
/// several times over; all that follows from an hour is more of the same pauses.
async fn without_zoom(begin: impl AsyncFn(&World), end: impl AsyncFn(&World)) {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    begin(&world).await;
    enqueue(&world, 0, JOBS / 2);
    let until = Instant::now() + LIMIT;
    while engine.zoom_out_of_reach().is_empty() {
        assert!(Instant::now() < until, "the circuit opens");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    enqueue(&world, JOBS / 2, JOBS / 2);
    let calls = world.sim.counters().arrived;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = world.sim.counters().arrived;
    let tries = after.create + after.list - calls.create - calls.list;
    // Calls in flight as the circuit opened, and a probe after each pause.
    assert!(tries <= 32 + 6, "{tries} calls to a host that is away");
    end(&world).await;
    all_at_the_first_attempt(world.outcomes(JOBS).await.into_values());
    assert_eq!(world.sim.meetings().len(), JOBS);
    assert!(world.sim.twins().is_empty());
    assert!(engine.zoom_out_of_reach().is_empty());
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_zoom_that_refuses_connections_costs_no_attempt() {
    without_zoom(async |world| world.sim.down().await, async |world| world.sim.up().await).await;
}

#[tokio::test]
async fn a_zoom_that_answers_503_to_everything_costs_no_attempt() {
    let storm = async |world: &World| {
        for endpoint in [Endpoint::Create, Endpoint::List] {
            world.sim.fault(Fault::new(endpoint, What::Status(503)).always());
        }
    };
    without_zoom(storm, async |world| world.sim.clear_faults()).await;
}

#[tokio::test]
async fn a_zoom_that_takes_requests_and_says_nothing_costs_no_attempt() {
    let silence = async |world: &World| {
        for endpoint in [Endpoint::Create, Endpoint::List] {
            world.sim.fault(Fault::new(endpoint, What::Hang).always());
        }
    };
    without_zoom(silence, async |world| world.sim.clear_faults()).await;
}

/// An hour by the rules alone: what the circuit lets through, and what that
/// costs a job, does not depend on how long the trouble lasts.
#[test]
fn an_hour_is_as_good_as_a_second_to_the_circuit() {
    use zoomd_workers::state::circuit_breaker::{Circuit, Gate};
    let (mut now, mut calls) = (Instant::now(), 0);
    let end = now + Duration::from_secs(3600);
    let mut circuit = Circuit::new(Duration::from_secs(60));
    while now < end {
        while circuit.ask(now, 0.5) == Gate::Go {
            calls += 1;
            circuit.troubled(now, 0.5);
        }
        let Gate::Wait { until } = circuit.peek(now) else { continue };
        now = until;
    }
    assert!((110..=130).contains(&calls), "{calls} calls in an hour");
    assert!(backoff::after(1, 0.5) < Duration::from_secs(3));
}

#[tokio::test]
async fn answers_that_cannot_be_read_are_looked_for() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    let body = |content_type: &str, body: &str| What::Body {
        status: 201,
        content_type: content_type.into(),
        body: body.into(),
    };
    let faults = [
        What::Huge(100_000_000),
        What::HalfReply(20),
        What::Html(502),
        What::Xml(500),
        What::Without(vec!["id".into()]),
        body("application/json", ""),
        body("application/json", r#"{"id":"x"}"#),
        body("text/plain", "\u{0}\u{1}"),
    ];
    let count = faults.len();
    for (n, what) in faults.into_iter().enumerate() {
        let fault = world.sim.fault(Fault::new(Endpoint::Create, what.clone()).after());
        world.enqueue(&job_with("acme", &format!("odd-{n}")));
        let outcome = world.outcomes(n + 1).await.remove(&format!("odd-{n}")).expect("an outcome");
        assert_eq!(outcome["status"], "succeeded", "{what:?}: {outcome}");
        assert_eq!(outcome["reconciled"], true, "{what:?}");
        world.sim.clear_fault(fault);
    }
    assert_eq!(world.sim.meetings().len(), count);
    assert!(world.sim.twins().is_empty());
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_look_spends_the_lists_budget_and_not_the_hosts_hundred() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    world.enqueue(&job_with("acme", "once"));
    assert_eq!(world.outcome("once").await["reconciled"], true);
    engine.drain(LIMIT).await;
    let mut resp = world.resp();
    let days = resp.call(&["KEYS", "zoomd:v1:ledger:*"]);
    let mut counts = std::collections::BTreeMap::<String, i64>::new();
    for key in days.list() {
        for pair in resp.call(&["HGETALL", key.text()]).list().chunks(2) {
            *counts.entry(pair[0].text().to_owned()).or_default() +=
                pair[1].text().parse::<i64>().expect("a number");
        }
    }
    let hosts: i64 = counts.iter().filter(|(k, _)| k.starts_with("h:")).map(|(_, n)| n).sum();
    assert_eq!(hosts, 1, "one create of the hundred: {counts:?}");
    assert!(counts["l:medium"] >= 1, "{counts:?}");
}

/// A job whose agenda the list cuts.
fn long(id: &str) -> Value {
    let mut job = job_with("acme", id);
    job["meeting"]["agenda"] = "word ".repeat(200).into();
    job
}

/// An engine that reads five meetings of a look and no more.
async fn short_sighted(world: &World) -> Engine {
    let change = |setup: &mut Setup| {
        setup.queue.request_timeout = Duration::from_millis(300);
        setup.settings.reconcile.most_gets = 5;
    };
    world.engine_with(change).await
}

#[tokio::test]
async fn a_look_is_narrowed_to_the_days_around_the_start() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = short_sighted(&world).await;
    for n in 0..8 {
        let mut another = long(&format!("other-day-{n}"));
        another["meeting"]["start_time"] = format!("2036-12-{}T10:00:00Z", 10 + n).into();
        world.enqueue(&another);
    }
    world.outcomes(8).await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    world.enqueue(&long("lost"));
    let result = world.outcomes(9).await.remove("lost").expect("an outcome");
    assert_eq!(result["reconciled"], true, "{result}");
    assert!(world.sim.counters().arrived.get <= 2, "its own alone is read");
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn more_than_fifty_meetings_to_read_are_not_read() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = short_sighted(&world).await;
    for n in 0..8 {
        world.enqueue(&long(&format!("old-{n}")));
    }
    world.outcomes(8).await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Status(503)));
    world.enqueue(&long("lost"));
    let failure = world.outcomes(9).await.remove("lost").expect("an outcome");
    assert_eq!(failure["code"], "outcome_unknown", "{failure}");
    assert_eq!(world.sim.counters().arrived.get, 5);
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_twin_is_shown_with_its_job_whoever_finds_it() {
    let world = World::new().await;
    world.account("acme").await;
    world.sim.rules(|rules| rules.list.lag_ms = 1_000);
    let hasty = |setup: &mut zoomd_workers::Setup| {
        setup.queue.request_timeout = Duration::from_millis(100);
        setup.settings.reconcile.twins_after = Duration::from_millis(1_200);
    };
    let first = world.engine_with(hasty).await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    // The list cuts its agenda before the marker.
    world.enqueue(&long("twice"));
    assert_eq!(world.outcome("twice").await["attempts"], 2);
    first.drain(LIMIT).await;
    let heir = world.engine_with(hasty).await;
    let ops = zoomd_store::inspect::Ops::new(world.store.clone());
    let until = Instant::now() + LIMIT;
    let twins = loop {
        let view = ops.job("twice").await.expect("redis").expect("a job");
        if !view.duplicates.is_empty() {
            break view.duplicates;
        }
        assert!(Instant::now() < until, "the twin is found by another engine");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let mut made: Vec<u64> = world.sim.meetings().iter().map(|meeting| meeting.id).collect();
    let mut twins = twins;
    made.sort_unstable();
    twins.sort_unstable();
    assert_eq!(twins, made, "both, and neither is deleted");
    heir.drain(LIMIT).await;
    let left = Duplicates::new(world.store.clone()).due(9, Duration::ZERO).await.expect("redis");
    assert!(left.is_empty(), "the look is not made again");
}

#[tokio::test]
async fn the_list_of_another_host_that_may_not_be_read_leaves_the_outcome_unknown() {
    let world = World::new().await;
    for name in ["acme", "bob"] {
        world.sim.add_user(UserSpec::named(name).account("one"));
    }
    world.account("acme").await;
    let engine = world
        .engine_with(|setup| {
            setup.queue.request_timeout = Duration::from_millis(300);
            setup.settings.reconcile.delays = vec![Duration::from_millis(50)];
        })
        .await;
    let mut job = job_with("acme", "for-bob");
    job["meeting"]["schedule_for"] = "bob@example.com".into();
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    world.enqueue(&job);
    let failure = world.outcome("for-bob").await;
    assert_eq!(failure["code"], "outcome_unknown", "{failure}");
    let message = failure["message"].as_str().expect("text");
    assert!(
        message.contains("listing the host's meetings") && message.contains("1001"),
        "{message}"
    );
    assert_eq!(world.sim.counters().arrived.create, 1, "it is not sent again");
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_users_me_that_is_limited_is_not_asked_again_at_once() {
    let world = World::new().await;
    world.account("acme").await;
    // The owner is not known: Zoom is asked.
    world.resp().call(&["HDEL", "zoomd:v1:account:acme", "em"]);
    let limit = What::Limit(LimitKind::PerSecond);
    world.sim.fault(Fault::new(Endpoint::Me, limit).always());
    let engine = world.engine().await;
    for n in 0..10 {
        world.enqueue(&job_with("acme", &format!("m{n}")));
        world.outcome_of(&format!("m{n}")).await;
        // With a new connection all grants are read anew, and found to be a stranger's.
        world.resp().call(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    }
    assert_eq!(world.sim.counters().arrived.me, 1);
    engine.drain(LIMIT).await;
}
