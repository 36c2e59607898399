//! The daemon's process: its ports, its signals, what keeps it from starting.

use std::net::TcpListener;
use std::time::Duration;

use redis_local::Options;
use rustix::process::Signal;
use zoom_sim::Config;
use zoomd_store::streams::Stream;

use crate::support::{Rig, job, snapshot, until};

#[tokio::test]
async fn a_job_becomes_a_meeting_and_the_daemon_ends_well() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let mut daemon = rig.daemon();
    rig.xadd(&job("acme", "order-1")).await;
    let (stream, result) = rig.outcome("order-1").await;
    assert_eq!(stream, Stream::Results, "{result}");
    assert!(result["meeting"]["join_url"].is_string(), "{result}");
    assert!(result["meeting"].get("start_url").is_none(), "{result}");
    assert_eq!(rig.sim.meetings_of("acme").len(), 1);
    let (status, text) = daemon.get("/metrics");
    assert_eq!(status, 200);
    assert!(text.contains("zoomd_build_info{version="), "{text}");
    assert!(
        text.contains("zoomd_jobs_total{kind=\"create_meeting\",outcome=\"succeeded\"} 1"),
        "{text}"
    );
    assert!(daemon.stop().success());
    assert!(rig.sim.counters().broken.none(), "{:?}", rig.sim.counters().broken);
}

#[tokio::test]
async fn ready_while_redis_answers_and_live_in_any_case() {
    let mut rig = Rig::start().await;
    let daemon = rig.daemon();
    let (status, body) = daemon.get("/readyz");
    assert_eq!(status, 200, "{body}");
    let mut ready: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    // Notices depend on the machine and on how soon they were found.
    (ready["problems"], ready["reasons"]) = (serde_json::json!([]), serde_json::json!([]));
    snapshot::holds("tests/it/snapshots/readyz.txt", &snapshot::shape(&ready));
    rig.set("ZOOMD_LISTEN", &daemon.address());
    rig.run(&["healthcheck"]).expect(0);
    rig.redis.kill();
    let (status, body) = daemon.get("/readyz");
    assert_eq!(status, 503, "{body}");
    let ready: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&ready["ready"], &ready["checks"]["redis"]["ok"]), (&false.into(), &false.into()));
    assert!(ready["checks"]["redis"]["why"].is_string(), "{body}");
    assert_eq!(daemon.get("/livez").0, 200);
    rig.run(&["healthcheck"]).expect(1);
    rig.run(&["healthcheck", "--live"]).expect(0);
    rig.redis.restart().expect("starts again");
    until("ready again", || (daemon.get("/readyz").0 == 200).then_some(()));
    drop(daemon);
    rig.run(&["healthcheck"]).expect(5);
}

#[tokio::test]
async fn it_waits_for_a_redis_that_is_not_there_yet() {
    let mut rig = Rig::start().await;
    rig.redis.kill();
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = port.local_addr().expect("its address").to_string();
    drop(port);
    rig.set("ZOOMD_LISTEN", &address);
    let mut daemon = rig.daemon_unchecked();
    daemon.wait_log("waiting for redis");
    rig.run(&["healthcheck", "--live"]).expect(0);
    rig.run(&["healthcheck"]).expect(1);
    rig.redis.restart().expect("starts");
    daemon.wait_ready();
    assert!(daemon.stop().success());
    rig.redis.kill();
    let mut daemon = rig.daemon_unchecked();
    daemon.wait_log("waiting for redis");
    assert!(daemon.stop().success(), "a daemon that waits can be stopped");
}

#[tokio::test]
async fn it_waits_for_a_replica_to_become_a_primary() {
    let first = redis_local::RedisServer::start().expect("redis-server");
    let args = vec!["--replicaof".into(), "127.0.0.1".into(), first.port().to_string()];
    let options = Options { args, ..Options::default() };
    let rig = Rig::with(options, Config::unlimited()).await;
    let daemon = rig.daemon_unchecked();
    daemon.wait_log("waiting for redis");
    rig.redis_cli(&["REPLICAOF", "NO", "ONE"]);
    daemon.wait_ready();
}

