//! A data folder on a disk that is really full.
//!
//! The daemon runs in a mount namespace of its own, with a small tmpfs for its
//! data; where the system does not let a test have one, nothing is shown and the
//! test says so. (A journal at its bound, and one that cannot be made, need none.)

use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use zoom_sim::Reuse;

use crate::rotation::rig;
use crate::support::{Daemon, Rig, job, until};

/// Runs what follows with a tmpfs of 1 MiB at `$DATA`.
const UNSHARE: [&str; 6] = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"];
const MOUNT: &str = "mkdir -p \"$DATA\" && mount -t tmpfs -o size=1m tmpfs \"$DATA\"";

/// True if the system lets a test have a disk of its own; if not, the test says so.
pub fn is_permitted(rig: &Rig) -> bool {
    let mut command = Command::new(UNSHARE[0]);
    command.args(&UNSHARE[1..]).arg(MOUNT).env("DATA", rig.dir.path().join("probe"));
    let permitted = command.output().is_ok_and(|output| output.status.success());
    if !permitted {
        let _ = writeln!(std::io::stderr(), "no mount namespace here: nothing was tested");
    }
    permitted
}

/// A daemon whose data folder is a small disk.
pub fn daemon(rig: &Rig) -> Daemon {
    let plain = rig.command(&["run"]);
    let mut command = Command::new(UNSHARE[0]);
    command.args(&UNSHARE[1..]).arg(format!("{MOUNT} && exec \"$0\" run"));
    command.arg(plain.get_program()).env_clear().current_dir(rig.dir.path());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("DATA", rig.dir.path().join("data"));
    rig.daemon_of(command)
}

/// Fills the disk of a daemon that runs in a namespace of its own.
pub fn fill(rig: &Rig, daemon: &Daemon) -> std::path::PathBuf {
    let inside = format!("/proc/{}/root{}", daemon.pid(), rig.dir.path().join("data").display());
    let filler = std::path::Path::new(&inside).join("filler");
    let mut file = std::fs::File::create(&filler).expect("the daemon's folder");
    while file.write_all(&[0; 4096]).is_ok() {}
    filler
}

fn journal_is_well(daemon: &Daemon) -> bool {
    let ready: serde_json::Value = serde_json::from_str(&daemon.get("/readyz").1).expect("JSON");
    assert_eq!(ready["ready"], true, "{ready}");
    let well = ready["checks"]["journal"]["ok"].as_bool().expect("a bool");
    // Another daemon's trouble degrades the namespace, too.
    assert!(well || ready["degraded"] == true, "{ready}");
    well
}

/// A daemon without room for its journal leaves rotations to others, and delays none.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_daemon_with_a_full_disk_delays_no_job_of_another() {
    const ACCOUNTS: usize = 12;
    let rig = rig(Reuse::Strict).await;
    if !is_permitted(&rig) {
        return;
    }
    let full = daemon(&rig);
    fill(&rig, &full);
    until("the trouble in /readyz", || (!journal_is_well(&full)).then_some(()));
    let names: Vec<_> = (0..ACCOUNTS).map(|n| format!("user-{n}")).collect();
    for name in &names {
        rig.connect(name);
    }
    let well = rig.daemon();
    assert!(journal_is_well(&well));
    let begun = Instant::now();
    for name in &names {
        rig.xadd(&job(name, name)).await;
    }
    for name in &names {
        rig.outcome(name).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(rig.sim.counters().meetings_created as usize, ACCOUNTS);
    assert!(rig.sim.counters().broken.none(), "{:?}", rig.sim.violations());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_journal_that_is_deleted_while_the_daemon_runs_stops_rotations_and_is_told() {
    let mut rig = rig(Reuse::Strict).await;
    rig.connect("ada");
    rig.connect("bob");
    let mut daemon = rig.daemon();
    rig.run(&["account", "refresh", "ada"]).expect(0);
    let data = rig.dir.path().join("data");
    // The command must not rotate by itself.
    rig.set("ZOOMD_DATA_DIR", "/proc/nowhere");
    for how in ["deleted or moved away", "another file is in its place"] {
        let journal = std::fs::read_dir(data.join("journal")).expect("the folder");
        let file = journal.map(|e| e.expect("an entry").path()).next().expect("a journal");
        if how.starts_with("another") {
            std::fs::copy(&file, data.join("copy")).expect("copied");
            std::fs::rename(data.join("copy"), &file).expect("replaced");
        } else {
            std::fs::remove_dir_all(data.join("journal")).expect("deleted");
        }
        let refused =
            rig.run(&["account", "refresh", "bob", "--timeout", "4s", "--json"]).expect(5);
        assert!(refused.stdout.contains(how), "{}", refused.stdout);
        assert_eq!(refused.json()["error"]["code"], "journal");
        assert_eq!(rig.sim.rotations("bob"), 0, "nothing was sent");
        until("the trouble in /readyz", || (!journal_is_well(&daemon)).then_some(()));
        let told = || rig.run(&["status"]).stdout.contains(how).then_some(());
        until("the trouble in zoomd status", told);
        let doctor = rig.run(&["doctor", "--offline"]).expect(1);
        assert!(doctor.stdout.contains(how), "{}", doctor.stdout);
        daemon.wait_log("the rotation journal cannot be written");
        // Jobs that need no rotation continue.
        let id = format!("after-{}", how.len());
        rig.xadd(&job("ada", &id)).await;
        rig.outcome(&id).await;
        assert!(daemon.stop().success());
        rig.set("ZOOMD_DATA_DIR", &data.display().to_string());
        daemon = rig.daemon();
        rig.set("ZOOMD_DATA_DIR", "/proc/nowhere");
        rig.run(&["account", "refresh", "ada"]).expect(0);
    }
    rig.run(&["account", "refresh", "bob"]).expect(0);
    assert!(rig.sim.counters().broken.none(), "{:?}", rig.sim.violations());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_full_disk_no_rotation_starts_and_tokens_serve_on() {
    let mut rig = rig(Reuse::Strict).await;
    if !is_permitted(&rig) {
        return;
    }
    rig.connect("ada");
    rig.connect("bob");
    let daemon = daemon(&rig);
    // The command must not rotate by itself: it sees another folder.
    rig.set("ZOOMD_DATA_DIR", "/proc/nowhere");
    rig.run(&["account", "refresh", "ada"]).expect(0);
    let filler = fill(&rig, &daemon);
    let refused = rig.run(&["account", "refresh", "bob", "--timeout", "2s", "--json"]).expect(5);
    assert!(refused.stdout.contains("No space left"), "{}", refused.stdout);
    assert_eq!(refused.json()["error"]["code"], "journal");
    daemon.wait_log("the rotation journal cannot be written");
    assert_eq!(rig.sim.rotations("bob"), 0, "nothing was sent");
    rig.xadd(&job("ada", "j1")).await;
    rig.outcome("j1").await;
    assert_eq!(rig.sim.counters().meetings_created, 1, "the stored token serves on");
    std::fs::remove_file(&filler).expect("removed");
    rig.run(&["account", "refresh", "bob"]).expect(0);
    assert!(rig.sim.counters().broken.none(), "{:?}", rig.sim.violations());
}
