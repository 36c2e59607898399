//! `zoomd meeting …`, black box: the binary, a real Redis, the simulated Zoom.

use std::process::{Command, Output};

use redis_local::RedisServer;
use serde_json::Value;
use zoom_api::{AccessToken, Client, Endpoints, SendBody, Settings};
use zoom_sim::{Config, Sim};
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::{GrantSecrets, Grants, NewGrant, Put};
use zoomd_store::{Store, StoreConfig, meta};
use zoomd_wire::AccountName;

struct World {
    redis: RedisServer,
    sim: Sim,
    key: secrecy::SecretString,
    data: tempfile::TempDir,
    store: Store,
    grants: Grants,
}

impl World {
    async fn new() -> Self {
        let redis = RedisServer::start().expect("redis-server is installed");
        let sim = Sim::start(Config::unlimited()).await;
        let key = KeyRing::generate_key();
        let ring = KeyRing::parse(Some(&key), None).expect("a key");
        let store = Store::open(&StoreConfig::new(redis.unix_url(), "zoomd")).expect("a url");
        let vault = meta::open(&store, &ring).await.expect("a fresh namespace");
        let grants = Grants::new(store.clone(), vault);
        let data = tempfile::tempdir().expect("a folder");
        Self { redis, sim, key, data, store, grants }
    }

    /// Connects `account` as the Zoom user of that name, with a token good for an hour.
    async fn connect(&self, account: &str, scope: Option<&str>) -> AccessToken {
        let tokens = self.sim.seed(account, None, scope).tokens;
        let name = AccountName::new(account).expect("a name");
        let refresh = tokens.refresh_token.expect("a pair").into();
        let mut new = NewGrant::imported(name, refresh, self.sim.url(), "sim-client");
        new.secrets =
            GrantSecrets { access_token: Some(tokens.access_token.as_str().into()), ..new.secrets };
        let now_ms = self.store.now_ms().await.expect("Redis answers");
        new.access_expires_ms = u64::try_from(now_ms).expect("after 1970") + 3_600_000;
        let put = self.grants.add(&new, false).await.expect("it can be stored");
        assert!(matches!(put, Put::Stored { .. }), "{put:?}");
        AccessToken::new(&tokens.access_token).expect("a token")
    }

    async fn create(&self, token: &AccessToken, topic: &str) -> u64 {
        let base = self.sim.url();
        let endpoints = Endpoints::new(&format!("{base}/v2"), base, false).expect("loopback");
        let client = Client::new(Settings::new(endpoints)).expect("a client");
        let body = serde_json::json!({
            "topic": topic, "type": 2, "duration": 30, "timezone": "UTC",
            "start_time": "2037-01-01T10:00:00Z",
        });
        let reply = client.post_meeting(token, "me", SendBody::always(body.to_string())).await;
        reply.expect("an answer").created().expect("a meeting").id
    }

    async fn zoomd(&self, args: &[&str]) -> Output {
        use secrecy::ExposeSecret as _;
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
            .env("ZOOMD_DATA_DIR", self.data.path());
        let run = tokio::task::spawn_blocking(move || command.output());
        run.await.expect("no panic").expect("the binary runs")
    }

    async fn json(&self, args: &[&str]) -> (Option<i32>, Value) {
        let output = self.zoomd(&[args, &["--json"]].concat()).await;
        let value = serde_json::from_slice(&output.stdout);
        (output.status.code(), value.unwrap_or_else(|e| panic!("{e}: {output:?}")))
    }

