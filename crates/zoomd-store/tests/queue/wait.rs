//! Rooms, sleep, turns and deadlines.

use std::time::Duration;

use zoomd_store::queue::{Admission, Admitted, Purpose, Record, Settled, Then, WaitReason};

use crate::bench::{Bench, done, go, job};

#[tokio::test]
async fn a_sleeping_job_wakes_at_its_time() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(1).await;
    let at = bench.store.now_ms().await.expect("time") + 60_000;
    let asleep = Admission { not_before_ms: Some(at), ..job("acme", "me", &e[0]) };
    assert!(
        matches!(bench.admit_one(asleep).await, Admitted::Waits { until_ms, .. } if until_ms == at)
    );
    let claimed = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim");
    assert!(claimed.jobs.is_empty());
    assert_eq!(claimed.next_wake_ms, Some(at));
    bench.shift(Duration::from_secs(61)).await;
    let mut claimed = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim");
    let job = claimed.jobs.remove(0);
    assert_eq!(&job.payload[..], br#"{"n":0}"#);
    // A backoff, then the end.
    let record = Record { attempts: 1, why: Some("500".into()), ..Record::default() };
    let until_ms = bench.store.now_ms().await.expect("time") + 2_000;
    let then =
        Then::Sleep { until_ms, purpose: Purpose::Attempt, record: record.clone(), event: None };
    assert_eq!(bench.end(job.ticket, then).await, Settled::Done);
    bench.shift(Duration::from_secs(3)).await;
    let job = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.remove(0);
    assert_eq!(job.record, record);
    assert_eq!(bench.end(job.ticket, done()).await, Settled::Done);
    for empty in [
        "HLEN zoomd:v1:payload:acme",
        "HLEN zoomd:v1:record:acme",
        "ZCARD zoomd:v1:deadline",
        "HLEN zoomd:v1:ids",
        "ZCARD zoomd:v1:due",
    ] {
        assert_eq!(bench.int(empty).await, 0, "{empty}");
    }
}

#[tokio::test]
async fn a_deadline_passes_wherever_the_job_waits() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    let e = bench.arrive(2).await;
    let now = bench.store.now_ms().await.expect("time");
    let deadline_ms = now + 10_000;
    let in_room = Admission { deadline_ms, ..job("acme", "me", &e[0]) };
    let asleep =
        Admission { deadline_ms, not_before_ms: Some(now + 9_000), ..job("acme", "me", &e[1]) };
    bench.admit(&[in_room, asleep]).await;
    let expired = bench.queue.claim_expired(&bench.queue.fence(), 9).await.expect("expire");
    assert_eq!((expired.jobs.len(), expired.next_ms), (0, Some(deadline_ms)));
    bench.shift(Duration::from_secs(11)).await;
    let expired = bench.queue.claim_expired(&bench.queue.fence(), 9).await.expect("expire");
    assert_eq!(expired.jobs.len(), 2);
    for job in expired.jobs {
        assert!(job.expired);
        assert_eq!(bench.end(job.ticket, crate::bench::failed(false)).await, Settled::Done);
    }
    assert_eq!(bench.int("ZCARD zoomd:v1:room:acme|me").await, 0);
    assert_eq!(bench.int("XLEN zoomd:failures").await, 2);
}

#[tokio::test]
async fn a_poisonous_job_is_known_by_its_lost_leases() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(1).await;
    let unsent = Admission { recoverable: false, ..job("acme", "me", &e[0]) };
    go(bench.admit_one(unsent).await);
    for sweeps in 1..=3 {
        bench.shift(Duration::from_secs(31)).await;
        assert_eq!(bench.queue.sweep(9).await.expect("sweep").unsent, 1);
        let job = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.remove(0);
        assert_eq!((job.record.sweeps, job.record.unresolved), (sweeps, false));
    }
    // Marked as sent just before the send: so reconcile searches for it.
    bench.shift(Duration::from_secs(31)).await;
    bench.queue.sweep(9).await.expect("sweep");
    let job = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.remove(0);
    assert!(bench.queue.mark_sent(&job.ticket).await.expect("mark"));
    bench.shift(Duration::from_secs(31)).await;
    assert!(!bench.queue.mark_sent(&job.ticket).await.expect("mark"), "its lease has ended");
    assert_eq!(bench.queue.sweep(9).await.expect("sweep").sent, 1);
    let job = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.remove(0);
    assert!(job.record.unresolved);
    assert_eq!(job.ticket.purpose, Purpose::Lookup);
}

