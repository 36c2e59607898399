//! JSON and TOML of the documents: jobs are sent, outcomes and events are compared
//! with those that zoomd publishes, settings are loaded.

use serde_json::{Value, json};
use zoom_sim::{Endpoint, Fault, What};
use zoomd_store::streams::{Stream, Tail};

use super::fence::{Block, blocks, documents};
use crate::support::Rig;

/// Fields that are others each time.
const VARIES: &[&str] = &[
    "entry_id",
    "enqueued_at",
    "started_at",
    "finished_at",
    "failed_at",
    "at",
    "id",
    "uuid",
    "join_url",
    "waiting_jobs",
];

/// Checks that `real` is what the document `shows`: the same fields, with the same
/// values where these are not others each time.
fn same(shows: &Value, real: &Value, at: &str) {
    let (Value::Object(fields), Value::Object(others)) = (shows, real) else {
        assert_eq!(shows, real, "{at}");
        return;
    };
    for (name, value) in fields {
        let at = format!("{at}: {name}");
        let other = others.get(name).unwrap_or_else(|| panic!("{at} is not published: {real}"));
        if VARIES.contains(&name.as_str()) {
            let kind = std::mem::discriminant(value) == std::mem::discriminant(other);
            assert!(kind, "{at}: {value} is {other}");
        } else {
            same(value, other, &at);
        }
    }
    // A meeting holds all that Zoom answered.
    let more = others.keys().find(|name| !fields.contains_key(*name));
    assert!(more.is_none() || at.ends_with("meeting"), "{at}: {more:?} is published too");
}

/// Blocks of JSON of all documents.
fn shown() -> Vec<(Block, Value)> {
    let all = documents().into_iter().flat_map(|file| blocks(&file));
    let json = all.filter(|block| block.kind == "json");
    json.map(|block| {
        let value = serde_json::from_str(&block.text);
        let value = value.unwrap_or_else(|e| panic!("{}: {e}", block.at()));
        (block, value)
    })
    .collect()
}

#[tokio::test]
async fn json_is_what_zoomd_takes_and_publishes() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    let shown = shown();
    let of = |kind: &str| -> Vec<&(Block, Value)> {
        let found = |(_, value): &&(Block, Value)| self::kind(value) == kind;
        shown.iter().filter(found).collect()
    };
    for (block, job) in of("job") {
        let checked = rig.run_with(&["enqueue", "--file", "-", "--dry-run"], &job.to_string());
        let checked = checked.expect(0);
        assert!(!checked.stderr.contains("warning"), "{}: {}", block.at(), checked.stderr);
    }
    // The job of the page, sent now and not in 2030.
    let mut job = of("job")[0].1.clone();
    job.as_object_mut().expect("fields").remove("not_before");
    job.as_object_mut().expect("fields").remove("traceparent");
    for (n, (block, result)) in of("result").into_iter().enumerate() {
        assert_eq!(n, 0, "{}: a job for this one, too", block.at());
        rig.xadd(&job.to_string()).await;
        same(result, &rig.outcome("order-1234").await.1, &block.at());
    }
    for (block, failure) in of("failure") {
        let zoom = &failure["zoom"];
        let body =
            json!({"code": zoom["code"], "message": zoom["message"], "errors": zoom["errors"]});
        let answer = What::Body {
            status: u16::try_from(zoom["status"].as_u64().expect("a status")).expect("a status"),
            content_type: "application/json".into(),
            body: body.to_string(),
        };
        rig.sim.fault(Fault::new(Endpoint::Create, answer));
        // The example's id is that of the result above.
        let fresh = |value: &Value| value.to_string().replace("order-1234", "order-1235");
        rig.xadd(&fresh(&failure["job"])).await;
        let real = rig.outcome("order-1235").await.1;
        let shows = serde_json::from_str(&fresh(failure)).expect("JSON");
        same(&shows, &real, &block.at());
    }
    for (block, event) in of("event") {
        assert_eq!(event["event"], "account.needs_reauth", "{}", block.at());
        rig.sim.revoke("acme");
        let refused = rig.run(&["account", "refresh", "acme"]);
        assert_ne!(refused.code, 0);
        let store = rig.store().await;
        let mut tail = Tail::from_start(&store, &[Stream::Events]);
        let items = tail.next(std::time::Duration::from_secs(10), 1000).await.expect("redis");
        let real = items.iter().find(|item| item.field("event") == "account.needs_reauth");
        let real = serde_json::from_str(real.expect("published").field("data")).expect("JSON");
        same(event, &real, &block.at());
    }
}

/// Type of document that a block of JSON shows.
fn kind(value: &Value) -> &'static str {
    match (value["status"].as_str(), value["event"].as_str()) {
        (Some("succeeded"), _) => "result",
        (Some("failed"), _) => "failure",
        (_, Some(_)) => "event",
        _ if value["meeting"].is_object() || value["meeting_id"].is_u64() => "job",
        _ => "else",
    }
}

#[test]
fn every_json_is_of_a_known_kind() {
    for (block, value) in shown() {
        assert_ne!(kind(&value), "else", "{}: compare it in data.rs", block.at());
    }
}

#[tokio::test]
async fn toml_is_a_configuration() {
    let rig = Rig::start().await;
    let all = documents().into_iter().flat_map(|file| blocks(&file));
    for block in all.filter(|block| block.kind == "toml") {
        std::fs::write(rig.dir.path().join("zoomd.toml"), &block.text).expect("written");
        rig.run(&["config", "check"]).expect(0);
        let settings = rig.run(&["config", "show", "--json"]).expect(0).json();
        let from = |row: &&Value| row["origin"].as_str().is_some_and(|o| o.contains("zoomd.toml"));
        let set = settings.as_array().expect("a list").iter().filter(from).count();
        let lines = block.text.lines().filter(|line| line.contains(" = ")).count();
        assert_eq!(set, lines, "{}: {settings}", block.at());
    }
}
