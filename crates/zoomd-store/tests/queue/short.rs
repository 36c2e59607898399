//! Few jobs take short scripts. Whatever these decide, write and answer is what
//! the whole scripts would have: two namespaces, asked the same, are alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use redis::Value;
use redis_local::Options;
use zoomd_store::queue::{Admission, Admitted, QueueSettings, Settlement, Then, Ticket};

use crate::bench::{Bench, FAR, done, job, outcome};
use crate::model::{Dice, budgets};

/// Name, Zoom account, plan, and what else it has.
const ACCOUNTS: [(&str, &str, &str, &str); 10] = [
    ("big", "Zbig", "unlimited", "cap 0"),
    ("wide", "Zwide", "pro", "em [\"wide@x\"]"),
    ("mid", "Zmid", "business", "cap 0"),
    ("odd", "Zodd", "unheard", "cap 0"),
    ("new", "", "unlimited", "uid  cap "),
    ("one", "Zshared", "free", "cap 0"),
    ("two", "Zshared", "free", "cap 0"),
    ("tiny", "Ztiny", "tiny", "cap 0"),
    ("few", "Zfew", "few", "cap 0"),
    ("capped", "Zcapped", "unlimited", "cap 3"),
];
const HOSTS: [&str; 8] = ["me", "me", "me", "me", "U7", "known@x", "wide@x", "some@x"];

async fn start(short: bool) -> Bench {
    let settings = QueueSettings { budgets: budgets(), ..QueueSettings::default() };
    let mut bench = Bench::with(Options { aof: None, ..Options::default() }, settings).await;
    if !short {
        bench.queue = bench.queue.clone().without_short_ways();
    }
    for (name, zoom, plan, more) in ACCOUNTS {
        bench.account(name, plan).await;
        bench.cmd(&format!("HSET zoomd:v1:a:{name} z {zoom} {more}")).await;
        let zoom = if zoom.is_empty() { format!("~{name}") } else { zoom.to_owned() };
        bench.cmd(&format!("HSET zoomd:v1:al:{zoom} known@x Uknown me@new Unew")).await;
    }
    bench
}

/// What is in every key. Entries of streams get their ids from the server.
async fn all(bench: &Bench) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for key in bench.keys().await {
        let kind: String =
            redis::from_redis_value(bench.cmd(&format!("TYPE {key}")).await).expect(&key);
        let read = match kind.as_str() {
            "hash" => format!("HGETALL {key}"),
            "zset" => format!("ZRANGE {key} 0 -1 WITHSCORES"),
            "list" => format!("LRANGE {key} 0 -1"),
            "stream" => format!("XLEN {key}"),
            _ => format!("GET {key}"),
        };
        let mut items = match bench.cmd(&read).await {
            Value::Array(items) if kind == "hash" => {
                items.chunks(2).map(|pair| format!("{pair:?}")).collect()
            }
            other => vec![format!("{other:?}")],
        };
        items.sort();
        // By and large: the rounds of both take a while.
        let ttl = bench.int(&format!("TTL {key}")).await;
        found.insert(key, format!("{items:?}, expires {} {}", ttl > 0, (ttl + 50) / 1_000));
    }
    found
}

/// What both are asked in one round.
struct Asked {
    jobs: Vec<Admission>,
    /// Commands that put something in the way before, and take it back after.
    hindrance: Option<[String; 2]>,
    ends: u64,
}

fn asked(dice: &mut Dice, now_ms: i64) -> Asked {
    let (account, zoom, ..) = *dice.pick(&ACCOUNTS);
    let host = *dice.pick(&HOSTS);
    let jobs = (0..=dice.below(7))
        .map(|nth| {
            let entry: Arc<str> = format!("{now_ms}-{nth}").into();
            let mut one = job(account, host, &entry);
            if dice.below(3) > 0 {
                let id = if dice.below(20) == 0 { dice.below(50) } else { dice.below(1_000_000) };
                (one.job_id, one.id_given) = (format!("job-{id}").into(), true);
                one.digest = dice.below(2);
            }
            one.reconcilable = dice.below(4) > 0;
            match dice.below(100) {
                0 => one.deadline_ms = now_ms - 1,
                1 => one.not_before_ms = Some(now_ms + 5_000),
                2 => one.other_host = Some("U8".into()),
                _ => one.deadline_ms = FAR,
            }
            one
        })
        .collect();
    let field = |key: String, name: &str| {
        let till = now_ms + 30_000;
        Some([format!("HSET zoomd:v1:{key} {name} {till}"), format!("HDEL zoomd:v1:{key} {name}")])
    };
    let hindrance = match dice.below(30) {
        0 => field(format!("a:{account}"), "paused"),
        1 => field(format!("a:{account}"), "int"),
        2 => field("meta".to_owned(), "paused"),
        3 => field(format!("gate:{zoom}"), "light"),
        4 => {
            let line = format!("zoomd:v1:hz:{zoom}:light");
            Some([format!("ZADD {line} 1 another"), format!("ZREM {line} another")])
        }
        _ => None,
    };
    Asked { jobs, hindrance, ends: dice.below(1_000_000) }
}

