//! Redis is gone, full, or changes its primary.

use zoom_sim::{Endpoint, Fault, What};

use super::faces::{Outage, running};
use crate::support::job;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_failed_over_a_moment_ago() {
    let (mut rig, daemon) = running().await;
    rig.redis.kill();
    rig.redis.restart().expect("starts again");
    let outage = Outage {
        rig: &rig,
        daemon: Some(&daemon),
        held: None,
        account: "acme",
        code: "redis_failed_over",
        cause: &["restarted", "failed over"],
        verdict: "DEGRADED",
    };
    outage.status();
}
