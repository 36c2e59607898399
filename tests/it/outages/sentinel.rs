//! A failover behind sentinels: while the master is dead, and the moment after it.

use redis_local::{MASTER, Options, RedisServer, Sentinel};

use super::faces::Outage;
use crate::support::{Rig, until};

/// A daemon of another host is heard of, and killed with its journal out of reach. `redis`
/// has the namespace, if not the rig's own.
pub fn lose_a_host(rig: &mut Rig, redis: Option<&RedisServer>) {
    let ask =
        |rig: &Rig, words: &[&str]| redis.unwrap_or(&rig.redis).ask(words).expect("redis answers");
    let beats = |rig: &Rig| ask(rig, &["ZRANGE", "zoomd:v1:beats", "0", "-1"]);
    let before = beats(rig);
    let ours = before.lines().find(|line| !line.starts_with(['*', '$'])).expect("a daemon");
    let data = rig.dir.path().join("data").display().to_string();
    rig.set("ZOOMD_DATA_DIR", &rig.dir.path().join("other").display().to_string());
    let mut lost = rig.daemon();
    rig.set("ZOOMD_DATA_DIR", &data);
    until("its beat", || beats(rig).contains("*2").then_some(()));
    // A daemon that beats hears of all others.
    let beat = || ask(rig, &["ZSCORE", "zoomd:v1:beats", ours]);
    for _ in 0..2 {
        let last = beat();
        until("a beat of the one that is left", || (beat() != last).then_some(()));
    }
    lost.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_is_under_way_and_then_a_moment_ago() {
    let mut master = RedisServer::start().expect("redis-server is installed");
    let replica = master.replica(Options::default()).expect("a replica");
    // Nobody misses the master before it is told to.
    let patience = format!("sentinel down-after-milliseconds {MASTER} 600000");
    let sentinel = Sentinel::watching(&master, 1, &[&patience]).expect("a sentinel");
    until("the sentinel knows the replica", || {
        sentinel.ask(&["INFO", "sentinel"]).is_ok_and(|t| t.contains("slaves=1")).then_some(())
    });
    let mut rig = Rig::start().await;
    let url = format!("redis+sentinel://127.0.0.1:{}/{MASTER}", sentinel.port());
    rig.set("ZOOMD_REDIS_URL", &url);
    // Else the missing replica of the new master comes first.
    rig.set("ZOOMD_REDIS_REPLICAS", "0");
    rig.connect("acme");
    rig.connect("late");
    let daemon = rig.daemon();
    let put = |account: &str, id: &str| {
        let job = ["enqueue", "--account", account, "--id", id, "--topic", "T", "--type", "1"];
        rig.run(&[&job[..], &["--wait", "--timeout", "20s"]].concat())
    };
    put("acme", "before").expect(0);
    lose_a_host(&mut rig, Some(&master));

    master.kill();
    let dead = format!("the master 127.0.0.1:{} does not answer", master.port());
    let cause = [dead.as_str()];
    let outage = Outage {
        held: Some("before"),
        verdict: "DOWN",
        ..Outage::degraded(&rig, &daemon, "redis_unreachable", &cause)
    };
    outage.is_told();
    let none = "no sentinel has marked it as down yet, so no failover has started";
    let cause = [none];
    Outage { cause: &cause, ..outage }.is_told();
    let next = outage.status()["next"].as_str().expect("a command").to_owned();
    assert!(next.contains("SENTINEL MASTER"), "{next}");
    assert_eq!(daemon.get("/readyz").0, 503);

    until("the failover", || {
        let told = sentinel.ask(&["SENTINEL", "FAILOVER", MASTER]).expect("asked");
        told.starts_with("+OK").then_some(())
    });
    until("the new master", || (sentinel.master() == Some(replica.port())).then_some(()));
    daemon.wait_log("redis is back");
    let job = ["enqueue", "--account", "late", "--id", "held", "--topic", "T", "--type", "1"];
    until("a job in the new master", || (rig.run(&job).code == 0).then_some(()));
    let outage = Outage {
        account: "late",
        ..Outage::degraded(&rig, &daemon, "rotation_held", &["failed over"])
    };
    outage.is_told();
    Outage { code: "redis_failed_over", ..outage }.status();
}
