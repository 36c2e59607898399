//! Jobs that name a create that ended as `outcome_unknown`, or that made no meeting.

use std::time::Duration;

use serde_json::{Value, json};
use zoom_sim::{Endpoint, Fault, FaultId, What};
use zoomd_store::admin::Retried;
use zoomd_store::inspect::Ops;
use zoomd_wire::MaxWait;
use zoomd_workers::Engine;

use crate::world::{LIMIT, World, job_with};

const WAIT: MaxWait =
    MaxWait { usual: Duration::from_secs(3600), momentary: Duration::from_secs(600) };

fn of(create: &str, id: &str, kind: &str, more: Value) -> Value {
    let mut job = json!({"id": id, "account": "acme", "kind": kind, "of": create});
    let fields = more.as_object().expect("an object").clone();
    job.as_object_mut().expect("an object").extend(fields);
    job
}

fn delete(create: &str, id: &str) -> Value {
    of(create, id, "delete_meeting", json!({}))
}

/// A world in which the create `lost` ended as unknown, since the list may not be read.
/// Zoom made its meeting if `made`.
async fn with_unknown(made: bool) -> (World, Engine, FaultId) {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world
        .engine_with(|setup| {
            setup.client = world.client(Duration::from_millis(300));
            setup.queue.request_timeout = Duration::from_millis(300);
            setup.settings.reconcile.delays = vec![Duration::from_millis(50)];
        })
        .await;
    let lost = Fault::new(Endpoint::Create, What::Drop);
    world.sim.fault(if made { lost.after() } else { lost });
    let body = r#"{"code":4711,"message":"does not contain scopes:[meeting:read:list_meetings]"}"#;
    let content_type = "application/json".to_owned();
    let refused = What::Body { status: 400, content_type, body: body.into() };
    let refusal = world.sim.fault(Fault::new(Endpoint::List, refused).always());
    world.enqueue(&job_with("acme", "lost"));
    assert_eq!(world.outcome_of("lost").await["code"], "outcome_unknown");
    assert_eq!(world.sim.meetings().len(), usize::from(made));
    (world, engine, refusal)
}

/// The delete searches once more, deletes what was made, and leaves its mark on the create.
#[tokio::test]
async fn a_delete_finds_the_meeting_of_a_create_of_unknown_outcome() {
    let (world, engine, refusal) = with_unknown(true).await;
    let stale = Ops::new(world.store.clone()).failure("lost").await.expect("redis");
    for (id, kind, more) in [
        ("update", "update_meeting", json!({"meeting": {"topic": "t"}})),
        ("end", "end_meeting", json!({})),
    ] {
        world.enqueue(&of("lost", id, kind, more));
        let failure = world.outcome_of(id).await;
        assert_eq!(failure["code"], "outcome_unknown", "{failure}");
    }
    world.sim.clear_fault(refusal);
    world.enqueue(&delete("lost", "d"));
    let result = world.outcome_of("d").await;
    assert_eq!((&result["effect"], &result["of"]), (&"deleted".into(), &"lost".into()), "{result}");
    let meeting = &world.sim.meetings()[0];
    assert!(meeting.deleted);
    assert_eq!(result["meeting"], json!({"id": meeting.id}));
    let ops = Ops::new(world.store.clone());
    let failure = ops.failure("lost").await.expect("redis").expect("a failure");
    assert_eq!(failure.deleted_by.as_deref(), Some("d"));
    let told = failure.record.story.timeline.iter().any(|step| step.what.contains("job d"));
    assert!(told, "{:?}", failure.record.story);
    // Who read the failure before the delete does not revive its meeting; who forces it does.
    let retried = ops.retry(&stale.expect("a failure"), false, &WAIT).await.expect("redis");
    assert_eq!(retried, Retried::Deleted { by: "d".into() });
    let retried = ops.retry(&failure, false, &WAIT).await.expect("redis");
    assert_eq!(retried, Retried::Started { run: 2, reconciles: true });
    engine.drain(LIMIT).await;
}

/// The list without the marker proves that there is nothing to delete.
#[tokio::test]
async fn a_delete_proves_that_a_create_of_unknown_outcome_made_nothing() {
    let (world, engine, refusal) = with_unknown(false).await;
    world.sim.clear_fault(refusal);
    world.enqueue(&delete("lost", "d"));
    let result = world.outcome_of("d").await;
    assert_eq!((&result["effect"], &result["attempts"]), (&"already_gone".into(), &0.into()));
    assert_eq!(world.sim.counters().arrived.delete, 0);
    let ops = Ops::new(world.store.clone());
    let failure = ops.failure("lost").await.expect("redis").expect("a failure");
    assert_eq!(failure.deleted_by.as_deref(), Some("d"));
    engine.drain(LIMIT).await;
    world.assert_idle();
}

/// A meeting that the search cannot find for certain stays unknown, and the create is as it was.
#[tokio::test]
async fn a_delete_that_cannot_search_ends_as_unknown_too() {
    let (world, engine, _refusal) = with_unknown(true).await;
    world.enqueue(&delete("lost", "d"));
    let failure = world.outcome_of("d").await;
    assert_eq!(failure["code"], "outcome_unknown", "{failure}");
    assert!(failure["message"].as_str().expect("text").contains("4711"), "{failure}");
    assert_eq!(world.sim.counters().arrived.delete, 0);
    let ops = Ops::new(world.store.clone());
    let failure = ops.failure("lost").await.expect("redis").expect("a failure");
    assert_eq!(failure.deleted_by, None);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

/// An id that made a meeting and was used again for a create that failed: the earlier one is
/// named, and left alone.
#[tokio::test]
async fn no_meeting_names_earlier_meetings_of_the_id() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine_with(|setup| setup.queue.remember = Duration::ZERO).await;
    world.enqueue(&job_with("acme", "c"));
    let made = world.outcome_of("c").await["meeting"]["id"].clone();
    world.sim.fault(Fault::new(Endpoint::Create, What::Status(400)));
    world.resp().call(&["DEL", "zoomd:results"]);
    // The first delete waits behind its create, the second comes after it.
    let gate = world.sim.fault(Fault::new(Endpoint::Create, What::Hold).times(1));
    world.enqueue(&job_with("acme", "c"));
    world.enqueue(&of("c", "behind", "update_meeting", json!({"meeting": {"topic": "t"}})));
    world.sim.wait_for(Endpoint::Create, 2).await.expect("the second create");
    world.sim.release(gate);
    assert_eq!(world.outcome_of("c").await["code"], "zoom_rejected");
    world.enqueue(&delete("c", "after"));
    for id in ["behind", "after"] {
        let failure = world.outcome_of(id).await;
        assert_eq!(failure["code"], "no_meeting", "{failure}");
        let candidates = failure["candidates"].as_array().expect("candidates");
        let found: Vec<_> = candidates.iter().map(|one| (&one["id"], &one["type"])).collect();
        assert_eq!(found, [(&made, &2.into())], "{failure}");
        assert_eq!(candidates[0]["start_time"], "2036-12-01T10:00:00Z");
    }
    assert!(world.sim.meetings().iter().all(|meeting| !meeting.deleted));
    engine.drain(LIMIT).await;
    world.assert_idle();
}
