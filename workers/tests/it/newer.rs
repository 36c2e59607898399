//! Jobs of a kind that this version does not know, beside a newer daemon and without one.

use serde_json::{Value, json};
use zoomd_store::inspect::{Ops, Presence};

use crate::resp::Answer;
use crate::world::{LIMIT, World, job_with};

fn newer() -> Presence {
    Presence {
        id: "newer-1".into(),
        host: "there".into(),
        pid: 1,
        version: "99.0.0".into(),
        started_ms: 1,
        problems: Vec::new(),
    }
}

fn unknown(id: &str) -> Value {
    json!({"id": id, "account": "acme", "kind": "clone_meeting", "from": 7})
}

#[tokio::test]
async fn a_job_of_an_unknown_kind_is_left_to_a_newer_daemon_while_one_is_alive() {
    let world = World::new().await;
    world.account("acme").await;
    let ops = Ops::new(world.store.clone());
    let engine = world.engine().await;
    ops.announce(&newer()).await.expect("redis");
    world.enqueue(&unknown("left"));
    world.enqueue(&job_with("acme", "next"));
    world.outcome_of("next").await;
    let mut resp = world.resp();
    assert_eq!(resp.call(&["XLEN", "zoomd:failures"]), Answer::Number(0));
    assert_eq!(resp.call(&["XLEN", "zoomd:jobs"]), Answer::Number(1), "it is still there");
    let detail = ops.job("left").await.expect("redis").and_then(|view| view.detail);
    assert!(detail.is_some_and(|detail| detail.contains("clone_meeting is unknown")));
    ops.leave("newer-1", "there").await.expect("redis");
    let failure = world.outcome_of("left").await;
    let found = (&failure["code"], &failure["kind"]);
    assert_eq!(found, (&"invalid_job".into(), &"clone_meeting".into()), "{failure}");
    engine.drain(LIMIT).await;
    world.assert_idle();
}

/// A newer daemon admitted a job that this one is handed out of its room.
#[tokio::test]
async fn a_waiting_job_of_an_unknown_kind_is_put_aside() {
    let world = World::new().await;
    world.account("acme").await;
    let ops = Ops::new(world.store.clone());
    let engine = world.engine().await;
    let mut waits = job_with("acme", "waits");
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    waits["not_before"] = soon.to_string().into();
    world.enqueue(&waits);
    let payload = ["zoomd:v1:payload:acme", "waits"];
    let known = waits.to_string();
    world.until(&["HGET", payload[0], payload[1]], &Answer::Text(known.clone())).await;
    ops.announce(&newer()).await.expect("redis");
    let mut resp = world.resp();
    resp.call(&["HSET", payload[0], payload[1], &unknown("waits").to_string()]);
    let until = std::time::Instant::now() + LIMIT;
    loop {
        ops.announce(&newer()).await.expect("redis");
        let record = resp.call(&["HGET", "zoomd:v1:record:acme", "waits"]);
        if matches!(&record, Answer::Text(record) if record.contains("newer daemon")) {
            break;
        }
        assert!(std::time::Instant::now() < until, "it was not put aside: {record:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(resp.call(&["XLEN", "zoomd:failures"]), Answer::Number(0));
    // Whoever knows the kind makes the call.
    resp.call(&["HSET", payload[0], payload[1], &known]);
    assert_eq!(world.outcome_of("waits").await["status"], "succeeded");
    engine.drain(LIMIT).await;
    world.assert_idle();
}
