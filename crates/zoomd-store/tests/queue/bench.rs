//! A namespace on a private Redis, and a hand on its queue.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redis::Value;
use redis_local::{Options, RedisServer};
use zoomd_store::limits::Label;
use zoomd_store::meetings::{Meeting, MeetingEntry};
use zoomd_store::queue::{
    Admission, Admitted, Outcome, Queue, QueueSettings, Settlement, Then, Ticket,
};
use zoomd_store::{Conn, Store, StoreConfig};
use zoomd_wire::{EntryId, Timing};

pub const FAR: i64 = 4_000_000_000_000;

pub struct Bench {
    pub server: RedisServer,
    pub store: Store,
    pub queue: Queue,
    pub conn: Conn,
}

impl Bench {
    pub async fn start() -> Self {
        Self::with(Options::default(), QueueSettings::default()).await
    }

    pub async fn with(options: Options, settings: QueueSettings) -> Self {
        let server = RedisServer::start_with(options).expect("redis");
        let config = StoreConfig::new(server.unix_url(), "zoomd");
        let store = Store::connect(&config).await.expect("connect");
        let queue = Queue::new(store.clone(), settings, "boot1");
        let conn = store.connection();
        let bench = Self { server, store, queue, conn };
        bench.make_group().await;
        bench
    }

    pub async fn make_group(&self) {
        self.cmd("XGROUP CREATE zoomd:jobs zoomd 0 MKSTREAM").await;
    }

    /// Starts the server again; a command on the old connection fails once.
    pub async fn restart(&mut self) {
        self.server.restart().expect("restart");
        let _ = self.conn.value(&redis::cmd("PING")).await;
    }

    /// Runs a command written with spaces between its words.
    pub async fn cmd(&self, text: &str) -> Value {
        let words: Vec<_> = text.split(' ').collect();
        let mut cmd = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            cmd.arg(*word);
        });
        self.conn.value(&cmd).await.unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    pub async fn int(&self, text: &str) -> i64 {
        redis::from_redis_value(self.cmd(text).await).expect(text)
    }

    pub async fn text(&self, text: &str) -> Option<String> {
        redis::from_redis_value(self.cmd(text).await).expect(text)
    }

    pub async fn keys(&self) -> Vec<String> {
        redis::from_redis_value(self.cmd("KEYS *").await).expect("keys")
    }

    /// An active account of a plan, with a Zoom account and user of its own.
    pub async fn account(&self, name: &str, plan: &str) {
        let fields = "st active ep 1700000000000-00000001 gen 3 cap 0";
        self.cmd(&format!(
            "HSET zoomd:v1:account:{name} {fields} plan {plan} z Z{name} uid U{name}"
        ))
        .await;
        self.cmd(&format!("ZADD zoomd:v1:accounts 0 {name}")).await;
    }

    pub async fn enqueue(&self, body: &str) -> Arc<str> {
        let mut cmd = redis::cmd("XADD");
        cmd.arg("zoomd:jobs").arg("*").arg("job").arg(body);
        let id: String =
            redis::from_redis_value(self.conn.value(&cmd).await.expect("xadd")).expect("id");
        id.into()
    }

    /// Puts `count` jobs into the stream and reads them as the queue's consumer.
    pub async fn arrive(&self, count: usize) -> Vec<Arc<str>> {
        let mut entries = Vec::with_capacity(count);
        for nth in 0..count {
            entries.push(self.enqueue(&format!(r#"{{"n":{nth}}}"#)).await);
        }
        self.read().await;
        entries
    }

    /// Reads everything new as the queue's consumer; answers how many entries came.
    pub async fn read(&self) -> usize {
        let answer =
            self.cmd("XREADGROUP GROUP zoomd boot1 COUNT 100000 STREAMS zoomd:jobs >").await;
        match answer {
            Value::Array(mut streams) => match streams.remove(0) {
                Value::Array(mut parts) => match parts.remove(1) {
                    Value::Array(entries) => entries.len(),
                    _ => 0,
                },
                _ => 0,
            },
            _ => 0,
        }
    }

    pub async fn admit(&self, jobs: &[Admission]) -> Vec<Admitted> {
        self.queue.admit(&self.queue.fence(), jobs).await.expect("admit")
    }

    pub async fn admit_one(&self, job: Admission) -> Admitted {
        self.admit(&[job]).await.remove(0)
    }

    pub async fn end(&self, ticket: Ticket, then: Then) -> zoomd_store::queue::Settled {
        let batch = self.queue.settle_batch(vec![Settlement::new(ticket, then)], Vec::new());
        self.queue.settle(&batch).await.expect("settle")[0]
    }

    pub async fn shift(&self, by: Duration) {
        let clock = self.store.clock();
        clock.set_ms(clock.ms() + i64::try_from(by.as_millis()).expect("ms"));
    }

    /// Moves the clock to `after` ms of the next UTC day.
    pub async fn to_tomorrow(&self, after: i64) {
        let now = self.store.now_ms().await.expect("time");
        let clock = self.store.clock();
        clock.set_ms(clock.ms() + zoomd_store::clock::next_midnight_ms(now) - now + after);
    }

    /// Moves the clock to noon, far from every midnight.
    pub async fn to_noon(&self) {
        self.to_tomorrow(12 * 3_600_000).await;
    }
}

/// A job without an id of its own.
pub fn job(account: &str, host: &str, entry: &Arc<str>) -> Admission {
    Admission {
        entry: Arc::clone(entry),
        job_id: Arc::clone(entry),
        id_given: false,
        account: account.into(),
        class: Label::Light,
        host: Some(host.into()),
        other_host: None,
        priority: 1,
        digest: 0,
        not_before_ms: None,
        deadline_ms: FAR,
        recoverable: true,
        target: None,
    }
}

/// A job with an id of the producer's.
pub fn named(id: &str, digest: u64, account: &str, entry: &Arc<str>) -> Admission {
    Admission { job_id: id.into(), id_given: true, digest, ..job(account, "me", entry) }
}

pub fn go(admitted: Admitted) -> Ticket {
    match admitted {
        Admitted::Go(ticket) => ticket,
        other => panic!("not admitted: {other:?}"),
    }
}

pub fn done() -> Then {
    Then::Done(outcome(r#"{"ok":true}"#))
}

pub fn outcome(json: &'static str) -> Outcome {
    Outcome {
        kind: "create_meeting",
        json: Bytes::from_static(json.as_bytes()),
        reply: false,
        story: None,
    }
}

/// The number of the meeting that a create makes whose lease this is.
pub fn number_of(ticket: &Ticket) -> u64 {
    let entry: EntryId = ticket.entry.parse().expect("an entry");
    80_000_000_000 + entry.ms % 1_000_000 * 1_000 + entry.seq
}

/// The meeting of a result.
pub fn meeting_of(ticket: &Ticket) -> MeetingEntry {
    let entry: EntryId = ticket.entry.parse().expect("an entry");
    let start = entry.time() + jiff::SignedDuration::from_hours(48);
    let timing = Timing { meeting_type: 2, start: Some(start), ..Timing::default() };
    let meeting = Meeting {
        number: number_of(ticket),
        account: (&*ticket.account).into(),
        job_id: (&*ticket.job_id).into(),
        entry,
        host: (&*ticket.host).into(),
        ends: timing.last_end(entry.time()),
        timing,
        deleted: None,
        topic: None,
    };
    meeting.made()
}

pub fn failed(holds_id: bool) -> Then {
    Then::Failed { code: "zoom_rejected", holds_id, outcome: outcome("{}"), record: None }
}
