//! Access control: tokens, roles, hosts, origins.

use std::fs;

use super::{ask, token, with_tokens};
use crate::support::http::Ask;
use crate::support::{Rig, until};

#[tokio::test(flavor = "multi_thread")]
async fn without_tokens_a_loopback_listener_answers_reads_for_its_own_host_alone() {
    let rig = Rig::start().await;
    let daemon = rig.daemon();
    let status = || Ask::get("/api/v1/status");
    ask(&daemon, &status()).expect(200);
    for (host, code) in [("localhost:1", 200), ("[::1]", 200), ("evil.example", 421)] {
        let answer = ask(&daemon, &status().header("host", host)).expect(code);
        if code == 421 {
            assert_eq!(answer.json()["code"], "wrong_host");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
    }
    // Probes and scrapers come under any name.
    ask(&daemon, &Ask::get("/readyz").header("host", "10.0.0.5:9464")).expect(200);
    let write = ask(&daemon, &Ask::post("/api/v1/pause", "{}")).expect(403);
    assert_eq!(write.json()["code"], "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_for_the_network_answers_nothing_without_tokens() {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_LISTEN", "0.0.0.0:0");
    let daemon = rig.daemon();
    let port = daemon.address().rsplit_once(':').expect("a port").1.to_owned();
    let answer = Ask::get("/api/v1/status").send(&format!("127.0.0.1:{port}")).expect(403);
    assert_eq!(answer.json()["code"], "no_tokens");
    Ask::get("/livez").send(&format!("127.0.0.1:{port}")).expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_its_part_and_a_new_token_holds_at_once() {
    let mut rig = Rig::start().await;
    let tokens = with_tokens(&mut rig);
    let daemon = rig.daemon();
    let pause = || Ask::post("/api/v1/pause", r#"{"reason":"trial"}"#);
    let odd = || Ask::post("/api/v1/pause", "[");
    let read = || Ask::get("/api/v1/status");
    // An authorized request with an invalid body is a bad request.
    for (token, statuses) in [
        (&tokens.read, [200, 403, 403]),
        (&tokens.enqueue, [200, 403, 403]),
        (&tokens.operate, [200, 400, 200]),
        (&"zoomd_unknown".to_owned(), [401, 401, 401]),
    ] {
        for (request, status) in [read(), odd(), pause()].into_iter().zip(statuses) {
            let answer = ask(&daemon, &request.bearer(token)).expect(status);
            assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
            assert!(!answer.body.contains(token.as_str()), "{}", answer.body);
        }
    }
    ask(&daemon, &read()).expect(401);
    ask(&daemon, &read().header("authorization", "Basic YTpi")).expect(401);
    let late = token(&rig, "late", "read");
    until("a token that was added", || {
        (ask(&daemon, &read().bearer(&late)).status == 200).then_some(())
    });
    fs::write(rig.dir.path().join("api_tokens"), "").expect("written");
    until("tokens that were taken out", || {
        (ask(&daemon, &read().bearer(&late)).status == 401).then_some(())
    });
    assert!(!daemon.log().contains(&late), "a token in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_writes_nothing() {
    let mut rig = Rig::start().await;
    let tokens = with_tokens(&mut rig);
    rig.set("ZOOMD_API_HOSTS", "zoomd.example");
    let daemon = rig.daemon();
    let pause = Ask::post("/api/v1/pause", r#"{"reason":"trial"}"#).bearer(&tokens.operate);
    for (host, origin, status) in [
        ("zoomd.example", "https://zoomd.example", 200),
        ("zoomd.example", "https://evil.example", 403),
        ("evil.example", "https://evil.example", 421),
    ] {
        let pause = pause.clone().header("host", host).header("origin", origin);
        ask(&daemon, &pause).expect(status);
    }
}

#[test]
fn a_token_is_shown_once_and_its_line_goes_into_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tokens");
    let make = |args: &[&str], path: Option<&str>| {
        let mut command = crate::support::zoomd(dir.path(), args);
        path.map(|path| command.env("ZOOMD_API_TOKENS_FILE", path));
        crate::support::finish(command, "")
    };
    let path = file.to_str().expect("UTF-8");
    let made = make(&["config", "token", "grafana", "--role", "read"], Some(path)).expect(0);
    let text = fs::read_to_string(&file).expect("the file is there");
    assert!(text.starts_with("grafana read ") && text.ends_with('\n'), "{text}");
    assert!(made.stdout.starts_with("zoomd_") && !text.contains(made.stdout.trim()));
    let second = make(&["--json", "config", "token", "bob", "--role", "operate"], Some(path));
    let second = second.expect(0).json();
    assert_eq!((&second["name"], &second["role"]), (&"bob".into(), &"operate".into()));
    assert_eq!(fs::read_to_string(&file).expect("it is there").lines().count(), 2);
    // Without a file the line is printed for whoever keeps it.
    let loose = make(&["config", "token", "ada", "--role", "read"], None).expect(0);
    assert!(loose.stderr.contains("ada read "), "{}", loose.stderr);
    make(&["config", "token", "a b", "--role", "read"], Some(path)).expect(2);
    make(&["config", "token", "ada", "--role", "root"], Some(path)).expect(2);
}
