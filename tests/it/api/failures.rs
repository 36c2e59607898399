//! Failures over HTTP, and pages of the streams.

use serde_json::{Value, json};
use zoom_sim::{Endpoint, Fault, What};

use super::ask;
use super::jobs::open;
use crate::support::http::Ask;
use crate::support::job;

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_retried_and_discarded_by_ids_or_filter() {
    let rig = open().await;
    rig.connect("ada");
    let daemon = rig.daemon();
    let post = |path: &str, body: Value| ask(&daemon, &Ask::post(path, body.to_string()));
    rig.sim.fault(Fault::new(Endpoint::Create, What::Status(400)).times(3));
    for id in ["f1", "f2", "f3"] {
        let waited = ask(&daemon, &Ask::post("/api/v1/jobs?wait=30s", job("ada", id))).expect(200);
        assert_eq!(waited.json()["code"], "zoom_rejected");
    }
    let retry = "/api/v1/failures/retry";
    let done = post(retry, json!({"ids": ["f1", "none"]})).expect(200).json();
    assert_eq!(done["retried"], json!(["f1"]));
    assert_eq!(done["skipped"], json!([{"id": "none", "reason": "not_found"}]));
    rig.outcome("f1").await;
    let again = post(retry, json!({"ids": ["f1"]})).expect(200).json();
    assert_eq!(
        (&again["retried"], &again["skipped"][0]["reason"]),
        (&json!([]), &json!("already_retried"))
    );
    let some = json!({"filter": {"account": "ada", "code": "zoom_rejected"}, "limit": 1});
    let some = post(retry, some).expect(200).json();
    assert_eq!((&some["retried"], &some["more"]), (&json!(["f3#1"]), &json!(true)));
    let discard = "/api/v1/failures/discard";
    let bare = post(discard, json!({"filter": {}})).expect(400).json();
    assert_eq!(bare["field"], "reason");
    let gone = post(discard, json!({"filter": {}, "reason": "known"})).expect(200).json();
    assert_eq!(gone["discarded"], json!(["f2#1"]));
    for body in [
        json!({}),
        json!({"ids": [], "filter": {}}),
        json!({"filter": {"code": "odd"}}),
        json!({"filter": {"since": "odd"}}),
        json!({"filter": {}, "limit": 0}),
        json!({"odd": 1}),
        json!([]),
    ] {
        assert_eq!(post(retry, body).expect(400).json()["code"], "bad_request");
    }
    let acts = ask(&daemon, &Ask::get("/api/v1/audit?limit=2")).expect(200).json();
    assert_eq!(
        (&acts["items"][0]["what"], &acts["items"][0]["reason"]),
        (&"failure.discard".into(), &"known".into())
    );
    let next = acts["next"].as_str().expect("more").to_owned();
    let rest = ask(&daemon, &Ask::get(&format!("/api/v1/audit?after={next}"))).expect(200).json();
    assert!(rest["items"].as_array().is_some_and(|acts| acts.len() == 5), "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_read_page_by_page_and_hold_no_start_url() {
    let mut rig = open().await;
    rig.set("ZOOMD_RESULTS_INCLUDE", "start_url");
    rig.connect("ada");
    let daemon = rig.daemon();
    // The last one repeats one that is over.
    for id in ["a", "b", "c", "c"] {
        let result = ask(&daemon, &Ask::post("/api/v1/jobs?wait=30s", job("ada", id))).expect(200);
        assert!(result.json()["meeting"]["join_url"].is_string(), "{}", result.body);
        assert!(!result.body.contains("start_url"), "{}", result.body);
    }
    let (_, kept) = rig.outcome("c").await;
    assert!(kept["meeting"]["start_url"].is_string(), "its consumer has it: {kept}");
    ask(&daemon, &Ask::post("/api/v1/jobs?wait=30s", job("nobody", "d"))).expect(200);
    let get = |path: &str| ask(&daemon, &Ask::get(path)).expect(200);
    let first = get("/api/v1/results?limit=2").json();
    let ids = |page: &Value| -> Vec<Value> {
        page["items"].as_array().expect("items").iter().map(|i| i["job_id"].clone()).collect()
    };
    assert_eq!(ids(&first), ["a", "b"]);
    let next = first["next"].as_str().expect("more");
    let rest = get(&format!("/api/v1/results?limit=2&after={next}"));
    assert!(!rest.body.contains("start_url") && !get("/api/v1/jobs/c").body.contains("start_url"));
    let rest = rest.json();
    assert_eq!((ids(&rest), &rest["next"]), (vec!["c".into()], &Value::Null));
    let last = rest["last"].as_str().expect("the last");
    let none = get(&format!("/api/v1/results?after={last}")).json();
    assert_eq!((ids(&none).len(), none["last"].as_str()), (0, Some(last)));
    let failure = &get("/api/v1/failures").json()["items"][0];
    assert_eq!(
        (&failure["code"], &failure["failure"]["job_id"]),
        (&"unknown_account".into(), &"d".into())
    );
    let events = get("/api/v1/events").json();
    assert!(events["items"].as_array().is_some_and(|items| !items.is_empty()), "{events}");
    ask(&daemon, &Ask::get("/api/v1/results?after=odd")).expect(400);
}
