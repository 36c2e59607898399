//! `zoomd account …`, black box: the binary, a real Redis, the simulated Zoom,
//! and a browser that is a plain HTTP client.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use redis_local::RedisServer;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use zoom_sim::{App, Config, Sim};
use zoomd_store::grants::{AccountState, Grants};
use zoomd_store::seal::KeyRing;
use zoomd_store::streams::Stream;
use zoomd_store::{Store, StoreConfig, meta};
use zoomd_wire::AccountName;

use crate::support::browser::visit;
use crate::support::{Rig, job, until};

struct World {
    redis: RedisServer,
    sim: Sim,
    key: secrecy::SecretString,
    data: tempfile::TempDir,
    redirect: String,
}

impl World {
    async fn new() -> Self {
        Self::with(Config::unlimited()).await
    }

    async fn with(config: Config) -> Self {
        // The port is free now, and nobody else is told of it.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
        Self {
            redis: RedisServer::start().expect("redis-server is installed"),
            sim: Sim::start(config).await,
            key: KeyRing::generate_key(),
            data: tempfile::tempdir().expect("a folder"),
            redirect: format!("http://localhost:{}/zoom", port.port()),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zoomd"));
        command
            .args(args)
            .current_dir(self.data.path())
            .env("ZOOMD_REDIS_URL", self.redis.unix_url())
            .env("ZOOMD_ENCRYPTION_KEY", self.key.expose_secret())
            .env("ZOOMD_ZOOM_API_URL", format!("{}/v2", self.sim.url()))
            .env("ZOOMD_ZOOM_OAUTH_URL", self.sim.url())
            .env("ZOOMD_CLIENT_ID", "sim-client")
            .env("ZOOMD_CLIENT_SECRET", "sim-secret")
            .env("ZOOMD_REDIRECT_URL", &self.redirect)
            .env("ZOOMD_DATA_DIR", self.data.path())
            .stdin(Stdio::null());
        command
    }

    async fn run(&self, args: &[&str]) -> Output {
        finish(self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()).await
    }

    async fn run_with(&self, args: &[&str], input: String) -> Output {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut stdin = child.stdin.take().expect("piped");
        // A thread of its own: a child that writes before it reads must not block us.
        let fed = std::thread::spawn(move || {
            let _ = stdin.write_all(input.as_bytes());
        });
        let output = finish(Ok(child)).await;
        fed.join().expect("no panic");
        output
    }

    async fn json(&self, args: &[&str]) -> (Option<i32>, Value) {
        as_json(self.run(&[args, &["--json"]].concat()).await)
    }

    /// Starts a login and answers the process and the page it asks to open.
    async fn start_login(&self, args: &[&str]) -> (Login, String) {
        start_login(self.command(&[&["account", "login", "--json"], args].concat())).await
    }

    /// A whole login: the page is opened and the redirects are followed.
    async fn login(&self, args: &[&str], zoom_user: &str) -> (Option<i32>, Value, String) {
        let (login, page) = self.start_login(args).await;
        let answer = browse(&format!("{page}&sim_user={zoom_user}")).await;
        let (code, value) = login.end().await;
        (code, value, answer)
    }

    async fn grants(&self) -> Grants {
        let ring = KeyRing::parse(Some(&self.key), None).expect("a key");
        let store = Store::open(&StoreConfig::new(self.redis.unix_url(), "zoomd")).expect("a url");
        let vault = meta::open(&store, &ring).await.expect("our namespace");
        Grants::new(store, vault)
    }

    async fn stored_token(&self, account: &str) -> Option<String> {
        let name = AccountName::new(account).expect("a name");
        let (_, secrets) = self.grants().await.open(&name).await.expect("it opens")?;
        secrets.refresh_token.map(|token| token.expose_secret().to_owned())
    }

    async fn state(&self, account: &str) -> AccountState {
        let name = AccountName::new(account).expect("a name");
        self.grants().await.account(&name).await.expect("Redis").expect("it is there").state
    }

    fn no_violations(&self) {
        let violations = self.sim.violations();
        assert!(violations.is_empty(), "{violations:?}");
    }
}

struct Login {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Login {
    async fn end(mut self) -> (Option<i32>, Value) {
        let said = std::mem::take(&mut self.said);
        let rest = tokio::task::spawn_blocking(move || {
            let mut rest = String::new();
            let _ = self.stderr.read_to_string(&mut rest);
            let output = self.child.wait_with_output().expect("it ends");
            (output, rest)
        });
        let (output, rest) = rest.await.expect("no panic");
        for secret in ["sim-secret", "eyJ"] {
            assert!(!said.contains(secret) && !rest.contains(secret), "{said}{rest}");
        }
        as_json(output)
    }
}

/// Starts a login and answers the process and the page it asks to open.
async fn start_login(mut command: Command) -> (Login, String) {
    command.stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let read = tokio::task::spawn_blocking(move || {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if stderr.read_line(&mut line).expect("utf-8") == 0 {
                panic!("no page was printed: {said}");
            }
            said.push_str(&line);
            if let Some(page) = line.trim().strip_prefix("http") {
                return (stderr, said.clone(), format!("http{page}"));
            }
        }
    });
    let (stderr, said, page) = read.await.expect("no panic");
    (Login { child, stderr, said }, page)
}

async fn finish(child: std::io::Result<Child>) -> Output {
    let child = child.expect("the binary runs");
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    ended.await.expect("no panic").expect("it ends")
}

fn as_json(output: Output) -> (Option<i32>, Value) {
    let value = serde_json::from_slice(&output.stdout);
    (output.status.code(), value.unwrap_or_else(|e| panic!("{e}: {output:?}")))
}

/// Follows redirects as a browser does; answers the last page.
async fn browse(page: &str) -> String {
    let page = page.to_owned();
    tokio::task::spawn_blocking(move || visit(&page)).await.expect("no panic")
}

#[tokio::test]
async fn a_login_follows_the_consent_back_and_stores_the_grant() {
    let world = World::new().await;
    let (code, shown, page) = world.login(&["acme", "--plan", "business"], "owner").await;
    assert_eq!(code, Some(0), "{shown}");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("acme is connected"), "{page}");
    assert_eq!((&shown["account"], &shown["state"]), (&json!("acme"), &json!("active")));
    assert_eq!(shown["plan"], "business");
    assert_eq!(shown["missing_scopes"], json!({"create": null, "list": null, "read": null}));
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
    assert!(page.contains("first goes on with this consent"), "{page}");
    assert!(world.stored_token("first").await.is_some());
    let (code, moved, _) = world.login(&["second", "--take-over"], "owner").await;
    assert_eq!(code, Some(0), "{moved}");
    assert_eq!(world.state("first").await, AccountState::Superseded);
    assert_eq!(world.state("second").await, AccountState::Active);
    world.no_violations();
}

