//! Every list, search and page with a great many waiting jobs: a bounded number of commands,
//! and an answer within 100 ms.

#![expect(clippy::print_stdout, reason = "a measurement ends with its figures")]

use std::time::{Duration, Instant};

use redis_local::Options;
use secrecy::SecretString;
use serde_json::{Value, json};
use zoom_sim::Config;
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::Grants;
use zoomd_store::meta;
use zoomd_store::streams::enqueue;
use zoomd_wire::AccountName;

use super::{connect, is_measured, middle, number, resident};
use crate::support::http::Ask;
use crate::support::{Daemon, KEY, LIMIT, Rig, job};

/// Waiting jobs of the short run.
const SHORT: usize = 5_000;
const ACCOUNTS: usize = 200;
/// Hosts of one account.
const HOSTS: usize = 5;
/// Commands of one answer.
const MOST_COMMANDS: u64 = 10_000;
/// Time of one answer.
const SOON: Duration = Duration::from_millis(100);
/// Time for which one look at the namespace is shared.
const SHARED: Duration = Duration::from_millis(2_100);

fn account(at: usize) -> String {
    format!("account-{:03}", at % ACCOUNTS)
}

fn waiting(at: usize) -> String {
    let host = at / ACCOUNTS % HOSTS;
    json!({
        "id": format!("order-{at:07}"), "account": account(at), "user": format!("host{host}@x.example"),
        "meeting": {"topic": format!("Weekly sync {at}"), "type": 2,
            "start_time": "2036-12-01T10:00:00Z", "duration": 30},
    })
    .to_string()
}

