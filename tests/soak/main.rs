//! Nothing grows for ever: a real daemon works off a backlog while a consumer
//! group never reads. Its memory must stay flat, and Redis must come back to
//! where it was.
//!
//! As a test it is short. `make soak` is long: the same code with `SOAK_JOBS`
//! and, since a debug build is slow, `SOAK_DAEMON`, the program to run.

#![expect(clippy::print_stdout, reason = "a long run ends with its figures")]

mod mock;
#[path = "../it/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use redis_local::Options;
use support::{Daemon, Rig};
use zoom_sim::Config;
use zoomd_store::queue::{Queue, QueueSettings};
use zoomd_store::streams;

/// Jobs that pass before the first look: streams are full then, scripts loaded.
const WARM: u64 = 1_500;
/// Jobs of the short run beyond these.
const SHORT: u64 = 2_500;
/// Entries the output streams may hold.
const LENGTH: u64 = 1_000;
/// Memory that fills up to its bound and stays: the calls of the last minute (6 MiB), and the
/// allocator's reserve. 50 bytes a job would be four times that after a million.
const FILLS_KIB: f64 = 12_288.0;
/// The longest time without an outcome.
const STUCK: Duration = Duration::from_secs(60);

fn jobs() -> u64 {
    std::env::var("SOAK_JOBS").ok().and_then(|text| text.parse().ok()).unwrap_or(SHORT)
}

/// A Redis without a file, a Zoom that only creates, one account without limits.
async fn rig(settings: &str) -> Rig {
    let args = ["--save", ""].map(ToOwned::to_owned).to_vec();
    let options = Options { aof: None, args, ..Options::default() };
    let mut rig = Rig::with(options, Config::unlimited()).await;
    rig.connect("acme");
    rig.run(&["account", "set", "acme", "--plan", "unlimited"]).expect(0);
    let mock = mock::start().await;
    rig.set("ZOOMD_ZOOM_API_URL", &format!("http://{mock}/v2"));
    rig.set("ZOOMD_LOG", "warn,zoomd=info");
    std::fs::write(rig.dir.path().join("zoomd.toml"), settings).expect("written");
    rig
}

fn daemon(rig: &Rig) -> Daemon {
    match std::env::var_os("SOAK_DAEMON") {
        Some(program) => {
            let ours = rig.command(&["run"]);
            let mut command = Command::new(program);
            command.arg("run").current_dir(rig.dir.path()).env_clear();
            command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
            rig.daemon_of(command)
        }
        None => rig.daemon(),
    }
}

/// Writes jobs as producers do.
async fn enqueue(rig: &Rig, from: u64, count: u64) {
    let store = rig.store().await;
    let all: Vec<u64> = (from..from + count).collect();
    for numbers in all.chunks(1_000) {
        let jobs: Vec<String> = numbers
            .iter()
            .map(|n| {
                format!(
                    r#"{{"id":"order-{n:09}","account":"acme","user":"host{:04}","meeting":{{"topic":"Weekly sync {n}","type":2,"start_time":"2036-12-01T10:00:00Z","duration":30}}}}"#,
                    n % 1000
                )
            })
            .collect();
        let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
        streams::enqueue(&store, &jobs).await.expect("added");
    }
}

fn info(rig: &Rig, field: &str) -> u64 {
    let text = rig.redis_cli(&["INFO", "memory"]);
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|value| value.trim().parse().ok()).expect("a number")
}

fn number(rig: &Rig, args: &[&str]) -> u64 {
    let answer = rig.redis_cli(args);
    answer.trim().trim_start_matches(':').parse().unwrap_or(0)
}

fn done(rig: &Rig) -> u64 {
    let answer = rig.redis_cli(&["HGET", "zoomd:v1:stats", "done"]);
    answer.lines().filter_map(|line| line.trim().parse().ok()).next_back().unwrap_or(0)
}

