//! A data folder on a disk that is really full.
//!
//! The daemon runs in a mount namespace of its own, with a small tmpfs for its
//! data; where the system does not let a test have one, nothing is shown and the
//! test says so. (A journal at its bound, and one that cannot be made, need none.)

use std::io::Write as _;
use std::process::Command;

use zoom_sim::Reuse;

use crate::rotation::rig;
use crate::support::{Daemon, Rig, job};

/// Runs what follows with a tmpfs of 1 MiB at `$DATA`.
const UNSHARE: [&str; 6] = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"];
const MOUNT: &str = "mkdir -p \"$DATA\" && mount -t tmpfs -o size=1m tmpfs \"$DATA\"";

fn is_permitted(rig: &Rig) -> bool {
    let mut command = Command::new(UNSHARE[0]);
    command.args(&UNSHARE[1..]).arg(MOUNT).env("DATA", rig.dir.path().join("probe"));
    command.output().is_ok_and(|output| output.status.success())
}

fn daemon(rig: &Rig) -> Daemon {
    let plain = rig.command(&["run"]);
    let mut command = Command::new(UNSHARE[0]);
    command.args(&UNSHARE[1..]).arg(format!("{MOUNT} && exec \"$0\" run"));
    command.arg(plain.get_program()).env_clear().current_dir(rig.dir.path());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("DATA", rig.dir.path().join("data"));
    rig.daemon_of(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_full_disk_no_rotation_starts_and_tokens_serve_on() {
    let mut rig = rig(Reuse::Strict).await;
    if !is_permitted(&rig) {
        let _ = writeln!(std::io::stderr(), "no mount namespace here: nothing was tested");
        return;
    }
    rig.connect("ada");
    rig.connect("bob");
    let daemon = daemon(&rig);
    // The command must not rotate by itself: it sees another folder.
    rig.set("ZOOMD_DATA_DIR", "/proc/nowhere");
    rig.run(&["account", "refresh", "ada"]).expect(0);
    let inside = format!("/proc/{}/root{}", daemon.pid(), rig.dir.path().join("data").display());
    let filler = std::path::Path::new(&inside).join("filler");
    let mut file = std::fs::File::create(&filler).expect("the daemon's folder");
    while file.write_all(&[0; 4096]).is_ok() {}
    let refused = rig.run(&["account", "refresh", "bob", "--timeout", "2s", "--json"]).expect(5);
    assert!(refused.stdout.contains("No space left"), "{}", refused.stdout);
    assert_eq!(refused.json()["error"]["code"], "journal");
    daemon.wait_log("no token is rotated while the journal cannot be written");
    assert_eq!(rig.sim.rotations("bob"), 0, "nothing was sent");
    rig.xadd(&job("ada", "j1")).await;
    rig.outcome("j1").await;
    assert_eq!(rig.sim.counters().meetings_created, 1, "the stored token serves on");
    drop(file);
    std::fs::remove_file(&filler).expect("removed");
    rig.run(&["account", "refresh", "bob"]).expect(0);
    assert!(rig.sim.counters().broken.none(), "{:?}", rig.sim.violations());
}
