//! Redis is gone, full, or was restarted. Its failover: `sentinel`.

use zoom_sim::{Endpoint, Fault, What};

use super::faces::{Outage, running, tried};
use super::sentinel::lose_a_host;
use crate::support::{job, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_killed() {
    let (mut rig, daemon) = running().await;
    rig.redis.kill();
    let outage = Outage {
        rig: &rig,
        daemon: Some(&daemon),
        held: Some("before"),
        account: "acme",
        code: "redis_unreachable",
        cause: &["redis"],
        verdict: "DOWN",
    };
    outage.is_told();
    assert_eq!(daemon.get("/readyz").0, 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_full() {
    let (rig, daemon) = running().await;
    rig.sim.fault(Fault::new(Endpoint::Create, What::Status(503)).always());
    rig.xadd(&job("acme", "held")).await;
    rig.sim.wait_for(Endpoint::Create, 2).await.expect("it is tried");
    rig.redis_cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let outage = Outage {
        rig: &rig,
        daemon: Some(&daemon),
        held: Some("held"),
        account: "acme",
        code: "redis_full",
        cause: &["full", "memory"],
        verdict: "DOWN",
    };
    outage.is_told();
}

/// Tokens are refreshed no sooner than every host has reported, or a minute is over: the
/// host of a daemon that was killed does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_restarted_a_moment_ago_and_a_host_is_silent() {
    let (mut rig, daemon) = running().await;
    rig.connect("late");
    lose_a_host(&mut rig, None);
    rig.redis.kill();
    rig.redis.restart().expect("starts again");
    rig.xadd(&job("late", "held")).await;
    let outage = Outage {
        account: "late",
        ..Outage::degraded(&rig, &daemon, "rotation_held", &["restarted", "failed over"])
    };
    outage.is_told();
    Outage { code: "redis_failed_over", ..outage }.status();
}

/// Once nothing waits for it any more a notice is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_restarted_a_moment_ago_and_all_is_well() {
    let (mut rig, daemon) = running().await;
    rig.redis.kill();
    rig.redis.restart().expect("starts again");
    until("the verdict OK", || {
        let ran = rig.run(&["status"]);
        (ran.code == 0 && ran.stdout.contains("failed over")).then_some(())
    });
    let outage = Outage {
        verdict: "OK",
        ..Outage::degraded(&rig, &daemon, "redis_failed_over", &["restarted", "failed over"])
    };
    assert_eq!(outage.status()["level"], "notice");
    outage.doctor();
    outage.daemon();
    let ran = tried(&rig, "acme");
    assert_eq!(ran.code, 0, "{ran:?}");
}