#[tokio::test]
async fn it_waits_for_a_redis_that_is_busy_or_has_no_connection_free() {
    use std::io::{Read as _, Write as _};
    let rig = Rig::start().await;
    rig.redis_cli(&["CONFIG", "SET", "busy-reply-threshold", "10"]);
    let connect = || std::net::TcpStream::connect(("127.0.0.1", rig.redis.port())).expect("open");
    let mut holder = connect();
    holder.write_all(b"EVAL \"while true do end\" 0\r\n").expect("sent");
    let mut daemon = rig.daemon_unchecked();
    let line = daemon.wait_log("waiting for redis");
    assert!(line["error"].as_str().expect("why").contains("BUSY"), "{line}");
    rig.redis.ask(&["SCRIPT", "KILL"]).expect("asked");
    daemon.wait_ready();
    assert!(daemon.stop().success());

    let mut holder = connect();
    holder.write_all(b"CONFIG SET maxclients 1\r\n").expect("sent");
    let mut answer = [0; 5];
    holder.read_exact(&mut answer).expect("answered");
    assert_eq!(&answer, b"+OK\r\n");
    let daemon = rig.daemon_unchecked();
    let line = daemon.wait_log("waiting for redis");
    assert!(line["error"].as_str().expect("why").contains("max number of clients"), "{line}");
    let ran = rig.run(&["doctor", "--offline"]).expect(1);
    assert!(ran.stdout.contains("maxclients"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("redis-server --appendonly"), "{}", ran.stdout);
    holder.write_all(b"CONFIG SET maxclients 1000\r\n").expect("sent");
    daemon.wait_ready();
}

#[tokio::test]
async fn it_waits_for_a_full_redis_to_have_room_and_loses_no_job() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.xadd(&job("acme", "patient")).await;
    rig.redis_cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let daemon = rig.daemon_unchecked();
    daemon.wait_log("waiting for redis");
    rig.redis_cli(&["CONFIG", "SET", "maxmemory", "0"]);
    daemon.wait_ready();
    let (stream, outcome) = rig.outcome("patient").await;
    assert_eq!(stream, Stream::Results, "{outcome}");
    // While it runs, too.
    rig.redis_cli(&["CONFIG", "SET", "maxmemory", "1"]);
    rig.run(&["enqueue", "--account", "acme", "--type", "3"]).expect(5);
    rig.redis_cli(&["CONFIG", "SET", "maxmemory", "0"]);
    rig.xadd(&job("acme", "after")).await;
    assert_eq!(rig.outcome("after").await.0, Stream::Results);
}

#[tokio::test]
async fn a_namespace_that_is_in_use_on_another_database_is_refused() {
    let mut rig = Rig::start().await;
    let mut first = rig.daemon();
    let other = format!("{}/1", rig.redis.url());
    rig.set("ZOOMD_REDIS_URL", &other);
    until("it is there", || {
        (rig.redis_cli(&["ZCARD", "zoomd:v1:daemons"]).trim() == ":1").then_some(())
    });
    let ran = rig.run(&["run"]).expect(2);
    assert!(ran.stderr.contains("ZOOMD_NAMESPACE"), "{}", ran.stderr);
    rig.set("ZOOMD_NAMESPACE", "other");
    drop(rig.daemon());
    rig.set("ZOOMD_NAMESPACE", "");
    assert!(first.stop().success());
    drop(rig.daemon());
}

/// Names a daemon on database 0 that was heard of so many ms ago.
fn heard_of(rig: &Rig, ms: i64) {
    let at = (jiff::Timestamp::now().as_millisecond() - ms).to_string();
    rig.redis_cli(&["ZADD", "zoomd:v1:daemons", &at, "another"]);
}

#[tokio::test]
async fn a_daemon_that_was_killed_on_another_database_is_waited_for() {
    let mut rig = Rig::start().await;
    heard_of(&rig, 26_000);
    let plain = rig.redis.url().to_owned();
    rig.set("ZOOMD_REDIS_URL", &format!("{plain}/1"));
    let daemon = rig.daemon_unchecked();
    let line = daemon.wait_log("waiting for redis");
    assert!(
        line["error"].as_str().is_some_and(|why| why.contains("was running on database 0")),
        "{line}"
    );
    daemon.wait_ready();
}

