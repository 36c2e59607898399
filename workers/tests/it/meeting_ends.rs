//! Jobs that end a meeting: one run of it, known by its uuid, and no other.

use serde_json::{Value, json};
use zoom_sim::{Endpoint, Fault, What};

use crate::world::{LIMIT, World, job_with};

async fn with_meeting() -> (World, zoomd_workers::Engine, u64) {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    world.enqueue(&job_with("acme", "create"));
    let result = world.outcome("create").await;
    let id = result["meeting"]["id"].as_u64().expect("a meeting");
    (world, engine, id)
}

fn end(id: &str, meeting: u64) -> Value {
    json!({"id": id, "account": "acme", "kind": "end_meeting", "meeting_id": meeting})
}

#[tokio::test]
async fn what_runs_is_ended_and_what_does_not_is_so_already() {
    let (world, engine, meeting) = with_meeting().await;
    world.enqueue(&end("before", meeting));
    let result = world.outcome_of("before").await;
    assert_eq!(result["effect"], "already_ended", "{result}");
    world.sim.rules(|rules| rules.end_of_idle_refused = false);
    world.enqueue(&end("silent", meeting));
    assert_eq!(world.outcome_of("silent").await["effect"], "already_ended", "204 all the same");
    assert!(world.sim.start_meeting(meeting));
    world.enqueue(&end("now", meeting));
    let result = world.outcome_of("now").await;
    assert_eq!((&result["status"], &result["effect"]), (&"succeeded".into(), &"ended".into()));
    assert_eq!((&result["meeting"], &result["attempts"]), (&json!({"id": meeting}), &1.into()));
    world.enqueue(&end("twice", meeting));
    assert_eq!(world.outcome_of("twice").await["effect"], "already_ended");
    world.enqueue(&end("unknown", 4_711));
    let failure = world.outcome_of("unknown").await;
    assert_eq!(
        (&failure["code"], &failure["zoom"]["code"]),
        (&"zoom_rejected".into(), &3001.into())
    );
    // Nobody's day was charged but the create's.
    let mut resp = world.resp();
    let day = resp.call(&["KEYS", "zoomd:v1:ledger:*"]).list()[0].text().to_owned();
    let all = resp.call(&["HGETALL", &day]);
    let hosts: Vec<_> = all
        .list()
        .chunks(2)
        .filter(|pair| pair[0].text().starts_with("h:"))
        .map(|pair| pair[1].text().to_owned())
        .collect();
    assert_eq!(hosts, ["1"]);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_lost_answer_is_resolved_by_the_run() {
    let (world, engine, meeting) = with_meeting().await;
    assert!(world.sim.start_meeting(meeting));
    world.sim.fault(Fault::new(Endpoint::Status, What::Drop).after());
    world.enqueue(&end("lost", meeting));
    let result = world.outcome_of("lost").await;
    assert_eq!((&result["effect"], &result["attempts"]), (&"already_ended".into(), &1.into()));
    assert_eq!(world.sim.counters().arrived.status, 1, "it is not sent again");

    assert!(world.sim.start_meeting(meeting));
    world.sim.fault(Fault::new(Endpoint::Status, What::Status(502)));
    world.enqueue(&end("again", meeting));
    let result = world.outcome_of("again").await;
    assert_eq!((&result["effect"], &result["attempts"]), (&"ended".into(), &2.into()), "{result}");
    engine.drain(LIMIT).await;
    world.assert_idle();
}

/// The call ended the meeting and its answer was lost; people met again before it was
/// looked at. They stay.
#[tokio::test]
async fn another_run_is_not_ended_by_a_repeat() {
    let (world, engine, meeting) = with_meeting().await;
    assert!(world.sim.start_meeting(meeting));
    world.sim.fault(Fault::new(Endpoint::Status, What::Hold).after());
    world.enqueue(&end("lost", meeting));
    world.sim.wait_for(Endpoint::Status, 1).await.expect("the call");
    let until = std::time::Instant::now() + LIMIT;
    while world.sim.meetings()[0].running {
        assert!(std::time::Instant::now() < until, "it was not ended");
        tokio::task::yield_now().await;
    }
    assert!(world.sim.start_meeting(meeting));
    let result = world.outcome_of("lost").await;
    assert_eq!((&result["effect"], &result["attempts"]), (&"already_ended".into(), &1.into()));
    assert!(world.sim.meetings()[0].running, "the second run goes on");
    assert_eq!(world.sim.counters().arrived.status, 1);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn an_end_that_waits_too_long_is_worth_nothing() {
    let (world, engine, meeting) = with_meeting().await;
    engine.drain(LIMIT).await;
    let engine = world
        .engine_with(|setup| {
            setup.settings.max_wait.momentary = std::time::Duration::from_millis(1);
        })
        .await;
    world.enqueue(&end("late", meeting));
    let failure = world.outcome_of("late").await;
    assert_eq!(failure["code"], "deadline_exceeded", "{failure}");
    assert_eq!(world.sim.counters().arrived.status, 0);
    engine.drain(LIMIT).await;
    world.assert_idle();
}
