//! Jobs that delete a meeting: what is sent, what its answers mean, and how a lost one
//! is resolved.

use serde_json::{Value, json};
use zoom_sim::{Endpoint, Fault, LimitKind, What};

use crate::resp::Answer;
use crate::world::{LIMIT, World, job_with};

/// A world with one account and one meeting of this type; its number.
async fn with_meeting(kind: u8) -> (World, zoomd_workers::Engine, u64) {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    let mut create = job_with("acme", "create");
    create["meeting"]["type"] = kind.into();
    if kind == 8 {
        create["meeting"]["recurrence"] = json!({"type": 1, "end_times": 3});
    }
    world.enqueue(&create);
    let result = world.outcome("create").await;
    let id = result["meeting"]["id"].as_u64().expect("a meeting");
    (world, engine, id)
}

/// Has the register forget the meeting: it is as one that was made elsewhere.
fn forget(world: &World, meeting: u64) {
    world.resp().call(&["HDEL", "zoomd:v1:meeting:acme", &meeting.to_string()]);
}

fn delete(id: &str, meeting: u64) -> Value {
    json!({"id": id, "account": "acme", "kind": "delete_meeting", "meeting_id": meeting})
}

fn series(id: &str, meeting: u64) -> Value {
    let mut job = delete(id, meeting);
    job["scope"] = "series".into();
    job
}

