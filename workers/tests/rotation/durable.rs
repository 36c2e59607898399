//! Intents that more than one memory knows of.

use std::time::{Duration, Instant};

use redis_local::{Options, RedisServer};
use rustix::process::Signal;
use zoomd_workers::tokens::NoToken;

use crate::house::{House, PATIENCE, token};

fn replica_of(master: &RedisServer) -> RedisServer {
    master.ask(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]).expect("redis answers");
    let args = ["--replicaof", "127.0.0.1", &master.port().to_string()].map(str::to_owned).to_vec();
    let replica = RedisServer::start_with(Options { args, ..Options::default() }).expect("redis");
    let begun = Instant::now();
    while !master.ask(&["INFO", "replication"]).expect("info").contains("state=online") {
        assert!(begun.elapsed() < PATIENCE, "the replica does not follow");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    replica
}

#[tokio::test]
async fn a_replica_has_the_intent_before_the_token_is_sent() {
    let house = House::unlimited().await;
    let replica = replica_of(&house.redis);
    let (ada, bob) = (house.import("ada").await, house.import("bob").await);
    let tokens = house.tokens("one").await;
    token(&tokens, &ada).await;
    replica.signal(Signal::STOP);
    let refused = tokens.rotate_now("bob", Duration::from_secs(3)).await;
    replica.signal(Signal::CONT);
    assert!(
        matches!(&refused, Err(NoToken::TimedOut(why)) if why.contains("no replica")),
        "{refused:?}"
    );
    assert_eq!(house.sim.rotations("bob"), 0, "nothing was sent");
    token(&tokens, &bob).await;
    let waits = house.redis.ask(&["INFO", "commandstats"]).expect("info");
    assert!(waits.contains("cmdstat_wait:"), "{waits}");
    assert!(house.sim.counters().broken.none(), "{:?}", house.sim.violations());
}

#[tokio::test]
async fn the_disk_of_redis_confirms_an_intent_where_the_server_can_say_so() {
    let house = House::unlimited().await;
    let has = house.redis.ask(&["COMMAND", "INFO", "WAITAOF"]).expect("info").contains("waitaof");
    let accounts: Vec<_> = (0..20).map(|n| format!("user{n}")).collect();
    for user in &accounts {
        house.import(user).await;
    }
    let tokens = house.tokens("one").await;
    let begun = Instant::now();
    let rotations = accounts.iter().map(|account| tokens.rotate_now(account, PATIENCE));
    for rotated in futures_util::future::join_all(rotations).await {
        rotated.expect("a token");
    }
    // A wait is up to a second, and confirms all that was written before it.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let stats = house.redis.ask(&["INFO", "commandstats"]).expect("info");
    assert_eq!(stats.contains("cmdstat_waitaof:"), has, "{stats}");
    assert_eq!(house.sim.counters().rotations, 20);
    assert!(house.sim.counters().broken.none(), "{:?}", house.sim.violations());
}
