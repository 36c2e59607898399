//! The campaign: real daemons on a real Redis and the simulated Zoom, and
//! everything that can go wrong. Round for round, each job must have one
//! outcome and each meeting one job, and a meeting that is changed must be what the
//! last of its jobs says, whatever struck.
//!
//! As a test it plays one short round, always the same. `make chaos` plays long:
//! the same code with `CHAOS_SECONDS`, `CHAOS_WORLDS`, `CHAOS_SCALE` (`scaled`,
//! `default`), `CHAOS_SEED` (printed; the same seed draws the same blows),
//! `CHAOS_ZOOMD` (another build of the daemon), `CHAOS_LOG` (what the daemons log,
//! as in `ZOOMD_LOG`), `CHAOS_FAKETIME` (the library
//! that gives two of three daemons a wall clock 400 days off) and `CHAOS_FILE`,
//! to which a long campaign in pieces adds up.

#![expect(clippy::print_stdout, reason = "a campaign ends with its table")]

mod blows;
mod book;
mod daemon;
mod family;
mod plan;
mod proxy;
mod readings;
#[path = "../it/support/mod.rs"]
mod support;
mod table;
mod verdict;
mod world;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use table::Rows;
use world::World;

fn wish<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().filter(|text| !text.is_empty())?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_each_job_has_one_outcome_and_each_meeting_one_job() {
    let seconds = wish("CHAOS_SECONDS");
    let anew = || seconds.map_or(1, |_: u64| rand::random::<u32>());
    let seed = wish("CHAOS_SEED").unwrap_or_else(anew);
    let lasts = Duration::from_secs(seconds.unwrap_or(1));
    let worlds = wish("CHAOS_WORLDS").unwrap_or(3);
    let scale = match wish::<String>("CHAOS_SCALE").as_deref() {
        Some("default") => plan::DEFAULT,
        _ if seconds.is_none() => plan::SHORT,
        _ => plan::SCALED,
    };
    println!("seed {seed}");
    let (mut ready, mut playing) = (Vec::new(), Vec::new());
    for number in 0..worlds {
        ready.push(World::start(u64::from(seed), number, &scale).await);
    }
    let end = Instant::now() + lasts;
    for world in ready {
        playing.push(tokio::spawn(async move {
            let played = world.play(end).await;
            if let Err(what) = &played {
                println!("{what}");
            }
            played
        }));
    }
    let (mut sum, mut wrong) = (Rows::default(), Vec::new());
    (sum.seed, sum.scale) = (u64::from(seed), scale.name.to_owned());
    for world in playing {
        match world.await {
            Ok(Ok(rows)) => sum.merge(&rows),
            Ok(Err(what)) => wrong.push(what),
            Err(panic) => wrong.push(format!("seed {seed}: {panic}")),
        }
    }
    println!("{}", sum.table());
    let (calls, over) = sum.paced;
    println!("over Zoom's limit per second: {over} of {calls} calls that nothing held up");
    // The short round runs beside other tests, where anything may be held.
    if seconds.is_some() && over * 1_000 > calls * 2 {
        wrong.push("more than 2 of 1,000 calls were over the limit per second".to_owned());
    }
    assert!(wrong.is_empty(), "{} worlds went wrong:\n{}", wrong.len(), wrong.join("\n"));
    if let Some(file) = wish::<PathBuf>("CHAOS_FILE") {
        let all = table::add_to(&file, &sum).expect("the file can be written");
        println!("all campaigns of {}:\n{}", file.display(), all.table());
    }
}
