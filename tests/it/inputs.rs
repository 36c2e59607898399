//! Input as people's editors write it: lines of refresh tokens, secrets from standard input.

use serde_json::{Value, json};

use crate::support::{Rig, job, until};

#[tokio::test]
async fn grants_stored_under_a_wrong_client_id_are_replaced_under_the_right_one() {
    let mut rig = Rig::start().await;
    let token = |user: &str| rig.sim.grant(user).refresh_token.expect("a refresh token");
    let (one, two) = (token("one"), token("two"));
    let line = |account: &str, token: &str| {
        json!({"account": account, "refresh_token": format!("{token}\n")}).to_string()
    };
    let file = format!("\u{feff}{}\r\n{}\r\n", line("one", &one), line("two", &two));
    let import = ["account", "import", "-", "--json"];
    rig.set("ZOOMD_CLIENT_ID", "wrong-client");
    assert_eq!(rig.run_with(&import, &file).expect(0).json()["imported"], 2);
    assert_eq!(rig.run_with(&import, &file).expect(0).json()["unchanged"], 2);

    rig.set("ZOOMD_CLIENT_ID", "sim-client");
    let report = rig.run_with(&import, &file).expect(0).json();
    assert_eq!((&report["kept"], &report["unchanged"]), (&2.into(), &0.into()), "{report}");
    let replace = [&import[..], &["--replace"]].concat();
    let report = rig.run_with(&replace, &file).expect(0).json();
    assert_eq!((&report["imported"], &report["unchanged"]), (&2.into(), &0.into()), "{report}");
    // The token was sent without the end of its line.
    rig.run(&["account", "refresh", "one"]).expect(0);
    // Once more changes nothing: one token is spent, the other one is there.
    let report = rig.run_with(&replace, &file).expect(0).json();
    assert_eq!((&report["imported"], &report["unchanged"]), (&0.into(), &2.into()), "{report}");

    let add = ["account", "add", "two", "--refresh-token-file", "-", "--replace", "--json"];
    assert_eq!(rig.run_with(&add, &two).expect(0).json()["status"], "unchanged");
    rig.set("ZOOMD_CLIENT_ID", "other-client");
    assert_eq!(rig.run_with(&add, &two).expect(0).json()["status"], "replaced");
    // A token that was rotated shows that its app was the right one.
    let add = ["account", "add", "one", "--refresh-token-file", "-", "--replace", "--json"];
    assert_eq!(rig.run_with(&add, &one).expect(0).json()["status"], "unchanged");
    let violations = rig.sim.violations();
    assert!(violations.is_empty(), "{violations:?}");
}

#[tokio::test]
async fn tokens_that_cannot_be_meant_are_refused_by_line_and_not_shown() {
    let rig = Rig::start().await;
    let lines = [
        json!({"account": "a", "refresh_token": "hush\u{200b}hush"}),
        json!({"account": "b", "refresh_token": "\"hush\""}),
        json!({"account": "c", "refresh_token": "hush hush"}),
        json!({"account": "d", "refresh_token": "hush", "client_id": "'id'"}),
        json!({"account": "e", "refresh_token": "\u{200b}\n"}),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let report = rig.run_with(&["account", "import", "-", "--json"], &text).expect(1).json();
    for (at, wanted) in [
        "refresh_token contains U+200B (zero-width space) at character 5",
        "refresh_token is in quotes",
        "refresh_token contains a blank at character 5",
        "client_id is in quotes",
        "refresh_token is empty",
    ]
    .iter()
    .enumerate()
    {
        let error = &report["errors"][at];
        assert_eq!((&error["line"], &error["message"]), (&(at + 1).into(), &(*wanted).into()));
    }
    assert!(!report.to_string().contains("hush"), "{report}");
    let add = ["account", "add", "a", "--refresh-token-file", "-"];
    let ran = rig.run_with(&add, "one\ntwo\n").expect(2);
    let wanted = "--refresh-token-file: standard input has 2 lines";
    assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
    rig.run_with(&["account", "add", "a", "--refresh-token-file", "-"], "\u{feff}one\r\n")
        .expect(0);
}

#[tokio::test]
async fn init_takes_its_secrets_by_the_same_rules() {
    let rig = Rig::start().await;
    let init = |folder: &str, secret: &str, id: &str| {
        let args = ["init", "--yes", "--offline", "--folder", folder, "--client-id", id];
        rig.run_with(&[&args[..], &["--client-secret-file", "-"]].concat(), secret)
    };
    init("a", "\u{feff}hush\r\n", "id").expect(0);
    let written = std::fs::read_to_string(rig.dir.path().join("a/client_secret"));
    assert_eq!(written.expect("it is there"), "hush\n");
    let ran = init("b", "hush\nhush\n", "id").expect(2);
    assert!(ran.stderr.contains("has 2 lines") && !ran.stderr.contains("hush"), "{}", ran.stderr);
    let ran = init("c", "hush", "\"id\"").expect(2);
    assert!(ran.stderr.contains("--client-id is in quotes"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_wrong_secret_of_a_server_to_server_app_is_told_as_that_apps() {
    let mut zoom = zoom_sim::Config::unlimited();
    zoom.apps.push(zoom_sim::App::server_to_server("s2s", "right", "zoom-1"));
    let rig = Rig::with(redis_local::Options::default(), zoom).await;
    let args = ["account", "add", "corp", "--server-to-server", "zoom-1", "--client-id", "s2s"];
    rig.run_with(&[&args[..], &["--client-secret-file", "-"]].concat(), "wrong").expect(0);
    let daemon = rig.daemon();
    rig.xadd(&job("corp", "first")).await;
    daemon.wait_log("zoom rejected the app's credentials");
    let ready = daemon.get("/readyz").1;
    let ready: serde_json::Value = serde_json::from_str(&ready).expect("JSON");
    let mut problems = ready["problems"].as_array().expect("a list").iter();
    let of_corp = |p: &&serde_json::Value| p["code"] == "app_rejected" && p["account"] == "corp";
    let problem = problems.find(of_corp).expect("told");
    assert!(
        problem["what"].as_str().is_some_and(|what| what.contains("invalid_client")),
        "{ready}"
    );
    let own = "zoomd account add corp --server-to-server ZOOM_ACCOUNT_ID";
    let told = until("the story names the app's own command", || {
        let ran = rig.run(&["account", "explain", "corp"]).expect(0);
        ran.stderr.contains(own).then_some(ran.stderr)
    });
    assert!(!told.contains("ZOOMD_CLIENT_ID"), "{told}");
    let doctor = rig.run(&["doctor", "--offline"]).stdout;
    assert!(doctor.contains(own) && !doctor.contains("correct ZOOMD_CLIENT_ID"), "{doctor}");
    let shown = until("the job waits for the app", || {
        let shown = rig.run(&["job", "show", "first", "--json"]).expect(0).json();
        (shown["reason"] == "app_rejected").then_some(shown)
    });
    assert_eq!(shown["expected_at"], Value::Null, "nobody knows: {shown}");
    let explanation = shown["explanation"].as_str().unwrap_or_default();
    assert!(explanation.contains("Zoom rejects the app's credentials"), "{shown}");
}