/// The memory of a process, KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Waits for so many outcomes; answers the most memory the daemon had meanwhile.
async fn until_done(rig: &Rig, daemon: &Daemon, wanted: u64) -> u64 {
    let (mut most, mut seen, mut moved) = (0, 0, Instant::now());
    while seen < wanted {
        most = most.max(resident(daemon.pid()));
        let now = done(rig);
        if now > seen {
            (seen, moved) = (now, Instant::now());
        }
        assert!(moved.elapsed() < STUCK, "{seen} of {wanted} are done\n{}", daemon.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    most
}

/// Waits until the daemon has forgotten what it may forget. It does so by the
/// minute; a short run does it itself.
async fn until_quiet(rig: &Rig) {
    if std::env::var_os("SOAK_JOBS").is_none() {
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        let settings = QueueSettings {
            remember: Duration::from_secs(1),
            output_entries: Some(LENGTH),
            ..QueueSettings::default()
        };
        let queue = Queue::new(rig.store().await, settings, "soak");
        while queue.trim().await.expect("trimmed").more {}
        let mut from = None;
        loop {
            from = queue.expire_ids(from.as_deref()).await.expect("forgotten").next;
            if from.is_none() {
                return;
            }
        }
    }
    let end = Instant::now() + Duration::from_secs(150);
    while number(rig, &["HLEN", "zoomd:v1:ids"]) > 0
        || number(rig, &["XLEN", "zoomd:results"]) > LENGTH + 200
    {
        assert!(Instant::now() < end, "ids and results are forgotten");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
}

/// Deletes the register of meetings, which keeps by design what was made; its size has
/// a test of its own (400 bytes a meeting).
fn forget_the_register(rig: &Rig) {
    for key in rig.redis_cli(&["KEYS", "zoomd:v1:meeting*"]).lines().map(str::trim) {
        if key.starts_with("zoomd:v1:") {
            rig.redis_cli(&["DEL", key]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_leaves_the_daemons_memory_flat_and_redis_as_it_was() {
    let jobs = jobs();
    let settings = format!("[results]\nmax_length = {LENGTH}\n[jobs]\nremember = \"1s\"\n");
    let rig = rig(&settings).await;
    rig.redis_cli(&["XGROUP", "CREATE", "zoomd:results", "never-reads", "0", "MKSTREAM"]);
    let daemon = daemon(&rig);
    enqueue(&rig, 0, WARM).await;
    let warm = until_done(&rig, &daemon, WARM).await;
    until_quiet(&rig).await;
    let baseline = info(&rig, "used_memory");
    enqueue(&rig, WARM, jobs).await;
    let backlog = info(&rig, "used_memory");
    let began = Instant::now();
    // The first part of the backlog fills every slot; from there on it is flat.
    let first = until_done(&rig, &daemon, WARM + jobs / 10).await.max(warm);
    let most = until_done(&rig, &daemon, WARM + jobs).await;
    let took = began.elapsed().as_secs_f64();
    until_quiet(&rig).await;
    forget_the_register(&rig);
    let after = info(&rig, "used_memory");
    let growth = after as f64 / baseline as f64 - 1.0;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut told = String::new();
    let _ = writeln!(told, "{jobs} jobs in {took:.0} s, {:.0} a second", jobs as f64 / took);
    let _ = writeln!(
        told,
        "redis: {:.2} MiB before, {:.1} with the backlog, {:.2} after ({:+.1} %)",
        mib(baseline),
        mib(backlog),
        mib(after),
        growth * 100.0
    );
    let _ = writeln!(
        told,
        "daemon: {:.1} MiB resident in the first tenth, {:.1} at most in the rest",
        mib(first << 10),
        mib(most << 10)
    );
    println!("{told}");
    assert!(growth <= 0.10, "{told}");
    assert!(most as f64 <= first as f64 * 1.1 + FILLS_KIB, "{told}");
    if std::env::var_os("SOAK_JOBS").is_some() {
        daemon.wait_log("an output stream was cut for its size or length");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_defaults_a_finished_job_costs_its_outcome_and_little_more() {
    let jobs = (jobs() / 5).max(2_500);
    let rig = rig("").await;
    let daemon = daemon(&rig);
    enqueue(&rig, 0, WARM).await;
    until_done(&rig, &daemon, WARM).await;
    let measure = || {
        forget_the_register(&rig);
        let stream = number(&rig, &["MEMORY", "USAGE", "zoomd:results", "SAMPLES", "0"]);
        info(&rig, "used_memory") as i64 - stream as i64
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = measure();
    enqueue(&rig, WARM, jobs).await;
    until_done(&rig, &daemon, WARM + jobs).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let each = (measure() - before) as f64 / jobs as f64;
    println!("{jobs} finished jobs: {each:.0} B each beside the outcome");
    // A hash that doubles its table in a short run weighs on few jobs.
    assert!(each <= if jobs < 50_000 { 250.0 } else { 170.0 }, "{each:.0} B each");
}
