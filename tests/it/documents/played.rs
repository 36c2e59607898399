//! The commands of the documents, typed by a reader.

use serde_json::{Value, json};

use zoom_sim::{Endpoint, Fault, What};

use super::fence::{Block, blocks};
use super::printed;
use super::session::Session;
use crate::support::job;

/// The newcomer's page, from an empty folder to the command that shows a job.
#[tokio::test(flavor = "multi_thread")]
async fn the_readme() {
    let mut reader = Session::start().await;
    // The environment holds only what `zoomd init` writes.
    for name in ["ZOOMD_ENCRYPTION_KEY", "ZOOMD_CLIENT_ID", "ZOOMD_CLIENT_SECRET"] {
        reader.rig.set(name, "");
    }
    reader.answers = vec![
        ("Redis [", ""),
        ("Client id", "sim-client"),
        ("Client secret", "sim-secret"),
        ("Redirect URL", ""),
    ];
    reader.word("ID", "order-1234");
    let printed = reader.play_all("README.md");
    assert!(printed.contains(r#""status":"succeeded""#), "{printed}");
    assert!(reader.rig.sim.violations().is_empty(), "{:?}", reader.rig.sim.violations());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_about_accounts() {
    let mut reader = Session::start().await;
    let dir = reader.rig.dir.path().to_owned();
    let etc = dir.join("etc");
    std::fs::create_dir(&etc).expect("a folder");
    std::fs::write(etc.join("client_secret"), "sim-secret\n").expect("written");
    for name in ["ZOOMD_ENCRYPTION_KEY", "ZOOMD_CLIENT_ID", "ZOOMD_CLIENT_SECRET"] {
        reader.rig.set(name, "");
    }
    reader.word("/etc/zoomd", &etc.display().to_string());
    reader.word("…", "sim-client");
    reader.rig.sim.add_app(zoom_sim::App::server_to_server(
        "corp-client",
        "corp-secret",
        "corp-account",
    ));
    reader.word("ZOOM_ACCOUNT_ID", "corp-account");
    reader.word("ID", "corp-client");
    std::fs::write(dir.join("secret.txt"), "corp-secret\n").expect("written");
    let grant = |user: &str| reader.rig.sim.grant(user).refresh_token.expect("a refresh token");
    std::fs::write(dir.join("token.txt"), grant("somebody")).expect("written");
    let lines = blocks("docs/accounts.md").into_iter().find(|b| b.kind == "jsonl").expect("lines");
    let fill = |line: &str| {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        let user = line["account"].as_str().expect("a name").to_owned();
        line["refresh_token"] = json!(grant(&user));
        format!("{line}\n")
    };
    let filled: String = lines.text.lines().map(fill).collect();
    std::fs::write(dir.join("accounts.jsonl"), filled).expect("written");

    for block in blocks("docs/accounts.md").iter().filter(|b| b.kind == "sh") {
        reader.play(block);
        // Each section begins without the account of the one before it.
        if block.text.contains("account") && !block.text.contains("--dry-run") {
            let listed = reader.type_in("zoomd account list --output quiet", "the test");
            for account in listed.lines() {
                let line = format!("zoomd account remove {account} --purge --yes");
                reader.type_in(&line, "the test");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_about_consent() {
    let mut reader = Session::start().await;
    let secret = reader.rig.dir.path().join("webhook-secret");
    std::fs::write(&secret, "hook-secret\n").expect("written");
    reader.word("/etc/zoomd/webhook-secret", &secret.display().to_string());
    reader.word("127.0.0.1:8080", "127.0.0.1:0");
    for block in blocks("docs/consent.md").iter().filter(|b| b.kind != "caddy") {
        if block.kind == "console" {
            // The daemon runs under the settings above.
            reader.daemon = Some(reader.rig.daemon());
        }
        reader.play(block);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_about_jobs() {
    let mut reader = Session::start().await;
    reader.rig.connect("acme");
    reader.daemon = Some(reader.rig.daemon());
    for block in
        blocks("docs/jobs.md").iter().filter(|b| ["redis", "sh"].contains(&b.kind.as_str()))
    {
        if block.kind == "sh" {
            let send = r#"XADD zoomd:jobs * job '{"id":"order-1234","account":"acme","reply":true,"meeting":{"type":3}}'"#;
            reader.play(&Block { kind: "redis".into(), text: send.into(), ..block.clone() });
        }
        let printed = reader.play(block);
        let waited = block.kind != "sh" || printed.contains(r#""status":"succeeded""#);
        assert!(waited, "{}: {printed}", block.at());
    }
    the_story_of_the_page(&reader).await;
    let meetings = reader.rig.wait_item(|item| item.field("job_id") != "order-1234").await;
    assert!(
        meetings.field("result").contains("Weekly sync") || !meetings.field("result").is_empty()
    );
}

/// The story that the page shows is one that happens: a create answered 503, whose
/// meeting the search finds.
async fn the_story_of_the_page(reader: &Session) {
    reader.rig.sim.fault(Fault::new(Endpoint::Create, What::Status(503)).after());
    reader.rig.xadd(&job("acme", "story")).await;
    reader.rig.outcome("story").await;
    let shown = blocks("docs/jobs.md").into_iter().find(|b| b.kind == "text").expect("a story");
    let printed = reader.rig.run(&["job", "show", "story"]).expect(0).stdout;
    let told: String = printed
        .lines()
        .filter(|line| line.starts_with("  2"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(printed::same(&shown.text, &told), "--- is ---\n{told}--- shows ---\n{}", shown.text);
}

/// The key is changed while the journal of a daemon still needs the old one. No other
/// daemon takes the journal over: both would be named until the first is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_about_keys() {
    let mut reader = Session::start().await;
    let mut daemon = reader.rig.daemon();
    for account in ["acme", "beta", "corp"] {
        reader.rig.connect(account);
        reader.rig.run(&["account", "refresh", account]).expect(0);
    }
    daemon.stop();
    let key = reader.rig.run(&["config", "key"]).expect(0).stdout;
    reader.rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", crate::support::KEY);
    reader.rig.set("ZOOMD_ENCRYPTION_KEY", key.trim());
    reader.word("web-1", &hostname());
    reader.play_all("docs/keys.md");
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_examples() {
    let mut reader = Session::start().await;
    reader.rig.connect("acme");
    reader.daemon = Some(reader.rig.daemon());
    let printed = reader.play_all("examples/README.md");
    assert!(printed.contains(r#"\"status\":\"succeeded\""#), "{printed}");
}
