//! A Redis that is slow, full, read-only, emptied, or at the other end of a
//! network that breaks: nothing is lost, nothing is made twice, and the engine
//! goes on by itself.

use std::time::{Duration, Instant};

use redis_local::Options;
use zoom_sim::{Config, Endpoint, Fault, What};
use zoomd_store::{Store, StoreConfig};
use zoomd_workers::deauthorization::Deauthorizations;

use crate::proxy::Proxy;
use crate::resp::Answer;
use crate::seen::{self, Seen};
use crate::world::{LIMIT, World, job_with};

fn enqueue(world: &World, what: &str, count: usize) {
    (0..count).for_each(|n| drop(world.enqueue(&job_with("acme", &format!("{what}-{n}")))));
}

/// Waits until it holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn one_that_answers_nothing_for_longer_than_a_lease() {
    let args = vec!["--enable-debug-command".to_owned(), "yes".to_owned()];
    let world = World::on(Options { args, ..Options::default() }, Config::unlimited()).await;
    world.account("acme").await;
    let engine = world.engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::DelayMs(20)).always());
    enqueue(&world, "slow", 200);
    world.sim.wait_for(Endpoint::Create, 40).await.expect("calls");
    let port = world.redis.port();
    let sleep = move || crate::resp::Resp::connect(port).call(&["DEBUG", "SLEEP", "3"]);
    tokio::task::spawn_blocking(sleep).await.expect("it sleeps");
    let outcomes = world.outcomes(200).await;
    assert!(outcomes.values().all(|outcome| outcome["status"] == "succeeded"));
    assert!(world.sim.twins().is_empty());
    assert_eq!(world.sim.meetings().len(), 200);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn one_that_is_full_takes_outcomes_and_no_new_jobs() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    let hold = world.sim.fault(Fault::new(Endpoint::Create, What::Hold).times(5));
    enqueue(&world, "before", 5);
    world.sim.wait_for(Endpoint::Create, 5).await.expect("calls");
    enqueue(&world, "meanwhile", 1);
    world.resp().call(&["CONFIG", "SET", "maxmemory", "1"]);
    world.sim.release(hold);
    let outcomes = world.outcomes(5).await;
    assert!(outcomes.values().all(|outcome| outcome["status"] == "succeeded"), "{outcomes:?}");
    world.resp().call(&["CONFIG", "SET", "maxmemory", "0"]);
    let outcomes = world.outcomes(6).await;
    assert_eq!(outcomes["meanwhile-0"]["attempts"], 1);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn one_that_became_a_replica_and_a_primary_again() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::DelayMs(20)).always());
    enqueue(&world, "failover", 150);
    world.sim.wait_for(Endpoint::Create, 40).await.expect("calls");
    world.resp().call(&["REPLICAOF", "127.0.0.1", "1"]);
    until("it is noticed", || engine.ready().is_err()).await;
    world.resp().call(&["REPLICAOF", "NO", "ONE"]);
    let outcomes = world.outcomes(150).await;
    assert!(outcomes.values().all(|outcome| outcome["status"] == "succeeded"));
    assert!(world.sim.twins().is_empty());
    until("it is ready again", || engine.ready().is_ok()).await;
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_scripts_and_answers() {
    let world = World::new().await;
    world.account("acme").await;
    let proxy = Proxy::before(world.redis.port()).await;
    let store = Store::connect(&StoreConfig::new(proxy.url(), "zoomd")).await.expect("redis");
    let engine = world.engine_with(|setup| setup.store = store).await;
    world.sim.fault(Fault::new(Endpoint::Create, What::DelayMs(5)).always());
    enqueue(&world, "cut", 400);
    for bytes in [1, 7, 300, 1_111, 5_000, 9_999, 20_001, 33_333] {
        proxy.cut_after(bytes);
        until("bytes flow", || proxy.has_cut()).await;
    }
    proxy.cut();
    let outcomes = world.outcomes(400).await;
    assert!(outcomes.values().all(|outcome| outcome["status"] == "succeeded"));
    assert!(world.sim.twins().is_empty());
    assert_eq!(world.sim.meetings().len(), 400);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn one_that_was_emptied_is_told_of_the_calls_under_way() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    let hold = world.sim.fault(Fault::new(Endpoint::Create, What::Hold).after().times(3));
    enqueue(&world, "under-way", 2);
    let nameless = world.enqueue(&crate::world::job("acme", "nameless"));
    world.sim.wait_for(Endpoint::Create, 3).await.expect("calls");
    world.resp().call(&["FLUSHALL"]);
    world.resp().call(&["SCRIPT", "FLUSH"]);
    world.sim.release(hold);
    let outcomes = world.outcomes(3).await;
    for id in ["under-way-0", "under-way-1", &nameless] {
        assert_eq!(outcomes[id]["status"], "succeeded", "{outcomes:?}");
    }
    // Group, scripts and ids are there again; accounts are not ours to invent.
    enqueue(&world, "under-way", 1);
    enqueue(&world, "stranger", 1);
    assert_eq!(world.outcomes(4).await["stranger-0"]["code"], "unknown_account");
    world.account("acme").await;
    enqueue(&world, "after", 1);
    assert_eq!(world.outcomes(5).await["after-0"]["status"], "succeeded");
    assert_eq!(world.sim.meetings().len(), 4);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn one_that_is_away_costs_one_warning_and_no_busy_loop() {
    let seen = Seen::default();
    let _set = metrics::set_default_local_recorder(&seen);
    let warnings = seen::Warnings::default();
    let _logs = tracing::subscriber::set_default(warnings.clone());
    let mut world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    enqueue(&world, "before", 1);
    world.outcomes(1).await;
    let deauthorizations = Deauthorizations::new(engine.tokens().grants(), None);
    let often = |beat| deauthorizations.serve(Duration::from_millis(50), beat);
    let _deauthorizations = engine.supervisor().spawn("deauthorizations", often);
    world.redis.kill();
    until("it is noticed", || engine.ready().is_err()).await;
    let tries = seen.count("zoomd_redis_errors_total");
    let watch = engine.supervisor().watch(Duration::from_secs(2));
    let fault = tokio::time::timeout(Duration::from_secs(3), watch).await;
    assert!(fault.is_err(), "to wait for redis is to move: {fault:?}");
    let tries = seen.count("zoomd_redis_errors_total") - tries;
    assert!(tries <= 40, "{tries} failed operations in three seconds");
    let told = warnings.about("redis is unavailable");
    assert_eq!(told, 1, "one warning a minute");
    assert_eq!(warnings.about(""), 1, "and none of what did not happen");
    world.redis.restart().expect("redis starts again");
    enqueue(&world, "after", 1);
    world.outcomes(2).await;
    engine.drain(LIMIT).await;
}

/// A full Redis does not let a token be replaced: the account's jobs wait, longer each
/// time, and the daemon says so.
#[tokio::test]
async fn one_that_is_full_when_a_token_must_be_replaced_is_not_asked_in_a_circle() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    // Jobs wait in their room when the token has ended.
    world.resp().call(&["HSET", "zoomd:v1:account:acme", "paused", "x"]);
    enqueue(&world, "late", 20);
    world.until(&["HLEN", "zoomd:v1:payload:acme"], &Answer::Number(20)).await;
    world.resp().call(&["HSET", "zoomd:v1:grant:acme", "exp", "1", "obt", "1"]);
    world.resp().call(&["HDEL", "zoomd:v1:grant:acme", "iat"]);
    world.resp().call(&["HDEL", "zoomd:v1:account:acme", "paused"]);
    world.resp().call(&["CONFIG", "SET", "maxmemory", "1"]);
    // Awake, as a publish would have them.
    world.resp().call(&["ZREM", "zoomd:v1:asleep", "acme"]);
    world.resp().call(&["CONFIG", "RESETSTAT"]);
    world.resp().call(&[
        "EVAL",
        "redis.call('ZREM', KEYS[1], '') redis.call('ZADD', KEYS[1], 1, 'acme')",
        "1",
        "zoomd:v1:ring",
    ]);
    world.resp().call(&["PUBLISH", "zoomd:v1:wake", "q"]);
    until("the trouble is known", || engine.ready().is_err()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let scripts = scripts(&world);
    assert!(scripts < 400, "{scripts} scripts in two seconds");
    assert!(engine.ready().is_err(), "it is not ready");
    world.resp().call(&["CONFIG", "SET", "maxmemory", "0"]);
    let outcomes = world.outcomes(20).await;
    assert!(outcomes.values().all(|outcome| outcome["status"] == "succeeded"), "{outcomes:?}");
    until("it is over", || engine.ready().is_ok()).await;
    engine.drain(LIMIT).await;
}

/// Scripts that the server has run since its counts began.
fn scripts(world: &World) -> u64 {
    let Answer::Text(stats) = world.resp().call(&["INFO", "commandstats"]) else { return 0 };
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    line.and_then(|line| line.split(',').next()?.parse().ok()).expect("scripts were run")
}
