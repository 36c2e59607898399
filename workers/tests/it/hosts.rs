//! Scope of the limit in an answer of Zoom's: a host's names, a call's rate-limit class.

use zoom_sim::{Endpoint, Fault, LimitKind, What};

use crate::resp::Answer;
use crate::world::{LIMIT, World, job_with};

#[tokio::test]
async fn a_host_that_redis_forgot_is_learnt_again() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    let mut resp = world.resp();
    for (id, count) in [("first", 1), ("second", 2)] {
        world.enqueue(&job_with("acme", id));
        assert_eq!(world.outcomes(count).await[id]["status"], "succeeded");
        let known = resp.call(&["HEXISTS", "zoomd:v1:alias:~acme", "me@acme"]);
        assert_eq!(known.number(), 1, "after the {id}");
        resp.call(&["DEL", "zoomd:v1:alias:~acme"]);
    }
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_limit_met_while_reading_a_meeting_is_not_one_of_lists() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    world.sim.fault(Fault::new(Endpoint::Get, What::Limit(LimitKind::LabelDay)));
    let mut long = job_with("acme", "long");
    long["meeting"]["agenda"] = "word ".repeat(200).into();
    world.enqueue(&long);
    world.sim.wait_for(Endpoint::Get, 1).await.expect("a call");
    // Back in its room; gets have the label of creates.
    world.until(&["EXISTS", "zoomd:v1:room:acme|?reconcile"], &Answer::Number(1)).await;
    let closed = |field| world.resp().call(&["HEXISTS", "zoomd:v1:gate:~acme", field]).number();
    assert_eq!((closed("day:light"), closed("day:medium")), (1, 0));
    engine.drain(LIMIT).await;
}
