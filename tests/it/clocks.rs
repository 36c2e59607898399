//! A daemon whose wall clock jumps: what matters goes by the clock of Redis, or
//! by the monotonic one.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use zoom_sim::{Endpoint, Fault, What};

use crate::support::{Rig, job};

/// The library that shows a process another time, where it is installed.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let places = ["/usr/lib", "/usr/local/lib"].map(PathBuf::from).into_iter().chain(folders);
    places.map(|place| place.join("faketime/libfaketimeMT.so.1")).find(|path| path.is_file())
}

fn time(outcome: &Value, field: &str) -> Timestamp {
    outcome[field].as_str().and_then(|text| text.parse().ok()).expect(field)
}

/// It ended when it was made, by one clock.
fn at_its_time(outcome: &Value, ended: &str) {
    let took = time(outcome, ended).duration_since(time(outcome, "enqueued_at"));
    assert!(took.abs() < SignedDuration::from_mins(1), "{took:?}: {outcome}");
}

fn at_once(outcome: &Value) {
    assert_eq!(outcome["status"], "succeeded", "{outcome}");
    assert_eq!((&outcome["attempts"], &outcome["reconciled"]), (&1.into(), &false.into()));
    at_its_time(outcome, "finished_at");
}

fn set(clock: &Path, by_days: i64) {
    // Read in one piece, or not at all.
    let fresh = clock.with_extension("new");
    std::fs::write(&fresh, format!("{by_days:+}d\n")).expect("written");
    std::fs::rename(&fresh, clock).expect("in place");
}

#[expect(clippy::print_stdout, reason = "a test that shows nothing says so")]
#[tokio::test]
async fn a_wall_clock_that_jumps_by_a_year_changes_nothing() {
    let Some(library) = library() else {
        println!("libfaketime is not installed: nothing is shown");
        return;
    };
    let mut rig = Rig::start().await;
    rig.connect("acme");
    rig.set("ZOOMD_LOG", "debug");
    let clock = rig.dir.path().join("clock");
    set(&clock, 0);
    let mut command = rig.command(&["run"]);
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &clock);
    command.env("FAKETIME_NO_CACHE", "1").env("DONT_FAKE_MONOTONIC", "1");
    let mut daemon = rig.daemon_of(command);
    for (n, days) in [400, -400, 0].into_iter().enumerate() {
        let hold = rig.sim.fault(Fault::new(Endpoint::Create, What::Hold).after());
        let id = |what: &str| format!("{what}-{n}");
        rig.xadd(&job("acme", &id("under-way"))).await;
        rig.sim.wait_for(Endpoint::Create, 2 * n as u64 + 1).await.expect("the call arrives");
        set(&clock, days);
        rig.sim.release(hold);
        at_once(&rig.outcome(&id("under-way")).await.1);
        rig.xadd(&job("acme", &id("after"))).await;
        at_once(&rig.outcome(&id("after")).await.1);
        for bad in ["{}".to_owned(), job("nobody", &id("refused"))] {
            let entry = rig.xadd(&bad).await;
            let refused = rig.wait_item(|item| item.field("failure").contains(&entry)).await;
            let refused = serde_json::from_str(refused.field("failure")).expect("JSON");
            at_its_time(&refused, "failed_at");
        }
    }
    let year = (Timestamp::now() + SignedDuration::from_hours(400 * 24)).strftime("%Y-");
    assert!(daemon.log().contains(&format!("\"{year}")), "its clock did jump");
    assert!(daemon.stop().success());
    assert_eq!(rig.sim.meetings_of("acme").len(), 6);
    assert_eq!(rig.sim.twins().len(), 0);
}
