//! The ceiling: XREADGROUP, POST, then XADD + XACK + XDEL in batches, with no
//! promise about anything. `bare enqueue` and `bare work`.

use std::sync::Arc;

use bytes::Bytes;
use peer_common::{Job, Upstream, block_on, number, paced, setting};
use redis::{Value, aio::MultiplexedConnection, cmd, pipe};
use tokio::sync::{Semaphore, mpsc};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many entries one read and one acknowledgement carry at most.
const BATCH: usize = 128;

type Finished = (String, f64, Bytes);

async fn connect() -> MultiplexedConnection {
    let client = redis::Client::open(setting("REDIS_URL", "redis://127.0.0.1:6390")).expect("a URL");
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await.expect("Redis answers")
}

async fn enqueue() {
    let (count, mut connection) = (number("COUNT", 1000), connect().await);
    if setting("PACED", "0") == "1" {
        paced(count, async |job| {
            let text = serde_json::to_vec(&job).expect("serialises");
            let add = cmd("XADD").arg("jobs").arg("*").arg("j").arg(text).to_owned();
            let _: String = add.query_async(&mut connection).await.expect("added");
        })
        .await;
        return;
    }
    for first in (0..count).step_by(1000) {
        let mut batch = pipe();
        for i in first..count.min(first + 1000) {
            let text = serde_json::to_vec(&Job::numbered(i)).expect("serialises");
            batch.cmd("XADD").arg("jobs").arg("*").arg("j").arg(text).ignore();
        }
        let _: () = batch.query_async(&mut connection).await.expect("added");
    }
}

async fn publish(mut finished: mpsc::Receiver<Finished>) {
    let (mut connection, mut batch) = (connect().await, Vec::with_capacity(BATCH));
    while finished.recv_many(&mut batch, BATCH).await > 0 {
        let mut out = pipe();
        for (_, enqueued, reply) in &batch {
            out.cmd("XADD").arg("out").arg("*").arg("enq").arg(*enqueued).arg("r").arg(&reply[..]);
            out.ignore();
        }
        let ack = out.cmd("XACK").arg("jobs").arg("g");
        batch.iter().for_each(|(id, ..)| {
            ack.arg(id);
        });
        let delete = out.ignore().cmd("XDEL").arg("jobs");
        batch.iter().for_each(|(id, ..)| {
            delete.arg(id);
        });
        let _: () = out.ignore().query_async(&mut connection).await.expect("published");
        batch.clear();
    }
}

/// The entries of an XREADGROUP reply, without the map a typed reply would build.
fn entries(reply: Value) -> Vec<(String, Vec<u8>)> {
    let Value::Array(mut streams) = reply else { return Vec::new() };
    let Some(Value::Array(mut stream)) = streams.pop() else { return Vec::new() };
    let Some(Value::Array(items)) = stream.pop() else { return Vec::new() };
    let read = |item| {
        let Value::Array(mut parts) = item else { return None };
        let (Value::Array(mut fields), Value::BulkString(id)) = (parts.pop()?, parts.pop()?) else {
            return None;
        };
        let Value::BulkString(text) = fields.pop()? else { return None };
        Some((String::from_utf8(id).ok()?, text))
    };
    items.into_iter().filter_map(read).collect()
}

async fn work() {
    let (slots, mut connection) = (number("CONCURRENCY", 256), connect().await);
    let made = cmd("XGROUP").arg("CREATE").arg("jobs").arg("g").arg("0").arg("MKSTREAM").to_owned();
    let _: Result<(), _> = made.query_async(&mut connection).await;
    let (upstream, free) = (Upstream::from_env(), Arc::new(Semaphore::new(slots)));
    let (done, finished) = mpsc::channel::<Finished>(slots * 4);
    tokio::spawn(publish(finished));
    loop {
        // Waiting for half a batch of slots keeps the reads large when all are taken.
        let least = (BATCH / 2).min(slots);
        let mut held = free.clone().acquire_many_owned(least as u32).await.expect("open");
        let more = free.available_permits().min(BATCH - least);
        if let Ok(permits) = free.clone().try_acquire_many_owned(more as u32) {
            held.merge(permits);
        }
        let read = cmd("XREADGROUP").arg(&["GROUP", "g", "w", "COUNT"]).arg(held.num_permits())
            .arg(&["BLOCK", "1000", "STREAMS", "jobs", ">"]).to_owned();
        for (id, text) in entries(read.query_async(&mut connection).await.expect("read")) {
            let permit = held.split(1).expect("no more entries than slots");
            let (done, upstream) = (done.clone(), upstream.clone());
            tokio::spawn(async move {
                let job: Job = serde_json::from_slice(&text).expect("our own job");
                let reply = upstream.create(&job).await;
                let _ = done.send((id, job.enqueued, reply)).await;
                drop(permit);
            });
        }
    }
}

fn main() {
    let enqueues = std::env::args().nth(1).as_deref() == Some("enqueue");
    block_on(async { if enqueues { enqueue().await } else { work().await } });
}
