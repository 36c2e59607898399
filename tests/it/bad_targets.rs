//! Targets that are named wrongly, or that cannot take what a job wants of them, black box:
//! each ends as the contract says, and nothing is sent for what can be refused before.

use serde_json::{Value, json};
use zoom_sim::{Endpoint, Fault, What};
use zoomd_store::streams::Stream;

use crate::support::{Rig, job, until};

fn text(id: &str, kind: &str, more: Value) -> String {
    let mut text = json!({"id": id, "account": "acme", "kind": kind});
    let fields = text.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    text.to_string()
}

/// Sends a job and answers its outcome with the code of a failure, or the effect.
async fn end_of(rig: &Rig, id: &str, kind: &str, more: Value) -> (String, Value) {
    rig.xadd(&text(id, kind, more)).await;
    told(rig, id).await
}

async fn told(rig: &Rig, id: &str) -> (String, Value) {
    let (stream, outcome) = rig.outcome(id).await;
    let word = if stream == Stream::Results { "effect" } else { "code" };
    (outcome[word].as_str().unwrap_or_default().to_owned(), outcome)
}

/// A job as the command shows it; `None`: it is not known yet.
fn shown(rig: &Rig, id: &str) -> Option<Value> {
    let ran = rig.run(&["--json", "job", "show", id]);
    (ran.code == 0).then(|| ran.json())
}

/// A meeting made under this id; its number.
async fn made(rig: &Rig, account: &str, id: &str) -> u64 {
    rig.xadd(&job(account, id)).await;
    let (_, result) = rig.outcome(id).await;
    result["meeting"]["id"].as_u64().expect("a meeting")
}

/// Number of calls that changed, deleted or ended a meeting.
fn changes(rig: &Rig) -> u64 {
    let arrived = rig.sim.counters().arrived;
    arrived.update + arrived.delete + arrived.status
}

#[tokio::test]
async fn what_names_no_target_is_refused_unsent() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    let topic = json!({"topic": "t"});
    let cases = [
        ("none", "delete_meeting", json!({}), "meeting_id"),
        ("both", "delete_meeting", json!({"of": "c", "meeting_id": 7}), "of"),
        ("float", "delete_meeting", json!({"meeting_id": 7.5}), "meeting_id"),
        ("whole-float", "delete_meeting", json!({"meeting_id": 7.0}), "meeting_id"),
        ("negative", "end_meeting", json!({"meeting_id": -7}), "meeting_id"),
        ("zero", "end_meeting", json!({"meeting_id": 0}), "meeting_id"),
        ("zeros", "end_meeting", json!({"meeting_id": "000"}), "meeting_id"),
        ("letters", "delete_meeting", json!({"meeting_id": "7a"}), "meeting_id"),
        ("empty", "delete_meeting", json!({"meeting_id": ""}), "meeting_id"),
        (
            "too-large",
            "delete_meeting",
            json!({"meeting_id": 9_223_372_036_854_775_808_u64}),
            "meeting_id",
        ),
        ("no-id", "delete_meeting", json!({"of": "a b"}), "of"),
        ("own", "delete_meeting", json!({"of": "own"}), "of"),
        ("nothing", "update_meeting", json!({"meeting_id": 7, "meeting": {}}), "meeting"),
        ("no-body", "update_meeting", json!({"meeting_id": 7}), "meeting"),
        ("body", "delete_meeting", json!({"meeting_id": 7, "meeting": topic}), "meeting"),
        ("soon", "delete_meeting", json!({"meeting_id": 7, "occurrence": "soon"}), "occurrence"),
        ("part", "delete_meeting", json!({"meeting_id": 7, "scope": "part"}), "scope"),
        ("create-of", "create_meeting", json!({"of": "c", "meeting": topic}), "of"),
    ];
    for (id, kind, more, field) in cases {
        let (code, failure) = end_of(&rig, id, kind, more).await;
        assert_eq!((&*code, &failure["field"]), ("invalid_job", &field.into()), "{id}: {failure}");
    }
    let (code, failure) = end_of(&rig, "nobody", "delete_meeting", json!({"of": "nil"})).await;
    assert_eq!(code, "no_meeting", "{failure}");
    assert_eq!(rig.sim.requests().len(), 0, "nothing is sent");
}

