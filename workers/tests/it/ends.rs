//! Jobs that go well, and jobs that end at once.

use std::collections::HashSet;

use serde_json::json;

use crate::world::{World, job, job_with};

#[tokio::test]
async fn a_job_becomes_a_meeting_and_a_result() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    let entry = world.enqueue(&json!({
        "id": "order-1", "account": "acme", "metadata": {"tenant": 7}, "reply": true,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "meeting": {"topic": "Weekly sync", "type": 2, "start_time": "2036-12-01T10:00:00Z",
                    "duration": 30, "agenda": "what we do"},
    }));
    let result = world.outcome("order-1").await;
    let meetings = world.sim.meetings();
    assert_eq!(meetings.len(), 1);
    assert_eq!(result["status"], "succeeded");
    assert_eq!(result["entry_id"], entry);
    assert_eq!(result["run"], 1);
    assert_eq!(result["attempts"], 1);
    assert_eq!(result["reconciled"], false);
    assert_eq!(result["metadata"], json!({"tenant": 7}));
    assert_eq!(result["traceparent"], "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_eq!(result["meeting"]["id"], meetings[0].id);
    assert!(result["meeting"]["join_url"].is_string());
    assert!(result["meeting"].get("start_url").is_none());
    assert!(meetings[0].agenda.starts_with("what we do\nzd-"), "{}", meetings[0].agenda);
    let reply = world.resp().call(&["LPOP", "zoomd:reply:order-1"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(reply.text()).unwrap(), result);
    engine.drain(crate::world::LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn two_hundred_jobs_with_and_without_ids_and_again() {
    let world = World::new().await;
    for account in ["a", "b", "c"] {
        world.account(account).await;
    }
    let jobs: Vec<_> = (0..200)
        .map(|n| {
            let account = ["a", "b", "c"][n % 3];
            match n % 2 {
                0 => job(account, &format!("t{n}")),
                _ => job_with(account, &format!("id-{n}")),
            }
        })
        .collect();
    jobs.iter().for_each(|job| drop(world.enqueue(job)));
    let engine = world.engine().await;
    let outcomes = world.outcomes(200).await;
    assert!(outcomes.values().all(|outcome| outcome["status"] == "succeeded"));
    // Repeated ids make nothing; the jobs without one are new jobs.
    jobs.iter().for_each(|job| drop(world.enqueue(job)));
    let outcomes = world.outcomes(300).await;
    let topics: HashSet<_> = world.sim.meetings().iter().map(|m| m.serial).collect();
    assert_eq!((outcomes.len(), topics.len()), (300, 300));
    engine.drain(crate::world::LIMIT).await;
    world.assert_idle();
    assert!(world.sim.counters().broken.none(), "{:?}", world.sim.violations());
}

#[tokio::test]
async fn what_cannot_be_accepted_is_a_failure_that_says_why() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    let not_json = world.enqueue_text("{");
    let mut bad = job_with("acme", "long");
    bad["meeting"]["topic"] = "x".repeat(201).into();
    world.enqueue(&bad);
    world.enqueue(&job_with("nobody", "unknown"));
    world.enqueue(&job_with("acme", "twin"));
    let outcomes = world.outcomes(4).await;
    let mut other = job_with("acme", "twin");
    other["meeting"]["topic"] = "another".into();
    let conflict = world.enqueue(&other);
    let outcomes: Vec<_> = outcomes.into_iter().chain(world.outcomes(5).await).collect();
    let find = |id: &str| &outcomes.iter().rfind(|(key, _)| key == id).expect("an outcome").1;
    assert_eq!(find(&not_json)["code"], "invalid_job");
    assert_eq!(find(&not_json)["text"], "{");
    assert_eq!(find("long")["field"], "meeting.topic");
    assert_eq!(find("long")["job"]["id"], "long");
    assert_eq!(find("unknown")["code"], "unknown_account");
    assert_eq!(find("twin")["status"], "succeeded");
    assert_eq!(find(&conflict)["code"], "id_conflict");
    engine.drain(crate::world::LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn what_zoom_refuses_fails_with_zooms_words() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    let mut foreign = job_with("acme", "foreign");
    foreign["user"] = "somebody@else.example".into();
    world.enqueue(&foreign);
    let failure = world.outcome("foreign").await;
    assert_eq!(failure["code"], "zoom_rejected");
    assert_eq!(failure["zoom"]["code"], 1001);
    assert_eq!(failure["attempts"], 1);
    assert_eq!(failure["job"]["id"], "foreign");
    // A failed job frees its id at once.
    world.enqueue(&job_with("acme", "foreign"));
    let outcomes =
        tokio::time::timeout(crate::world::LIMIT, world.sim.wait_meetings(1, crate::world::LIMIT))
            .await;
    assert!(outcomes.is_ok());
    engine.drain(crate::world::LIMIT).await;
    world.assert_idle();
}
