//! Fast path of admission for accounts without limits. It decides and writes the same as the full
//! path.

use std::collections::BTreeMap;

use redis_local::Options;
use zoomd_store::limits::{Budgets, PlanLimits, Rate};
use zoomd_store::queue::{Admission, Admitted, QueueSettings, Settlement};

use crate::bench::{Bench, done, job, named};
use crate::model::Dice;

/// Name, Zoom account, and what else it has.
const ACCOUNTS: [(&str, &str, &str); 5] = [
    ("one", "Zshared", "cap 0"),
    ("two", "Zshared", "cap 0"),
    ("solo", "Zsolo", "em [\"solo@x\"]"),
    ("capped", "Zcapped", "cap 9"),
    ("parked", "Zparked", "paused x"),
];
const HOSTS: [&str; 5] = ["me", "U7", "known@x", "unknown@x", "solo@x"];

/// Counted on each way: nothing is held back by `vast`, but all of it is weighed.
async fn start(plan: &str) -> Bench {
    let mut budgets = Budgets::default();
    let light = Rate { per_second: 0, per_day: 1_000_000_000 };
    let vast = PlanLimits { light, host_day: 0, ..PlanLimits::default() };
    budgets.plans.insert("vast".into(), vast);
    let settings = QueueSettings { budgets, ..QueueSettings::default() };
    let bench = Bench::with(Options { aof: None, ..Options::default() }, settings).await;
    for (name, zoom, more) in ACCOUNTS {
        bench.account(name, plan).await;
        bench.cmd(&format!("HSET zoomd:v1:account:{name} z {zoom} {more}")).await;
        bench.cmd(&format!("HSET zoomd:v1:alias:{zoom} known@x Uknown")).await;
    }
    bench
}

/// Request for one job, made to both implementations.
struct Asked {
    account: &'static str,
    host: &'static str,
    other: Option<&'static str>,
    id: u64,
    late: bool,
}

fn admission(asked: &Asked, entry: &std::sync::Arc<str>, now_ms: i64) -> Admission {
    Admission {
        host: Some(asked.host.into()),
        other_host: asked.other.map(Into::into),
        deadline_ms: if asked.late { now_ms - 1 } else { crate::bench::FAR },
        ..named(&format!("job-{}", asked.id), 1, asked.account, entry)
    }
}

fn word(answer: &Admitted) -> String {
    match answer {
        Admitted::Go(ticket) => format!("go, plain {}, {:?}", ticket.plain, ticket.grant),
        other => format!("{other:?}"),
    }
}

/// The keys in which a grant leaves its mark, and what is in them.
async fn marks(bench: &Bench) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for key in bench.keys().await {
        let read = match key.strip_prefix("zoomd:v1:").and_then(|rest| rest.split(':').next()) {
            Some("ledger" | "alias") => format!("HGETALL {key}"),
            Some("in_flight" | "leases" | "ring" | "asleep" | "due") => {
                format!("ZRANGE {key} 0 -1 WITHSCORES")
            }
            Some("owner") => format!("HGETALL {key}"),
            _ => continue,
        };
        let mut items: Vec<String> =
            redis::from_redis_value(bench.cmd(&read).await).expect("items");
        let ttl = if key.starts_with("zoomd:v1:ledger:") {
            bench.int(&format!("TTL {key}")).await
        } else {
            -1
        };
        items.chunks_mut(2).for_each(|pair| pair[0].push_str(" = "));
        let mut items: Vec<String> = items.chunks(2).map(<[String]>::concat).collect();
        items.sort();
        found.insert(key, format!("{items:?}, expires {}", ttl > 172_000));
    }
    found
}

/// Forgets waiting jobs and all gates: else nearly all jobs would wait after a while.
async fn empty(bench: &Bench) {
    for key in bench.keys().await {
        let rest = key.strip_prefix("zoomd:v1:").unwrap_or_default();
        if ["room:", "payload:", "rooms:", "line:", "gate:", "ring", "asleep", "due", "deadline"]
            .iter()
            .any(|k| rest.starts_with(k))
        {
            bench.cmd(&format!("DEL {key}")).await;
        }
    }
}

#[tokio::test]
async fn the_short_way_decides_and_counts_as_the_long_one() {
    let (short, long) = (start("unlimited").await, start("vast").await);
    let (mut dice, mut now_ms, mut plain) = (Dice(7), 1_800_000_000_000, 0);
    for round in 0..300 {
        now_ms += i64::try_from(dice.below(40_000)).expect("ms");
        let asked: Vec<Asked> = (0..=dice.below(12))
            .map(|_| Asked {
                account: dice.pick(&ACCOUNTS).0,
                host: dice.pick::<&'static str>(&HOSTS),
                other: (dice.below(6) == 0).then_some("U8"),
                id: dice.below(3_000),
                late: dice.below(40) == 0,
            })
            .collect();
        let gate = (dice.below(12) == 0).then(|| dice.pick(&ACCOUNTS).1);
        let emptied = dice.below(2) == 0;
        let mut said = Vec::new();
        for bench in [&short, &long] {
            bench.store.clock().stop_at_ms(now_ms);
            if emptied {
                empty(bench).await;
            }
            if let Some(zoom) = gate {
                bench.cmd(&format!("HSET zoomd:v1:gate:{zoom} light {}", now_ms + 30_000)).await;
            }
            let entries = bench.arrive(asked.len()).await;
            let jobs: Vec<_> =
                asked.iter().zip(&entries).map(|(a, entry)| admission(a, entry, now_ms)).collect();
            let answers = bench.admit(&jobs).await;
            said.push(answers.iter().map(word).collect::<Vec<_>>());
            let tickets = answers.into_iter().filter_map(|answer| match answer {
                Admitted::Go(ticket) => Some(ticket),
                _ => None,
            });
            let settled: Vec<_> = tickets
                .enumerate()
                .filter(|(nth, _)| nth % 3 != 2)
                .map(|(_, ticket)| Settlement::new(ticket, done()))
                .collect();
            let batch = bench.queue.settle_batch(settled, Vec::new());
            bench.queue.settle(&batch).await.expect("settle");
        }
        assert_eq!(said[0], said[1], "round {round}");
        plain += said[0].iter().filter(|word| word.starts_with("go, plain true")).count();
        if round % 10 == 0 {
            assert_eq!(marks(&short).await, marks(&long).await, "round {round}");
        }
    }
    assert!(plain > 200, "{plain} took the short way");
}

#[tokio::test]
async fn a_damaged_ledger_is_met_on_the_short_way_too() {
    let bench = start("unlimited").await;
    bench.to_noon().await;
    let entries = bench.arrive(3).await;
    let admit = async |entry| bench.admit_one(job("solo", "me", entry)).await;
    assert!(matches!(admit(&entries[0]).await, Admitted::Go(_)));
    let keys = bench.keys().await;
    let ledger = keys.iter().find(|key| key.starts_with("zoomd:v1:ledger:")).expect("a ledger");
    bench.cmd(&format!("HSET {ledger} l:light many")).await;
    assert!(matches!(admit(&entries[1]).await, Admitted::Go(_)));
    assert_eq!(bench.int(&format!("HGET {ledger} l:light")).await, 1);
    bench.cmd(&format!("SET {ledger} x")).await;
    let known = bench.int("HLEN zoomd:v1:owner").await;
    assert!(matches!(admit(&entries[2]).await, Admitted::Broken));
    assert_eq!(bench.int("HLEN zoomd:v1:owner").await, known);
    bench.cmd(&format!("DEL {ledger}")).await;
    assert!(matches!(admit(&entries[2]).await, Admitted::Go(_)), "its entry is still pending");
}
