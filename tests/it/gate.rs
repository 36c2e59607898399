//! The gate held shut, by everything that can: it opens each time.
//!
//! A rotation waits for requests in flight, and an entry in flight covers one
//! exchange alone, so none of these can keep it waiting for what waits for it.

use std::time::{Duration, Instant};

use zoom_sim::{Endpoint, Fault, Reuse, What};
use zoomd_store::streams::Stream;

use crate::rotation::rig;
use crate::support::{Daemon, Rig, job, until};

/// A daemon with a token for ada, that has done nothing else.
async fn begun(concurrency: Option<&str>) -> (Rig, Daemon) {
    let mut rig = rig(Reuse::Strict).await;
    rig.set("ZOOMD_CONCURRENCY", concurrency.unwrap_or_default());
    rig.connect("ada");
    let daemon = rig.daemon();
    rig.run(&["account", "refresh", "ada"]).expect(0);
    (rig, daemon)
}

/// Begins a refresh of ada's grant and returns when its gate is closed.
fn refresh(rig: &Rig) -> std::process::Child {
    let mut command = rig.command(&["account", "refresh", "ada"]);
    let child = command.stderr(std::process::Stdio::null()).spawn().expect("it starts");
    until("a closed gate", || {
        rig.redis_cli(&["HGET", "zoomd:v1:account:ada", "lk"]).starts_with("$32").then_some(())
    });
    child
}

async fn ends_well(rig: &Rig, mut refresh: std::process::Child, jobs: &[&str]) {
    let status = until("the end of the refresh", || refresh.try_wait().expect("asked"));
    assert!(status.success(), "{status}");
    for id in jobs {
        let (stream, outcome) = rig.outcome(id).await;
        assert_eq!(stream, Stream::Results, "{outcome}");
    }
    let counters = rig.sim.counters();
    assert_eq!(counters.broken.rotation_in_flight, 0, "{:?}", rig.sim.violations());
    assert_eq!(counters.broken.twin, 0);
    assert_eq!(counters.broken.dead_access_token, 0, "{:?}", rig.sim.violations());
    assert_eq!(counters.broken.spent_refresh_token, 0, "{:?}", rig.sim.violations());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_401_in_flight_lets_the_rotation_it_waits_for_begin() {
    let (rig, _daemon) = begun(None).await;
    let held = rig.sim.fault(Fault::new(Endpoint::Create, What::Hold));
    rig.sim.fault(Fault::new(Endpoint::Create, What::Unauthorized));
    rig.xadd(&job("ada", "j1")).await;
    rig.sim.wait_for(Endpoint::Create, 1).await.expect("it was sent");
    let refresh = refresh(&rig);
    assert_eq!(rig.sim.counters().rotations, 1, "it waits");
    rig.sim.release(held);
    ends_well(&rig, refresh, &["j1"]).await;
    assert_eq!(rig.sim.counters().rotations, 2, "one for both");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reconcile_in_progress_holds_no_entry_between_its_calls() {
    let (rig, _daemon) = begun(None).await;
    rig.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    let held = rig.sim.fault(Fault::new(Endpoint::List, What::Hold));
    rig.xadd(&job("ada", "j1")).await;
    rig.sim.wait_for(Endpoint::List, 1).await.expect("it looks");
    let refresh = refresh(&rig);
    rig.sim.release(held);
    ends_well(&rig, refresh, &["j1"]).await;
    let (_, outcome) = rig.outcome("j1").await;
    assert_eq!(outcome["reconciled"], true, "{outcome}");
    assert_eq!(rig.sim.counters().meetings_created, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_killed_daemon_had_in_flight_is_over_by_itself() {
    let (rig, mut daemon) = begun(None).await;
    rig.sim.fault(Fault::new(Endpoint::Create, What::Hang));
    rig.xadd(&job("ada", "j1")).await;
    rig.sim.wait_for(Endpoint::Create, 1).await.expect("it was sent");
    daemon.kill();
    let _next = rig.daemon();
    let began = Instant::now();
    let refresh = refresh(&rig);
    // Looking for what became of j1 takes its time; another job does not wait for it.
    rig.xadd(&job("ada", "j2")).await;
    ends_well(&rig, refresh, &["j2"]).await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_needs_no_request_slot() {
    let (rig, _daemon) = begun(Some("2")).await;
    rig.connect("bob");
    rig.run(&["account", "refresh", "bob"]).expect(0);
    let held = rig.sim.fault(Fault::new(Endpoint::Create, What::Hold).times(2));
    for id in ["b1", "b2", "b3", "b4"] {
        rig.xadd(&job("bob", id)).await;
    }
    rig.sim.wait_for(Endpoint::Create, 2).await.expect("all slots are taken");
    rig.xadd(&job("ada", "a1")).await;
    rig.run(&["account", "refresh", "ada"]).expect(0);
    assert_eq!(rig.sim.rotations("ada"), 2, "while both slots are taken");
    // And of an account whose own requests take all of them.
    let mut child = rig.command(&["account", "refresh", "bob"]);
    let child = child.stderr(std::process::Stdio::null()).spawn().expect("it starts");
    rig.sim.release(held);
    ends_well(&rig, child, &["b1", "b2", "b3", "b4", "a1"]).await;
    assert_eq!(rig.sim.rotations("bob"), 2);
}
