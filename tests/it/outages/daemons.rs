//! The daemon is gone, stands still, or cannot write its journal or read its keys.

use rustix::process::Signal;

use super::faces::{Outage, running};
use crate::support::{Rig, job, until};

fn none_runs(rig: &Rig) -> Outage<'_> {
    Outage {
        rig,
        daemon: None,
        held: Some("held"),
        account: "acme",
        code: "no_daemon",
        cause: &["no daemon"],
        verdict: "DOWN",
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_is_killed() {
    let (rig, mut daemon) = running().await;
    daemon.kill();
    let killed = std::time::Instant::now();
    until("the verdict", || (rig.run(&["status"]).code == 5).then_some(()));
    assert!(killed.elapsed() < std::time::Duration::from_secs(6), "{:?}", killed.elapsed());
    rig.xadd(&job("acme", "held")).await;
    none_runs(&rig).is_told();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_is_stopped() {
    let (rig, daemon) = running().await;
    daemon.signal(Signal::STOP);
    rig.xadd(&job("acme", "held")).await;
    none_runs(&rig).is_told();
    daemon.signal(Signal::CONT);
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
async fn the_key_is_missing_in_this_shell() {
    let (mut rig, _daemon) = running().await;
    rig.set("ZOOMD_ENCRYPTION_KEY", "");
    let doctor = rig.run(&["doctor", "--offline"]).expect(1);
    assert!(doctor.stdout.contains("encryption key"), "{}", doctor.stdout);
    // A second key would make the stored tokens unreadable.
    assert!(!doctor.stdout.contains("zoomd config key"), "{}", doctor.stdout);
    let status = rig.run(&["status"]);
    assert!(status.stdout.starts_with("OK"), "the daemon has the key: {}", status.stdout);
}