    async fn nothing_in_flight(&self, account: &str) {
        let name = AccountName::new(account).expect("a name");
        let summaries = self.grants.summaries(&[name]).await.expect("Redis answers");
        assert_eq!(summaries[0].in_flight, 0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("utf-8")
}

#[tokio::test]
async fn meetings_are_listed_and_shown_without_what_lets_one_host_them() {
    let world = World::new().await;
    let token = world.connect("acme", None).await;
    let first = world.create(&token, "one").await;
    let second = world.create(&token, "two").await;

    let (code, list) = world.json(&["meeting", "list", "acme"]).await;
    assert_eq!(code, Some(0));
    let mut ids: Vec<_> = list.as_array().expect("a list").iter().map(|m| &m["id"]).collect();
    ids.sort_by_key(|id| id.as_u64() != Some(first));
    assert_eq!(ids, [first, second]);
    let quiet = world.zoomd(&["meeting", "list", "acme", "--output", "quiet"]).await;
    let lines = text(&quiet.stdout);
    let mut lines: Vec<u64> = lines.lines().map(|id| id.parse().expect("an id")).collect();
    lines.sort_by_key(|id| *id != first);
    assert_eq!(lines, [first, second]);

    let id = first.to_string();
    let (code, shown) = world.json(&["meeting", "show", "acme", &id]).await;
    assert_eq!((code, &shown["topic"]), (Some(0), &Value::from("one")));
    assert!(shown["join_url"].is_string());
    let people = world.zoomd(&["meeting", "show", "acme", &id]).await;
    for out in [shown.to_string(), text(&people.stdout), text(&people.stderr)] {
        assert!(!out.contains("start_url") && !out.contains("zak"), "{out}");
    }

    let link = world.zoomd(&["meeting", "start-url", "acme", &id]).await;
    let line = text(&link.stdout);
    assert!(line.starts_with("http") && line.lines().count() == 1, "{line}");
    let (_, value) = world.json(&["meeting", "start-url", "acme", &id]).await;
    assert_eq!(value["id"], Value::from(first));
    world.nothing_in_flight("acme").await;
    assert!(world.sim.counters().broken.none(), "{:?}", world.sim.violations());
}

#[tokio::test]
async fn what_cannot_be_shown_says_why() {
    let world = World::new().await;
    world.connect("acme", None).await;
    world.connect("narrow", Some("meeting:write:meeting")).await;
    let table: [(&[&str], i32, &str); 5] = [
        (&["meeting", "show", "acme", "123"], 3, "not_found"),
        (&["meeting", "list", "acme", "--user", "nobody@example.com"], 3, "not_found"),
        (&["meeting", "list", "nobody"], 3, "unknown_account"),
        (&["meeting", "start-url", "nobody", "123"], 3, "unknown_account"),
        (&["meeting", "list", "narrow"], 4, "missing_scope"),
    ];
    for (args, exit, expected) in table {
        let (code, value) = world.json(args).await;
        let error = &value["error"];
        assert_eq!(
            (code, &error["code"]),
            (Some(exit), &Value::from(expected)),
            "{args:?} {value}"
        );
    }
    world.nothing_in_flight("acme").await;
    world.nothing_in_flight("narrow").await;
    world.sim.down().await;
    let (code, _) = world.json(&["meeting", "list", "acme"]).await;
    assert_eq!(code, Some(5));
    world.nothing_in_flight("acme").await;
}

#[tokio::test]
async fn a_token_that_is_missing_or_refused_is_replaced_on_the_way() {
    let world = World::new().await;
    let refresh = world.sim.grant("fresh").refresh_token.expect("a pair");
    let name = AccountName::new("fresh").expect("a name");
    let new = NewGrant::imported(name, refresh.into(), world.sim.url(), "sim-client");
    world.grants.add(&new, false).await.expect("it can be stored");
    let (code, list) = world.json(&["meeting", "list", "fresh"]).await;
    assert_eq!((code, list), (Some(0), serde_json::json!([])));
    assert_eq!(world.sim.rotations("fresh"), 1, "an imported grant has no access token yet");

    world.connect("acme", None).await;
    // A token younger than a minute is not rotated for a refusal: age it.
    let aged = ["HSET", "zoomd:v1:grant:acme", "obt", "1000000000000"];
    assert_eq!(world.redis.ask(&aged).expect("redis answers").trim(), ":0");
    world.sim.kill_access_token("acme");
    let (code, list) = world.json(&["meeting", "list", "acme"]).await;
    assert_eq!((code, list), (Some(0), serde_json::json!([])));
    assert_eq!(world.sim.rotations("acme"), 1, "zoom rejected the stored token");
    world.nothing_in_flight("fresh").await;
    world.nothing_in_flight("acme").await;
    let broken = world.sim.counters().broken;
    assert_eq!((broken.rotation_in_flight, broken.spent_refresh_token), (0, 0));
}
