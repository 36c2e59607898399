//! Accounts over HTTP: acts, tokens, links, and reads of Zoom.

use serde_json::json;
use zoom_sim::{Endpoint, Fault, What};

use super::jobs::open;
use super::{ask, with_tokens};
use crate::support::http::Ask;
use crate::support::{Rig, job};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_paused_refreshed_linked_and_removed() {
    let mut rig = open().await;
    rig.set("ZOOMD_PUBLIC_URL", "http://localhost:8080");
    rig.set("ZOOMD_PUBLIC_RETURN_TO", "https://app.example.com");
    rig.connect("ada");
    let daemon = rig.daemon();
    let post = |path: &str, body: &str| {
        ask(&daemon, &Ask::post(&format!("/api/v1/accounts/{path}"), body))
    };
    let paused = post("ada/pause", r#"{"reason":"audit"}"#).expect(200).json();
    assert_eq!(paused["paused"], "audit");
    assert_eq!(post("ada/pause", "").expect(400).json()["field"], "reason");
    assert!(post("ada/resume", "").expect(200).json()["paused"].is_null());
    let before = post("ada/refresh", "").expect(200).json();
    let after = post("ada/refresh", "").expect(200).json();
    assert_eq!(after["generation"].as_u64(), before["generation"].as_u64().map(|n| n + 1));
    let token = post("ada/token", "").expect(200).json();
    assert!(token["access_token"].as_str().is_some_and(|token| token.len() > 10));
    let link = post("new/connect-link", r#"{"ttl":"2d","plan":"business"}"#).expect(200).json();
    assert!(
        link["url"].as_str().is_some_and(|url| url.starts_with("http://localhost:8080/connect/"))
    );
    let back = r#"{"return_to":"https://app.example.com/done"}"#;
    post("new/connect-link", back).expect(200);
    for body in [
        r#"{"return_to":"https://evil.example/"}"#,
        r#"{"return_to":"odd"}"#,
        r#"{"ttl":"1s"}"#,
        r#"{"ttl":"60d"}"#,
        r#"{"plan":"odd"}"#,
        r#"{"odd":1}"#,
    ] {
        post("new/connect-link", body).expect(400);
    }
    for act in ["pause", "resume", "refresh", "token"] {
        post(
            &format!("nobody/{act}"),
            r#"{"reason":"x"}"#.get(..if act == "pause" { 14 } else { 0 }).expect("text"),
        )
        .expect(404);
    }
    let gone = Ask::post("/api/v1/accounts/ada", r#"{"reason":"left"}"#).method("DELETE");
    let gone = ask(&daemon, &gone).expect(200).json();
    assert_eq!((&gone["removed"], &gone["revoked"]), (&json!(true), &json!("yes")));
    let acts = ask(&daemon, &Ask::get("/api/v1/audit")).expect(200);
    let secret = token["access_token"].as_str().expect("a token");
    assert!(!acts.body.contains(secret) && !daemon.log().contains(secret), "a token is shown");
    let acts = acts.json();
    let whats: Vec<_> =
        acts["items"].as_array().expect("acts").iter().rev().map(|a| a["what"].clone()).collect();
    let expected = [
        "account.add",
        "account.pause",
        "account.resume",
        "account.refresh",
        "account.refresh",
        "account.token",
        "account.connect-link",
        "account.connect-link",
        "account.remove",
    ];
    assert_eq!(whats, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn zoom_is_read_within_the_budget_by_operators_alone() {
    let mut rig = Rig::start().await;
    let tokens = with_tokens(&mut rig);
    rig.connect("ada");
    let daemon = rig.daemon();
    let get = |path: &str, token: &str| {
        ask(&daemon, &Ask::get(&format!("/api/v1/accounts/{path}")).bearer(token))
    };
    rig.xadd(&job("ada", "j1")).await;
    let (_, result) = rig.outcome("j1").await;
    let id = result["meeting"]["id"].as_u64().expect("an id");
    let path = format!("ada/zoom/meetings/{id}");
    let meeting = get(&path, &tokens.operate).expect(200);
    assert_eq!(meeting.json()["id"], id);
    assert!(!meeting.body.contains("start_url"), "{}", meeting.body);
    let list = get("ada/zoom/users/me/meetings?page_size=5", &tokens.operate).expect(200);
    assert_eq!(list.json()["page_size"], 5, "the query goes along");
    for token in [&tokens.read, &tokens.enqueue] {
        get(&path, token).expect(403);
    }
    get("ada/zoom/meetings/1", &tokens.operate).expect(404);
    for bad in [
        "users/me/token",
        "users/me/zak",
        &format!("meetings/{id}/jointoken/live_streaming"),
        &format!("meetings/{id}/livestream"),
        "accounts/me",
        "meetings/..%2Faccounts",
        "meetings//5",
        "v2",
    ] {
        get(&format!("ada/zoom/{bad}"), &tokens.operate).expect(400);
    }
    get("nobody/zoom/users/me", &tokens.operate).expect(404);
    rig.sim.fault(Fault::new(Endpoint::Get, What::Status(500)));
    get(&path, &tokens.operate).expect(500);
    for (path, role) in [("ada/token", &tokens.enqueue), ("ada/connect-link", &tokens.read)] {
        ask(&daemon, &Ask::post(&format!("/api/v1/accounts/{path}"), "").bearer(role)).expect(403);
    }
}
