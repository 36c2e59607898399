//! What every Rust peer shares: its settings from the environment, the job, and
//! the call to the mock. The client's settings are the same for all of them.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

/// A bearer token of the size Zoom hands out would only add bytes for all alike.
const BEARER: &str = "Bearer bench";

pub fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

pub fn number(name: &str, default: usize) -> usize {
    setting(name, &default.to_string()).parse().expect("a number")
}

/// Seconds since 1970, for latencies across processes of one machine.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// The job of all peers; zoomd's carries the same fields inside its own format.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Job {
    pub account: String,
    pub topic: String,
    pub start_time: String,
    pub duration: u32,
    #[serde(default)]
    pub enqueued: f64,
}

impl Job {
    pub fn numbered(i: usize) -> Self {
        Self {
            account: format!("acct-{}", i % number("ACCOUNTS", 10)),
            topic: format!("Meeting {i}"),
            start_time: "2030-01-07T10:00:00Z".to_owned(),
            duration: 30,
            enqueued: now(),
        }
    }
}

#[derive(serde::Serialize)]
struct Body<'a> {
    topic: &'a str,
    r#type: u8,
    start_time: &'a str,
    duration: u32,
}

/// The mock's client.
#[derive(Clone)]
pub struct Upstream {
    client: reqwest::Client,
    url: reqwest::Url,
}

impl Upstream {
    pub fn from_env() -> Self {
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(1000)
            .tcp_nodelay(true)
            .http1_only()
            .no_proxy()
            .build()
            .expect("a client");
        let base = setting("MOCK_URL", "http://127.0.0.1:18080");
        let url = format!("{base}/v2/users/me/meetings").parse().expect("a URL");
        Self { client, url }
    }

    /// Creates the meeting; the reply as it came.
    pub async fn create(&self, job: &Job) -> Bytes {
        let body = Body {
            topic: &job.topic,
            r#type: 2,
            start_time: &job.start_time,
            duration: job.duration,
        };
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("authorization", BEARER)
            .body(serde_json::to_vec(&body).expect("serialises"));
        let reply = request.send().await.expect("the mock answers");
        assert_eq!(reply.status(), 201);
        reply.bytes().await.expect("a whole reply")
    }
}

/// One thread carries each peer: it is at least as fast as two on two cores.
pub fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future);
}

/// Calls `enqueue` for each job at the rate asked for, one at a time.
pub async fn paced<F: AsyncFnMut(Job)>(count: usize, mut enqueue: F) {
    let rate = number("RATE", 50) as f64;
    let start = tokio::time::Instant::now();
    for i in 0..count {
        let due = start + std::time::Duration::from_secs_f64(i as f64 / rate);
        tokio::time::sleep_until(due).await;
        enqueue(Job::numbered(i)).await;
    }
}
