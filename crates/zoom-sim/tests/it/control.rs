use serde_json::{Value, json};
use zoom_sim::{Config, Sim};

use crate::client::{ask, create, list, read, refresh};

async fn door(sim: &Sim, method: &'static str, path: &str, body: Value) -> Value {
    let got = ask(method, &format!("/_sim/{path}")).json(&body).of(sim).await;
    assert_eq!(got.status, 200, "{method} {path}: {}", got.text());
    got.json()
}

#[tokio::test]
async fn all_of_it_over_http() {
    let sim = Sim::start(Config::unlimited()).await;
    let user = door(&sim, "POST", "users", json!({"email": "ada", "account": "one"})).await;
    assert_eq!(user["account"], "one");
    let grant = door(&sim, "POST", "grants", json!({"user": "ada"})).await;
    let token = grant["tokens"]["access_token"].as_str().expect("a token").to_owned();
    let many = door(&sim, "POST", "grants", json!({"prefix": "u", "count": 3})).await;
    assert_eq!(many.as_array().map(Vec::len), Some(3));

    let fault = json!({"at": "create", "who": "ada", "when": "after", "what": {"status": 503}});
    let id = door(&sim, "POST", "faults", fault).await["id"].clone();
    assert_eq!(create(&token).of(&sim).await.status, 503);
    let stands = door(&sim, "GET", &format!("faults/{id}"), json!({})).await;
    assert_eq!(stands["struck"], 1);

    let hold = json!({"at": "list", "what": "hold"});
    let id = door(&sim, "POST", "faults", hold).await["id"].clone();
    let waiting = list(&token).send(&sim.address().to_string()).await.expect("sent");
    let seen = door(&sim, "GET", "wait?endpoint=list&n=1&timeout_ms=10000", json!({})).await;
    assert_eq!(seen["count"], 1);
    door(&sim, "POST", &format!("faults/{id}/release"), json!({})).await;
    assert_eq!(read(waiting).await.expect("an answer").status, 200);
    door(&sim, "GET", "wait?endpoint=list&stage=answered", json!({})).await;
    door(&sim, "GET", "wait?counter=meetings_created", json!({})).await;
    let late = ask("GET", "/_sim/wait?counter=broken.twin&timeout_ms=1").of(&sim).await;
    assert_eq!(late.status, 408);
    door(&sim, "DELETE", "faults", json!({})).await;

    let meetings = door(&sim, "GET", "meetings?user=ada", json!({})).await;
    assert_eq!(meetings.as_array().map(Vec::len), Some(1));
    let log = door(&sim, "GET", "requests", json!({})).await;
    assert_eq!(log[0]["endpoint"], "create");
    assert_eq!(log[0]["status"], 503);
}

#[tokio::test]
async fn rules_clock_and_tokens_over_http() {
    let sim = Sim::start(Config::default()).await;
    let tokens = sim.grant("ada");
    let rules =
        json!({"limits": {"plan": "free", "user_day": null}, "tokens": {"reuse": {"tolerant": 2}}});
    let rules = door(&sim, "PATCH", "rules", rules).await;
    assert_eq!(rules["limits"]["plan"], "free");
    assert_eq!(rules["limits"]["user_day"], Value::Null);
    assert_eq!(rules["limits"]["enforce"], true, "the rest stays");
    let bad = ask("PATCH", "/_sim/rules").json(&json!({"limit": {}})).of(&sim).await;
    assert_eq!(bad.status, 400);

    let now =
        door(&sim, "POST", "clock", json!({"stopped": true, "now": "2030-01-01T00:00:00Z"})).await;
    assert_eq!(now["now"], "2030-01-01T00:00:00Z");
    let now = door(&sim, "POST", "clock", json!({"advance_ms": 1500})).await;
    assert_eq!(now["now_ms"], 1_893_456_001_500_u64);

    let state = door(&sim, "POST", "token-state", json!({"token": tokens.access_token})).await;
    assert_eq!(
        (state["state"].as_str(), state["user"].as_str()),
        (Some("expired"), Some("ada@example.com"))
    );
    let rt = sim.grant("ada").refresh_token.expect("one");
    refresh(&rt).of(&sim).await;
    let held = door(&sim, "GET", "tokens/ada%40example.com", json!({})).await;
    assert_ne!(held["refresh_token"], json!(rt));
    door(&sim, "POST", "kill-access-token", json!({"user": "ada"})).await;
    let got = create(held["access_token"].as_str().expect("one")).of(&sim).await;
    assert_eq!(got.status, 401);
    let counters = door(&sim, "GET", "counters", json!({})).await;
    assert_eq!(counters["broken_rules"], json!({"dead_access_token": 1}));
    assert_eq!(counters["rotations"], 1);
    assert_eq!(door(&sim, "GET", "violations", json!({})).await[0]["rule"], "dead_access_token");
    assert_eq!(door(&sim, "POST", "revoke", json!({"user": "ada"})).await["revoked"], true);
    door(&sim, "DELETE", "counters", json!({})).await;
    assert!(sim.counters().broken.none());
    door(&sim, "POST", "consent", json!({"user": "bob", "deny": true})).await;
    door(&sim, "POST", "apps", json!({"client_id": "x", "s2s_account": "one"})).await;
    assert_eq!(ask("GET", "/_sim/nothing").of(&sim).await.status, 404);
    assert_eq!(door(&sim, "GET", "twins", json!({})).await, json!({}));
}