#[tokio::test]
async fn a_refresh_token_is_added_from_a_file_and_never_shown() {
    let world = World::new().await;
    let token = world.sim.seed("owner", None, None).tokens.refresh_token.expect("a pair");
    let add = ["account", "add", "acme", "--refresh-token-file", "-", "--plan", "free", "--json"];
    let output = world.run_with(&add, format!("{token}\n")).await;
    let shown = format!("{output:?}");
    assert!(!shown.contains(&token), "the token is shown");
    let (code, added) = as_json(output);
    assert_eq!((code, &added["status"]), (Some(0), &json!("added")));
    assert_eq!(world.stored_token("acme").await, Some(token.clone()));

    let (code, again) = as_json(world.run_with(&add, token).await);
    assert_eq!((code, &again["status"]), (Some(0), &json!("unchanged")));
    let (code, error) = as_json(world.run_with(&add, "another".into()).await);
    assert_eq!((code, &error["error"]["code"]), (Some(1), &json!("exists")));
    let replace = [&add[..], &["--replace"]].concat();
    let (code, replaced) = as_json(world.run_with(&replace, "another".into()).await);
    assert_eq!((code, &replaced["status"]), (Some(0), &json!("replaced")));
    for bad in ["", "two words", "two\nlines"] {
        let (code, error) = as_json(world.run_with(&add, bad.into()).await);
        assert_eq!((code, &error["error"]["code"]), (Some(2), &json!("usage")), "{bad:?}");
    }
    let (code, _) = world.json(&["account", "add", "a b", "--refresh-token-file", "-"]).await;
    assert_eq!(code, Some(2));
    assert_eq!(world.sim.counters().rotations, 0, "nothing was presented to Zoom");
}