/// A namespace whose accounts are paused, with so many jobs that left the stream. Some
/// results, failures and sleeping jobs are there, too.
async fn filled(jobs: usize) -> (Rig, Daemon) {
    let args = ["--save", ""].map(ToOwned::to_owned).to_vec();
    let options = Options { aof: None, args, ..Options::default() };
    let mut rig = Rig::with(options, Config::unlimited()).await;
    rig.set("ZOOMD_API_ALLOW_WRITE_WITHOUT_TOKEN", "true");
    rig.set("ZOOMD_LOG", "warn,zoomd=info");
    connect(&rig, (0..ACCOUNTS).map(account));
    let daemon = rig.daemon();
    let store = rig.store().await;
    for id in ["done", "done-2"] {
        rig.xadd(&job(&account(0), id)).await;
        rig.outcome(id).await;
    }
    rig.xadd(&job("nobody", "bad")).await;
    rig.outcome("bad").await;
    let ring = KeyRing::parse(Some(&SecretString::from(KEY)), None).expect("a key");
    let grants = Grants::new(store.clone(), meta::open(&store, &ring).await.expect("opened"));
    for at in 0..ACCOUNTS {
        let name = AccountName::new(&account(at)).expect("a name");
        assert!(grants.pause(&name, "trial").await.expect("paused"));
    }
    let later = json!({"id": "later", "account": account(0), "not_before": "2036-01-01T00:00:00Z",
        "meeting": {"topic": "Later", "type": 1}});
    rig.xadd(&later.to_string()).await;
    let all: Vec<usize> = (0..jobs).collect();
    for some in all.chunks(5_000) {
        let some: Vec<_> = some.iter().map(|at| waiting(*at)).collect();
        enqueue(&store, &some).await.expect("added");
    }
    let (mut last, mut moved) = (u64::MAX, Instant::now());
    loop {
        let left = rig.redis_cli(&["XLEN", "zoomd:jobs"]);
        let left: u64 = left.trim().trim_start_matches(':').parse().expect("a number");
        if left == 0 {
            break;
        }
        if left != last {
            (last, moved) = (left, Instant::now());
        }
        assert!(moved.elapsed() < LIMIT, "{left} jobs stay in the stream");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (rig, daemon)
}

/// Every list, search and page.
fn paths(cursor: &str) -> Vec<String> {
    let api = [
        "status",
        "daemons",
        "budget",
        "budget?account=account-000",
        "accounts",
        "accounts/account-000",
        "jobs",
        &format!("jobs?cursor={cursor}"),
        "jobs?limit=500",
        "jobs?state=waiting",
        "jobs?state=sleeping",
        "jobs?state=running",
        "jobs?state=reconciling",
        "jobs?state=queued",
        "jobs?state=succeeded",
        "jobs?state=failed",
        "jobs?account=account-007",
        "jobs?account=account-007&state=waiting",
        "jobs?user=host7@x.example",
        "jobs?user=nobody@x.example",
        "jobs?kind=delete_meeting",
        "jobs?q=order-0000007",
        "jobs?q=nothing",
        "jobs?q=weekly&account=account-007",
        "jobs/order-0000007",
        "jobs/nothing",
        "jobs/later",
        "meetings?account=account-000",
        "results",
        "failures",
        "events",
        "audit",
        "timeline",
    ];
    let pages = [
        "",
        "jobs",
        "jobs?state=waiting",
        "jobs?state=sleeping",
        "jobs?state=running",
        "jobs?state=failed",
        "jobs?account=account-007",
        "jobs?q=nothing",
        "jobs?q=weekly&account=account-007",
        "jobs/order-0000007",
        "jobs/nothing",
        "meetings?account=account-000",
        "accounts",
        "accounts/account-007",
        "limits",
        "failures",
        "live",
        "audit",
        "system",
    ];
    let api = api.into_iter().map(|path| format!("/api/v1/{path}"));
    api.chain(pages.into_iter().map(|path| format!("/{path}"))).collect()
}

/// Sum of the calls of all commands that Redis has carried out.
fn calls(rig: &Rig) -> u64 {
    let stats = rig.redis_cli(&["INFO", "commandstats"]);
    let calls = stats.lines().filter_map(|line| line.split_once("calls=")?.1.split(',').next());
    calls.filter_map(|count| count.parse::<u64>().ok()).sum()
}

/// The time of one answer.
fn took(daemon: &Daemon, path: &str) -> Duration {
    let begun = Instant::now();
    let answer = Ask::get(path).send(&daemon.address());
    let took = begun.elapsed();
    let missing = path.ends_with("/nothing");
    assert_eq!(answer.status, if missing { 404 } else { 200 }, "{path}: {}", answer.body);
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_search_and_page_is_quick_with_a_great_many_waiting_jobs() {
    let jobs = number("ZOOMD_MEASURE_JOBS", SHORT);
    let rounds = number("ZOOMD_MEASURE_ROUNDS", 1);
    let (rig, daemon) = filled(jobs).await;
    let first = Ask::get("/api/v1/jobs").send(&daemon.address()).expect(200).json();
    let cursor = first["next"].as_str().expect("a next page").to_owned();
    let status: Value = Ask::get("/api/v1/status").send(&daemon.address()).json();
    assert_eq!(status["waiting"].as_u64(), Some(jobs as u64), "{status}");
    let paths = paths(&cursor);
    let mut times = vec![Vec::new(); paths.len()];
    let mut commands = vec![0; paths.len()];
    for _ in 0..rounds {
        for (at, path) in paths.iter().enumerate() {
            // Nothing of the answer before helps.
            if path.ends_with("status") || path == "/" {
                tokio::time::sleep(SHARED).await;
            }
            let before = calls(&rig);
            times[at].push(took(&daemon, path));
            commands[at] = (calls(&rig) - before).max(commands[at]);
        }
    }
    println!("{jobs} waiting jobs, {} MiB in the daemon", resident(daemon.pid()) >> 10);
    println!("{:>9} {:>9} {:>9}", "ms", "most", "commands");
    let (mut slow, mut many) = (Vec::new(), Vec::new());
    for ((path, times), commands) in paths.iter().zip(times).zip(commands) {
        let (middle, most) = middle(times);
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!("{:>9.1} {:>9.1} {commands:>9} {path}", ms(middle), ms(most));
        if middle > SOON {
            slow.push(path);
        }
        if commands > MOST_COMMANDS {
            many.push(path);
        }
    }
    assert!(many.is_empty(), "more than {MOST_COMMANDS} commands: {many:?}");
    assert!(slow.is_empty() || !is_measured(), "more than {SOON:?}: {slow:?}");
}
