//! apalis over its own Redis storage: `enqueue` and `work`. Fed through a
//! window, because its worker ends on a backlog of many thousand due jobs.

use std::time::Duration;

use apalis::prelude::*;
use apalis_core::backend::{TaskSink, ext::BackendExt};
use apalis_redis::{Config, RedisStorage};
use peer_common::{Job, Upstream, block_on, number, paced, setting};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Jobs that are enqueued and not yet done, at most.
const WINDOW: usize = 1000;

type Out = redis::aio::MultiplexedConnection;

async fn handle(job: Job, shared: Data<(Upstream, Out)>) -> Result<(), BoxDynError> {
    let (upstream, out) = &*shared;
    let reply = upstream.create(&job).await;
    let add = redis::cmd("XADD").arg("out").arg("*").arg("enq").arg(job.enqueued).arg("r")
        .arg(&reply[..]).to_owned();
    let _: String = add.query_async(&mut out.clone()).await?;
    Ok(())
}

async fn out(url: &str) -> Out {
    let client = redis::Client::open(url).expect("a URL");
    client.get_multiplexed_async_connection().await.expect("Redis answers")
}

async fn run(enqueues: bool) {
    let url = setting("REDIS_URL", "redis://127.0.0.1:6390");
    let connection = apalis_redis::connect(url.clone()).await.expect("Redis answers");
    let config = Config::default().queue("zoom").batch_size(100);
    let mut storage: RedisStorage<Job> = RedisStorage::new(connection).with_config(config);
    if !enqueues {
        let backend = storage.poll_with_interval(Duration::from_millis(10));
        let name = format!("worker-{}", std::process::id());
        let shared = (Upstream::from_env(), out(&url).await);
        let worker = WorkerBuilder::new(name).backend(backend).data(shared);
        let ended = worker.concurrency(number("CONCURRENCY", 256)).build(handle).run().await;
        return ended.expect("the worker goes on");
    }
    let count = number("COUNT", 1000);
    if setting("PACED", "0") == "1" {
        let add = async |job| storage.push(job).await.expect("added");
        return paced(count, add).await;
    }
    let (mut sent, mut out) = (0, out(&url).await);
    while sent < count {
        let done: usize = redis::cmd("XLEN").arg("out").query_async(&mut out).await.expect("asked");
        if sent - done + 200 > WINDOW {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        let batch = (sent..count.min(sent + 200)).map(Job::numbered).collect::<Vec<_>>();
        sent += batch.len();
        storage.push_bulk(batch).await.expect("added");
    }
}

fn main() {
    let enqueues = std::env::args().nth(1).as_deref() == Some("enqueue");
    block_on(run(enqueues));
}
