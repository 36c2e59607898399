//! The OpenAPI document, held against the routes and what they answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::jobs::open;
use crate::support::http::{Answer, Ask};
use crate::support::{Daemon, Rig, job};

/// Differences between a value and this schema; a field that the schema does not name is wrong
/// too, so that none is forgotten.
fn wrong(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#')).expect("a schema");
        return wrong(document, schema, value, at);
    }
    let is = |kind: &str| match kind {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => value.is_null(),
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Vec::new(),
    };
    if !kinds.iter().any(|kind| is(kind)) {
        return vec![format!("{at} is none of {kinds:?}: {value}")];
    }
    let mut found = Vec::new();
    for item in value.as_array().into_iter().flatten() {
        found.extend(wrong(document, &schema["items"], item, &format!("{at}[]")));
    }
    let Some(known) = schema["properties"].as_object() else { return found };
    for (name, value) in value.as_object().into_iter().flatten() {
        match known.get(name) {
            Some(schema) => found.extend(wrong(document, schema, value, &format!("{at}.{name}"))),
            None => found.push(format!("{at}.{name} is not in the document")),
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{at}.{name} is missing"));
        }
    }
    found
}

/// Asks, and holds the answer against the document; what was asked goes into `seen`.
fn held(
    daemon: &Daemon,
    document: &Value,
    ask: &Ask,
    template: &str,
    seen: &mut BTreeSet<String>,
) -> Answer {
    let answer = ask.send(&daemon.address());
    let method = ask.method_name().to_lowercase();
    let operation = &document["paths"][template][&method];
    assert!(operation.is_object(), "{method} {template} is not in the document");
    let status = answer.status.to_string();
    let responses = &operation["responses"];
    let response =
        if responses[&status].is_object() { &responses[&status] } else { &responses["default"] };
    let kind = answer.header("content-type").expect("a type").to_owned();
    let schema = &response["content"][&kind]["schema"];
    assert!(schema.is_object(), "{method} {template} answers {status} {kind}: {}", answer.body);
    for line in answer.body.lines().filter(|_| kind.ends_with("json")) {
        let value: Value = serde_json::from_str(line).expect("JSON");
        let found = wrong(document, schema, &value, template);
        assert!(found.is_empty(), "{method} {template}: {found:#?}");
    }
    seen.insert(format!("{method} {template}"));
    answer
}

async fn rig() -> Rig {
    let mut rig = open().await;
    rig.set("ZOOMD_PUBLIC_URL", "http://localhost:8080");
    rig.connect("ada");
    rig.connect("bob");
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_there_and_answers_as_the_document_says() {
    let rig = rig().await;
    let daemon = rig.daemon();
    let document = Ask::get("/api/v1/openapi.json").send(&daemon.address()).expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(rig.run(&["schema", "openapi"]).expect(0).json(), document);
    let mut seen = BTreeSet::new();
    let mut call = |method: &str, path: &str, template: &str, body: &Value, status: u16| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let ask = Ask::post(&format!("/api/v1{path}"), body).method(method);
        held(&daemon, &document, &ask, template, &mut seen).expect(status)
    };
    let null = Value::Null;
    let sound = |id: &str| serde_json::from_str::<Value>(&job("ada", id)).expect("JSON");
    call("POST", "/jobs", "/jobs", &sound("j1"), 202);
    rig.outcome("j1").await;
    call("POST", "/jobs?wait=30s", "/jobs", &sound("j2"), 200);
    call(
        "POST",
        "/jobs?wait=30s",
        "/jobs",
        &serde_json::from_str(&job("nobody", "bad")).expect("JSON"),
        200,
    );
    call("POST", "/jobs", "/jobs", &json!([]), 400);
    call("POST", "/pause", "/pause", &json!({"reason": "trial"}), 200);
    call("POST", "/jobs", "/jobs", &sound("j3"), 202);
    call("GET", "/jobs", "/jobs", &null, 200);
    call("GET", "/jobs?state=failed", "/jobs", &null, 200);
    call("GET", "/jobs?state=succeeded", "/jobs", &null, 200);
    for id in ["j1", "j3", "bad"] {
        call("GET", &format!("/jobs/{id}"), "/jobs/{id}", &null, 200);
    }
    call("GET", "/jobs/none", "/jobs/{id}", &null, 404);
    call("DELETE", "/jobs/j3", "/jobs/{id}", &json!({"reason": "trial"}), 200);
    call("POST", "/resume", "/resume", &null, 200);
    for page in [
        "/results",
        "/failures",
        "/events",
        "/audit",
        "/timeline",
        "/status",
        "/daemons",
        "/budget",
        "/accounts",
    ] {
        call("GET", page, page, &null, 200);
    }
    call("GET", "/budget?account=ada", "/budget", &null, 200);
    for query in ["account=ada", "account=ada&past=true", "q=j1"] {
        let page = call("GET", &format!("/meetings?{query}"), "/meetings", &null, 200).json();
        assert!(page["items"][0]["job_id"].is_string(), "{query}: {page}");
    }
    call("GET", "/meetings", "/meetings", &null, 400);
    let pick = json!({"ids": ["bad", "none"], "reason": "trial"});
    call("POST", "/failures/retry", "/failures/retry", &pick, 200);
    call(
        "POST",
        "/failures/discard",
        "/failures/discard",
        &json!({"filter": {}, "reason": "trial"}),
        200,
    );
    let ada = |rest: &str| (format!("/accounts/ada{rest}"), format!("/accounts/{{account}}{rest}"));
    for (rest, body) in [
        ("/pause", json!({"reason": "trial"})),
        ("/resume", null.clone()),
        ("/refresh", null.clone()),
        ("/connect-link", json!({"ttl": "1h"})),
        ("/token", null.clone()),
    ] {
        let (path, template) = ada(rest);
        call("POST", &path, &template, &body, 200);
    }
    let (path, template) = ada("");
    call("GET", &path, &template, &null, 200);
    call("GET", "/accounts/ada/zoom/users/me", "/accounts/{account}/zoom/{path}", &null, 200);
    call("DELETE", "/accounts/bob", &template, &null, 400);
    call("DELETE", "/accounts/bob", &template, &json!({"reason": "trial"}), 200);
    call("GET", "/openapi.json", "/openapi.json", &null, 200);
    // The stream's body never ends; tests/it/api/live.rs reads it.
    seen.insert("get /stream".to_owned());
    let paths = document["paths"].as_object().expect("paths").iter();
    let all: BTreeSet<String> = paths
        .flat_map(|(path, item)| {
            item.as_object()
                .expect("operations")
                .keys()
                .map(move |method| format!("{method} {path}"))
        })
        .collect();
    assert_eq!(seen, all, "every operation is called");
}

#[test]
fn what_the_document_does_not_say_is_found() {
    let document = json!({"s": {"type": "object", "properties": {"a": {"type": ["string", "null"]}},
        "required": ["a"]}});
    let of = |value: Value| wrong(&document, &json!({"$ref": "#/s"}), &value, "x").len();
    assert_eq!(of(json!({"a": null})), 0);
    assert_eq!(of(json!({"a": 1})), 1);
    assert_eq!(of(json!({"a": "b", "c": 1})), 1);
    assert_eq!(of(json!({})), 1);
    assert_eq!(of(json!([])), 1);
}
