//! A call that nobody could find again leaves only when more than one memory
//! knows of it.

use redis_local::{Options, RedisServer};
use rustix::process::Signal;
use serde_json::json;
use zoom_sim::{Config, Endpoint};

use crate::resp::Answer;
use crate::world::{LIMIT, World, job_with};

fn replica_of(master: &RedisServer) -> RedisServer {
    master.ask(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]).expect("redis answers");
    let args = ["--replicaof", "127.0.0.1", &master.port().to_string()].map(str::to_owned).to_vec();
    RedisServer::start_with(Options { args, ..Options::default() }).expect("redis")
}

#[tokio::test]
async fn an_instant_meeting_is_not_asked_for_before_a_replica_knows() {
    let world = World::with(Config::unlimited()).await;
    world.account("acme").await;
    let replica = replica_of(&world.redis);
    world.until(&["WAIT", "1", "1000"], &Answer::Number(1)).await;
    let engine = world.engine().await;
    world.enqueue(&job_with("acme", "scheduled"));
    world.outcome_of("scheduled").await;
    replica.signal(Signal::STOP);
    let mut instant = job_with("acme", "instant");
    instant["meeting"] = json!({"topic": "now", "type": 1});
    world.enqueue(&instant);
    // Refused once, it is back in its room, and no call has left.
    world.until(&["HLEN", "zoomd:v1:payload:acme"], &Answer::Number(1)).await;
    assert_eq!(world.sim.counters().arrived.of(Endpoint::Create), 1);
    replica.signal(Signal::CONT);
    let outcome = world.outcome_of("instant").await;
    assert_eq!((&outcome["status"], &outcome["attempts"]), (&json!("succeeded"), &json!(1)));
    assert_eq!(world.sim.meetings().len(), 2);
    engine.drain(LIMIT).await;
}
