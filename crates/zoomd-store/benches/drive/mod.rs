//! Drives the queue's scripts against a private Redis, without any HTTP.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, Pipeline, Value};
use redis_local::{Options, RedisServer};
use zoomd_store::queue::{
    Admission, Admitted, Outcome, Queue, QueueSettings, Reader, Settlement, Then, Ticket,
};
use zoomd_store::{Conn, Store, StoreConfig};

/// Jobs in one batch, as the intake reads them.
pub const BATCH: usize = 128;
const FAR: i64 = 4_000_000_000_000;

/// A namespace with accounts, and a daemon's hand on it.
pub struct Drive {
    _server: RedisServer,
    pub queue: Queue,
    pub conn: Conn,
    reader: Reader,
    names: Vec<Arc<str>>,
    result: Bytes,
    next: usize,
}

impl Drive {
    /// A Redis as in production: AOF, written each second.
    pub async fn start(accounts: usize) -> Self {
        // A rewrite of the AOF in the middle would be measured too.
        let args = ["--auto-aof-rewrite-percentage", "0"].map(str::to_owned).to_vec();
        let options = Options { args, ..Options::default() };
        let server = RedisServer::start_with(options).expect("redis");
        let store = Store::connect(&StoreConfig::new(server.unix_url(), "zoomd")).await;
        let store = store.expect("connect");
        let queue = Queue::new(store.clone(), QueueSettings::default(), "boot1");
        let (conn, reader) = (store.connection(), queue.reader());
        let names = (0..accounts).map(|n| format!("acct-{n}").into()).collect();
        let result = format!(r#"{{"v":1,"meeting":{{"x":"{}"}}}}"#, "y".repeat(1600)).into();
        let drive = Self { _server: server, queue, conn, reader, names, result, next: 0 };
        drive.make_accounts().await;
        drive
    }

    async fn make_accounts(&self) {
        let mut make = redis::pipe();
        make.cmd("XGROUP").arg(&["CREATE", "zoomd:jobs", "zoomd", "0", "MKSTREAM"]);
        for name in &self.names {
            let key = format!("zoomd:v1:account:{name}");
            let z = format!("z-{name}");
            make.cmd("HSET").arg(key).arg(&["st", "active", "ep", "1700000000000-00000001"]);
            make.arg(&["gen", "3", "plan", "unlimited", "z", &z, "uid", "Uabcdefghijklmnop"]);
            if make.len() >= 1000 {
                self.pipe(&make).await;
                make = redis::pipe();
            }
        }
        self.pipe(&make).await;
    }

    /// The name of the n-th job's account.
    fn account(&self, nth: usize) -> Arc<str> {
        Arc::clone(&self.names[nth % self.names.len()])
    }

    /// Puts `count` jobs of 300 bytes into the stream.
    pub async fn enqueue(&self, count: usize) {
        let body = "x".repeat(300);
        for from in (0..count).step_by(1000) {
            let mut add = redis::pipe();
            for _ in from..count.min(from + 1000) {
                add.cmd("XADD").arg("zoomd:jobs").arg(&["*", "job", &body]);
            }
            self.pipe(&add).await;
        }
    }

    /// Has `count` jobs wait in the rooms of a hundred paused accounts.
    pub async fn wait(&mut self, count: usize) {
        let names: Vec<Arc<str>> = (0..100).map(|n| format!("paused-{n}").into()).collect();
        let mut make = redis::pipe();
        for name in &names {
            let key = format!("zoomd:v1:account:{name}");
            make.cmd("HSET").arg(key).arg(&["st", "active", "paused", "for the bench"]);
        }
        self.pipe(&make).await;
        let busy = std::mem::replace(&mut self.names, names);
        for _ in (0..count).step_by(50 * BATCH) {
            self.enqueue(50 * BATCH).await;
            for _ in 0..50 {
                let jobs = self.read().await;
                self.admit(&jobs).await;
            }
            self.ask(redis::cmd("DEL").arg("zoomd:events")).await;
        }
        self.names = busy;
    }

    /// Puts `count` jobs to sleep until a time in the past.
    async fn sleep(&mut self, count: usize) {
        self.enqueue(count).await;
        let mut slept = 0;
        let soon = self.now_ms().await + 1000;
        while slept < count {
            let mut jobs = self.read().await;
            jobs.iter_mut().for_each(|job| job.not_before_ms = Some(soon));
            slept += jobs.len();
            assert!(self.admit(&jobs).await.is_empty(), "all sleep");
        }
        while self.now_ms().await <= soon {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn now_ms(&self) -> i64 {
        self.queue.store().now_ms().await.expect("time")
    }

    /// The server's time for `count` promotions of `step` jobs.
    pub async fn promotions(&mut self, count: u64, step: usize) -> Duration {
        let mut spent = Duration::ZERO;
        for _ in 0..count {
            self.sleep(step).await;
            let before = self.cpu().await;
            let promoted = self.queue.promote(step).await.expect("promote");
            spent += self.cpu().await.saturating_sub(before);
            assert_eq!(promoted.moved, step as u64);
        }
        spent
    }

    /// The server's time for `count` batches.
    pub async fn batches(&mut self, count: u64) -> Duration {
        let mut spent = Duration::ZERO;
        for from in (0..count).step_by(50) {
            let now = usize::try_from(count.min(from + 50) - from).expect("few");
            self.enqueue(now * BATCH).await;
            let before = self.cpu().await;
            for _ in 0..now {
                assert_eq!(self.batch().await, BATCH);
            }
            spent += self.cpu().await.saturating_sub(before);
            self.empty().await;
        }
        spent
    }

    /// Reads a batch and makes its jobs, each with an id of its own.
    pub async fn read(&mut self) -> Vec<Admission> {
        let entries = self.reader.next(BATCH).await.expect("read");
        let mut jobs = Vec::with_capacity(entries.len());
        for entry in entries {
            let nth = self.next;
            self.next += 1;
            jobs.push(Admission {
                entry: entry.id,
                job_id: format!("bench-{nth:09}").into(),
                id_given: true,
                account: self.account(nth),
                class: zoomd_store::limits::Label::Light,
                host: Some("me".into()),
                other_host: None,
                priority: 1,
                digest: 0x0123_4567_89ab_cdef,
                not_before_ms: None,
                deadline_ms: FAR,
                recoverable: true,
                target: None,
            });
        }
        jobs
    }

    pub async fn admit(&self, jobs: &[Admission]) -> Vec<Ticket> {
        let answers = self.queue.admit(&self.queue.fence(), jobs).await.expect("admit");
        let go = |answer| match answer {
            Admitted::Go(ticket) => Some(ticket),
            _ => None,
        };
        answers.into_iter().filter_map(go).collect()
    }

    pub async fn settle(&self, tickets: Vec<Ticket>) {
        let outcome = || Outcome {
            kind: "create_meeting",
            json: self.result.clone(),
            reply: false,
            story: None,
        };
        let items = tickets.into_iter().map(|t| Settlement::new(t, Then::Done(outcome())));
        let batch = self.queue.settle_batch(items.collect(), Vec::new());
        self.queue.settle(&batch).await.expect("settle");
    }

    /// One batch from the stream to its results; answers how many jobs.
    pub async fn batch(&mut self) -> usize {
        let jobs = self.read().await;
        let tickets = self.admit(&jobs).await;
        let count = tickets.len();
        self.settle(tickets).await;
        count
    }

    /// CPU time the server has used.
    pub async fn cpu(&self) -> Duration {
        let info = self.ask(redis::cmd("INFO").arg("cpu")).await;
        let text: String = redis::from_redis_value(info).expect("info");
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.trim().parse::<f64>().ok()).expect("seconds")
        };
        Duration::from_secs_f64(
            field("used_cpu_sys_main_thread:") + field("used_cpu_user_main_thread:"),
        )
    }

    /// Empties what grows, so that the next round begins as the first.
    pub async fn empty(&self) {
        self.ask(redis::cmd("DEL").arg("zoomd:results")).await;
    }

    pub async fn ask(&self, cmd: &Cmd) -> Value {
        self.conn.value(cmd).await.expect("command")
    }

    pub async fn pipe(&self, pipe: &Pipeline) {
        if !pipe.is_empty() {
            self.conn.values(pipe).await.expect("pipeline");
        }
    }
}
