//! Facts that no waiting job shows: days that are used up, rooms without progress, and jobs that
//! sleep for long.

use std::collections::BTreeMap;

use zoomd_store::clock::{day_name, next_midnight_ms};
use zoomd_store::inspect::{AccountVitals, DayNearEnd, Ops, Presence};
use zoomd_store::queue::{Purpose, Record, Then, WaitReason};

use crate::bench::{Bench, go};
use crate::reasons::admitted;

fn ops(bench: &Bench) -> Ops {
    Ops::new(bench.store.clone())
}

async fn accounts(bench: &Bench) -> Vec<AccountVitals> {
    let now_ms = bench.store.now_ms().await.expect("now");
    ops(bench).account_vitals(None, now_ms).await.expect("asked").0
}

async fn a_daemon_lives(bench: &Bench) {
    let presence = Presence {
        id: "boot1".into(),
        host: "box".into(),
        pid: 7,
        version: "0.1.0".into(),
        started_ms: 5,
        problems: Vec::new(),
    };
    ops(bench).announce(&presence).await.expect("said");
}

#[tokio::test]
async fn a_day_that_is_used_up_is_found_without_a_job_that_waits() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    for (name, plan) in [("acme", "free"), ("beta", "pro"), ("corp", "free"), ("dent", "pro")] {
        bench.account(name, plan).await;
    }
    // Two accounts of one Zoom account use the same days.
    bench.cmd("HSET zoomd:v1:account:corp z Zacme").await;
    let now_ms = bench.store.now_ms().await.expect("now");
    let (day, midnight_ms) = (day_name(now_ms), next_midnight_ms(now_ms));
    let used = || async {
        let accounts = accounts(&bench).await;
        ops(&bench).days_near_end(accounts.iter(), now_ms).await.expect("asked")
    };
    bench.cmd(&format!("HSET zoomd:v1:ledger:{day}:Zacme l:light 5999 h:ann 99")).await;
    bench
        .cmd(&format!("HSET zoomd:v1:ledger:{day}:Zbeta l:light 140 h:ann 60 x:h:ann 39 h:bob 41"))
        .await;
    let near = |accounts: &[&str], why, host: &str| DayNearEnd {
        accounts: accounts.iter().map(|name| (*name).to_owned()).collect(),
        why,
        host: host.to_owned(),
        until_ms: midnight_ms,
        full: false,
    };
    let low = [
        near(&["acme", "corp"], WaitReason::LabelDay, ""),
        near(&["acme", "corp"], WaitReason::HostDay, "ann"),
        near(&["beta"], WaitReason::HostDay, "ann"),
    ];
    assert_eq!(used().await, low);
    bench.cmd(&format!("HSET zoomd:v1:ledger:{day}:Zacme l:light 6000")).await;
    bench.cmd(&format!("HSET zoomd:v1:ledger:{day}:Zbeta x:h:ann 40")).await;
    // Zoom closed this host's day; for the other it only asks for a short wait.
    bench.cmd(&format!("HSET zoomd:v1:gate:Zdent h:eve {midnight_ms} h:fay {}", now_ms + 9)).await;
    let day =
        |accounts: &[&str], why, host: &str| DayNearEnd { full: true, ..near(accounts, why, host) };
    let told = [
        day(&["acme", "corp"], WaitReason::LabelDay, ""),
        day(&["dent"], WaitReason::HostDay, "eve"),
        near(&["acme", "corp"], WaitReason::HostDay, "ann"),
        day(&["beta"], WaitReason::HostDay, "ann"),
    ];
    assert_eq!(used().await, told);
}

#[tokio::test]
async fn a_room_that_lost_its_turn_is_found_by_its_jobs() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "pro").await;
    a_daemon_lives(&bench).await;
    bench.cmd("HSET zoomd:v1:account:acme paused test").await;
    for (id, priority) in [("first", 1), ("second", 1), ("high", 0)] {
        admitted(&bench, id, "acme", |job| job.priority = priority).await;
    }
    let rooms = || async { ops(&bench).ready_rooms("acme").await.expect("asked") };
    assert_eq!(rooms().await, [], "it waits for somebody to resume");
    bench.cmd("HDEL zoomd:v1:account:acme paused").await;
    bench.cmd("DEL zoomd:v1:rooms:acme zoomd:v1:ring").await;
    let found = rooms().await;
    let [room] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((room.host.as_str(), room.jobs), ("me", 3));
    assert_eq!((room.first.as_str(), room.oldest.as_str()), ("high", "first"));
    // A day that is used up is a reason.
    let day = day_name(bench.store.now_ms().await.expect("now"));
    bench.cmd(&format!("HSET zoomd:v1:ledger:{day}:Zacme h:Uacme 100")).await;
    assert_eq!(rooms().await, []);
}

#[tokio::test]
async fn jobs_that_sleep_for_long_are_counted_by_account() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    let now_ms = bench.store.now_ms().await.expect("now");
    for (account, id, after) in [("acme", "a", 10), ("acme", "b", 20), ("beta", "c", 30)] {
        bench.account(account, "pro").await;
        let (until_ms, record) = (now_ms + after, Record::default());
        let then = Then::Sleep { until_ms, purpose: Purpose::Attempt, record, event: None };
        bench.end(go(admitted(&bench, id, account, |_| {}).await), then).await;
    }
    let beyond = ops(&bench).asleep_beyond(now_ms + 10).await.expect("asked");
    assert_eq!(beyond, BTreeMap::from([("acme".to_owned(), 1), ("beta".to_owned(), 1)]));
}
