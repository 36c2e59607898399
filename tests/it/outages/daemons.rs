//! The daemon is gone or stands still, alone or beside another one; or it cannot write
//! its journal.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use zoom_sim::{Endpoint, Fault, What};

use super::faces::{Outage, running, tried};
use crate::full;
use crate::support::{Daemon, Rig, job, until};

/// `zoomd healthcheck` against the port of a daemon, in place of its `/readyz`.
#[track_caller]
fn healthcheck(rig: &mut Rig, port: &str, told: &str) {
    rig.set("ZOOMD_LISTEN", port);
    let ran = rig.run(&["healthcheck", "--timeout", "1"]).expect(5);
    assert!(ran.stderr.contains(told) && ran.stderr.contains("zoomd status"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_is_killed() {
    let (mut rig, mut daemon) = running().await;
    let port = daemon.address();
    daemon.kill();
    let killed = Instant::now();
    until("the verdict", || (rig.run(&["status"]).code == 5).then_some(()));
    assert!(killed.elapsed() < Duration::from_secs(6), "{:?}", killed.elapsed());
    rig.xadd(&job("acme", "held")).await;
    Outage::no_daemon(&rig).is_told();
    healthcheck(&mut rig, &port, &format!("no daemon answers on {port}: Connection refused"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_is_stopped() {
    let (mut rig, daemon) = running().await;
    let port = daemon.address();
    daemon.signal(Signal::STOP);
    rig.xadd(&job("acme", "held")).await;
    let problem = {
        let outage = Outage::no_daemon(&rig);
        outage.is_told();
        outage.status()
    };
    assert_eq!(problem["next"], format!("kill -CONT {}", daemon.pid()), "{problem}");
    healthcheck(&mut rig, &port, &format!("the daemon on {port} did not answer within 1s"));
    daemon.signal(Signal::CONT);
    // The daemon's log blames nobody else for the connections that it finds closed.
    daemon.wait_log("this process stood still for");
}

/// Jobs that hang, in the hands of two daemons.
const HANGING: usize = 8;

/// A second daemon, and a job that it has in hand; calls hang.
async fn one_of_two(rig: &Rig) -> (Daemon, String) {
    let lost = rig.daemon();
    let id = lost.wait_log("zoomd starts")["daemon"].as_str().expect("an id").to_owned();
    rig.sim.fault(Fault::new(Endpoint::Create, What::Hold).times(HANGING as u32));
    for n in 0..HANGING {
        rig.xadd(&job("acme", &format!("hangs-{n}"))).await;
    }
    rig.sim.wait_for(Endpoint::Create, 1 + HANGING as u64).await.expect("all are under way");
    // The two read in turn.
    let in_its_hands =
        |job: &String| rig.run(&["job", "show", job, "--json"]).json()["daemon"] == *id;
    let job = (0..HANGING).map(|n| format!("hangs-{n}")).find(in_its_hands);
    (lost, job.expect("a job of its"))
}

/// Checks that the other daemon reports it. Jobs continue, except those that it had in hand.
#[track_caller]
fn is_told_by_the_other(rig: &Rig, left: &Daemon, held: &str) {
    let outage = Outage {
        held: Some(held),
        ..Outage::degraded(rig, left, "daemon_silent", &["has no heartbeat"])
    };
    let problem = outage.status();
    assert!(problem["jobs"].as_u64() >= Some(1), "{problem}");
    outage.job();
    outage.doctor();
    outage.daemon();
    let ran = tried(rig, "acme");
    assert_eq!(ran.code, 0, "the other one runs new jobs: {ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_daemon_of_two_is_killed() {
    let (rig, left) = running().await;
    let (mut lost, held) = one_of_two(&rig).await;
    lost.kill();
    is_told_by_the_other(&rig, &left, &held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_daemon_of_two_is_stopped() {
    let (rig, left) = running().await;
    let (lost, held) = one_of_two(&rig).await;
    lost.signal(Signal::STOP);
    is_told_by_the_other(&rig, &left, &held);
    let stopped = format!("its process {} is stopped", lost.pid());
    let (_, ready) = left.get("/readyz");
    assert!(ready.contains(&stopped), "{ready}");
    lost.signal(Signal::CONT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journals_folder_is_gone() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    std::fs::remove_dir_all(rig.dir.path().join("data/journal")).expect("deleted");
    // Commands must not rotate by themselves.
    rig.set("ZOOMD_DATA_DIR", "/proc/nowhere");
    rig.xadd(&job("acme", "held")).await;
    let outage = Outage::degraded(&rig, &daemon, "rotation_impossible", &["journal"]);
    outage.is_told();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journals_disk_is_full() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    if !full::is_permitted(&rig) {
        return;
    }
    let daemon = full::daemon(&rig);
    full::fill(&rig, &daemon);
    rig.set("ZOOMD_DATA_DIR", "/proc/nowhere");
    rig.xadd(&job("acme", "held")).await;
    let outage = Outage::degraded(&rig, &daemon, "rotation_impossible", &["No space left"]);
    outage.is_told();
}
