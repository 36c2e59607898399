//! The cost of those who look on: 100 clients of the stream and 200 requests a second, beside a
//! daemon that is busy with jobs.
//!
//! Pieces of the same work follow each other, in turn with and without them, so that what else
//! the machine does meets both alike. The clients run in this process: what they use of the
//! machine is counted against the daemon.

#![expect(clippy::print_stdout, reason = "a measurement ends with its figures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_local::Options;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use zoom_sim::Config;
use zoomd_store::streams::enqueue;

use super::{connect, is_measured, number, resident};
use crate::support::{LIMIT, Rig};

#[path = "../../soak/mock.rs"]
mod mock;

/// Jobs of one piece, in the short run.
const SHORT: usize = 400;
/// Clients that follow the stream.
const FOLLOWERS: usize = 100;
/// Connections that ask, and requests of each in a second.
const ASKERS: usize = 4;
const EACH: u64 = 50;
/// The part of the throughput that they may cost.
const COST: f64 = 0.05;
/// The memory that the daemon may have, MiB.
const MEMORY: u64 = 96;

/// Followers of the stream, gone when dropped.
struct Lookers {
    _tasks: JoinSet<()>,
    answers: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

async fn request(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the port is open");
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream
}

/// Reads one answer with a length.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    loop {
        let end = buffer.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            assert!(head.starts_with("http/1.1 200"), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.and_then(|l| l.trim().parse().ok()).expect("a length");
            if buffer.len() >= end + length {
                return;
            }
        }
        assert!(stream.read_buf(buffer).await.expect("an answer") > 0, "the connection ended");
    }
}

impl Lookers {
    async fn come(address: &str) -> Self {
        let (answers, bytes) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let mut tasks = JoinSet::new();
        for _ in 0..FOLLOWERS {
            let mut stream = request(address, "/api/v1/stream").await;
            let bytes = Arc::clone(&bytes);
            tasks.spawn(async move {
                let mut buffer = vec![0; 64 << 10];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    bytes.fetch_add(read as u64, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..ASKERS {
            let (address, answers) = (address.to_owned(), Arc::clone(&answers));
            tasks.spawn(async move {
                let head = b"GET /api/v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n";
                let mut stream = TcpStream::connect(address).await.expect("the port is open");
                let mut buffer = Vec::new();
                let mut tick = tokio::time::interval(Duration::from_millis(1_000 / EACH));
                loop {
                    tick.tick().await;
                    stream.write_all(head).await.expect("sent");
                    answer(&mut stream, &mut buffer).await;
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { _tasks: tasks, answers, bytes }
    }
}

fn done(rig: &Rig) -> usize {
    let answer = rig.redis_cli(&["HGET", "zoomd:v1:stats", "done"]);
    answer.lines().filter_map(|line| line.trim().parse().ok()).next_back().unwrap_or(0)
}

/// Works off `jobs` jobs from the number `from` on; the jobs in a second.
async fn piece(rig: &Rig, from: usize, jobs: usize) -> f64 {
    let store = rig.store().await;
    let before = done(rig);
    let texts: Vec<_> = (from..from + jobs)
        .map(|n| {
            format!(
                r#"{{"id":"order-{n:08}","account":"acme","user":"host{:04}","meeting":{{"topic":"Weekly sync {n}","type":2,"start_time":"2036-12-01T10:00:00Z","duration":30}}}}"#,
                n % 1_000
            )
        })
        .collect();
    let begun = Instant::now();
    for some in texts.chunks(2_000) {
        enqueue(&store, some).await.expect("added");
    }
    while done(rig) < before + jobs {
        assert!(begun.elapsed() < LIMIT * 3, "{} of {jobs}", done(rig) - before);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    jobs as f64 / begun.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_look_on_cost_jobs_little_and_the_daemon_stays_small() {
    let jobs = if is_measured() { number("ZOOMD_MEASURE_PIECE", 20_000) } else { SHORT };
    let rounds = number("ZOOMD_MEASURE_ROUNDS", 1);
    let args = ["--save", ""].map(ToOwned::to_owned).to_vec();
    let options = Options { aof: None, args, ..Options::default() };
    let mut rig = Rig::with(options, Config::unlimited()).await;
    connect(&rig, std::iter::once("acme".to_owned()));
    rig.run(&["account", "set", "acme", "--plan", "unlimited"]).expect(0);
    let zoom = mock::start().await;
    rig.set("ZOOMD_ZOOM_API_URL", &format!("http://{zoom}/v2"));
    rig.set("ZOOMD_LOG", "warn,zoomd=info");
    let daemon = rig.daemon();
    let address = daemon.address();
    let mut from = 0;
    let mut next = || {
        from += jobs;
        from - jobs
    };
    piece(&rig, next(), jobs).await;
    let (mut ratios, mut most) = (Vec::new(), 0);
    println!(
        "{:>9} {:>9} {:>7} {:>9} {:>9} {:>5}",
        "alone", "beside", "ratio", "requests/s", "MiB/s", "RSS"
    );
    for _ in 0..rounds {
        let before = piece(&rig, next(), jobs).await;
        let lookers = Lookers::come(&address).await;
        let begun = Instant::now();
        let beside = piece(&rig, next(), jobs).await;
        let time = begun.elapsed().as_secs_f64();
        let asked = lookers.answers.load(Ordering::Relaxed) as f64 / time;
        let sent = lookers.bytes.load(Ordering::Relaxed) as f64 / time / f64::from(1 << 20);
        assert!(sent > 0.0, "nobody was sent anything");
        most = resident(daemon.pid()).max(most);
        drop(lookers);
        let after = piece(&rig, next(), jobs).await;
        let alone = f64::midpoint(before, after);
        ratios.push(beside / alone);
        println!(
            "{alone:>9.0} {beside:>9.0} {:>7.3} {asked:>9.0} {sent:>9.1} {:>5}",
            beside / alone,
            most >> 10
        );
    }
    ratios.sort_by(f64::total_cmp);
    let middle = ratios[ratios.len() / 2];
    println!("they cost {:.1} % of the throughput; {} MiB", (1.0 - middle) * 100.0, most >> 10);
    assert!(most >> 10 < MEMORY, "{} MiB", most >> 10);
    assert!(middle > 1.0 - COST || !is_measured(), "the cost is {:.1} %", (1.0 - middle) * 100.0);
}
