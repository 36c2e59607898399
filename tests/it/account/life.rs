//! Accounts after they were stored: listed, changed, paused, dead, removed.

use super::*;

#[tokio::test]
async fn an_account_is_listed_shown_set_paused_and_explained() {
    let world = World::new().await;
    let output = world.run(&["account", "list"]).await;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    assert_eq!(world.login(&["acme"], "owner").await.0, Some(0));
    let (code, set) = world.json(&["account", "set", "acme", "--plan", "free", "--cap", "2"]).await;
    assert_eq!((code, &set["plan"], &set["cap"]), (Some(0), &json!("free"), &json!(2)));
    let (_, paused) = world.json(&["account", "pause", "acme", "--reason", "audit"]).await;
    assert_eq!(paused["paused"], "audit");
    let (_, resumed) = world.json(&["account", "resume", "acme"]).await;
    assert_eq!(resumed["paused"], Value::Null);
    let (_, story) = world.json(&["account", "explain", "acme"]).await;
    let told: Vec<_> =
        story["timeline"].as_array().expect("a list").iter().map(|l| &l["what"]).collect();
    assert_eq!(told, ["resumed", "paused", "set", "connected"]);
    let people = world.run(&["account", "show", "acme"]).await;
    let people = String::from_utf8(people.stdout).expect("utf-8");
    assert!(people.contains("scopes") && people.contains("free"), "{people}");
    let list = world.run(&["account", "list", "--output", "quiet"]).await;
    assert_eq!(list.stdout, b"acme\n");

    for verb in ["show", "pause", "resume", "explain", "refresh", "token", "remove"] {
        let (code, error) = world.json(&["account", verb, "nobody"]).await;
        assert_eq!((code, &error["error"]["code"]), (Some(3), &json!("not_found")), "{verb}");
    }
}

#[tokio::test]
async fn a_removed_account_is_revoked_unless_kept() {
    let world = World::new().await;
    for name in ["one", "two"] {
        assert_eq!(world.login(&[name], name).await.0, Some(0));
    }
    let (code, removed) = world.json(&["account", "remove", "one"]).await;
    assert_eq!((code, &removed["revoked"]), (Some(0), &json!("yes")), "{removed}");
    assert_eq!(world.sim.counters().revocations, 1);
    let (code, kept) = world.json(&["account", "remove", "two", "--keep-grant"]).await;
    assert_eq!((code, &kept["revoked"]), (Some(0), &json!("kept")));
    assert_eq!(world.sim.counters().revocations, 1);
    let (code, _) = world.json(&["account", "remove", "one"]).await;
    assert_eq!(code, Some(3), "it is gone");
    let (_, list) = world.json(&["account", "list"]).await;
    assert_eq!(list, json!([]));
    let (_, list) = world.json(&["account", "list", "--all"]).await;
    assert_eq!(list[0]["state"], "removed");
    assert_eq!(world.login(&["one"], "one").await.0, Some(0), "a new consent brings it back");
    world.no_violations();
}

#[tokio::test]
async fn a_copy_under_another_deployment_and_a_wrong_key_are_refused() {
    let world = World::new().await;
    assert_eq!(world.login(&["acme"], "owner").await.0, Some(0));
    let mut command = world.command(&["account", "list", "--json"]);
    command.env("ZOOMD_DEPLOYMENT", "staging").stdout(Stdio::piped()).stderr(Stdio::piped());
    let (code, error) = as_json(finish(command.spawn()).await);
    assert_eq!((code, &error["error"]["code"]), (Some(2), &json!("deployment")), "{error}");
    let other = KeyRing::generate_key();
    let with_other_key = async |args: &[&str]| {
        let mut command = world.command(args);
        command.env("ZOOMD_ENCRYPTION_KEY", other.expose_secret());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        as_json(finish(command.spawn()).await)
    };
    // A list needs no key.
    let (code, list) = with_other_key(&["account", "list", "--json"]).await;
    assert_eq!((code, &list[0]["account"]), (Some(0), &json!("acme")), "{list}");
    let pause = ["account", "pause", "acme", "--json"];
    let (code, error) = with_other_key(&pause).await;
    assert_eq!((code, &error["error"]["code"]), (Some(2), &json!("encryption_key")), "{error}");
    assert!(error["error"]["message"].as_str().is_some_and(|m| m.contains("sealed under key")));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_dead_grant_wait_for_the_login_and_go_on() {
    let mut rig = Rig::start().await;
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    rig.set("ZOOMD_REDIRECT_URL", &format!("http://127.0.0.1:{}/zoom", port.port()));
    rig.connect("acme");
    assert!(rig.sim.revoke("acme"), "the user takes the consent back at Zoom");
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "order-1")).await;
    let shown = until("the verdict, with the job waiting", || {
        let shown = rig.run(&["account", "show", "acme", "--json"]).expect(0).json();
        (shown["state"] == "needs_reauth" && shown["waiting"] == 1).then_some(shown)
    });
    assert!(shown["why"].is_string(), "{shown}");
    rig.run(&["account", "token", "acme", "--timeout", "1s"]).expect(4);

    let (login, page) = start_login(rig.command(&["account", "login", "acme", "--json"])).await;
    browse(&format!("{page}&sim_user=acme")).await;
    let (code, shown) = login.end().await;
    assert_eq!((code, &shown["state"]), (Some(0), &json!("active")), "{shown}");
    let (stream, outcome) = rig.outcome("order-1").await;
    assert_eq!(stream, Stream::Results, "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_account_has_its_waiting_jobs_failed_by_the_daemon() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.run(&["account", "pause", "acme"]).expect(0);
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "order-1")).await;
    until("the job waits", || {
        let shown = rig.run(&["account", "show", "acme", "--json"]).expect(0).json();
        (shown["waiting"] == 1).then_some(())
    });
    let removed = rig.run(&["account", "remove", "acme", "--json"]).expect(0).json();
    assert_eq!((&removed["waiting"], &removed["revoked"]), (&json!(1), &json!("yes")));
    let (_, failure) = rig.outcome("order-1").await;
    assert_eq!(failure["code"], "account_removed", "{failure}");
    rig.xadd(&job("acme", "order-2")).await;
    let (_, failure) = rig.outcome("order-2").await;
    assert_eq!(failure["code"], "account_removed", "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_ends_the_waiting_jobs_and_leaves_nothing() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let mut daemon = rig.daemon();
    rig.xadd(&job("acme", "made")).await;
    rig.outcome("made").await;
    rig.run(&["account", "pause", "acme"]).expect(0);
    rig.xadd(&job("acme", "order-1")).await;
    until("the job waits", || {
        let shown = rig.run(&["account", "show", "acme", "--json"]).expect(0).json();
        (shown["waiting"] == 1).then_some(())
    });
    assert!(daemon.stop().success());
    let args = ["account", "remove", "acme", "--purge", "--keep-grant", "--json"];
    let gone = rig.run(&args).expect(0).json();
    assert_eq!(gone["purged"], true);
    let (_, failure) = rig.outcome("order-1").await;
    assert_eq!(failure["code"], "account_removed", "{failure}");
    assert_eq!(rig.redis_cli(&["KEYS", "*acme*"]), "*0\r\n");
    assert_eq!(rig.redis_cli(&["ZCARD", "zoomd:v1:meeting_months"]), ":0\r\n");
    rig.run(&["account", "show", "acme"]).expect(3);
    assert_eq!(rig.run(&["account", "list", "--all", "--json"]).expect(0).json(), json!([]));
}
