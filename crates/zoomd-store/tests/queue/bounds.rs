//! Scripts process at most the requested number of items, regardless of the backlog.

use zoomd_store::inspect::Ops;

use crate::bench::Bench;

/// Both sides of what unpack can hold, and much more.
pub const SIZES: [u64; 5] = [0, 1, 7_999, 8_001, 100_000];

/// Runs `body` for each `i` up to `size`; `at` is ARGV[2], `more` ARGV[3].
pub async fn fill(bench: &Bench, size: u64, body: &str, at: i64, more: &str) {
    // In steps, so that a busy machine's server answers in time.
    let script =
        format!("for i = ARGV[4] + 1, tonumber(ARGV[1]) do local id = 'job-' .. i {body} end");
    for from in (0..size).step_by(10_000) {
        let mut cmd = redis::cmd("EVAL");
        cmd.arg(&script).arg(0).arg(size.min(from + 10_000)).arg(at).arg(more).arg(from);
        bench.conn.value(&cmd).await.expect("fill");
    }
}

pub async fn drop_keys(bench: &Bench, names: &[&str]) {
    for name in names {
        bench.cmd(&format!("UNLINK zoomd:v1:{name}")).await;
    }
}

const LIVE: &str = "redis.call('HSET', 'zoomd:v1:ids', id, 'L 1 5-' .. i .. ' - c10y 0 ' .. ARGV[2] .. ' acme|me|')";
const LEASED: &str = "redis.call('ZADD', 'zoomd:v1:leases', 5, ARGV[3]) \
    redis.call('HSET', 'zoomd:v1:owner', id, ARGV[3] .. '|5|s|Zacme')";
const QUEUE: [&str; 11] = [
    "ids",
    "payload:acme",
    "room:acme|me",
    "room:acme|?reconcile",
    "rooms:acme",
    "ring",
    "asleep",
    "deadline",
    "due",
    "leases",
    "owner",
];

#[tokio::test]
async fn leases_are_swept_and_recalled_in_steps() {
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    for size in SIZES {
        fill(&bench, size, &format!("{LIVE} {LEASED}"), crate::bench::FAR, "gone.1").await;
        let mut swept = 0;
        loop {
            let step = bench.queue.sweep(1_000).await.expect("sweep").total();
            // A page of a scan may bring a few more.
            assert!(step <= 2_500, "{step}");
            swept += step;
            if step == 0 {
                break;
            }
        }
        assert_eq!(swept, size);
        drop_keys(&bench, &QUEUE).await;
        // Same page size, and same way back.
        let (size, fence) = (size.min(8_001), bench.queue.fence());
        fill(&bench, size, &format!("{LIVE} {LEASED}"), crate::bench::FAR, fence.as_str()).await;
        assert_eq!(bench.queue.recall(&fence).await.expect("recall"), size);
        assert_eq!(bench.int("HLEN zoomd:v1:owner").await, 0);
        drop_keys(&bench, &QUEUE).await;
    }
}

#[tokio::test]
async fn deadlines_pass_and_ids_and_failures_are_forgotten_in_steps() {
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    for size in SIZES {
        let late = format!("{LIVE} redis.call('ZADD', 'zoomd:v1:deadline', ARGV[2], id)");
        fill(&bench, size, &late, 5, "").await;
        let mut expired = 0;
        loop {
            let step = bench.queue.claim_expired(&bench.queue.fence(), 512).await.expect("expire");
            assert!(step.jobs.len() <= 512);
            expired += step.jobs.len() as u64;
            if step.jobs.is_empty() {
                break;
            }
        }
        assert_eq!(expired, size);
        drop_keys(&bench, &QUEUE).await;
        let done = "redis.call('HSET', 'zoomd:v1:ids', id, 'D 1 1-1 0 5') \
            redis.call('ZADD', 'zoomd:v1:failures', 5, id) redis.call('HSET', 'zoomd:v1:failure:' .. id, 'a', 1)";
        fill(&bench, size, done, 0, "").await;
        let (mut from, mut forgotten) = (None, 0);
        loop {
            let pass = bench.queue.expire_ids(from.as_deref()).await.expect("pass");
            forgotten += pass.changed;
            from = pass.next;
            if from.is_none() {
                break;
            }
        }
        let mut failures = 0;
        loop {
            let step = bench.queue.forget_failures().await.expect("forget");
            assert!(step <= 1_000);
            failures += step;
            if step == 0 {
                break;
            }
        }
        assert_eq!((forgotten, failures), (size, size));
    }
}

#[tokio::test]
async fn sleepers_and_calls_that_are_over_go_in_steps() {
    let bench = Bench::start().await;
    for size in SIZES {
        // Lanes that wake: a claim wakes a few, and visits a few.
        fill(&bench, size, "redis.call('ZADD', 'zoomd:v1:asleep', 5, 'a' .. i)", 0, "").await;
        bench.queue.claim(&bench.queue.fence(), 512).await.expect("claim");
        let asleep = size.saturating_sub(128);
        assert_eq!(bench.int("ZCARD zoomd:v1:asleep").await.unsigned_abs(), asleep);
        bench.queue.promote(2_000).await.expect("promote");
        let asleep = asleep.saturating_sub(2_000);
        assert_eq!(bench.int("ZCARD zoomd:v1:asleep").await.unsigned_abs(), asleep);
        drop_keys(&bench, &["asleep", "ring"]).await;
        // A resume wakes no more than it can.
        let now = bench.store.now_ms().await.expect("time") + 30_000;
        fill(&bench, size, "redis.call('ZADD', 'zoomd:v1:asleep', ARGV[2], 'a' .. i)", now, "")
            .await;
        bench.cmd("HSET zoomd:v1:meta paused x").await;
        assert!(Ops::new(bench.store.clone()).resume().await.expect("resume"));
        let woken = bench.int("ZCARD zoomd:v1:ring").await.unsigned_abs();
        assert!(woken <= size.min(8_000) && (size == 0 || woken > 0), "{woken} of {size}");
        drop_keys(&bench, &["asleep", "ring"]).await;
        // Calls in flight that are over.
        bench.account("acme", "unlimited").await;
        fill(&bench, size, "redis.call('ZADD', 'zoomd:v1:in_flight:acme', 5, id)", 0, "").await;
        bench.queue.tend_accounts(None).await.expect("tend");
        let left = bench.int("ZCARD zoomd:v1:in_flight:acme").await.unsigned_abs();
        assert_eq!(left, size.saturating_sub(1_000));
        drop_keys(&bench, &["in_flight:acme"]).await;
    }
}