/// An earlier layout is migrated once none of its daemons runs.
#[tokio::test]
async fn a_daemon_raises_the_layout_once_no_older_daemon_runs() {
    let rig = Rig::start().await;
    rig.redis_cli(&["HSET", "zoomd:v1:meta", "layout", "1", "deployment", "default"]);
    rig.redis_cli(&[
        "HSET",
        "zoomd:v1:a:acme",
        "st",
        "needs_reauth",
        "ep",
        "1-00000001",
        "gen",
        "0",
    ]);
    rig.redis_cli(&["ZADD", "zoomd:v1:accounts", "0", "acme"]);
    let now = jiff::Timestamp::now().as_millisecond().to_string();
    rig.redis_cli(&["ZADD", "zoomd:v1:daemons", &now, "d0-old"]);
    rig.redis_cli(&["HSET", "zoomd:v1:dm:d0-old", "host", "box", "pid", "7"]);
    for command in [&["status"][..], &["account", "list"], &["account", "pause", "acme"]] {
        let ran = rig.run(command);
        let said = ran.stdout + &ran.stderr;
        assert!(said.contains("namespace zoomd has layout 1"), "{command:?}: {said}");
    }
    let mut daemon = rig.daemon_unchecked();
    let line = daemon.wait_log("waiting for redis");
    let why = line["error"].as_str().unwrap_or_default();
    assert!(
        why.contains("daemons of an earlier version are running")
            && why.contains("d0-old (host box, process 7)"),
        "{line}"
    );
    rig.redis_cli(&["ZREM", "zoomd:v1:daemons", "d0-old"]);
    daemon.wait_ready();
    let accounts = rig.run(&["account", "list"]).expect(0);
    assert!(accounts.stdout.contains("acme"), "{}", accounts.stdout);
    let generation = || rig.redis_cli(&["HGET", "zoomd:v1:account:acme", "gen"]);
    assert_eq!(generation().trim(), "$1\r\n0");
    // A failover may lose the last of these steps; and a later version goes on from here.
    rig.redis_cli(&["HSET", "zoomd:v1:meta", "layout", "raising"]);
    rig.redis_cli(&["RENAME", "zoomd:v1:account:acme", "zoomd:v1:a:acme"]);
    until("the layout to be raised again", || (generation().trim() == "$1\r\n0").then_some(()));
    rig.redis_cli(&["HSET", "zoomd:v1:meta", "layout", "3"]);
    assert_eq!(daemon.wait().code(), Some(2), "{}", daemon.log());
    assert!(daemon.log().contains("has layout 3, and this version knows 2"), "{}", daemon.log());
}

#[tokio::test]
async fn of_daemons_that_start_together_on_two_databases_the_lower_stays() {
    let mut rig = Rig::start().await;
    let plain = rig.redis.url().to_owned();
    rig.set("ZOOMD_REDIS_URL", &format!("{plain}/1"));
    let mut daemon = rig.daemon();
    // A daemon that lives is heard of again and again.
    let status = until("its end", || {
        heard_of(&rig, 0);
        daemon.ended()
    });
    assert_eq!(status.code(), Some(2), "{}", daemon.log());
    rig.set("ZOOMD_REDIS_URL", &plain);
    drop(rig.daemon());
}

