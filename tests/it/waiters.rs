//! Time until the waiting jobs of one account start after a rotation's commit.
//!
//! A job *starts* when it is leased: with a budget, and with the token that was
//! committed, it is a worker's from then on. It is *sent* when its request leaves
//! (`started_at` of the outcome): between the two lie a connection of its own and
//! its turn on the one thread. Zoom is simulated, and answers none before the
//! last has left, as a real one would that is milliseconds away.
//!
//! As a test it is one run under a generous bound. `make waiters` takes the
//! median of nine of an optimised binary, beside that of one waiter.

#![expect(clippy::print_stdout, reason = "a measurement ends with its figures")]

use std::time::Duration;

use redis_local::Options;
use secrecy::SecretString;
use zoom_sim::{Config, Endpoint, Fault, What};
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::Grants;
use zoomd_store::streams::{Stream, Tail, enqueue};
use zoomd_store::{Store, meta};
use zoomd_wire::AccountName;

use crate::support::{KEY, Rig, job, until};

/// Milliseconds from the commit to each job's lease and request, each in order.
struct Starts {
    leased: Vec<i64>,
    sent: Vec<i64>,
}

async fn starts(waiters: usize) -> Starts {
    let mut rig = Rig::with(Options::default(), Config::unlimited()).await;
    rig.set("ZOOMD_CONCURRENCY", "1024");
    rig.set("ZOOMD_LOG", "warn,zoomd=info");
    let token = rig.sim.grant("ada").refresh_token.expect("a refresh token");
    let add = ["account", "add", "ada", "--refresh-token-file", "-", "--plan", "unlimited"];
    rig.run_with(&add, &token).expect(0);
    let commit = rig.sim.fault(Fault::new(Endpoint::Token, What::Hold).after());
    let answers = rig.sim.fault(Fault::new(Endpoint::Create, What::Hold).always());
    let _daemon = rig.daemon();
    let store = rig.store().await;
    let jobs: Vec<_> = (0..waiters).map(|n| job("ada", &format!("w{n}"))).collect();
    enqueue(&store, &jobs).await.expect("added");
    rig.sim.wait_for(Endpoint::Token, 1).await.expect("asked");
    until("all of them to wait", || {
        let left = rig.redis_cli(&["HLEN", "zoomd:v1:payload:ada"]);
        (left.trim() == format!(":{waiters}")).then_some(())
    });
    // Work left over from their admission ends before the measurement.
    tokio::time::sleep(Duration::from_millis(200)).await;
    rig.sim.release(commit);
    rig.sim.wait_for(Endpoint::Create, waiters as u64).await.expect("all are sent");
    let leased = leases(&rig);
    rig.sim.clear_fault(answers);
    let sent = sends(&store, waiters).await;
    assert_eq!(rig.sim.counters().arrived.token, 1, "one token call for all");
    assert!(rig.sim.counters().broken.none(), "{:?}", rig.sim.violations());
    let commit = committed(&store, waiters).await;
    let after = |mut times: Vec<i64>| {
        assert_eq!(times.len(), waiters);
        times.iter_mut().for_each(|at| *at -= commit);
        times.sort_unstable();
        times
    };
    Starts { leased: after(leased), sent: after(sent) }
}

/// Times of the leases of all jobs in flight, by Redis' clock.
fn leases(rig: &Rig) -> Vec<i64> {
    let owners = rig.redis_cli(&["HVALS", "zoomd:v1:owner"]);
    let granted = owners.lines().filter_map(|owner| owner.split('|').nth(1)?.parse().ok());
    granted.collect()
}

/// Times at which the requests left, from the outcomes.
async fn sends(store: &Store, waiters: usize) -> Vec<i64> {
    let mut tail = Tail::from_start(store, &[Stream::Results]);
    let mut sent = Vec::new();
    while sent.len() < waiters {
        for item in tail.next(Duration::from_secs(20), 5_000).await.expect("redis answers") {
            let result: serde_json::Value =
                serde_json::from_str(item.field("result")).expect("JSON");
            let at = result["started_at"].as_str().expect("a time");
            sent.push(at.parse::<jiff::Timestamp>().expect("a time").as_millisecond());
        }
    }
    sent
}

/// Time of the commit of the account's one rotation, by Redis' clock.
async fn committed(store: &Store, waiters: usize) -> i64 {
    let ring = KeyRing::parse(Some(&SecretString::from(KEY)), None).expect("a key");
    let grants = Grants::new(store.clone(), meta::open(store, &ring).await.expect("opened"));
    let account = AccountName::new("ada").expect("a name");
    let story = grants.timeline(&account, 10).await.expect("redis answers");
    let commit = story.iter().find(|line| line.what == "rotated").expect("a commit");
    assert_eq!(commit.waiting_jobs, Some(waiters as u64), "the story says who waited");
    i64::try_from(commit.at).expect("a time")
}

fn quantile(sorted: &[i64], percent: usize) -> i64 {
    sorted[(sorted.len() * percent).div_ceil(100).clamp(1, sorted.len()) - 1]
}

/// First, middle and 99th percentile of leases, then of requests: the medians.
async fn median(waiters: usize, runs: usize) -> [i64; 6] {
    let mut all = Vec::new();
    for _ in 0..runs {
        let Starts { leased, sent } = starts(waiters).await;
        let of = |times: &[i64]| [1, 50, 99].map(|percent| quantile(times, percent));
        let ([a, b, c], [d, e, f]) = (of(&leased), of(&sent));
        all.push([a, b, c, d, e, f]);
    }
    [0, 1, 2, 3, 4, 5].map(|at| {
        let mut column: Vec<_> = all.iter().map(|row| row[at]).collect();
        column.sort_unstable();
        column[column.len() / 2]
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_waiting_jobs_start_soon_after_the_one_commit() {
    let runs = std::env::var("ZOOMD_WAITER_RUNS").ok().and_then(|runs| runs.parse().ok());
    let runs = runs.unwrap_or(1);
    println!("ms from the commit, median of {runs} runs");
    println!("{:>8} {:<24} {:<24}", "", "leased", "sent");
    println!(
        "{:>8} {:>7}{:>7}{:>7}    {:>7}{:>7}{:>7}",
        "waiters", "first", "p50", "p99", "first", "p50", "p99"
    );
    let mut last = [0; 6];
    for waiters in [1, 1_000] {
        let [a, b, c, d, e, f] = median(waiters, runs).await;
        println!("{waiters:>8} {a:>7}{b:>7}{c:>7}    {d:>7}{e:>7}{f:>7}");
        last = [a, b, c, d, e, f];
    }
    assert!(last[2] < 2_000 && last[5] < 5_000, "{last:?}");
}
