//! How soon the waiting jobs of one account start after a rotation's commit.
//!
//! As a test it is one run under a generous bound. `make waiters` takes the
//! median of nine of an optimised binary (`ZOOMD_BIN`), beside that of one waiter.

#![expect(clippy::print_stdout, reason = "a measurement ends with its figures")]

use std::time::Duration;

use redis_local::Options;
use secrecy::SecretString;
use zoom_sim::{Config, Endpoint, Fault, What};
use zoomd_store::grants::Grants;
use zoomd_store::meta;
use zoomd_store::seal::KeyRing;
use zoomd_store::streams::{Stream, Tail, enqueue};
use zoomd_wire::AccountName;

use crate::support::{KEY, Rig, job, until};

/// Milliseconds from the commit to the send of each job, in order.
async fn starts(waiters: usize) -> Vec<i64> {
    let mut rig = Rig::with(Options::default(), Config::unlimited()).await;
    rig.set("ZOOMD_CONCURRENCY", "1024");
    rig.set("ZOOMD_LOG", "warn,zoomd=info");
    let token = rig.sim.grant("ada").refresh_token.expect("a refresh token");
    let add = ["account", "add", "ada", "--refresh-token-file", "-", "--plan", "unlimited"];
    rig.run_with(&add, &token).expect(0);
    let held = rig.sim.fault(Fault::new(Endpoint::Token, What::Hold).after());
    let _daemon = rig.daemon();
    let store = rig.store().await;
    let jobs: Vec<_> = (0..waiters).map(|n| job("ada", &format!("w{n}"))).collect();
    enqueue(&store, &jobs).await.expect("added");
    rig.sim.wait_for(Endpoint::Token, 1).await.expect("asked");
    until("all of them to wait", || {
        let left = rig.redis_cli(&["HLEN", "zoomd:v1:p:ada"]);
        (left.trim() == format!(":{waiters}")).then_some(())
    });
    // What they did to come here is done.
    tokio::time::sleep(Duration::from_millis(200)).await;
    rig.sim.release(held);
    let mut tail = Tail::from_start(&store, &[Stream::Results]);
    let mut sent = Vec::new();
    while sent.len() < waiters {
        for item in tail.next(Duration::from_secs(20), 5_000).await.expect("redis answers") {
            let result: serde_json::Value =
                serde_json::from_str(item.field("result")).expect("JSON");
            let at = result["started_at"].as_str().expect("a time");
            sent.push(at.parse::<jiff::Timestamp>().expect("a time").as_millisecond());
        }
    }
    assert_eq!(rig.sim.counters().arrived.token, 1, "one token call for all");
    assert!(rig.sim.counters().broken.none(), "{:?}", rig.sim.violations());
    let ring = KeyRing::parse(Some(&SecretString::from(KEY)), None).expect("a key");
    let grants = Grants::new(store.clone(), meta::open(&store, &ring).await.expect("opened"));
    let account = AccountName::new("ada").expect("a name");
    let story = grants.timeline(&account, 10).await.expect("redis answers");
    let commit = story.iter().find(|line| line.what == "rotated").expect("a commit").at;
    let commit = i64::try_from(commit).expect("a time");
    let mut after: Vec<_> = sent.into_iter().map(|at| at - commit).collect();
    after.sort_unstable();
    after
}

fn quantile(sorted: &[i64], percent: usize) -> i64 {
    sorted[(sorted.len() * percent).div_ceil(100).clamp(1, sorted.len()) - 1]
}

async fn median(waiters: usize, runs: usize) -> [i64; 3] {
    let mut all = Vec::new();
    for _ in 0..runs {
        let after = starts(waiters).await;
        all.push([1, 50, 99].map(|percent| quantile(&after, percent)));
    }
    [0, 1, 2].map(|at| {
        let mut column: Vec<_> = all.iter().map(|row| row[at]).collect();
        column.sort_unstable();
        column[column.len() / 2]
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_waiting_jobs_start_soon_after_the_one_commit() {
    let runs = std::env::var("ZOOMD_WAITER_RUNS").ok().and_then(|runs| runs.parse().ok());
    let runs = runs.unwrap_or(1);
    let (one, thousand) = (median(1, runs).await, median(1_000, runs).await);
    println!("ms from the commit to the send, median of {runs} runs");
    println!("{:<12}{:>8}{:>8}{:>8}", "waiters", "first", "p50", "p99");
    println!("{:<12}{:>8}{:>8}{:>8}", 1, one[0], one[1], one[2]);
    println!("{:<12}{:>8}{:>8}{:>8}", 1_000, thousand[0], thousand[1], thousand[2]);
    assert!(thousand[2] < 5_000, "{thousand:?}");
}