/// Creates in every state, named by a delete.
#[tokio::test]
async fn a_create_is_named_in_whatever_state_it_is() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.connect("other");
    let _daemon = rig.daemon();
    let delete = |of: &str| json!({"of": of});
    // Of another account, which keeps its meeting.
    let foreign = made(&rig, "other", "theirs").await;
    let (code, failure) = end_of(&rig, "d-theirs", "delete_meeting", delete("theirs")).await;
    assert_eq!((&*code, &failure["candidates"]), ("no_meeting", &Value::Null), "{failure}");
    // Failed.
    rig.sim.fault(Fault::new(Endpoint::Create, What::Status(400)));
    rig.xadd(&job("acme", "failed")).await;
    assert_eq!(told(&rig, "failed").await.0, "zoom_rejected");
    let (code, failure) = end_of(&rig, "d-failed", "delete_meeting", delete("failed")).await;
    assert_eq!(code, "no_meeting", "{failure}");
    // Waiting, and cancelled by hand.
    let mut later: Value = serde_json::from_str(&job("acme", "cancelled")).expect("JSON");
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    later["not_before"] = tomorrow.to_string().into();
    rig.xadd(&later.to_string()).await;
    until("the create to sleep", || (shown(&rig, "cancelled")?["state"] != "queued").then_some(()));
    rig.run(&["job", "cancel", "cancelled", "--yes"]).expect(0);
    let (code, failure) = end_of(&rig, "d-cancelled", "delete_meeting", delete("cancelled")).await;
    assert_eq!(code, "no_meeting", "{failure}");
    // Waiting: it is never created.
    later["id"] = "waiting".into();
    rig.xadd(&later.to_string()).await;
    let (effect, result) = end_of(&rig, "d-waiting", "delete_meeting", delete("waiting")).await;
    assert_eq!(effect, "never_created", "{result}");
    // Running, and with a call that is not resolved.
    let hold = rig.sim.fault(Fault::new(Endpoint::Create, What::Hold));
    let before = rig.sim.counters().arrived.create;
    rig.xadd(&job("acme", "running")).await;
    rig.sim.wait_for(Endpoint::Create, before + 1).await.expect("the create");
    rig.xadd(&text("d-running", "delete_meeting", delete("running"))).await;
    rig.sim.release(hold);
    assert_eq!(told(&rig, "d-running").await.0, "deleted");
    rig.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    rig.xadd(&job("acme", "unresolved")).await;
    let (effect, result) =
        end_of(&rig, "d-unresolved", "delete_meeting", delete("unresolved")).await;
    assert_eq!(effect, "deleted", "{result}");
    let there: Vec<_> = rig.sim.meetings().into_iter().filter(|one| !one.deleted).collect();
    assert_eq!(there.iter().map(|one| one.id).collect::<Vec<_>>(), [foreign]);
    // A job that is no create makes no meeting, either.
    let (code, failure) = end_of(&rig, "d-delete", "delete_meeting", delete("d-running")).await;
    assert_eq!(code, "no_meeting", "{failure}");
    assert_eq!(changes(&rig), 2, "the two deletes");
}

