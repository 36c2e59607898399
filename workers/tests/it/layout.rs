//! A namespace as an earlier version left it, run through this one.
//!
//! `fixtures/layout-1.jsonl` is what 0.1.0 wrote: a command of Redis on each
//! line. It holds a job in every state there is. One is made for each
//! layout before the next begins, by `UPDATE_FIXTURE=1 cargo test -p zoomd-workers
//! layout`, and then stays: later versions must go on from it.

use std::path::PathBuf;

use serde_json::Value;
use zoom_sim::{Config, Endpoint, Fault, What};
use zoomd_store::admin::Retried;
use zoomd_store::grants::Grants;
use zoomd_store::inspect::{Ops, State};
use zoomd_wire::AccountName;

use crate::resp::{Answer, Resp};
use crate::world::{LIMIT, World, job_with};

fn file(layout: u32) -> PathBuf {
    let name = format!("tests/it/fixtures/layout-{layout}.jsonl");
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// True for keys that outlive a day; the rest is gone when anybody upgrades.
fn is_kept(key: &str) -> bool {
    let gone = ["ledger:", "window:", "settled:", "revoked:", "daemon:", "in_flight:", "gate:"];
    !gone.iter().any(|class| key.starts_with(&format!("zoomd:v1:{class}")))
}

/// The commands that make a key.
fn commands(resp: &mut Resp, key: &str) -> Vec<Vec<String>> {
    let texts = |answer: &Answer| -> Vec<String> {
        answer.list().iter().map(|one| one.text().to_owned()).collect()
    };
    let start = |command: &str| vec![command.to_owned(), key.to_owned()];
    let kind = resp.call(&["TYPE", key]).text().to_owned();
    match kind.as_str() {
        "hash" => vec![[start("HSET"), texts(&resp.call(&["HGETALL", key]))].concat()],
        "list" => vec![[start("RPUSH"), texts(&resp.call(&["LRANGE", key, "0", "-1"]))].concat()],
        "string" => vec![[start("SET"), vec![resp.call(&["GET", key]).text().to_owned()]].concat()],
        "zset" => {
            let mut pairs = texts(&resp.call(&["ZRANGE", key, "0", "-1", "WITHSCORES"]));
            pairs.chunks_mut(2).for_each(|pair| pair.swap(0, 1));
            vec![[start("ZADD"), pairs].concat()]
        }
        "stream" => {
            let entries = resp.call(&["XRANGE", key, "-", "+"]);
            let add = |entry: &Answer| {
                let id = vec![entry.list()[0].text().to_owned()];
                [start("XADD"), id, texts(&entry.list()[1])].concat()
            };
            entries.list().iter().map(add).collect()
        }
        other => panic!("{key} is a {other}"),
    }
}

/// A job in every state there is, as this version writes it.
async fn make() {
    let world = World::aged(Config::unlimited()).await;
    for account in ["acme", "parked"] {
        world.account(account).await;
    }
    let grants = Grants::new(world.store.clone(), world.vault.clone());
    grants.pause(&AccountName::new("parked").expect("a name"), "fixture").await.expect("redis");
    let engine = world
        .engine_with(|s| s.settings.reconcile.delays = vec![std::time::Duration::from_secs(2)])
        .await;
    world.enqueue(&job_with("acme", "done"));
    let mut failed = job_with("acme", "failed");
    failed["user"] = "somebody@else.example".into();
    world.enqueue(&failed);
    world.outcomes(2).await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    world.enqueue(&job_with("acme", "lost"));
    world.until(&["HLEN", "zoomd:v1:record:acme"], &Answer::Number(1)).await;
    world.enqueue(&job_with("parked", "waits"));
    let mut sleeps = job_with("acme", "sleeps");
    sleeps["not_before"] = "2036-11-01T00:00:00Z".into();
    world.enqueue(&sleeps);
    world.until(&["ZCARD", "zoomd:v1:due"], &Answer::Number(2)).await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Hold).after());
    world.enqueue(&job_with("acme", "held"));
    world.sim.wait_for(Endpoint::Create, 4).await.expect("the held call");
    drop(engine);
    world.enqueue(&job_with("acme", "read"));
    let mut resp = world.resp();
    resp.call(&[
        "XREADGROUP",
        "GROUP",
        "zoomd",
        "gone",
        "COUNT",
        "9",
        "STREAMS",
        "zoomd:jobs",
        ">",
    ]);
    world.enqueue(&job_with("acme", "queued"));
    let mut keys: Vec<String> =
        resp.call(&["KEYS", "*"]).list().iter().map(|key| key.text().to_owned()).collect();
    keys.sort();
    let all = keys.iter().filter(|key| is_kept(key)).flat_map(|key| commands(&mut resp, key));
    let lines: String =
        all.map(|command| serde_json::to_string(&command).expect("JSON") + "\n").collect();
    std::fs::write(file(zoomd_store::keys::LAYOUT), lines).expect("written");
}

