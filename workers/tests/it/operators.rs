//! Actions of an operator while an outcome is not known: nothing is guessed, and nothing is
//! sent without need.

use std::time::{Duration, Instant};

use zoom_sim::{Endpoint, Fault, What};
use zoomd_store::admin::{Cancelled, Retried};
use zoomd_store::inspect::{JobView, Ops, State};
use zoomd_wire::MaxWait;
use zoomd_workers::Engine;

use crate::world::{LIMIT, World, job_with};

const WAIT: MaxWait =
    MaxWait { usual: Duration::from_secs(3600), momentary: Duration::from_secs(600) };

/// An engine that looks for a lost call after a while, so that there is time to
/// do something meanwhile.
async fn patient_engine(world: &World) -> Engine {
    let ms = Duration::from_millis;
    world
        .engine_with(|setup| {
            setup.settings.reconcile.delays = vec![ms(700), ms(100)];
            setup.queue.request_timeout = ms(300);
        })
        .await
}

/// Waits until the job is seen like this.
async fn until(ops: &Ops, id: &str, wanted: impl Fn(&JobView) -> bool) -> JobView {
    let end = Instant::now() + LIMIT;
    loop {
        let view = ops.job(id).await.expect("redis");
        if let Some(view) = view.filter(|view| wanted(view)) {
            return view;
        }
        assert!(Instant::now() < end, "{id} is never like this");
        tokio::task::yield_now().await;
    }
}

/// Cancels a job between two looks at Zoom.
async fn cancel_unresolved(ops: &Ops, id: &str) {
    until(ops, id, |view| view.state == State::Reconciling && view.daemon.is_none()).await;
    let answer = ops.cancel(&[id.into()], "no more").await.expect("redis");
    assert_eq!(answer, [Cancelled::AfterReconcile]);
}

#[tokio::test]
async fn a_cancelled_job_whose_call_made_nothing_is_cancelled_then() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = patient_engine(&world).await;
    let ops = Ops::new(world.store.clone());
    world.sim.fault(Fault::new(Endpoint::Create, What::Status(502)).always());
    world.enqueue(&job_with("acme", "a"));
    cancel_unresolved(&ops, "a").await;
    let failure = world.outcome("a").await;
    assert_eq!(failure["code"], "cancelled");
    assert_eq!(failure["message"], "the job was cancelled by an operator: no more");
    assert_eq!(world.sim.counters().arrived.create, 1);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_cancelled_job_whose_call_made_its_meeting_succeeds() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = patient_engine(&world).await;
    let ops = Ops::new(world.store.clone());
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    world.enqueue(&job_with("acme", "a"));
    cancel_unresolved(&ops, "a").await;
    let result = world.outcome("a").await;
    assert_eq!((&result["status"], &result["reconciled"]), (&"succeeded".into(), &true.into()));
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_retried_unknown_outcome_is_looked_for_and_found() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world
        .engine_with(|setup| {
            setup.queue.request_timeout = Duration::from_millis(300);
            setup.settings.reconcile.delays = vec![Duration::from_millis(50)];
        })
        .await;
    let ops = Ops::new(world.store.clone());
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    let refused = What::Body {
        status: 400,
        content_type: "application/json".into(),
        body: r#"{"code":4711,"message":"Invalid access token, does not contain scopes:[meeting:read:list_meetings]."}"#.into(),
    };
    let refusal = world.sim.fault(Fault::new(Endpoint::List, refused).always());
    world.enqueue(&job_with("acme", "a"));
    until(&ops, "a", |view| view.state == State::Failed).await;
    let failure = ops.failure("a").await.expect("redis").expect("a failure");
    assert_eq!(failure.line.code, "outcome_unknown");
    world.sim.clear_fault(refusal);
    let retried = ops.retry(&failure, false, &WAIT).await.expect("redis");
    assert_eq!(retried, Retried::Started { run: 2, reconciles: true });
    let view = until(&ops, "a", |view| view.state == State::Succeeded).await;
    let result: serde_json::Value =
        serde_json::from_str(&view.outcome.expect("an outcome")).expect("JSON");
    assert_eq!((&result["run"], &result["reconciled"]), (&2.into(), &true.into()));
    assert_eq!((world.sim.meetings().len(), world.sim.counters().arrived.create), (1, 1));
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn nothing_is_sent_again_after_the_jobs_own_deadline() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = patient_engine(&world).await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Status(502)).always());
    let mut job = job_with("acme", "late");
    let deadline = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(600);
    job["deadline"] = deadline.to_string().into();
    world.enqueue(&job);
    let failure = world.outcome("late").await;
    assert_eq!(failure["code"], "deadline_exceeded");
    assert_eq!(world.sim.counters().arrived.create, 1);
    engine.drain(LIMIT).await;
    world.assert_idle();
}
