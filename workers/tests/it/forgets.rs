//! A Redis that comes back without its last seconds.

use std::path::Path;

use zoom_sim::{Endpoint, Fault, What};

use crate::world::{LIMIT, World, job, job_with};

/// Copies a folder with what is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else if entry.file_type().expect("a type").is_file() {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn log_of(world: &World) -> std::path::PathBuf {
    world.redis.dir().join("appendonlydir")
}

#[tokio::test]
async fn calls_it_forgot_are_told_and_nothing_is_made_twice() {
    let mut world = World::new().await;
    world.account("acme").await;
    let ids: Vec<_> = (0..5).map(|n| format!("known-{n}")).collect();
    ids.iter().for_each(|id| drop(world.enqueue(&job_with("acme", id))));
    let nameless = world.enqueue(&job("acme", "nameless"));
    let held = world.enqueue(&job("acme", "held"));
    let before = tempfile::TempDir::new().expect("a folder");
    copy(&log_of(&world), before.path());

    let hold = world.sim.fault(Fault::new(Endpoint::Create, What::Hold).after().skip(6));
    let engine = world.engine().await;
    let first = world.outcomes(6).await;
    world.sim.wait_for(Endpoint::Create, 7).await.expect("the seventh call");

    // Redis loses everything since the jobs were enqueued, admission included.
    world.redis.kill();
    std::fs::remove_dir_all(log_of(&world)).expect("a folder");
    copy(before.path(), &log_of(&world));
    world.redis.restart().expect("redis starts again");
    world.sim.release(hold);

    let again = world.outcomes(7).await;
    for id in ids.iter().chain([&nameless]) {
        assert_eq!(again[id]["meeting"]["id"], first[id]["meeting"]["id"], "the same outcome");
    }
    assert_eq!(again[&held]["status"], "succeeded", "{}", again[&held]);
    // And it goes on.
    world.enqueue(&job_with("acme", "next"));
    assert_eq!(world.outcomes(8).await["next"]["status"], "succeeded");
    engine.drain(LIMIT).await;
    world.assert_idle();
    assert_eq!(world.sim.meetings().len(), 8);
    assert!(world.sim.twins().is_empty());
}