#[tokio::test]
async fn accounts_and_hosts_take_turns() {
    let bench = Bench::start().await;
    for name in ["loud", "calm"] {
        bench.account(name, "unlimited").await;
        bench.cmd(&format!("HSET zoomd:v1:account:{name} paused x")).await;
    }
    let e = bench.arrive(140).await;
    let jobs: Vec<_> = e
        .iter()
        .enumerate()
        .map(|(n, e)| match n {
            0..100 => job("loud", "me", e),
            100..120 => job("loud", "b", e),
            _ => job("calm", "me", e),
        })
        .collect();
    bench.admit(&jobs).await;
    for name in ["loud", "calm"] {
        bench.cmd(&format!("HDEL zoomd:v1:account:{name} paused")).await;
    }
    bench.shift(Duration::from_secs(61)).await;
    let mut count = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..4 {
        for job in bench.queue.claim(&bench.queue.fence(), 16).await.expect("claim").jobs {
            *count.entry(format!("{}/{}", job.ticket.account, job.ticket.host)).or_default() += 1;
        }
    }
    assert_eq!(count["calm/me"], 20, "{count:?}");
    assert!(count["loud/b"] >= 16, "{count:?}");
}

#[tokio::test]
async fn the_rate_of_a_second_is_kept() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "free").await; // 3 of 4 a second
    bench.cmd("HSET zoomd:v1:account:acme uid U").await;
    let e = bench.arrive(10).await;
    let answers = bench.admit(&e.iter().map(|e| job("acme", "me", e)).collect::<Vec<_>>()).await;
    assert_eq!(answers.iter().filter(|a| matches!(a, Admitted::Go(_))).count(), 3);
    assert!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.is_empty());
    for _ in 0..2 {
        bench.shift(Duration::from_millis(1_100)).await;
        assert_eq!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.len(), 3);
    }
}

#[tokio::test]
async fn sizes_on_both_sides_of_what_unpack_can_hold() {
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    let at = bench.store.now_ms().await.expect("time");
    for size in [0, 1, 7_999, 8_001, 100_000] {
        fill(&bench, size, at).await;
        let mut moved = 0;
        loop {
            let step = bench.queue.promote(1000).await.expect("promote").moved;
            assert!(step <= 1000);
            moved += step;
            if step == 0 {
                break;
            }
        }
        assert_eq!(moved, size);
        let claimed = bench.queue.claim(&bench.queue.fence(), 512).await.expect("claim").jobs;
        assert_eq!(claimed.len() as u64, size.min(512));
        let tickets = claimed.into_iter().map(|job| job.ticket).collect();
        bench.queue.release(tickets).await.expect("release");
        let expired = bench.queue.claim_expired(&bench.queue.fence(), 512).await.expect("expire");
        assert!(expired.jobs.is_empty());
        bench.shift(Duration::from_secs(60)).await;
        bench.queue.sweep(1000).await.expect("sweep");
        for key in [
            "ids",
            "payload:acme",
            "room:acme|me",
            "rooms:acme",
            "ring",
            "asleep",
            "deadline",
            "leases",
            "owner",
        ] {
            bench.cmd(&format!("DEL zoomd:v1:{key}")).await;
        }
    }
}

