//! BullMQ's own Rust port: `enqueue` and `work`.

use std::sync::Arc;

use bullmq::queue::BulkJob;
use bullmq::types::RemoveOnFinish;
use bullmq::{Job as Task, Queue, QueueOptions, Worker, WorkerOptions};
use peer_common::{Job, Upstream, block_on, number, paced, setting};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn connection() -> bullmq::options::RedisConnectionOptions {
    bullmq::options::RedisConnectionOptions::new().url(setting("REDIS_URL", "redis://127.0.0.1:6390"))
}

fn data(job: &Job) -> serde_json::Value {
    serde_json::to_value(job).expect("serialises")
}

async fn enqueue() {
    let kept = bullmq::options::JobOptions::new().remove_on_complete(RemoveOnFinish::Bool(true));
    let options = QueueOptions::new().connection(connection()).default_job_options(kept);
    let queue = Queue::with_options("zoom", options).await.expect("a queue");
    let count = number("COUNT", 1000);
    if setting("PACED", "0") == "1" {
        let add = async |job: Job| {
            queue.add("create", data(&job)).await.expect("added");
        };
        return paced(count, add).await;
    }
    for first in (0..count).step_by(1000) {
        let last = count.min(first + 1000);
        let batch = (first..last).map(|i| BulkJob::new("create", data(&Job::numbered(i))));
        queue.add_bulk(batch.collect()).await.expect("added");
    }
}

async fn work() {
    let client = redis::Client::open(setting("REDIS_URL", "redis://127.0.0.1:6390")).expect("a URL");
    let out = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let shared = Arc::new((Upstream::from_env(), out));
    let handle = move |task: Task, _: bullmq::worker::CancellationToken| {
        let shared = shared.clone();
        async move {
            let (upstream, out) = &*shared;
            let job: Job = serde_json::from_value(task.data().clone()).expect("our own job");
            let reply = upstream.create(&job).await;
            let add = redis::cmd("XADD").arg("out").arg("*").arg("enq").arg(job.enqueued).arg("r")
                .arg(&reply[..]).to_owned();
            let _: String = add.query_async(&mut out.clone()).await.expect("published");
            Ok(serde_json::Value::Null)
        }
    };
    let options = WorkerOptions::new()
        .connection(connection())
        .concurrency(number("CONCURRENCY", 256))
        .remove_on_complete(RemoveOnFinish::Bool(true));
    let _worker = Worker::with_options("zoom", handle, options).await.expect("a worker");
    std::future::pending::<()>().await;
}

fn main() {
    let enqueues = std::env::args().nth(1).as_deref() == Some("enqueue");
    block_on(async { if enqueues { enqueue().await } else { work().await } });
}
