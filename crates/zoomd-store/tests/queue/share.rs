//! Limits and turns shared by several accounts of one Zoom account.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use zoomd_store::queue::{Admission, Admitted};

use crate::bench::{Bench, job};

/// Active accounts of the Zoom account `Zboth`.
async fn shared(plans: &[(&str, &str)]) -> Bench {
    let bench = Bench::start().await;
    bench.to_noon().await;
    for (name, plan) in plans {
        bench.account(name, plan).await;
        bench.cmd(&format!("HSET zoomd:v1:account:{name} z Zboth uid U{name}")).await;
    }
    bench
}

fn of(names: &[&str], host: &str, entries: &[Arc<str>]) -> Vec<Admission> {
    let name = |n: usize| names[n * names.len() / entries.len()];
    entries.iter().enumerate().map(|(n, e)| job(name(n), host, e)).collect()
}

async fn gone(bench: &Bench, jobs: &[Admission]) -> usize {
    bench.admit(jobs).await.iter().filter(|a| matches!(a, Admitted::Go(_))).count()
}

/// Jobs claimed now, by account.
async fn claimed(bench: &Bench, most: usize) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for job in bench.queue.claim(&bench.queue.fence(), most).await.expect("claim").jobs {
        *count.entry(job.ticket.account.to_string()).or_default() += 1;
    }
    count
}

#[tokio::test]
async fn one_batch_of_several_accounts_grants_no_more_than_there_is() {
    let bench = shared(&[("a", "free"), ("b", "free"), ("c", "pro")]).await; // 3 of 4 a second
    let e = bench.arrive(30).await;
    assert_eq!(gone(&bench, &of(&["a", "b"], "me", &e[..20])).await, 3);
    let e = &e[20..];
    bench.shift(Duration::from_millis(1_100)).await;
    bench.cmd("DEL zoomd:v1:rooms:a zoomd:v1:rooms:b zoomd:v1:room:a|me zoomd:v1:room:b|me").await;
    // Another plan of the same Zoom account is handled separately.
    assert_eq!(gone(&bench, &of(&["a", "c"], "me", e)).await, 3);
}

#[tokio::test]
async fn one_batch_of_several_accounts_spends_a_hosts_day_once() {
    let bench = shared(&[("a", "pro"), ("b", "pro")]).await;
    let mut granted = 0;
    for _ in 0..9 {
        let e = bench.arrive(24).await;
        granted += gone(&bench, &of(&["a", "b"], "U1", &e)).await;
        bench.shift(Duration::from_millis(1_100)).await;
        bench
            .cmd("DEL zoomd:v1:rooms:a zoomd:v1:rooms:b zoomd:v1:room:a|U1 zoomd:v1:room:b|U1")
            .await;
        bench.cmd("DEL zoomd:v1:ring zoomd:v1:asleep").await;
    }
    assert_eq!(granted, 100);
    let keys: Vec<String> =
        redis::from_redis_value(bench.cmd("KEYS zoomd:v1:ledger:*").await).expect("keys");
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(bench.int(&format!("HGET {} h:U1", keys[0])).await, 100);
}

#[tokio::test]
async fn claims_of_several_accounts_grant_no_more_than_there_is() {
    let bench = shared(&[("a", "pro"), ("b", "pro"), ("c", "pro")]).await; // 24 of 30 a second
    bench.cmd("HSET zoomd:v1:meta paused x").await;
    let e = bench.arrive(300).await;
    gone(&bench, &of(&["a", "b", "c"], "me", &e)).await;
    bench.cmd("HDEL zoomd:v1:meta paused").await;
    bench.shift(Duration::from_secs(61)).await;
    let mut all = BTreeMap::<String, usize>::new();
    for _ in 0..7 {
        let count = claimed(&bench, 512).await;
        assert_eq!(count.values().sum::<usize>(), 24, "{count:?}");
        for (name, n) in count {
            *all.entry(name).or_default() += n;
        }
        assert_eq!(claimed(&bench, 512).await, BTreeMap::new());
        bench.shift(Duration::from_millis(1_100)).await;
    }
    // Before anybody stood in line one had a turn of 16.
    assert!(all.values().all(|n| (48..=64).contains(n)), "{all:?}");
}

#[tokio::test]
async fn what_waits_and_what_comes_share_a_second_in_turn() {
    let bench = shared(&[("first", "free"), ("second", "free")]).await;
    let e = bench.arrive(40).await;
    let mut count = BTreeMap::from([("first".to_owned(), 0), ("second".to_owned(), 0)]);
    gone(&bench, &of(&["second"], "me", &e)).await;
    for _ in 0..8 {
        bench.shift(Duration::from_millis(1_100)).await;
        // New jobs of the other account come just before the waiting ones are read.
        let e = bench.arrive(3).await;
        *count.get_mut("first").expect("there") += gone(&bench, &of(&["first"], "me", &e)).await;
        for (name, n) in claimed(&bench, 9).await {
            *count.get_mut(&name).expect("there") += n;
        }
    }
    assert_eq!(count.values().sum::<usize>(), 24, "nothing of a second is wasted: {count:?}");
    assert!(count.values().all(|n| *n >= 9), "{count:?}");
}

#[tokio::test]
async fn nobody_stands_in_line_when_nobody_waits() {
    let bench = shared(&[("a", "free"), ("b", "free")]).await;
    let e = bench.arrive(8).await;
    gone(&bench, &of(&["a", "b"], "me", &e)).await;
    for left in [2, 0] {
        bench.shift(Duration::from_millis(1_100)).await;
        claimed(&bench, 9).await;
        assert_eq!(bench.int("EXISTS zoomd:v1:line:Zboth:light").await, i64::from(left > 0));
    }
    assert_eq!(
        bench.int("EXISTS zoomd:v1:line:Zboth:light zoomd:v1:ring zoomd:v1:asleep").await,
        0
    );
    let e = bench.arrive(3).await;
    bench.shift(Duration::from_millis(1_100)).await;
    assert_eq!(gone(&bench, &of(&["b"], "me", &e)).await, 3);
}

#[tokio::test]
async fn a_lane_that_is_gone_holds_up_nobody() {
    let bench = shared(&[("a", "free"), ("b", "free"), ("c", "free")]).await;
    let e = bench.arrive(20).await;
    gone(&bench, &of(&["a", "b"], "me", &e)).await;
    claimed(&bench, 9).await;
    // A paused and an unknown account are ahead of the one that can run.
    bench.cmd("HSET zoomd:v1:account:a paused x").await;
    bench.cmd("ZADD zoomd:v1:line:Zboth:light 1 a 2 nobody 3 nobody? 4 c").await;
    bench.shift(Duration::from_millis(1_100)).await;
    assert_eq!(claimed(&bench, 9).await, BTreeMap::from([("b".to_owned(), 3)]));
}
