//! Upkeep cuts whatever grows, and nothing that is still needed.

use std::time::Duration;

use redis_local::Options;
use zoomd_store::queue::{QueueSettings, Trimmed};

use crate::bench::{Bench, done, failed, go, job, named};

#[tokio::test]
async fn ids_are_forgotten_after_their_time_and_no_sooner() {
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    let e = bench.arrive(3).await;
    let old = go(bench.admit_one(named("old", 1, "acme", &e[0])).await);
    bench.end(old, done()).await;
    bench.shift(Duration::from_secs(23 * 3600)).await;
    let young = go(bench.admit_one(named("young", 1, "acme", &e[1])).await);
    bench.end(young, done()).await;
    go(bench.admit_one(named("live", 1, "acme", &e[2])).await);
    bench.shift(Duration::from_secs(2 * 3600)).await;
    let script =
        "for i = 1, 5000 do redis.call('HSET', 'zoomd:v1:ids', 'many-' .. i, 'D 1 1-1 0 5') end";
    bench.conn.value(redis::cmd("EVAL").arg(script).arg(0)).await.expect("fill");
    let (mut from, mut forgotten) = (None, 0);
    loop {
        let pass = bench.queue.expire_ids(from.as_deref()).await.expect("pass");
        forgotten += pass.changed;
        from = pass.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!((forgotten, bench.int("HLEN zoomd:v1:ids").await), (5001, 2));
}

#[tokio::test]
async fn age_spares_what_a_group_needs_and_size_does_not() {
    let settings = QueueSettings { output_bytes: 200_000, ..QueueSettings::default() };
    let bench = Bench::with(Options::default(), settings).await;
    let fill = "for i = 1, 2000 do redis.call('XADD', KEYS[1], i .. '-1', 'result', string.rep('x', 20)) end";
    let results = redis::cmd("EVAL").arg(fill).arg(1).arg("zoomd:results").to_owned();
    bench.conn.value(&results).await.expect("fill");
    bench.cmd("XGROUP CREATE zoomd:results readers 0").await;
    bench.cmd("XREADGROUP GROUP readers r COUNT 700 STREAMS zoomd:results >").await;
    // Delivered is not acknowledged.
    assert_eq!(bench.queue.trim().await.expect("trim"), Trimmed::default());
    for n in 1..=500 {
        bench.cmd(&format!("XACK zoomd:results readers {n}-1")).await;
    }
    let trimmed = bench.queue.trim().await.expect("trim");
    assert!((400..=500).contains(&trimmed.by_age), "{trimmed:?}");
    // Too large: the oldest go, acknowledged or not.
    let more =
        "for i = 1, 9000 do redis.call('XADD', KEYS[1], '*', 'result', string.rep('x', 20)) end";
    bench.conn.value(redis::cmd("EVAL").arg(more).arg(1).arg("zoomd:results")).await.expect("fill");
    let trimmed = bench.queue.trim().await.expect("trim");
    assert!(trimmed.by_size > 1000 && trimmed.unread, "{trimmed:?}");
    let left = bench.int("XLEN zoomd:results").await;
    assert!((2_000..=200_000 / 50).contains(&left), "{left}");
}

#[tokio::test]
async fn a_stream_is_cut_to_its_length_and_a_group_that_loses_by_it_is_told_of() {
    let settings = QueueSettings { output_entries: Some(1_000), ..QueueSettings::default() };
    let bench = Bench::with(Options::default(), settings).await;
    let fill =
        "for i = 1, 25000 do redis.call('XADD', KEYS[1], '*', 'result', string.rep('x', 20)) end";
    bench.conn.value(redis::cmd("EVAL").arg(fill).arg(1).arg("zoomd:results")).await.expect("fill");
    bench.cmd("XGROUP CREATE zoomd:results readers 0").await;
    let (mut cut, mut unread) = (0, false);
    loop {
        let trimmed = bench.queue.trim().await.expect("trim");
        cut += trimmed.by_size;
        unread |= trimmed.unread;
        if !trimmed.more {
            break;
        }
    }
    let left = bench.int("XLEN zoomd:results").await;
    assert!(unread && (1_000..=1_100).contains(&left), "{left} left of 25000, {cut} cut");
    // Entries that all groups have read are no loss.
    bench.cmd("XGROUP SETID zoomd:results readers $").await;
    bench.conn.value(redis::cmd("EVAL").arg(fill).arg(1).arg("zoomd:results")).await.expect("fill");
    bench.cmd("XGROUP SETID zoomd:results readers $").await;
    assert!(!bench.queue.trim().await.expect("trim").unread);
}

#[tokio::test]
async fn failures_leave_the_index_after_thirty_days() {
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    let e = bench.arrive(1).await;
    let ticket = go(bench.admit_one(named("a", 1, "acme", &e[0])).await);
    bench.end(ticket, failed(false)).await;
    assert_eq!(bench.queue.forget_failures().await.expect("forget"), 0);
    bench.shift(Duration::from_secs(31 * 24 * 3600)).await;
    assert_eq!(bench.queue.forget_failures().await.expect("forget"), 1);
    assert_eq!(bench.int("EXISTS zoomd:v1:failure:a#1 zoomd:v1:failures").await, 0);
    assert_eq!(bench.int("XLEN zoomd:failures").await, 1);
}

#[tokio::test]
async fn a_lane_that_lost_its_turn_gets_one() {
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    let e = bench.arrive(1).await;
    bench.admit_one(job("acme", "me", &e[0])).await;
    bench.cmd("HDEL zoomd:v1:account:acme paused").await;
    bench.cmd("DEL zoomd:v1:asleep zoomd:v1:ring").await;
    bench.cmd("ZADD zoomd:v1:in_flight:acme 5 over").await;
    assert!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.is_empty());
    assert_eq!(bench.queue.tend_accounts(None).await.expect("tend").changed, 1);
    assert_eq!(bench.int("ZCARD zoomd:v1:in_flight:acme").await, 0);
    assert_eq!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.len(), 1);
    assert_eq!(bench.queue.drop_consumers().await.expect("drop"), 0);
}

#[tokio::test]
async fn a_tick_is_one_daemons_and_a_clock_that_jumped_stops_no_schedule() {
    let bench = Bench::start().await;
    let claim = async |tick: u64| bench.store.claim_tick("trim", tick).await.expect("claim");
    let (now, year) = (1_800_000_000, 365 * 86_400);
    assert!(claim(now).await);
    assert!(!claim(now).await, "another's");
    assert!(!claim(now - 10).await, "late");
    assert!(claim(now + 10).await);
    // A daemon's clock is a year ahead for a while; then all continue.
    assert!(claim(now + year).await);
    assert!(claim(now + 20).await);
    assert!(!claim(now + 20).await);
    // The only daemon's clock is set back by an hour.
    assert!(claim(now - 3_600).await);
    assert!(claim(now - 3_590).await);
}
