//! Jobs that sleep, are paused, at their cap or out of budget delay no others.

use std::collections::BTreeSet;
use std::time::Duration;

use redis_local::Options;
use zoomd_store::queue::{
    Admission, Admitted, ClaimedJob, QueueSettings, Settled, Then, WaitReason,
};

use crate::bench::{Bench, done, go, job};

async fn claim(bench: &Bench, most: usize) -> Vec<ClaimedJob> {
    bench.queue.claim(&bench.queue.fence(), most).await.expect("claim").jobs
}

fn why(admitted: &Admitted) -> Option<WaitReason> {
    match admitted {
        Admitted::Waits { why, .. } => Some(*why),
        _ => None,
    }
}

#[tokio::test]
async fn a_room_is_served_by_priority_then_by_age() {
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    let e = bench.arrive(6).await;
    let priority = [2, 1, 0, 1, 2, 0];
    let of = |n: usize| Admission { priority: priority[n], ..job("acme", "me", &e[n]) };
    bench.admit(&(0..6).map(of).collect::<Vec<_>>()).await;
    bench.cmd("HDEL zoomd:v1:account:acme paused").await;
    bench.shift(Duration::from_secs(61)).await;
    let mut served = Vec::new();
    for _ in 0..6 {
        served.push(claim(&bench, 1).await.remove(0).ticket.entry);
    }
    assert_eq!(served, [2, 5, 1, 3, 0, 4].map(|n: usize| e[n].clone()));
}

#[tokio::test]
async fn a_cap_in_flight_holds_its_account_alone() {
    let bench = Bench::start().await;
    for name in ["capped", "free"] {
        bench.account(name, "unlimited").await;
    }
    bench.cmd("HSET zoomd:v1:account:capped cap 2").await;
    let e = bench.arrive(8).await;
    let of = |n: usize| job(if n < 5 { "capped" } else { "free" }, "me", &e[n]);
    let mut answers = bench.admit(&(0..8).map(of).collect::<Vec<_>>()).await;
    let whys: Vec<_> = answers.iter().map(why).collect();
    assert_eq!(whys[..2], [None, None]);
    assert!(whys[2..5].contains(&Some(WaitReason::InFlight)), "{whys:?}");
    assert_eq!(whys[5..], [None, None, None]);
    assert!(claim(&bench, 9).await.is_empty());
    // A free place is taken immediately.
    let first = go(answers.remove(0));
    assert_eq!(bench.end(first, done()).await, Settled::Done);
    assert_eq!(claim(&bench, 9).await.len(), 1);
    assert!(claim(&bench, 9).await.is_empty());
}

#[tokio::test]
async fn a_paused_account_holds_up_no_other() {
    let bench = Bench::start().await;
    for name in ["paused", "busy"] {
        bench.account(name, "unlimited").await;
    }
    bench.cmd("HSET zoomd:v1:account:paused paused because").await;
    let e = bench.arrive(40).await;
    let of = |n: usize| job(if n < 20 { "paused" } else { "busy" }, "me", &e[n]);
    let answers = bench.admit(&(0..40).map(of).collect::<Vec<_>>()).await;
    assert!(answers[..20].iter().all(|a| why(a).is_some()));
    assert!(answers[20..].iter().all(|a| why(a).is_none()));
    assert!(claim(&bench, 99).await.is_empty());
    bench.cmd("HDEL zoomd:v1:account:paused paused").await;
    bench.shift(Duration::from_secs(61)).await;
    assert_eq!(claim(&bench, 99).await.len(), 20);
}

#[tokio::test]
async fn who_sleeps_stands_in_nobodys_way() {
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    let e = bench.arrive(400).await;
    let at = bench.store.now_ms().await.expect("time") + 3_600_000;
    let asleep =
        |n: usize| Admission { not_before_ms: Some(at), priority: 0, ..job("acme", "me", &e[n]) };
    bench.admit(&(0..300).map(asleep).collect::<Vec<_>>()).await;
    // Some sleep after they were tried.
    for entry in &e[300..320] {
        let ticket = go(bench.admit_one(job("acme", "me", entry)).await);
        let record = zoomd_store::queue::Record { attempts: 1, ..Default::default() };
        let purpose = zoomd_store::queue::Purpose::Attempt;
        let then = Then::Sleep { until_ms: at, purpose, record, event: None };
        assert_eq!(bench.end(ticket, then).await, Settled::Done);
    }
    let fresh: Vec<_> = (320..400).map(|n| job("acme", "me", &e[n])).collect();
    for admitted in bench.admit(&fresh).await {
        go(admitted);
    }
    assert!(claim(&bench, 512).await.is_empty());
}

/// Limits of one host's day alone.
fn hundred() -> QueueSettings {
    let mut settings = QueueSettings::default();
    let plan = zoomd_store::limits::PlanLimits { host_day: 100, ..Default::default() };
    settings.budgets.plans.insert("hundred".into(), plan);
    settings
}

