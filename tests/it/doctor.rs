//! `zoomd doctor` and `zoomd init`: find problems and the next command to type.

use std::os::unix::fs::PermissionsExt as _;

use redis_local::Options;
use serde_json::Value;
use zoom_sim::Config;

use crate::support::{KEY, Ran, Rig, finish, snapshot, zoomd};

/// State and text of all findings of one check.
fn of(ran: &Ran, check: &str) -> Vec<(String, String)> {
    let report = ran.json();
    let checks = report["checks"].as_array().expect("checks").iter();
    let text = |f: &Value, key: &str| f[key].as_str().unwrap_or_default().to_owned();
    checks
        .filter(|f| f["check"] == check)
        .map(|f| (text(f, "state"), format!("{} next: {}", text(f, "what"), text(f, "next"))))
        .collect()
}

#[track_caller]
fn says(ran: &Ran, check: &str, state: &str, words: &str) {
    let found = of(ran, check);
    let hit = found.iter().any(|(s, text)| s == state && text.contains(words));
    assert!(hit, "no {state} of {check} with \"{words}\": {found:?}\n{}", ran.stdout);
}

#[tokio::test]
async fn a_healthy_set_up_passes_and_the_shape_is_held() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    let ran = rig.run(&["--json", "doctor"]).expect(0);
    for check in [
        "config",
        "encryption key",
        "data folder",
        "open files",
        "zoom app",
        "proxy",
        "zoom api",
        "zoom oauth",
        "redis",
        "redis writes",
        "redis rights",
        "redis durability",
        "redis eviction",
        "clock",
        "namespace",
        "daemons",
        "accounts",
    ] {
        let found = of(&ran, check);
        assert!(!found.is_empty() && found.iter().all(|(s, _)| s == "PASS"), "{check}: {found:?}");
    }
    snapshot::holds("tests/it/snapshots/json-doctor.txt", &snapshot::shape(&ran.json()));
    let ran = rig.run(&["doctor"]).expect(0);
    assert!(ran.stdout.ends_with("all checks passed\n"), "{}", ran.stdout);
}

#[tokio::test]
async fn it_goes_on_after_a_failure_and_changes_nothing() {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_ENCRYPTION_KEY", "");
    rig.set("ZOOMD_CLIENT_SECRET", "");
    rig.set("ZOOMD_ZOOM_API_URL", "http://127.0.0.1:1/v2");
    let file = rig.dir.path().join("file");
    std::fs::write(&file, "").expect("written");
    rig.set("ZOOMD_DATA_DIR", &file.join("below").display().to_string());
    rig.set("ZOOMD_NAMESPAC", "typo");
    let ran = rig.run(&["--json", "doctor"]).expect(1);
    says(&ran, "encryption key", "FAIL", "zoomd config key");
    says(&ran, "zoom app", "FAIL", "set ZOOMD_CLIENT_SECRET");
    says(&ran, "zoom api", "FAIL", "127.0.0.1");
    says(&ran, "zoom oauth", "PASS", "answers in");
    says(&ran, "data folder", "FAIL", "ZOOMD_DATA_DIR");
    says(&ran, "config", "WARN", "ZOOMD_NAMESPACE");
    says(&ran, "redis", "PASS", "unix://");
    says(&ran, "daemons", "WARN", "zoomd run");
    says(&ran, "accounts", "WARN", "zoomd account login");
    assert!(rig.redis_cli(&["DBSIZE"]).starts_with(":0"), "something was written");
}

#[tokio::test]
async fn each_trouble_of_redis_has_its_own_line() {
    let args = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let options =
        Options { args: args.map(ToOwned::to_owned).into(), aof: None, ..Options::default() };
    let mut rig = Rig::with(options, Config::unlimited()).await;
    let ran = rig.run(&["--json", "doctor", "--offline"]).expect(1);
    says(&ran, "redis eviction", "FAIL", "maxmemory-policy noeviction");
    says(&ran, "redis durability", "FAIL", "appendonly yes");
    rig.redis_cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    rig.redis_cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let ran = rig.run(&["--json", "doctor", "--offline"]).expect(1);
    says(&ran, "redis writes", "FAIL", "memory");
    rig.redis_cli(&["CONFIG", "SET", "maxmemory", "0"]);
    rig.redis_cli(&["REPLICAOF", "127.0.0.1", "1"]);
    let ran = rig.run(&["--json", "doctor", "--offline"]).expect(1);
    says(&ran, "redis writes", "FAIL", "primary");
    rig.redis.kill();
    let ran = rig.run(&["--json", "doctor", "--offline"]).expect(1);
    says(&ran, "redis", "FAIL", "ZOOMD_REDIS_URL");
    assert!(!ran.stdout.contains("redis-server "), "an empty Redis is proposed: {}", ran.stdout);
    rig.set("ZOOMD_REDIS_URL", "mongodb://h");
    let ran = rig.run(&["--json", "doctor", "--offline"]).expect(1);
    says(&ran, "redis", "FAIL", "scheme");
    rig.set("ZOOMD_REDIS_URL", "redis://h?protocol=resp3");
    let ran = rig.run(&["--json", "doctor", "--offline"]).expect(1);
    says(&ran, "redis", "FAIL", "RESP2");
}