/// Jobs that the meeting itself does not allow.
#[tokio::test]
async fn what_a_meeting_does_not_allow_ends_with_zooms_word() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    let mut series: Value = serde_json::from_str(&job("acme", "series")).expect("JSON");
    series["meeting"]["type"] = 8.into();
    series["meeting"]["recurrence"] = json!({"type": 1, "end_times": 3});
    rig.xadd(&series.to_string()).await;
    rig.outcome("series").await;
    // Dates that there are not: by Zoom's id and by their start; of a change and of a delete.
    for (kind, more) in
        [("delete_meeting", json!({})), ("update_meeting", json!({"meeting": {"duration": 20}}))]
    {
        for (n, occurrence) in ["1648194360000", "2036-06-01T10:00:00Z"].iter().enumerate() {
            let mut more = more.clone();
            (more["of"], more["occurrence"]) = ("series".into(), (*occurrence).into());
            let (code, failure) = end_of(&rig, &format!("{kind}-{n}"), kind, more).await;
            assert_eq!(code, "zoom_rejected", "{failure}");
            let named = failure["candidates"].as_array().map(Vec::len);
            let said = (failure["zoom"]["code"].as_i64(), named);
            let expected = if n == 0 { (Some(300), None) } else { (None, Some(3)) };
            assert_eq!(said, expected, "{failure}");
        }
    }
    // The end of a meeting that does not run, that runs, and twice.
    let meeting = made(&rig, "acme", "m").await;
    for (id, effect) in [("early", "already_ended"), ("now", "ended"), ("twice", "already_ended")] {
        if effect == "ended" {
            assert!(rig.sim.start_meeting(meeting));
        }
        let (found, result) = end_of(&rig, id, "end_meeting", json!({"of": "m"})).await;
        assert_eq!(found, effect, "{result}");
    }
    // Deleted, twice; then changed and ended.
    for (id, kind, more, expected) in [
        ("gone", "delete_meeting", json!({}), "deleted"),
        ("gone-again", "delete_meeting", json!({}), "already_gone"),
        ("change", "update_meeting", json!({"meeting": {"topic": "t"}}), "zoom_rejected"),
        ("over", "end_meeting", json!({}), "already_ended"),
    ] {
        let mut more = more;
        more["of"] = "m".into();
        let (found, outcome) = end_of(&rig, id, kind, more).await;
        assert_eq!(found, expected, "{id}: {outcome}");
    }
    // A personal meeting.
    let mut own: Value = serde_json::from_str(&job("acme", "own")).expect("JSON");
    own["meeting"]["settings"] = json!({"use_pmi": true});
    rig.xadd(&own.to_string()).await;
    let (_, result) = rig.outcome("own").await;
    assert!(result["meeting"]["id"].is_u64(), "{result}");
    let (code, failure) = end_of(&rig, "d-own", "delete_meeting", json!({"of": "own"})).await;
    assert_eq!((&*code, &failure["zoom"]["code"]), ("zoom_rejected", &3018.into()), "{failure}");
}

/// Jobs whose account has lost its consent wait as creates do, in their line; they end with
/// the account.
#[tokio::test]
async fn a_target_of_an_account_without_consent_is_waited_for() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    made(&rig, "acme", "m").await;
    drop(daemon);
    assert!(rig.sim.revoke("acme"), "the user takes the consent back at Zoom");
    let _daemon = rig.daemon();
    rig.run(&["account", "refresh", "acme", "--timeout", "5s"]);
    for id in ["first", "second"] {
        let change = json!({"of": "m", "scope": "series", "meeting": {"topic": id}});
        rig.xadd(&text(id, "update_meeting", change)).await;
    }
    until("the verdict", || {
        let account = rig.run(&["account", "show", "acme", "--json"]).expect(0).json();
        (account["state"] == "needs_reauth").then_some(())
    });
    for id in ["first", "second"] {
        until("the job to wait", || (shown(&rig, id)?["state"] == "waiting").then_some(()));
    }
    rig.run(&["account", "remove", "acme", "--keep-grant", "--json"]).expect(0);
    for id in ["first", "second"] {
        let (code, failure) = told(&rig, id).await;
        assert_eq!(code, "account_removed", "{failure}");
    }
    assert_eq!(rig.sim.meetings()[0].topic, "Sync m", "nothing was changed");
}