#[tokio::test]
async fn a_server_to_server_app_is_added_with_a_secret_of_its_own() {
    let world = World::new().await;
    let file = world.data.path().join("secret");
    std::fs::write(&file, "s2s-secret\n").expect("written");
    let file = file.to_str().expect("utf-8");
    let args = ["account", "add", "corp", "--server-to-server", "zoom-1", "--client-id", "s2s"];
    let (code, added) = world.json(&[&args[..], &["--client-secret-file", file]].concat()).await;
    assert_eq!((code, &added["kind"]), (Some(0), &json!("s2s")));
    let (_, shown) = world.json(&["account", "show", "corp"]).await;
    assert_eq!((&shown["zoom_account"], &shown["kind"]), (&json!("zoom-1"), &json!("s2s")));
    let (code, _) = world.json(&args).await;
    assert_eq!(code, Some(2), "a secret is needed");
}

#[tokio::test]
async fn twenty_thousand_accounts_are_imported_and_wrong_lines_named() {
    let world = World::new().await;
    let mut lines: Vec<String> = (0..20_000)
        .map(|n| {
            json!({"account": format!("a{n}"), "refresh_token": format!("rt-{n}")}).to_string()
        })
        .collect();
    let wrong = [
        (r#"{"account":"x","refresh_token":"hush""#, "not JSON"),
        (r#"{"account":"x"}"#, "refresh_token is missing"),
        (r#"{"account":"x y","refresh_token":"hush"}"#, "an account's name must be"),
        (r#"{"account":"x","refresh_token":"hush","refresh":1}"#, "a field is not one of"),
        (r#"{"account":"x","refresh_token":{"hush":1}}"#, "refresh_token is not a text"),
        (r#"{"account":"x","refresh_token":"hush","plan":"gold"}"#, "plan: expected one of"),
        (r#"{"account":"a7","refresh_token":"hush"}"#, "the account is in line 8 already"),
        (r#"{"account":"x","refresh_token":"rt-7"}"#, "is in line 8 already"),
        ("[]", "not a JSON object"),
    ];
    lines.extend(wrong.iter().map(|(line, _)| (*line).to_owned()));
    let file = lines.join("\n");
    let import = ["account", "import", "-", "--json"];
    let output = world.run_with(&import, file.clone()).await;
    assert!(!format!("{output:?}").contains("hush"), "a wrong line is not repeated");
    let (code, report) = as_json(output);
    assert_eq!(code, Some(1), "{report}");
    assert_eq!((&report["imported"], &report["failed"]), (&json!(20_000), &json!(wrong.len())));
    for (error, (line, message)) in report["errors"].as_array().expect("a list").iter().zip(wrong) {
        assert!(error["message"].as_str().is_some_and(|m| m.contains(message)), "{line}: {error}");
    }
    let (_, report) = as_json(world.run_with(&import, file).await);
    assert_eq!((&report["imported"], &report["unchanged"]), (&json!(0), &json!(20_000)));
    let (code, list) = world.json(&["account", "list", "--limit", "3", "--after", "a1999"]).await;
    let names: Vec<_> = list.as_array().expect("a list").iter().map(|a| &a["account"]).collect();
    assert_eq!((code, names.len()), (Some(0), 3));
    assert_eq!(names, ["a19990", "a19991", "a19992"]);
    assert_eq!(world.sim.counters().rotations, 0, "nothing was presented to Zoom");
}

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
async fn a_login_tells_which_scopes_are_missing() {
    let mut config = Config::unlimited();
    config.apps = vec![App { scope: "meeting:write:meeting".into(), ..App::default() }];
    let world = World::with(config).await;
    let (code, shown, _) = world.login(&["acme"], "owner").await;
    assert_eq!(code, Some(0), "{shown}");
    let (list, read) = ("meeting:read:list_meetings", "meeting:read:meeting");
    let missing = json!({"create": null, "list": list, "read": read});
    assert_eq!(shown["missing_scopes"], missing);
    let (_, shown) = world.json(&["account", "show", "acme"]).await;
    assert_eq!(shown["missing_scopes"], missing);
    let (_, told) = world.json(&["doctor"]).await;
    let lacks = "acme lacks meeting:read:list_meetings and meeting:read:meeting: a create";
    assert!(told.to_string().contains(lacks), "{told}");
    world.no_violations();
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
    rig.run(&["account", "pause", "acme"]).expect(0);
    let mut daemon = rig.daemon();
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
    rig.run(&["account", "show", "acme"]).expect(3);
    assert_eq!(rig.run(&["account", "list", "--all", "--json"]).expect(0).json(), json!([]));
}