async fn round(bench: &Bench, asked: &Asked, now_ms: i64, held: &mut Vec<Ticket>) -> Vec<String> {
    bench.store.clock().stop_at_ms(now_ms);
    for one in &asked.jobs {
        bench.cmd(&format!("XADD zoomd:jobs {} job {{}}", one.entry)).await;
    }
    bench.read().await;
    if let Some([before, _]) = &asked.hindrance {
        bench.cmd(before).await;
    }
    let answers = bench.admit(&asked.jobs).await;
    if let Some([_, after]) = &asked.hindrance {
        bench.cmd(after).await;
    }
    let mut said = Vec::new();
    for answer in answers {
        match answer {
            Admitted::Go(ticket) => {
                let Ticket { fence, grant, plain, granted_ms, .. } = &ticket;
                said.push(format!("go {fence:?} {grant:?} {plain} {granted_ms}"));
                held.push(ticket);
            }
            other => said.push(format!("{other:?}")),
        }
    }
    let mut dice = Dice(asked.ends);
    let count = dice.below(9).min(held.len() as u64);
    let mut settled = Vec::new();
    for _ in 0..count {
        let ticket =
            held.swap_remove(usize::try_from(dice.below(held.len() as u64)).expect("small"));
        settled.push(match dice.below(40) {
            0 => Settlement::back(ticket),
            1 => Settlement::new(ticket, crate::bench::failed(true)),
            2..5 => {
                let outcome = zoomd_store::queue::Outcome { reply: true, ..outcome("{}") };
                Settlement::new(ticket, Then::Done(outcome))
            }
            _ => Settlement::new(ticket, done()),
        });
    }
    let batch = bench.queue.settle_batch(settled, Vec::new());
    for _ in 0..2 {
        let answers = bench.queue.settle(&batch).await.expect("settle");
        said.push(format!("{answers:?}"));
    }
    said
}

#[tokio::test]
async fn short_scripts_decide_and_write_as_the_whole_ones() {
    let (short, whole) = (start(true).await, start(false).await);
    let (mut dice, mut now_ms, mut held) = (Dice(11), 1_800_000_000_000, [Vec::new(), Vec::new()]);
    for nth in 0..600_u32 {
        now_ms += match dice.below(100) {
            0 => 6 * 3_600_000,
            _ => i64::try_from(dice.below(2_000)).expect("ms") + 1,
        };
        let asked = asked(&mut dice, now_ms);
        let said = [
            round(&short, &asked, now_ms, &mut held[0]).await,
            round(&whole, &asked, now_ms, &mut held[1]).await,
        ];
        assert_eq!(said[0], said[1], "round {nth}: {:?} {:?}", asked.jobs, asked.hindrance);
        if nth % 10 == 0 {
            let (short, whole) = (all(&short).await, all(&whole).await);
            for (key, value) in &whole {
                assert_eq!(short.get(key), Some(value), "round {nth}: {key}");
            }
            assert_eq!(short.len(), whole.len());
        }
        // Rooms that never empty would keep nearly all from the short way.
        if dice.below(3) > 0 {
            forget_waiting(&short).await;
            forget_waiting(&whole).await;
        }
    }
    // Where a short script does not answer, the whole one is asked as well.
    let (asked, least) = (scripts(&short).await, scripts(&whole).await);
    assert!(asked - least < 500, "the short scripts left {} calls of {least}", asked - least);
}

/// Calls of scripts so far.
async fn scripts(bench: &Bench) -> u64 {
    let stats = bench.text("INFO commandstats").await.expect("stats");
    let calls = |line: &str| line.split_once("calls=")?.1.split(',').next()?.parse::<u64>().ok();
    stats.lines().filter(|line| line.starts_with("cmdstat_eval")).filter_map(calls).sum()
}

async fn forget_waiting(bench: &Bench) {
    for key in bench.keys().await {
        let rest = key.strip_prefix("zoomd:v1:").unwrap_or_default();
        let waiting = ["w:", "p:", "hr:", "hz:", "ring", "zz", "due", "dl"];
        if waiting.iter().any(|prefix| rest.starts_with(prefix)) {
            bench.cmd(&format!("DEL {key}")).await;
        }
    }
}
