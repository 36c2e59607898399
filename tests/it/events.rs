//! Events: each of docs/events.md is as the schema has it, and those of pauses, daemons
//! and limits are published as it says.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use zoomd_store::streams::{Item, Stream, Tail};

use crate::documents::{blocks, read};
use crate::support::{Rig, job, schema, until};

/// All events so far, each held to the schema.
async fn events(rig: &Rig) -> Vec<(String, Value)> {
    let mut tail = Tail::from_start(&rig.store().await, &[Stream::Events]);
    let items = tail.next(Duration::from_millis(50), 1_000).await.expect("redis answers");
    items.iter().for_each(schema::holds);
    let data = |item: &Item| serde_json::from_str(item.field("data")).expect("JSON");
    items.iter().map(|item| (item.field("event").to_owned(), data(item))).collect()
}

/// Names of the events of the schema.
fn names() -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(&read("schema/event.json")).expect("JSON");
    let names = schema["properties"]["event"]["enum"].as_array().expect("a list").iter();
    names.map(|name| name.as_str().expect("a name").to_owned()).collect()
}

#[test]
fn the_page_has_a_row_and_an_example_of_each_and_the_schema_takes_it() {
    let page = read("docs/events.md");
    let examples = blocks("docs/events.md").into_iter().find(|block| block.kind == "jsonl");
    let mut shown = BTreeSet::new();
    for line in examples.expect("examples").text.lines() {
        let value: Value = serde_json::from_str(line).expect("JSON");
        let fault = schema::fault("event", &value);
        assert!(fault.is_none(), "{line}: {}", fault.unwrap_or_default());
        let name = value["event"].as_str().expect("a name").to_owned();
        assert!(page.contains(&format!("`{name}`")), "{name} has no row");
        assert!(shown.insert(name.clone()), "{name} twice");
        // A field that is needed is missed.
        let mut less = value.clone();
        less.as_object_mut().expect("fields").remove("at");
        assert!(schema::fault("event", &less).is_some(), "{name} without a time");
    }
    assert_eq!(shown, names());
}

#[test]
fn every_event_of_the_sources_is_in_the_schema() {
    let wire = read("crates/zoomd-wire/src/event.rs");
    let of_wire = wire.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
    let of_wire: BTreeSet<_> = of_wire.filter(|name| name.contains('.')).collect();
    assert!(of_wire.len() > 10, "{of_wire:?}");
    for name in of_wire {
        assert!(names().contains(name), "schema/event.json lacks {name}");
    }
}

#[tokio::test]
async fn pauses_and_daemons_are_told_once_each() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let mut daemon = rig.daemon();
    rig.run(&["account", "pause", "acme", "--reason", "a \"quoted\" one"]).expect(0);
    rig.run(&["account", "resume", "acme"]).expect(0);
    rig.run(&["account", "resume", "acme"]).expect(0);
    rig.run(&["pause", "--reason", "upgrade"]).expect(0);
    rig.run(&["resume"]).expect(0);
    rig.run(&["resume"]);
    daemon.stop();
    let all = events(&rig).await;
    let named = |name: &str| all.iter().filter(|(n, _)| n == name).collect::<Vec<_>>();
    for name in [
        "account.connected",
        "daemon.started",
        "account.paused",
        "account.resumed",
        "namespace.paused",
        "namespace.resumed",
        "daemon.stopped",
    ] {
        assert_eq!(named(name).len(), 1, "{name}: {all:?}");
    }
    assert_eq!(named("account.paused")[0].1["reason"], "a \"quoted\" one");
    assert_eq!(named("namespace.paused")[0].1["reason"], "upgrade");
    assert_eq!(named("daemon.started")[0].1["daemon"], named("daemon.stopped")[0].1["daemon"]);
}

#[tokio::test]
async fn an_outage_of_zoom_is_told_when_it_begins_and_by_one_daemon() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    rig.set("ZOOMD_ALLOW_HTTP", "1");
    rig.set("ZOOMD_ZOOM_API_URL", "http://zoom.invalid/v2");
    let daemons = [rig.daemon(), rig.daemon()];
    rig.xadd(&job("acme", "held")).await;
    let told = || daemons.iter().all(|daemon| daemon.get("/readyz").1.contains("zoom_unreachable"));
    until("both see it", || told().then_some(()));
    let mut tail = Tail::from_start(&rig.store().await, &[Stream::Events]);
    for _ in 0..20 {
        let items = tail.next(Duration::from_secs(1), 1_000).await.expect("redis answers");
        if items.iter().any(|item| item.field("event") == "zoom.unreachable") {
            break;
        }
    }
    let found = events(&rig).await;
    let outages: Vec<_> = found.iter().filter(|(name, _)| name == "zoom.unreachable").collect();
    let [(_, outage)] = outages[..] else { panic!("{found:?}") };
    assert_eq!(outage["host"], "zoom.invalid");
    assert!(outage["message"].as_str().is_some_and(|m| m.contains("does not resolve")), "{outage}");
}