/// `size` sleeping jobs that are due.
async fn fill(bench: &Bench, size: u64, at: i64) {
    let script = "for i = 1, tonumber(ARGV[1]) do local id = 'job-' .. i \
        redis.call('HSET', 'zoomd:v1:ids', id, 'L 1 ' .. ARGV[2] .. '-' .. i .. ' - c10y 0 4000000000000 acme|me|') \
        redis.call('HSET', 'zoomd:v1:payload:acme', id, '{}') \
        redis.call('ZADD', 'zoomd:v1:deadline', 4000000000000, id) \
        redis.call('ZADD', 'zoomd:v1:due', ARGV[2], id) end";
    let mut cmd = redis::cmd("EVAL");
    cmd.arg(script).arg(0).arg(size).arg(at);
    bench.conn.value(&cmd).await.expect("fill");
}

#[tokio::test]
async fn a_long_wait_is_told_with_its_reason() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    bench.account("parked", "pro").await;
    bench.cmd("HSET zoomd:v1:account:parked st needs_reauth").await;
    let e = bench.arrive(3).await;
    let now = bench.store.now_ms().await.expect("time");
    let until = |ms: i64| Some(now + ms);
    let jobs = [
        Admission { not_before_ms: until(30_000), ..job("acme", "me", &e[0]) },
        Admission { not_before_ms: until(90_000), ..job("acme", "me", &e[1]) },
        job("parked", "me", &e[2]),
    ];
    bench.admit(&jobs).await;
    let events = format!("{:?}", bench.cmd("XRANGE zoomd:events - +").await);
    assert_eq!(bench.int("XLEN zoomd:events").await, 2, "{events}");
    let at = |ms: i64| {
        let second = ms / 1000 % 60;
        format!(":{second:02}.{:03}Z", ms % 1000)
    };
    assert!(events.contains(&at(now + 90_000)), "{events}");
    assert!(events.contains(r#"\"why\":\"consent\"}"#), "{events}");
}

#[tokio::test]
async fn a_wait_behind_many_hosts_is_told_too() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "free").await; // 3 of 4 a second
    let e = bench.arrive(251).await;
    let host = |n: usize| format!("U{}", n % 60);
    let jobs: Vec<_> = e[..250].iter().enumerate().map(|(n, e)| job("acme", &host(n), e)).collect();
    for batch in jobs.chunks(125) {
        bench.admit(batch).await;
    }
    // The first of its host, and eighty seconds behind those of the others.
    bench.cmd("DEL zoomd:events").await;
    bench.admit_one(job("acme", "Unew", &e[250])).await;
    let events = format!("{:?}", bench.cmd("XRANGE zoomd:events - +").await);
    assert_eq!(bench.int("XLEN zoomd:events").await, 1, "{events}");
    assert!(events.contains(r#"\"why\":\"second\""#), "{events}");
}

#[tokio::test]
async fn a_job_claimed_after_a_full_day_is_told_which() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "pro").await;
    let entries = bench.arrive(1).await;
    let day = zoomd_store::clock::day_name(bench.store.now_ms().await.expect("time"));
    bench.cmd(&format!("HSET zoomd:v1:ledger:{day}:Zacme h:Uacme 100")).await;
    let waits = bench.admit_one(job("acme", "me", &entries[0])).await;
    assert!(matches!(waits, Admitted::Waits { why: WaitReason::HostDay, .. }), "{waits:?}");
    bench.to_tomorrow(60_000).await;
    let claimed = bench.queue.claim(&bench.queue.fence(), 10).await.expect("claim");
    assert_eq!(claimed.jobs[0].full_day, Some(WaitReason::HostDay));
    // One that came today is not.
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    let now = bench.store.now_ms().await.expect("time");
    let entry: std::sync::Arc<str> = format!("{now}-1").into();
    bench.cmd(&format!("XADD zoomd:jobs {entry} job {{}}")).await;
    bench.read().await;
    bench.admit_one(job("acme", "me", &entry)).await;
    bench.cmd("HDEL zoomd:v1:account:acme paused").await;
    bench.shift(Duration::from_secs(61)).await;
    let claimed = bench.queue.claim(&bench.queue.fence(), 10).await.expect("claim");
    assert_eq!(claimed.jobs[0].full_day, None);
}