#[tokio::test]
async fn a_wrong_password_ends_it_with_five_and_no_secret() {
    let mut rig = Rig::start().await;
    rig.redis_cli(&["CONFIG", "SET", "requirepass", "right"]);
    let place = rig.redis.url().replace("redis://", "");
    rig.set("ZOOMD_REDIS_URL", &format!("redis://:wrong-one@{place}"));
    let ran = rig.run(&["run"]).expect(5);
    assert!(ran.stderr.contains("hint:") && !ran.stderr.contains("wrong-one"), "{}", ran.stderr);
    let ran = rig.run(&["--json", "doctor", "--offline"]).expect(1);
    assert!(!ran.stdout.contains("wrong-one"), "{}", ran.stdout);
    rig.set("ZOOMD_REDIS_URL", &format!("redis://:right@{place}"));
    rig.daemon();
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_said_with_what_to_do() {
    let mut rig = Rig::start().await;
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let ran = rig.run(&["run", "--listen", &address]).expect(1);
    assert!(ran.stderr.contains(&address) && ran.stderr.contains("ZOOMD_LISTEN"), "{ran:?}");
    let file = rig.dir.path().join("file");
    std::fs::write(&file, "").expect("written");
    let ran = rig.run(&["run", "--data-dir", &file.display().to_string()]).expect(2);
    assert!(ran.stderr.contains("ZOOMD_DATA_DIR"), "{ran:?}");
    rig.set("ZOOMD_ENCRYPTION_KEY", "");
    let ran = rig.run(&["run"]).expect(2);
    assert!(ran.stderr.contains("zoomd config key"), "{ran:?}");
}

#[tokio::test]
async fn a_copy_under_another_name_and_another_key_are_refused() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    rig.set("ZOOMD_DEPLOYMENT", "staging");
    let ran = rig.run(&["run"]).expect(2);
    assert!(ran.stderr.contains("staging") && ran.stderr.contains("ZOOMD_DEPLOYMENT"), "{ran:?}");
    let ran = rig.run(&["--json", "doctor", "--offline"]).expect(1);
    assert!(ran.stdout.contains("belongs to deployment"), "{}", ran.stdout);
    rig.set("ZOOMD_DEPLOYMENT", "");
    rig.set("ZOOMD_ENCRYPTION_KEY", "MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=");
    let ran = rig.run(&["run"]).expect(2);
    assert!(ran.stderr.contains("ZOOMD_ENCRYPTION_KEYS_OLD"), "{ran:?}");
    assert_eq!(rig.sim.rotations("acme"), 0, "nothing was presented to Zoom");
}

#[tokio::test]
async fn an_evicting_redis_is_warned_of() {
    let args = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let options = Options { args: args.map(ToOwned::to_owned).into(), ..Options::default() };
    let rig = Rig::with(Options { aof: None, ..options }, Config::unlimited()).await;
    let daemon = rig.daemon();
    daemon.wait_log("redis: the eviction policy");
    daemon.wait_log("no append-only file");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let mut daemon = rig.daemon();
    let hang = zoom_sim::Fault::new(zoom_sim::Endpoint::Create, zoom_sim::What::Hold);
    rig.sim.fault(hang);
    rig.xadd(&job("acme", "held")).await;
    rig.sim.wait_for(zoom_sim::Endpoint::Create, 1).await.expect("the call arrives");
    daemon.signal(Signal::TERM);
    daemon.wait_log("running jobs finish");
    let begun = std::time::Instant::now();
    daemon.signal(Signal::INT);
    assert!(daemon.wait().success());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    daemon.wait_log("second signal");
}

#[tokio::test]
async fn a_zoom_out_of_reach_is_said_by_status_and_readiness() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    // Of all calls: an answer to any of them shows that Zoom is there.
    for endpoint in [zoom_sim::Endpoint::Create, zoom_sim::Endpoint::Me] {
        let trouble = zoom_sim::Fault::new(endpoint, zoom_sim::What::Status(503));
        rig.sim.fault(trouble.always());
    }
    for n in 0..8 {
        rig.xadd(&job("acme", &format!("waits-{n}"))).await;
    }
    daemon.wait_log("cannot reach 127.0.0.1");
    let (status, body) = daemon.get("/readyz");
    let ready: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &ready["degraded"]), (200, &true.into()), "{body}");
    let mut problems = ready["problems"].as_array().expect("a list").iter();
    let problem = problems.find(|problem| problem["code"] == "zoom_unreachable").expect("told");
    let what = problem["what"].as_str().expect("a sentence");
    assert!(what.contains("cannot reach 127.0.0.1") && what.contains("HTTP 503"), "{what}");
    let reasons = ready["reasons"].as_array().expect("a list");
    assert!(problem["since_ms"].is_i64() && reasons.iter().any(|why| why == what), "{body}");
    let told = || rig.run(&["status"]).stdout.contains(what).then_some(());
    until("the cause in zoomd status", told);
}
