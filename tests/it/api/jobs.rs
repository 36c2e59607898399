//! Jobs over HTTP: put in, waited for, found, cancelled.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use zoom_sim::{Endpoint, Fault, What};

use super::ask;
use crate::support::http::Ask;
use crate::support::{Daemon, Rig, job, until};

/// A rig whose API lets everybody write.
pub async fn open() -> Rig {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_API_ALLOW_WRITE_WITHOUT_TOKEN", "true");
    rig
}

fn put(daemon: &Daemon, path: &str, body: &str) -> crate::support::http::Answer {
    ask(daemon, &Ask::post(path, body))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_taken_waited_for_and_the_same_one_answers_the_same() {
    let rig = open().await;
    rig.connect("ada");
    let daemon = rig.daemon();
    let taken = put(&daemon, "/api/v1/jobs", &job("ada", "j1")).expect(202).json();
    assert_eq!((&taken["id"], &taken["status"]), (&"j1".into(), &"accepted".into()));
    let (_, result) = rig.outcome("j1").await;
    let again = put(&daemon, "/api/v1/jobs?wait=10s", &job("ada", "j1")).expect(200).json();
    assert_eq!(again, result);
    let waited = put(&daemon, "/api/v1/jobs?wait=30s", &job("ada", "j2")).expect(200).json();
    assert_eq!((&waited["job_id"], &waited["status"]), (&"j2".into(), &"succeeded".into()));
    let other = job("ada", "j1").replace("Sync j1", "Other");
    for path in ["/api/v1/jobs", "/api/v1/jobs?wait=1s"] {
        let conflict = put(&daemon, path, &other).expect(409).json();
        assert_eq!((&conflict["code"], &conflict["field"]), (&"id_conflict".into(), &"id".into()));
    }
    let nobody = put(&daemon, "/api/v1/jobs?wait=30s", &job("nobody", "j3")).expect(200).json();
    assert_eq!((&nobody["status"], &nobody["code"]), (&"failed".into(), &"unknown_account".into()));
    assert_eq!(rig.sim.counters().meetings_created, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_job_names_its_field() {
    let rig = open().await;
    let daemon = rig.daemon();
    let large = job("ada", "j1").replace("Sync", &"x".repeat(70_000));
    for (body, code, field) in [
        ("", "invalid_job", "job"),
        ("[]", "invalid_job", "job"),
        (r#"{"account":"ada","meeting":{"type":2}}"#, "invalid_job", "meeting.start_time"),
        (r#"{"account":"a b","meeting":{"type":1}}"#, "invalid_job", "account"),
        (&large, "invalid_job", "job"),
    ] {
        let problem = put(&daemon, "/api/v1/jobs", body).expect(400).json();
        assert_eq!((&problem["code"], &problem["field"]), (&code.into(), &field.into()), "{body}");
    }
    for path in ["/api/v1/jobs?wait=2m", "/api/v1/jobs?wait=soon"] {
        put(&daemon, path, &job("ada", "j1")).expect(400);
    }
    assert_eq!(rig.redis_cli(&["XLEN", "zoomd:jobs"]).trim_end(), ":0");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_have_a_line_each() {
    let rig = open().await;
    rig.connect("ada");
    let daemon = rig.daemon();
    put(&daemon, "/api/v1/jobs?wait=30s", &job("ada", "known")).expect(200);
    let other = job("ada", "one").replace("Sync one", "Other");
    let known = job("ada", "known");
    let body = [&job("ada", "one"), "", &known, "{", &other, &job("ada", "two")].join("\n");
    let answer = put(&daemon, "/api/v1/jobs", &body).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> =
        answer.body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let said: Vec<_> =
        lines.iter().map(|l| json!([l["line"], l["id"], l["status"], l["code"]])).collect();
    assert_eq!(
        json!(said),
        json!([
            [1, "one", "accepted", null],
            [3, "known", "repeated", null],
            [4, null, "refused", "invalid_job"],
            [5, null, "refused", "id_conflict"],
            [6, "two", "accepted", null],
        ])
    );
    for id in ["one", "two"] {
        rig.outcome(id).await;
    }
    let acts = ask(&daemon, &Ask::get("/api/v1/audit")).expect(200).json();
    let enqueues: Vec<_> = acts["items"].as_array().expect("acts").iter().collect();
    assert_eq!(
        (&enqueues[0]["what"], &enqueues[0]["who"]),
        (&"job.enqueue".into(), &"local".into())
    );
    assert_eq!(enqueues[0]["outcome"], "2 accepted, 2 refused, 1 repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_found_by_state_kind_user_and_words() {
    let rig = open().await;
    for name in ["ada", "bob"] {
        rig.connect(name);
    }
    let daemon = rig.daemon();
    put(&daemon, "/api/v1/jobs?wait=30s", &job("ada", "done")).expect(200);
    put(&daemon, "/api/v1/jobs?wait=30s", &job("nobody", "bad")).expect(200);
    rig.run(&["pause", "--reason", "trial"]).expect(0);
    let hostile = "<script>alert(1)</script> \u{202e}right";
    let odd = json!({"id": "odd", "account": "bob", "user": "eve@x.example", "kind": "create_meeting",
        "meeting": {"topic": hostile, "type": 1}, "not_before": "2099-01-01T00:00:00Z"});
    put(&daemon, "/api/v1/jobs", &odd.to_string()).expect(202);
    for at in 0..5 {
        put(&daemon, "/api/v1/jobs", &job("ada", &format!("w{at}"))).expect(202);
    }
    let found = |query: &str| -> BTreeSet<String> {
        let path = format!("/api/v1/jobs?{query}");
        let page = ask(&daemon, &Ask::get(&path)).expect(200).json();
        let items = page["items"].as_array().expect("items");
        items.iter().map(|job| job["job_id"].as_str().expect("an id").to_owned()).collect()
    };
    let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    let all = set(&["odd", "w0", "w1", "w2", "w3", "w4"]);
    until("all jobs aside", || {
        (found("") == all && found("state=queued").is_empty()).then_some(())
    });
    for (query, ids) in [
        ("account=bob", &["odd"][..]),
        ("state=sleeping", &["odd"]),
        ("state=sleeping&account=ada", &[]),
        ("state=running", &[]),
        ("state=succeeded", &["done"]),
        ("state=failed", &["bad"]),
        ("kind=delete_meeting", &[]),
        ("user=EVE@x.example", &["odd"]),
        ("q=eve@x.example", &["odd"]),
        ("q=w3", &["w3"]),
        ("q=w3&account=bob", &[]),
        ("q=sync+w1&account=ada", &["w1"]),
        ("q=sync&account=bob", &[]),
        ("q=%3Cscript&account=bob", &["odd"]),
        ("q=78475495050123456789", &[]),
        ("q=done", &["done"]),
    ] {
        assert_eq!(found(query), set(ids), "{query}");
    }
    let waits = ask(&daemon, &Ask::get("/api/v1/jobs/w0")).expect(200).json();
    let shown = rig.run(&["--json", "job", "show", "w0"]).json();
    assert_eq!(
        (&waits["reason"], &waits["explanation"]),
        (&shown["reason"], &shown["explanation"])
    );
    assert_eq!(waits["reason"], "paused");
    let odd = ask(&daemon, &Ask::get("/api/v1/jobs/odd")).expect(200).json();
    assert_eq!(odd["job"]["meeting"]["topic"], hostile);
    for query in ["state=odd", "kind=odd", "cursor=odd", "cursor=aside:x:ada", "limit=501"] {
        ask(&daemon, &Ask::get(&format!("/api/v1/jobs?{query}"))).expect(400);
    }
}

/// Sum of the calls of all commands that Redis has carried out.
fn calls(rig: &Rig) -> u64 {
    let stats = rig.redis_cli(&["INFO", "commandstats"]);
    let calls = stats.lines().filter_map(|line| line.split_once("calls=")?.1.split(',').next());
    calls.filter_map(|count| count.parse::<u64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_a_bounded_number_of_keys_and_the_walk_finds_every_job() {
    const JOBS: usize = 6_000;
    let rig = open().await;
    for name in ["ada", "bob"] {
        rig.connect(name);
    }
    let daemon = rig.daemon();
    rig.run(&["pause", "--reason", "trial"]).expect(0);
    let lines: Vec<_> = (0..JOBS)
        .map(|at| job(if at % 3 == 0 { "bob" } else { "ada" }, &format!("n{at}")))
        .collect();
    put(&daemon, "/api/v1/jobs", &lines.join("\n")).expect(200);
    until("all jobs aside", || {
        let status = rig.run(&["--json", "status"]).json();
        (status["waiting"] == JOBS && status["queued"] == 0).then_some(())
    });
    drop(daemon);
    // No one else asks this Redis anything.
    let mut rig = rig;
    rig.set("ZOOMD_CONCURRENCY", "1");
    let daemon = rig.daemon();
    let page = |query: &str| ask(&daemon, &Ask::get(&format!("/api/v1/jobs?{query}"))).expect(200);
    let idle = calls(&rig);
    let begun = std::time::Instant::now();
    let first = page("limit=50").json();
    let took = begun.elapsed();
    let spent = calls(&rig) - idle;
    assert!(spent < 400, "{spent} commands for a page of 50");
    assert!(took.as_millis() < 1_000, "{took:?}");
    assert!((50..=100).contains(&first["items"].as_array().map_or(0, Vec::len)), "{first}");
    let before = calls(&rig);
    let none = page("limit=50&user=nobody@x.example").json();
    assert_eq!((none["items"].as_array().map(Vec::len), none["next"].is_string()), (Some(0), true));
    assert!(calls(&rig) - before < 400, "a filter that takes nothing reads no more");
    let (mut seen, mut next) = (BTreeSet::new(), Value::from(""));
    for _ in 0..200 {
        let query = match next.as_str() {
            Some("") => "limit=500".to_owned(),
            Some(cursor) => format!("limit=500&cursor={cursor}"),
            None => break,
        };
        let found = page(&query).json();
        let ids = found["items"].as_array().expect("items").iter();
        seen.extend(ids.map(|job| job["job_id"].as_str().expect("an id").to_owned()));
        next = found["next"].clone();
    }
    assert_eq!(seen.len(), JOBS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_says_what_became_of_the_job() {
    let rig = open().await;
    rig.connect("ada");
    let daemon = rig.daemon();
    let cancel = |id: &str, body: &str| {
        ask(&daemon, &Ask::post(&format!("/api/v1/jobs/{id}"), body).method("DELETE"))
    };
    let held = rig.sim.fault(Fault::new(Endpoint::Create, What::Hold));
    put(&daemon, "/api/v1/jobs", &job("ada", "flies")).expect(202);
    rig.sim.wait_for(Endpoint::Create, 1).await.expect("it was sent");
    assert_eq!(cancel("flies", "").expect(409).json()["code"], "in_flight");
    rig.sim.release(held);
    rig.outcome("flies").await;
    assert_eq!(cancel("flies", "").expect(409).json()["code"], "over");
    assert_eq!(cancel("nothing", "").expect(404).json()["code"], "not_found");
    rig.run(&["pause"]).expect(0);
    put(&daemon, "/api/v1/jobs", &job("ada", "waits")).expect(202);
    let gone = cancel("waits", r#"{"reason":"customer left"}"#).expect(200).json();
    assert_eq!(gone, json!({"job_id": "waits", "result": "cancelled"}));
    let (_, failure) = rig.outcome("waits").await;
    assert!(failure["message"].as_str().is_some_and(|m| m.contains("customer left")), "{failure}");
    let act = &ask(&daemon, &Ask::get("/api/v1/audit")).expect(200).json()["items"][0];
    assert_eq!((&act["what"], &act["of"]), (&"job.cancel".into(), &"waits".into()));
    assert_eq!((&act["reason"], &act["outcome"]), (&"customer left".into(), &"1 cancelled".into()));
}
