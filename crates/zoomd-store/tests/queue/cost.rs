//! Cost of a job for Redis, counted in commands and bytes, not seconds.

use std::time::Duration;

use zoomd_store::queue::{Admission, Settlement};

use crate::bench::{Bench, done, go, job, named};

/// Server-side commands since the last reset, scripts' own included.
async fn commands(bench: &Bench) -> u64 {
    let text = bench.text("INFO commandstats").await.expect("stats");
    text.lines()
        .filter(|line| !line.contains("_info:") && !line.contains("_config|"))
        .filter_map(|line| line.split_once("calls=")?.1.split(',').next()?.parse::<u64>().ok())
        .sum()
}

/// Reads, admits and settles `count` jobs in one batch, spread over `accounts`.
async fn commands_of(bench: &Bench, count: usize, accounts: usize) -> u64 {
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(bench.enqueue("{}").await);
    }
    bench.cmd("CONFIG RESETSTAT").await;
    bench.read().await;
    let jobs: Vec<Admission> = entries
        .iter()
        .enumerate()
        .map(|(n, e)| named(&format!("{e}-x"), 1, &format!("a{}", n % accounts), e))
        .collect();
    let settled = bench.admit(&jobs).await.into_iter().map(|a| Settlement::new(go(a), done()));
    let batch = bench.queue.settle_batch(settled.collect(), Vec::new());
    bench.queue.settle(&batch).await.expect("settle");
    commands(bench).await
}

#[tokio::test]
async fn commands_of_a_job() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    for n in 0..128 {
        bench.account(&format!("a{n}"), "unlimited").await;
    }
    commands_of(&bench, 128, 128).await; // the first call loads scripts and makes keys
    for _ in 0..64 {
        commands_of(&bench, 1, 1).await; // the settle's answers have their places
    }
    for (count, accounts, most) in [(128, 10, 3.0), (128, 128, 12.0), (1, 1, 33.0)] {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let each = commands_of(&bench, count, accounts).await as f64 / count as f64;
        assert!(each <= most, "{count} jobs of {accounts} accounts: {each:.2} commands each");
    }
}

#[tokio::test]
async fn a_room_that_stands_alone_is_emptied_at_once() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "unlimited").await;
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    let entries = bench.arrive(500).await;
    let jobs: Vec<_> = entries.iter().map(|entry| job("acme", "me", entry)).collect();
    bench.admit(&jobs).await;
    bench.cmd("HDEL zoomd:v1:account:acme paused").await;
    bench.shift(Duration::from_secs(61)).await;
    let queue = &bench.queue;
    let some = queue.claim(&queue.fence(), 100).await.expect("claim");
    assert_eq!((some.jobs.len(), some.more), (100, true));
    bench.cmd("CONFIG RESETSTAT").await;
    let rest = queue.claim(&queue.fence(), 400).await.expect("claim");
    assert_eq!((rest.jobs.len(), rest.more), (400, false));
    let cost = commands(&bench).await;
    assert!(cost < 60, "{cost} commands for 400 jobs in one room");
}

#[tokio::test]
async fn round_trips_of_a_batch_and_of_a_single_job() {
    let bench = Bench::start().await;
    bench.account("a0", "unlimited").await;
    commands_of(&bench, 16, 1).await; // scripts, and the watch of the lane
    commands_of(&bench, 1, 1).await;
    let reads = async || {
        let stats = bench.text("INFO stats").await.expect("stats");
        let line = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
        line.expect("reads").trim().parse::<u64>().expect("number")
    };
    for count in [16, 1] {
        let entries = bench.arrive(count).await;
        let before = reads().await;
        let jobs: Vec<_> = entries.iter().map(|e| named(&format!("{e}-x"), 1, "a0", e)).collect();
        let settled = bench.admit(&jobs).await.into_iter().map(|a| Settlement::new(go(a), done()));
        let batch = bench.queue.settle_batch(settled.collect(), Vec::new());
        bench.queue.settle(&batch).await.expect("settle");
        // The read itself makes three of the four that a batch may take.
        assert_eq!(reads().await - before - 1, 2, "{count} jobs");
    }
}

#[tokio::test]
async fn bytes_of_a_waiting_job_and_of_a_remembered_id() {
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    let used = async || {
        let info = bench.text("INFO memory").await.expect("info");
        let line = info.lines().find_map(|l| l.strip_prefix("used_memory:")).expect("used");
        line.trim().parse::<i64>().expect("bytes")
    };
    let body = "x".repeat(300);
    let before = used().await;
    let mut cmd = redis::cmd("EVAL");
    let fill = "for i = 1, 20000 do redis.call('XADD', 'zoomd:jobs', (1700000000000 + i) .. '-0', 'job', ARGV[1]) end";
    bench.conn.value(cmd.arg(fill).arg(0).arg(&body)).await.expect("fill");
    bench.read().await;
    let jobs: Vec<_> = (1..=20_000_i64)
        .map(|n| {
            let entry = format!("{}-0", 1_700_000_000_000 + n).into();
            Admission {
                job_id: format!("order-{n:09}").into(),
                id_given: true,
                ..job("acme", "me", &entry)
            }
        })
        .collect();
    for batch in jobs.chunks(500) {
        bench.admit(batch).await;
    }
    bench.cmd("DEL zoomd:events").await; // told once, and trimmed with its stream
    let each = (used().await - before) / 20_000;
    assert!(each <= 819, "a waiting job: {each} bytes");
    bench
        .cmd("DEL zoomd:v1:room:acme|me zoomd:v1:payload:acme zoomd:v1:deadline zoomd:v1:ids")
        .await;
    let before = used().await;
    let memory = "for i = 1, 20000 do redis.call('HSET', 'zoomd:v1:ids', string.format('order-%09d', i), \
        'D 1 ' .. (1700000000000 + i) .. '-0 0123456789abcdef 1700000000') end";
    bench.conn.value(redis::cmd("EVAL").arg(memory).arg(0)).await.expect("fill");
    let each = (used().await - before) / 20_000;
    assert!(each <= 150, "a remembered id: {each} bytes");
}
