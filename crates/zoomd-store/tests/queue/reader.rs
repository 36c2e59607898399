//! The reader outlives what happens to Redis.

use std::time::{Duration, Instant};

use redis_local::Options;
use zoomd_store::ErrorKind;
use zoomd_store::queue::{Entry, Queue, QueueSettings, Reader};
use zoomd_store::wake::Wake;

use crate::bench::Bench;

/// Reads until something comes; errors are waited out.
async fn some(reader: &mut Reader) -> Vec<Entry> {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        match reader.next(10).await {
            Ok(entries) if !entries.is_empty() => return entries,
            Ok(_) => {}
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        assert!(Instant::now() < limit, "nothing came");
    }
}

#[tokio::test]
async fn it_makes_the_group_and_hands_on_what_is_malformed() {
    let bench = Bench::start().await;
    bench.cmd("DEL zoomd:jobs").await;
    bench.enqueue("{}").await;
    bench.cmd("XADD zoomd:jobs * other x").await;
    bench.cmd("XADD zoomd:jobs * job {} more y").await;
    let mut reader = bench.queue.reader();
    let entries = some(&mut reader).await;
    assert_eq!(entries[0].body.as_deref(), Ok(&b"{}"[..]));
    assert_eq!(entries[1].body.clone().expect_err("malformed"), "other: x\n");
    assert_eq!(entries[2].body.clone().expect_err("malformed"), "job: {}\nmore: y\n");
    assert!(entries.iter().all(|entry| !entry.again));
}

#[tokio::test]
async fn it_survives_a_restart_of_redis_and_the_loss_of_the_group() {
    let options = Options { aof: Some("always"), ..Options::default() };
    let mut bench = Bench::with(options, QueueSettings::default()).await;
    let mut reader = bench.queue.reader();
    let first = bench.enqueue("1").await;
    assert_eq!(some(&mut reader).await[0].id, first);
    bench.server.kill();
    assert_eq!(reader.next(10).await.expect_err("away").kind(), ErrorKind::Unreachable);
    bench.restart().await;
    // A new connection asks first for what was given before.
    let entries = some(&mut reader).await;
    assert_eq!((&entries[0].id, entries[0].again), (&first, true));
    let second = bench.enqueue("2").await;
    assert_eq!(some(&mut reader).await[0].id, second);
    bench.cmd("XGROUP DESTROY zoomd:jobs zoomd").await;
    assert_eq!(some(&mut reader).await.len(), 2, "all that is in the stream comes again");
    bench.cmd("FLUSHALL").await;
    let third = bench.enqueue("3").await;
    assert_eq!(some(&mut reader).await[0].id, third);
}

#[tokio::test]
async fn it_takes_over_what_lies_idle_with_a_dead_consumer() {
    let settings = QueueSettings { lease: Duration::from_millis(200), ..QueueSettings::default() };
    let bench = Bench::with(Options::default(), settings.clone()).await;
    let entries = bench.arrive(2).await;
    bench.cmd(&format!("XDEL zoomd:jobs {}", entries[1])).await;
    let mut heir = Queue::new(bench.store.clone(), settings, "boot2").reader();
    let taken = some(&mut heir).await;
    assert_eq!((taken.len(), &taken[0].id, taken[0].again), (1, &entries[0], true));
    heir.next(10).await.expect("a look back where the server names none that are gone");
    let pending = bench.cmd("XPENDING zoomd:jobs zoomd - + 10").await;
    assert!(matches!(&pending, redis::Value::Array(all) if all.len() == 1), "{pending:?}");
}

#[tokio::test]
async fn a_stream_that_is_none_is_told_as_such() {
    let bench = Bench::start().await;
    bench.cmd("DEL zoomd:jobs").await;
    bench.cmd("SET zoomd:jobs x").await;
    let mut reader = bench.queue.reader();
    let error = reader.next(1).await.expect_err("wrong type");
    assert_eq!(error.kind(), ErrorKind::WrongType, "{error}");
    bench.cmd("DEL zoomd:jobs").await;
    let entry = bench.enqueue("{}").await;
    assert_eq!(some(&mut reader).await[0].id, entry);
}

#[tokio::test]
async fn wake_ups_are_heard_again_after_a_restart() {
    let mut bench = Bench::start().await;
    let mut wakes = bench.store.wakes();
    assert_eq!(wakes.next().await, Wake::Missed);
    bench.cmd("PUBLISH zoomd:v1:wake q").await;
    assert_eq!(wakes.next().await, Wake::Work);
    bench.cmd("PUBLISH zoomd:v1:wake nonsense").await;
    bench.cmd("PUBLISH zoomd:v1:wake t:acme").await;
    assert_eq!(wakes.next().await, Wake::Account("acme".into()));
    bench.server.kill();
    bench.restart().await;
    assert_eq!(wakes.next().await, Wake::Missed);
}