const TWO_HOURS_MS: u64 = 7_200_000;

/// The text with every time of its first two hours in milliseconds moved to now, be
/// it alone, in a stream's id, or under a priority: an upgrade meets data of
/// seconds ago, and what is looked for too long would be given up. An epoch
/// (`<ms>-<8 hex>`) is a name: tokens are sealed under it.
fn moved_to_now(text: &str) -> String {
    let made = text.split_once(r#""created_ms","#).expect("meta").1.trim_start_matches('"');
    let made: u64 = made.split('"').next().expect("text").parse().expect("a time");
    let by = u64::try_from(jiff::Timestamp::now().as_millisecond()).expect("after 1970") - made;
    let mut moved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        let number: u64 = digits.parse().unwrap_or_default();
        let is_time = (made..made + TWO_HOURS_MS).contains(&(number % 10_000_000_000_000));
        let hex = after.strip_prefix('-').unwrap_or_default();
        let is_epoch = hex.len() > 8 && hex[..8].bytes().all(|byte| byte.is_ascii_hexdigit());
        moved.push_str(before);
        match is_time && !is_epoch {
            true => moved.push_str(&(number + by).to_string()),
            false => moved.push_str(digits),
        }
        rest = after;
    }
    moved + rest
}

/// Puts the namespace into an empty Redis. Of the stream all but the last entry
/// had been read by a daemon that is gone.
fn load(world: &World) {
    let mut resp = world.resp();
    resp.call(&["FLUSHALL"]);
    let text = moved_to_now(&std::fs::read_to_string(file(1)).expect("the fixture"));
    for line in text.lines() {
        let command: Vec<String> = serde_json::from_str(line).expect("a command");
        resp.call(&command.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let length = resp.call(&["XLEN", "zoomd:jobs"]).number();
    resp.call(&["XGROUP", "CREATE", "zoomd:jobs", "zoomd", "0"]);
    let read = (length - 1).to_string();
    let group = ["XREADGROUP", "GROUP", "zoomd", "gone", "COUNT", &read];
    resp.call(&[&group[..], &["STREAMS", "zoomd:jobs", ">"]].concat());
}

#[tokio::test]
async fn what_0_1_0_left_is_taken_up() {
    if std::env::var_os("UPDATE_FIXTURE").is_some() {
        make().await;
    }
    let world = World::aged(Config::unlimited()).await;
    load(&world);
    let world = world.reopened().await;
    let ops = Ops::new(world.store.clone());
    for (id, state) in [
        ("done", State::Succeeded),
        ("failed", State::Failed),
        ("lost", State::Reconciling),
        ("waits", State::Waiting),
        ("sleeps", State::Sleeping),
        ("read", State::Queued),
        ("queued", State::Queued),
    ] {
        let view = ops.job(id).await.expect("redis").expect(id);
        assert_eq!(view.state, state, "{id}");
    }
    // The grants of then open; Zoom knows new ones by now.
    let grants = Grants::new(world.store.clone(), world.vault.clone());
    for account in ["acme", "parked"] {
        let name = AccountName::new(account).expect("a name");
        let (_, secrets) = grants.open(&name).await.expect("it opens").expect("a grant");
        assert!(secrets.access_token.is_some());
        world.account(account).await;
    }
    grants.resume(&AccountName::new("parked").expect("a name")).await.expect("redis");
    let failure = ops.failure("failed").await.expect("redis").expect("a failure");
    let wait = zoomd_wire::MaxWait::default();
    let retried = ops.retry(&failure, false, &wait).await.expect("redis");
    assert_eq!(retried, Retried::Started { run: 2, reconciles: false });

    let engine = world.hasty_engine().await;
    for id in ["lost", "held", "waits", "read", "queued"] {
        let outcome: Value = world.outcome_of(id).await;
        assert_eq!(outcome["status"], "succeeded", "{id}: {outcome}");
    }
    let sleeping = ops.job("sleeps").await.expect("redis").expect("a job");
    assert_eq!(sleeping.state, State::Sleeping);
    assert_eq!(world.sim.meetings().len(), 5);
    // The id of then is still known.
    world.enqueue(&job_with("acme", "held"));
    world.enqueue(&job_with("acme", "after"));
    world.outcome_of("after").await;
    assert_eq!(world.sim.meetings().len(), 6);
    engine.drain(LIMIT).await;
}
