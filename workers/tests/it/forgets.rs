//! A Redis that comes back without its last seconds.

use std::path::Path;

use serde_json::json;
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
    set_back(&mut world, before.path());
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

/// Puts Redis back to where its files were copied.
fn set_back(world: &mut World, kept: &Path) {
    world.redis.kill();
    std::fs::remove_dir_all(log_of(world)).expect("a folder");
    copy(kept, &log_of(world));
    world.redis.restart().expect("redis starts again");
}

/// Jobs that change a meeting are done, one by one, and the last one's call is under way:
/// a Redis that forgot all of it is told, nothing is sent again, and the order holds.
#[tokio::test]
async fn changes_it_forgot_are_told_in_their_order() {
    let mut world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    world.enqueue(&job_with("acme", "made"));
    world.outcome_of("made").await;
    engine.drain(LIMIT).await;
    for (round, endpoint) in
        [Endpoint::Update, Endpoint::Status, Endpoint::Delete].iter().enumerate()
    {
        let job = |id: &str, kind: &str| {
            let mut job = json!({"id": format!("{id}-{round}"), "account": "acme", "kind": kind,
                                 "of": "made"});
            if kind == "update_meeting" {
                job["meeting"] = json!({"topic": format!("{id}-{round}")});
            }
            job
        };
        let last = match endpoint {
            Endpoint::Update => "update_meeting",
            Endpoint::Status => "end_meeting",
            _ => "delete_meeting",
        };
        let meeting = world.sim.meetings()[0].id;
        let before = world.sim.counters().arrived;
        let kept = tempfile::TempDir::new().expect("a folder");
        world.enqueue(&job("first", "update_meeting"));
        copy(&log_of(&world), kept.path());
        let engine = world.engine().await;
        let first = world.outcome_of(&format!("first-{round}")).await;
        if last == "end_meeting" {
            assert!(world.sim.start_meeting(meeting));
        }
        let hold = world.sim.fault(Fault::new(*endpoint, What::Hold).after());
        world.enqueue(&job("last", last));
        let nth = before.of(*endpoint) + if last == "update_meeting" { 2 } else { 1 };
        world.sim.wait_for(*endpoint, nth).await.expect("the last call");
        set_back(&mut world, kept.path());
        world.sim.release(hold);
        let again = world.outcome_of(&format!("first-{round}")).await;
        assert_eq!(again["changed"], first["changed"], "the same outcome: {again}");
        let done = world.outcome_of(&format!("last-{round}")).await;
        assert_eq!(done["status"], "succeeded", "{done}");
        engine.drain(LIMIT).await;
        let seen = world.sim.meetings().remove(0);
        let topic = if last == "update_meeting" { "last" } else { "first" };
        assert_eq!(seen.topic, format!("{topic}-{round}"));
        assert_eq!((seen.running, seen.deleted), (false, last == "delete_meeting"));
        let sent = world.sim.counters().arrived;
        let calls = sent.update + sent.status + sent.delete;
        assert_eq!(calls - before.update - before.status - before.delete, 2, "{last}");
        world.assert_idle();
    }
}

/// Start of each command of a log. `MULTI` to `EXEC` counts as one, since Redis drops a torn
/// transaction as a whole.
fn commands(log: &[u8]) -> Vec<usize> {
    let line = |at: usize| {
        let end = at + log[at..].iter().position(|byte| *byte == b'\r').expect("a line");
        (&log[at..end], end + 2)
    };
    let number = |text: &[u8]| -> usize {
        std::str::from_utf8(&text[1..]).expect("text").parse().expect("a number")
    };
    let (mut starts, mut at, mut within) = (Vec::new(), 0, false);
    while at < log.len() {
        if log[at] == b'#' {
            at = line(at).1;
            continue;
        }
        if !within {
            starts.push(at);
        }
        let (head, mut next) = line(at);
        for part in 0..number(head) {
            let (length, from) = line(next);
            let text = &log[from..from + number(length)];
            if part == 0 {
                within = (within || text.eq_ignore_ascii_case(b"MULTI"))
                    && !text.eq_ignore_ascii_case(b"EXEC");
            }
            next = from + number(length) + 2;
        }
        at = next;
    }
    starts
}

/// Takes back the last commands of the log, as the loss of a machine does.
fn cut(world: &World, last: usize) {
    let files = std::fs::read_dir(log_of(world)).expect("a folder");
    let file = files
        .map(|file| file.expect("an entry").path())
        .find(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .expect("a log");
    let log = std::fs::read(&file).expect("read");
    let starts = commands(&log);
    let kept = starts.len().checked_sub(last).expect("so many commands");
    std::fs::write(&file, &log[..starts[kept]]).expect("written");
}

#[tokio::test]
async fn a_tail_cut_at_a_command_makes_nothing_twice_while_its_engine_lives() {
    // `always` acknowledges nothing that it can lose, so a tail of it is one whose
    // answer never arrived: the last command.
    for (fsync, tails) in [("everysec", &[1, 2, 3, 5, 8, 13, 21, 34][..]), ("always", &[1, 1, 1])] {
        let options = redis_local::Options { aof: Some(fsync), ..Default::default() };
        let mut world = World::on(options, zoom_sim::Config::unlimited()).await;
        world.account("acme").await;
        let engine = world.engine().await;
        let mut ids = Vec::new();
        for (round, last) in tails.iter().enumerate() {
            let (held, quick) = (format!("{fsync}-held-{round}"), format!("{fsync}-quick-{round}"));
            let hold = world.sim.fault(Fault::new(Endpoint::Create, What::Hold).after());
            world.enqueue(&job_with("acme", &held));
            let seen = world.sim.meetings().len();
            world.sim.wait_meetings(seen as u64, LIMIT).await.expect("the held call's meeting");
            world.sim.wait_for(Endpoint::Create, 2 * round as u64 + 1).await.expect("a call");
            world.enqueue(&job_with("acme", &quick));
            ids.extend([held, quick.clone()]);
            world.outcome_of(&quick).await;
            world.redis.kill();
            cut(&world, *last);
            world.redis.restart().expect("redis starts again");
            world.sim.release(hold);
            for id in &ids {
                let outcome = world.outcome_of(id).await;
                assert_eq!(outcome["status"], "succeeded", "{fsync} {last}: {outcome}");
            }
        }
        engine.drain(LIMIT).await;
        world.assert_idle();
        assert!(world.sim.twins().is_empty(), "{fsync}");
        assert_eq!(world.sim.meetings().len(), ids.len(), "{fsync}");
    }
}