#[tokio::test]
async fn a_meeting_is_deleted_once_and_spends_nobodys_day() {
    let (world, engine, meeting) = with_meeting(2).await;
    world.enqueue(&delete("gone", meeting));
    let result = world.outcome_of("gone").await;
    assert_eq!(result["status"], "succeeded", "{result}");
    assert_eq!((&result["kind"], &result["effect"]), (&"delete_meeting".into(), &"deleted".into()));
    assert_eq!(result["meeting"], json!({"id": meeting}));
    assert_eq!((&result["attempts"], &result["reconciled"]), (&1.into(), &false.into()));
    assert!(world.sim.meetings().iter().all(|meeting| meeting.deleted));
    let arrived = world.sim.counters().arrived;
    assert_eq!((arrived.get, arrived.delete), (0, 1), "the register knows its type");
    // The create and the delete; the host's day has the create alone.
    let mut resp = world.resp();
    let day = resp.call(&["KEYS", "zoomd:v1:ledger:*"]).list()[0].text().to_owned();
    let all = resp.call(&["HGETALL", &day]);
    let counts: Vec<_> =
        all.list().chunks(2).map(|pair| (pair[0].text(), pair[1].text())).collect();
    assert!(counts.contains(&("l:light", "2")), "{counts:?}");
    let hosts: Vec<_> = counts.iter().filter(|(name, _)| name.starts_with("h:")).collect();
    assert_eq!(hosts.iter().map(|(_, n)| *n).collect::<Vec<_>>(), ["1"], "{counts:?}");
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_series_goes_only_where_the_job_says_so() {
    let (world, engine, meeting) = with_meeting(8).await;
    // The register knows that it is one; of a meeting that it does not know a read tells.
    for (id, reads) in [("unsaid", 0), ("unknown", 1)] {
        world.enqueue(&delete(id, meeting));
        let failure = world.outcome_of(id).await;
        assert_eq!(failure["code"], "invalid_job", "{failure}");
        assert_eq!((&failure["field"], &failure["attempts"]), (&"scope".into(), &0.into()));
        let arrived = world.sim.counters().arrived;
        assert_eq!((arrived.get, arrived.delete), (reads, 0), "nothing is sent");
        forget(&world, meeting);
    }
    let reads = world.sim.counters().arrived.get;
    let mut said = series("said", meeting);
    said["notify"] = true.into();
    world.enqueue(&said);
    let result = world.outcome_of("said").await;
    assert_eq!((&result["status"], &result["effect"]), (&"succeeded".into(), &"deleted".into()));
    assert_eq!(world.sim.counters().arrived.get, reads, "no read is needed");
    assert!(world.sim.meetings().iter().all(|meeting| meeting.deleted));
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn what_zoom_refuses_ends_it() {
    let (world, engine, meeting) = with_meeting(2).await;
    // Of a meeting that zoomd has not seen, one answer is Zoom's refusal.
    for (id, job) in [("read", delete("read", 4_711)), ("sent", series("sent", 4_711))] {
        world.enqueue(&job);
        let failure = world.outcome_of(id).await;
        assert_eq!(failure["code"], "zoom_rejected", "{failure}");
        assert_eq!(
            (&failure["zoom"]["status"], &failure["zoom"]["code"]),
            (&404.into(), &3001.into())
        );
    }
    world.sim.fault(Fault::new(Endpoint::Delete, What::Status(400)));
    world.enqueue(&series("refused", meeting));
    assert_eq!(world.outcome_of("refused").await["code"], "zoom_rejected");
    assert_eq!(world.sim.meetings().len(), 1);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_lost_answer_is_resolved_by_two_reads() {
    let (world, engine, meeting) = with_meeting(2).await;
    world.sim.fault(Fault::new(Endpoint::Delete, What::Drop).after());
    world.enqueue(&series("lost", meeting));
    let result = world.outcome_of("lost").await;
    assert_eq!(
        (&result["status"], &result["effect"]),
        (&"succeeded".into(), &"already_gone".into())
    );
    assert_eq!((&result["attempts"], &result["reconciled"]), (&1.into(), &true.into()));
    let arrived = world.sim.counters().arrived;
    assert_eq!((arrived.delete, arrived.get), (1, 2), "it is not sent again");
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_lost_call_that_did_nothing_is_made_again() {
    let (world, engine, meeting) = with_meeting(2).await;
    world.sim.fault(Fault::new(Endpoint::Delete, What::Status(502)));
    world.enqueue(&series("again", meeting));
    let result = world.outcome_of("again").await;
    assert_eq!(
        (&result["effect"], &result["attempts"]),
        (&"deleted".into(), &2.into()),
        "{result}"
    );
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_false_word_that_a_known_meeting_is_gone_is_not_believed() {
    let (world, engine, meeting) = with_meeting(2).await;
    world.sim.fault(Fault::new(Endpoint::Delete, What::Missing));
    world.enqueue(&delete("false", meeting));
    let result = world.outcome_of("false").await;
    assert_eq!(
        (&result["effect"], &result["attempts"]),
        (&"deleted".into(), &2.into()),
        "{result}"
    );
    assert!(world.sim.meetings().iter().all(|meeting| meeting.deleted));
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn without_the_read_scope_one_further_delete_stands_for_the_read() {
    let (world, engine, meeting) = with_meeting(2).await;
    forget(&world, meeting);
    let scope = r#"{"code":4711,"message":"Invalid access token, does not contain scopes:[meeting:read:meeting]."}"#;
    let body =
        What::Body { status: 400, content_type: "application/json".into(), body: scope.into() };
    world.sim.fault(Fault::new(Endpoint::Get, body).always());
    world.enqueue(&delete("unread", meeting));
    let failure = world.outcome_of("unread").await;
    assert_eq!(failure["code"], "missing_scope", "{failure}");
    assert_eq!(world.sim.counters().arrived.delete, 0, "nothing is sent");
    world.sim.fault(Fault::new(Endpoint::Delete, What::Drop).after());
    world.enqueue(&series("lost", meeting));
    let result = world.outcome_of("lost").await;
    assert_eq!(
        (&result["status"], &result["effect"]),
        (&"succeeded".into(), &"already_gone".into())
    );
    assert_eq!(world.sim.counters().arrived.delete, 3);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_limit_of_its_class_makes_it_wait_and_no_attempt_is_spent() {
    let (world, engine, meeting) = with_meeting(2).await;
    world.sim.fault(Fault::new(Endpoint::Delete, What::Limit(LimitKind::PerSecond)));
    world.enqueue(&series("limited", meeting));
    let result = world.outcome_of("limited").await;
    assert_eq!(
        (&result["effect"], &result["attempts"]),
        (&"deleted".into(), &1.into()),
        "{result}"
    );
    let mut resp = world.resp();
    let gates = resp.call(&["KEYS", "zoomd:v1:gate:*"]);
    assert_eq!(gates.list().len(), 1);
    assert_ne!(resp.call(&["HGET", gates.list()[0].text(), "light"]), Answer::Nil);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn the_same_delete_twice_is_one_and_another_target_is_a_conflict() {
    let (world, engine, meeting) = with_meeting(2).await;
    let first = world.enqueue(&series("same", meeting));
    let mut text = series("same", meeting);
    text["meeting_id"] = meeting.to_string().into();
    world.enqueue(&text);
    let other = world.enqueue(&series("same", meeting + 1));
    let failure = world.outcome_of(&other).await;
    assert_eq!(failure["code"], "id_conflict", "{failure}");
    let result = world.outcome_of("same").await;
    assert_eq!((&result["effect"], &result["entry_id"]), (&"deleted".into(), &first.into()));
    assert_eq!(world.sim.counters().arrived.delete, 1);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn one_date_goes_and_a_lost_answer_of_it_is_checked_by_a_read() {
    let (world, engine, meeting) = with_meeting(8).await;
    let date = |id: &str, start: &str| {
        let mut job = delete(id, meeting);
        job["occurrence"] = start.into();
        job
    };
    world.enqueue(&date("first", "2036-12-01T10:00:00Z"));
    let result = world.outcome_of("first").await;
    assert_eq!(
        (&result["effect"], &result["attempts"]),
        (&"deleted".into(), &1.into()),
        "{result}"
    );
    // The deed was done and the answer lost.
    world.sim.fault(Fault::new(Endpoint::Delete, What::Drop).after());
    world.enqueue(&date("second", "2036-12-02T11:00:00+01:00"));
    let result = world.outcome_of("second").await;
    assert_eq!((&result["effect"], &result["attempts"]), (&"already_gone".into(), &1.into()));
    // A date that is gone: Zoom's refusal of one that no job of ours tried.
    world.enqueue(&date("twice", "2036-12-02T10:00:00Z"));
    let failure = world.outcome_of("twice").await;
    assert_eq!(
        (&failure["code"], &failure["zoom"]["code"]),
        (&"zoom_rejected".into(), &300.into())
    );
    // A date is no series: the rest stays.
    assert!(world.sim.meetings().iter().all(|meeting| !meeting.deleted));
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_personal_meeting_and_one_that_runs_are_zooms_to_refuse() {
    let (world, engine, meeting) = with_meeting(2).await;
    world.sim.rules(|rules| rules.running_not_deleted = true);
    assert!(world.sim.start_meeting(meeting));
    let mut create = job_with("acme", "pmi");
    create["meeting"]["settings"] = json!({"use_pmi": true});
    world.enqueue(&create);
    let personal = world.outcome_of("pmi").await["meeting"]["id"].as_u64().expect("a number");
    for (id, meeting, code) in [("runs", meeting, 3002), ("personal", personal, 3018)] {
        world.enqueue(&delete(id, meeting));
        let failure = world.outcome_of(id).await;
        assert_eq!(
            (&failure["code"], &failure["zoom"]["code"]),
            (&"zoom_rejected".into(), &code.into()),
            "{failure}"
        );
    }
    engine.drain(LIMIT).await;
    world.assert_idle();
}