#[tokio::test]
async fn of_five_hundred_hosts_a_spent_one_waits_alone() {
    let bench = Bench::with(Options::default(), hundred()).await;
    bench.to_noon().await;
    bench.account("org", "hundred").await;
    let now = bench.store.now_ms().await.expect("time");
    let day = zoomd_store::clock::day_name(now);
    bench.cmd(&format!("HSET zoomd:v1:ledger:{day}:Zorg h:U000 100")).await;
    // Jobs of this account come first, and all must go through rooms.
    bench.cmd("HSET zoomd:v1:account:org paused x").await;
    let e = bench.arrive(1_600).await;
    let host = |n: usize| if n < 600 { 0 } else { n % 500 };
    let jobs: Vec<_> =
        e.iter().enumerate().map(|(n, e)| job("org", &format!("U{:03}", host(n)), e)).collect();
    for batch in jobs.chunks(128) {
        bench.admit(batch).await;
    }
    bench.cmd("HDEL zoomd:v1:account:org paused").await;
    bench.shift(Duration::from_secs(61)).await;
    let (mut hosts, mut calls, mut looks) = (BTreeSet::new(), 0, 0);
    loop {
        let claimed = bench.queue.claim(&bench.queue.fence(), 128).await.expect("claim");
        looks += 1;
        calls += claimed.jobs.len();
        hosts.extend(claimed.jobs.iter().map(|job| job.ticket.host.to_string()));
        if !claimed.more {
            break;
        }
    }
    assert_eq!((hosts.len(), calls), (499, 998));
    assert!(looks < 40, "{looks} claims");
    assert_eq!(bench.int("ZCARD zoomd:v1:room:org|U000").await, 602);
    // And what comes now does not stand behind it.
    let e = bench.arrive(2).await;
    go(bench.admit_one(job("org", "U001", &e[0])).await);
    assert_eq!(why(&bench.admit_one(job("org", "U000", &e[1])).await), Some(WaitReason::HostDay));
}

#[tokio::test]
async fn ten_thousand_due_at_midnight_are_released_in_steps() {
    let bench = Bench::with(Options::default(), hundred()).await;
    bench.to_tomorrow(0).await;
    let midnight = zoomd_store::clock::next_midnight_ms(bench.store.now_ms().await.expect("time"));
    bench.to_tomorrow(-60_000).await;
    for n in 0..100 {
        bench.account(&format!("a{n}"), "hundred").await;
    }
    let fill = "for i = 0, 9999 do local id = 'job-' .. i local a = 'a' .. i % 100 \
        redis.call('HSET', 'zoomd:v1:ids', id, 'L 1 ' .. ARGV[1] .. '-' .. i .. ' - c10y 0 4000000000000 ' .. a .. '|U' .. i % 1000 .. '|') \
        redis.call('HSET', 'zoomd:v1:payload:' .. a, id, '{}') \
        redis.call('ZADD', 'zoomd:v1:due', ARGV[1], id) end";
    bench.conn.value(redis::cmd("EVAL").arg(fill).arg(0).arg(midnight)).await.expect("fill");
    // Half of the hosts have used up the day that ends.
    let day = zoomd_store::clock::day_name(midnight - 1);
    for n in 0..1_000 {
        let account = n % 100;
        if n % 200 >= 100 {
            bench.cmd(&format!("HSET zoomd:v1:ledger:{day}:Za{account} h:U{n} 100")).await;
        }
    }
    assert_eq!(bench.queue.promote(500).await.expect("promote").moved, 0, "not yet");
    bench.store.clock().stop_at_ms(midnight + 1);
    let (mut steps, mut moved) = (0, 0);
    while moved < 10_000 {
        let step = bench.queue.promote(500).await.expect("promote").moved;
        assert!(step <= 500);
        (steps, moved) = (steps + 1, moved + step);
    }
    assert_eq!((steps, moved), (20, 10_000));
    let mut at_once = 0;
    loop {
        let claimed = bench.queue.claim(&bench.queue.fence(), 512).await.expect("claim");
        assert!(claimed.jobs.len() <= 512);
        at_once += claimed.jobs.len();
        if !claimed.more {
            break;
        }
    }
    assert_eq!(at_once, 5_000, "a call now belongs to both days");
    // The others wake after the margin, spread over ten seconds.
    let scores: Vec<(String, i64)> = {
        let value = bench.cmd("ZRANGE zoomd:v1:asleep 0 -1 WITHSCORES").await;
        redis::from_redis_value::<Vec<(String, f64)>>(value)
            .expect("scores")
            .into_iter()
            .map(|(name, score)| (name, score as i64 - midnight))
            .collect()
    };
    assert_eq!(scores.len(), 500);
    assert!(scores.iter().all(|(_, at)| (5_000..15_100).contains(at)), "{scores:?}");
    for second in 5..15 {
        let within = scores.iter().filter(|(_, at)| at / 1_000 == second).count();
        assert!(within < 150, "{within} rooms wake in one second");
    }
}
