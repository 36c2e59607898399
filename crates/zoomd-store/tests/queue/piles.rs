//! Scripts that meet a pile beside what they are asked for: they take as many
//! commands as without it. And no script reads a whole key of any size.

use std::path::Path;
use std::time::Duration;

use zoomd_store::admin::Cancelled;
use zoomd_store::duplicates::Duplicates;
use zoomd_store::inspect::Ops;
use zoomd_store::queue::{Admitted, Purpose, Record, Settled, Then};

use crate::bench::{Bench, done, go, job};
use crate::bounds::{SIZES, drop_keys, fill};

/// Commands Redis has run, those of scripts too.
async fn commands(bench: &Bench) -> u64 {
    let stats = bench.text("INFO commandstats").await.expect("stats");
    let calls = stats.lines().filter_map(|line| line.split_once(":calls="));
    calls.map(|(_, rest)| rest.split(',').next().expect("calls").parse::<u64>().expect("n")).sum()
}

/// Life of one job in a room where `size` others wait.
async fn one_job(bench: &Bench) {
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    let sound = r#"{"account":"acme","meeting":{"start_time":"2090-01-02T10:00:00Z","topic":"T"}}"#;
    let e = [bench.enqueue(sound).await, bench.enqueue(sound).await];
    bench.read().await;
    for entry in &e {
        let waits = bench.admit_one(job("acme", "me", entry)).await;
        assert!(matches!(waits, Admitted::Waits { .. }), "{waits:?}");
    }
    bench.cmd("HDEL zoomd:v1:account:acme paused").await;
    let other = bench.arrive(2).await;
    let first = go(bench.admit_one(job("other", "me", &other[0])).await);
    assert_eq!(bench.end(first, done()).await, Settled::Done);
    let second = go(bench.admit_one(job("other", "me", &other[1])).await);
    let record = Record::default();
    let then = Then::Room { purpose: Purpose::Attempt, record: Some(record), nap: None };
    assert_eq!(bench.end(second, then).await, Settled::Done);
    let cancelled = Ops::new(bench.store.clone()).cancel(&[(&*e[0]).into()], "by hand").await;
    assert_eq!(cancelled.expect("cancel"), [Cancelled::Done]);
}

#[tokio::test]
async fn a_job_costs_the_same_beside_any_pile() {
    let bench = Bench::start().await;
    for name in ["acme", "other"] {
        bench.account(name, "unlimited").await;
    }
    let pile = "redis.call('HSET', 'zoomd:v1:ids', id, 'L 1 5-' .. i .. ' - c10y 0 ' .. ARGV[2] .. ' acme|me|') \
        for _, key in ipairs({'payload:acme', 'alias:Zacme'}) do \
          redis.call('HSET', 'zoomd:v1:' .. key, id, 1) end \
        for _, key in ipairs({'room:acme|me', 'rooms:acme', 'ring', 'asleep', 'deadline', 'due', 'line:Zacme:light'}) do \
          redis.call('ZADD', 'zoomd:v1:' .. key, ARGV[2], id) end";
    let mut costs = Vec::new();
    for size in SIZES {
        fill(&bench, size, pile, crate::bench::FAR, "").await;
        let before = commands(&bench).await;
        one_job(&bench).await;
        costs.push(commands(&bench).await - before);
        for key in bench.keys().await {
            if !["zoomd:jobs", "zoomd:v1:account:acme", "zoomd:v1:account:other"]
                .contains(&key.as_str())
            {
                bench.cmd(&format!("UNLINK {key}")).await;
            }
        }
    }
    // A cancel reads a page or two of the other jobs, for the queue position.
    let large = &costs[2..];
    let (least, most) = (large.iter().min().expect("some"), large.iter().max().expect("some"));
    assert!(most - least < 20 && *most < 5_000, "{costs:?} commands beside {SIZES:?}");
}

#[tokio::test]
async fn streams_are_cut_and_accounts_and_notes_looked_at_in_steps() {
    let bench = Bench::start().await;
    for size in SIZES {
        fill(&bench, size, "redis.call('XADD', 'zoomd:results', '5-' .. i, 'a', 1)", 0, "").await;
        let mut left = size;
        loop {
            let more = bench.queue.trim().await.expect("trim").more;
            let now = bench.int("XLEN zoomd:results").await.unsigned_abs();
            assert!(left - now <= 10_000, "{left} to {now}");
            left = now;
            if !more {
                break;
            }
        }
        assert!(left <= 100, "{left} of {size}: less than a node");
        bench.cmd("UNLINK zoomd:results").await;

        fill(&bench, size, "redis.call('ZADD', 'zoomd:v1:accounts', 0, 'a' .. i)", 0, "").await;
        let (mut from, mut pages) = (None, 0);
        loop {
            from = bench.queue.tend_accounts(from.as_deref()).await.expect("tend").next;
            pages += 1;
            if from.is_none() {
                break;
            }
        }
        assert!(pages > size / 1_000, "{pages} pages of {size}");

        fill(&bench, size, "redis.call('ZADD', 'zoomd:v1:duplicates_due', 5, id)", 0, "").await;
        Duplicates::new(bench.store.clone()).due(50, Duration::from_secs(1)).await.expect("due");
        let left = bench.int("ZCARD zoomd:v1:duplicates_due").await.unsigned_abs();
        assert_eq!(left, size.saturating_sub(50));
        drop_keys(&bench, &["accounts", "twd"]).await;
    }
}

/// Commands that answer with all there is, and where they are right.
const WHOLE: [&str; 8] =
    ["'SMEMBERS'", "'KEYS'", "'HKEYS'", "'HVALS'", "'HGETALL'", "'SCAN'", ", 0, -1", "'-', '+')"];
/// A grant, its account and its intent have a handful of fields; a hold has two for
/// each daemon, and ends within a minute. A layout is raised a page at a time.
const SMALL: [&str; 3] = ["layout_move.lua", "rotation_acquire.lua", "rotation_beat.lua"];

#[test]
fn no_script_reads_a_whole_key() {
    let mut seen = 0;
    let folder_of = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lua").join(name);
    for folder in ["lib", "accounts", "admin", "limits", "queue"] {
        let folder = folder_of(folder);
        for file in std::fs::read_dir(folder).expect("scripts") {
            let path = file.expect("a file").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() || SMALL.contains(&&*name) {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a script");
            seen += 1;
            for (nth, line) in text.lines().enumerate() {
                let whole = WHOLE.iter().find(|word| line.contains(**word));
                assert!(whole.is_none(), "{name}:{}: {line}", nth + 1);
            }
        }
    }
    assert!(seen > 40, "{seen} scripts");
}
