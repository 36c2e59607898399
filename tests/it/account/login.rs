//! `zoomd account login`: the consent in a browser.

use super::*;

#[tokio::test]
async fn a_login_follows_the_consent_back_and_stores_the_grant() {
    let world = World::new().await;
    let (code, shown, page) = world.login(&["acme", "--plan", "business"], "owner").await;
    assert_eq!(code, Some(0), "{shown}");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("acme is connected"), "{page}");
    assert_eq!((&shown["account"], &shown["state"]), (&json!("acme"), &json!("active")));
    assert_eq!(shown["plan"], "business");
    let missing = shown["missing_scopes"].as_object().expect("scopes");
    assert!(missing.len() == 6 && missing.values().all(serde_json::Value::is_null), "{shown}");
    assert!(shown["zoom_user"].is_string() && shown["zoom_account"].is_string(), "{shown}");
    assert!(shown["access_expires_at"].is_string());
    assert!(world.stored_token("acme").await.is_some());
    let again = world.login(&["acme"], "owner").await;
    assert_eq!(again.0, Some(0), "{}", again.1);
    assert_eq!(again.1["plan"], "business", "a login leaves the settings");
    world.no_violations();
}

#[tokio::test]
async fn a_wrong_state_is_refused_and_the_login_goes_on() {
    let world = World::new().await;
    let (login, page) = world.start_login(&["acme"]).await;
    let forged = browse(&format!("{}?code=stolen&state=forged", world.redirect)).await;
    assert!(forged.starts_with("HTTP/1.1 400"), "{forged}");
    let answer = browse(&page).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(login.end().await.0, Some(0));
    world.no_violations();
}

#[tokio::test]
async fn a_consent_that_is_denied_stores_nothing() {
    let world = World::new().await;
    let (login, page) = world.start_login(&["acme"]).await;
    let answer = browse(&format!("{page}&sim_deny=1")).await;
    assert!(answer.contains("Not connected"), "{answer}");
    let (code, error) = login.end().await;
    assert_eq!((code, &error["error"]["code"]), (Some(4), &json!("denied")));
    let (code, _) = world.json(&["account", "show", "acme"]).await;
    assert_eq!(code, Some(3));
    let (code, error) = world.json(&["account", "login", "acme", "--timeout", "1s"]).await;
    assert_eq!((code, &error["error"]["code"]), (Some(4), &json!("timeout")));
}

#[tokio::test]
async fn what_is_missing_for_a_login_is_named() {
    let world = World::new().await;
    let port = world.redirect.rsplit(':').next().and_then(|t| t.split('/').next()).expect("one");
    let taken = TcpListener::bind(format!("127.0.0.1:{port}")).expect("free until now");
    let (code, error) = world.json(&["account", "login", "acme"]).await;
    assert_eq!((code, &error["error"]["code"]), (Some(1), &json!("port_taken")));
    assert!(error["error"]["message"].as_str().is_some_and(|m| m.contains(port)), "{error}");
    assert!(error["error"]["hint"].as_str().is_some_and(|h| h.contains("ZOOMD_REDIRECT_URL")));
    drop(taken);

    for (missing, hint) in [
        ("ZOOMD_ENCRYPTION_KEY", "zoomd config key"),
        ("ZOOMD_CLIENT_ID", "ZOOMD_CLIENT_ID"),
        ("ZOOMD_CLIENT_SECRET", "ZOOMD_CLIENT_SECRET"),
    ] {
        let mut command = world.command(&["account", "login", "acme", "--json"]);
        command.env_remove(missing).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (code, error) = as_json(finish(command.spawn()).await);
        assert_eq!(code, Some(2), "{missing}: {error}");
        assert!(error["error"]["hint"].as_str().is_some_and(|h| h.contains(hint)), "{error}");
    }
    let mut command = world.command(&["account", "login", "acme", "--json"]);
    command.env("ZOOMD_REDIRECT_URL", "https://zoomd.example.com/zoom").stdout(Stdio::piped());
    let (code, error) = as_json(finish(command.spawn()).await);
    assert_eq!((code, &error["error"]["code"]), (Some(2), &json!("redirect")));
}

#[tokio::test]
async fn a_wrong_client_secret_is_told_from_a_dead_code() {
    let mut config = Config::unlimited();
    config.apps = vec![App { client_secret: Some("another".into()), ..App::default() }];
    let world = World::with(config).await;
    let (code, error, page) = world.login(&["acme"], "owner").await;
    assert_eq!((code, &error["error"]["code"]), (Some(2), &json!("wrong_app")), "{error}");
    assert!(page.contains("Not connected"), "{page}");
}

#[tokio::test]
async fn a_zoom_user_under_a_second_name_is_refused_or_taken_over() {
    let world = World::new().await;
    assert_eq!(world.login(&["first"], "owner").await.0, Some(0));
    let (code, error, page) = world.login(&["second"], "owner").await;
    assert_eq!((code, &error["error"]["code"]), (Some(1), &json!("held")), "{error}");
    assert!(page.contains("already belongs to account first"), "{page}");
    assert!(world.stored_token("first").await.is_some());
    let (code, moved, _) = world.login(&["second", "--take-over"], "owner").await;
    assert_eq!(code, Some(0), "{moved}");
    assert_eq!(world.state("first").await, AccountState::Superseded);
    assert_eq!(world.state("second").await, AccountState::Active);
    world.no_violations();
}

#[tokio::test]
async fn a_login_tells_which_scopes_are_missing() {
    let mut config = Config::unlimited();
    config.apps = vec![App { scope: "meeting:write:meeting".into(), ..App::default() }];
    let world = World::with(config).await;
    let (code, shown, _) = world.login(&["acme"], "owner").await;
    assert_eq!(code, Some(0), "{shown}");
    let (list, read) = ("meeting:read:list_meetings", "meeting:read:meeting");
    let missing = json!({
        "create": null, "list": list, "read": read, "update": "meeting:update:meeting",
        "delete": "meeting:delete:meeting", "end": "meeting:update:status",
    });
    assert_eq!(shown["missing_scopes"], missing);
    let (_, shown) = world.json(&["account", "show", "acme"]).await;
    assert_eq!(shown["missing_scopes"], missing);
    let (_, told) = world.json(&["doctor"]).await;
    let lacks = "acme lacks meeting:read:list_meetings and meeting:read:meeting: a create";
    assert!(told.to_string().contains(lacks), "{told}");
    let cannot = "meetings of acme cannot be changed or deleted or ended: it lacks meeting:update";
    assert!(told.to_string().contains(cannot), "{told}");
    world.no_violations();
}