#[tokio::test]
async fn replicas_that_are_not_needed_for_writes_and_those_that_are_gone_are_told() {
    let mut rig = Rig::start().await;
    let mut replica = rig.redis.replica(Options::default()).expect("a replica");
    rig.connect("acme");
    let ran = rig.run(&["--json", "doctor", "--offline"]);
    says(&ran, "redis durability", "WARN", "min-replicas-to-write 1");
    rig.redis_cli(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let ran = rig.run(&["--json", "doctor", "--offline"]);
    says(&ran, "redis durability", "PASS", "1 replica attached");
    rig.redis_cli(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    rig.set("ZOOMD_REDIS_REPLICAS", "1");
    replica.kill();
    crate::support::until("redis notices", || {
        rig.redis_cli(&["INFO", "replication"]).contains("connected_slaves:0").then_some(())
    });
    let ran = rig.run(&["--json", "doctor", "--offline"]).expect(1);
    says(&ran, "token refresh", "FAIL", "ZOOMD_REDIS_REPLICAS=0");
}

#[tokio::test]
async fn a_broken_configuration_is_a_finding() {
    let rig = Rig::start().await;
    std::fs::write(rig.dir.path().join("zoomd.toml"), "namespac = \"x\"\n").expect("written");
    let ran = rig.run(&["--json", "doctor"]).expect(1);
    says(&ran, "config", "FAIL", "did you mean namespace?");
}

#[tokio::test]
async fn init_makes_a_set_up_that_works_and_never_loses_a_key() {
    let mut rig = Rig::start().await;
    for name in
        ["ZOOMD_ENCRYPTION_KEY", "ZOOMD_CLIENT_ID", "ZOOMD_CLIENT_SECRET", "ZOOMD_REDIS_URL"]
    {
        rig.set(name, "");
    }
    rig.redis_cli(&["CONFIG", "SET", "requirepass", "pw-of-redis"]);
    let url = rig.redis.url().replace("redis://", "redis://:pw-of-redis@");
    std::fs::write(rig.dir.path().join("url"), &url).expect("written");
    let args = [
        "--json",
        "init",
        "--yes",
        "--client-id",
        "sim-client",
        "--client-secret-file",
        "-",
        "--redis-url-file",
        "url",
    ];
    let ran = rig.run_with(&args, "sim-secret\n").expect(0);
    says(&Ran { stdout: ran.json()["doctor"].to_string(), ..ran }, "redis writes", "PASS", "");
    let file = |name: &str| rig.dir.path().join(name);
    let toml = std::fs::read_to_string(file("zoomd.toml")).expect("there");
    assert!(!toml.contains("pw-of-redis") && !toml.contains("sim-secret"), "{toml}");
    for secret in ["encryption_key", "client_secret", "redis_url"] {
        let mode = std::fs::metadata(file(secret)).expect(secret).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let key = std::fs::read_to_string(file("encryption_key")).expect("there");
    rig.connect("acme");
    rig.daemon();
    rig.run(&["init", "--yes"]).expect(1);
    rig.run(&["init", "--yes", "--force", "--offline"]).expect(0);
    assert_eq!(std::fs::read_to_string(file("encryption_key")).expect("there"), key);
    // A key file under its former name is the key still.
    std::fs::rename(file("encryption_key"), file("zoomd.key")).expect("renamed");
    rig.run(&["init", "--yes", "--force", "--offline"]).expect(0);
    assert!(!file("encryption_key").exists(), "a second key was made");
    let toml = std::fs::read_to_string(file("zoomd.toml")).expect("there");
    assert!(toml.contains("key_file = \"zoomd.key\""), "{toml}");
}

#[tokio::test]
async fn rekey_seals_under_the_new_key_and_the_old_one_can_go() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    rig.connect("globex");
    let new = finish(zoomd(rig.dir.path(), &["config", "key"]), "").expect(0).stdout;
    rig.set("ZOOMD_ENCRYPTION_KEY", new.trim());
    rig.run(&["--json", "config", "rekey"]).expect(2);
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", KEY);
    let ran = rig.run(&["--json", "config", "rekey"]).expect(0);
    assert_eq!(ran.json()["resealed"], 2, "{}", ran.stdout);
    assert_eq!(rig.run(&["--json", "config", "rekey"]).expect(0).json()["fresh"], 2);
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", "");
    let _daemon = rig.daemon();
    rig.xadd(&crate::support::job("globex", "after")).await;
    let (stream, outcome) = rig.outcome("after").await;
    assert_eq!(stream, zoomd_store::streams::Stream::Results, "{outcome}");
}

#[tokio::test]
async fn the_same_zoom_user_in_another_namespace_is_found() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    // The owner of a token is detected on its first use.
    rig.run(&["enqueue", "--account", "acme", "--type", "3", "--id", "first", "--wait"]).expect(0);
    drop(daemon);
    let ran = rig.run(&["--json", "doctor", "--offline"]);
    assert!(of(&ran, "neighbours").is_empty(), "{}", ran.stdout);
    rig.set("ZOOMD_NAMESPACE", "other");
    rig.connect("globex");
    let ran = rig.run(&["--json", "doctor", "--offline"]);
    says(&ran, "neighbours", "PASS", "uses the same Zoom users");
    let token = rig.sim.grant("acme").refresh_token.expect("a token");
    rig.run_with(&["account", "add", "acme2", "--refresh-token-file", "-"], &token).expect(0);
    let _daemon = rig.daemon();
    rig.run(&["enqueue", "--account", "acme2", "--type", "3", "--id", "second", "--wait"])
        .expect(0);
    let ran = rig.run(&["--json", "doctor", "--offline"]).expect(1);
    says(&ran, "neighbours", "FAIL", "acme2 is the same Zoom user and app as acme");
    says(&ran, "neighbours", "FAIL", "--namespace zoomd account remove acme --keep-grant");
}
