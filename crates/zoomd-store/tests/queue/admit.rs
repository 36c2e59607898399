//! Admission: jobs that go, jobs that wait, and repeats.

use std::time::Duration;

use zoomd_store::queue::{Admission, Admitted, Settled, WaitReason};

use crate::bench::{Bench, FAR, done, failed, go, job, named};

#[tokio::test]
async fn a_job_goes_is_settled_and_leaves_nothing_but_its_memory() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let entry = bench.arrive(1).await.remove(0);
    let ticket = go(bench.admit_one(named("order-1", 7, "acme", &entry)).await);
    assert_eq!(ticket.grant.expect("grant").generation, 3);
    assert_eq!(bench.int("ZCARD zoomd:v1:in_flight:acme").await, 1);
    assert_eq!(bench.end(ticket.clone(), done()).await, Settled::Done);
    assert_eq!(bench.int("XLEN zoomd:results").await, 1);
    for empty in ["XLEN zoomd:jobs", "HLEN zoomd:v1:owner", "ZCARD zoomd:v1:in_flight:acme"] {
        assert_eq!(bench.int(empty).await, 0, "{empty}");
    }
    let memory = bench.text("HGET zoomd:v1:ids order-1").await.expect("memory");
    assert!(memory.starts_with(&format!("D 1 {entry} 0000000000000007 ")), "{memory}");
    // A second settle of the same lease finds none.
    assert_eq!(bench.end(ticket, done()).await, Settled::Stale);
    assert_eq!(bench.int("XLEN zoomd:results").await, 1);
}

#[tokio::test]
async fn a_repeat_is_dropped_a_conflict_told_and_a_failure_frees_the_id() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let entries = bench.arrive(6).await;
    let first = go(bench.admit_one(named("a", 7, "acme", &entries[0])).await);
    // While it runs.
    assert!(matches!(bench.admit_one(named("a", 7, "acme", &entries[1])).await, Admitted::Repeat));
    assert!(matches!(
        bench.admit_one(named("a", 8, "acme", &entries[2])).await,
        Admitted::Conflict
    ));
    assert_eq!(bench.int("XLEN zoomd:jobs").await, 5, "only the repeat was dropped");
    // Second admission after a failure.
    bench.end(first, failed(false)).await;
    let second = go(bench.admit_one(named("a", 8, "acme", &entries[2])).await);
    // Second admission with an unknown outcome.
    bench.end(second, failed(true)).await;
    assert!(matches!(bench.admit_one(named("a", 8, "acme", &entries[3])).await, Admitted::Repeat));
    assert!(matches!(
        bench.admit_one(named("a", 9, "acme", &entries[4])).await,
        Admitted::Conflict
    ));
}

#[tokio::test]
async fn two_in_one_batch_are_told_apart() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(3).await;
    let jobs =
        [named("a", 7, "acme", &e[0]), named("a", 7, "acme", &e[1]), named("a", 8, "acme", &e[2])];
    let answers = bench.admit(&jobs).await;
    assert!(
        matches!(answers[..], [Admitted::Go(_), Admitted::Repeat, Admitted::Conflict]),
        "{answers:?}"
    );
}

#[tokio::test]
async fn a_finished_id_is_forgotten_after_a_day() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(3).await;
    let ticket = go(bench.admit_one(named("a", 7, "acme", &e[0])).await);
    bench.end(ticket, done()).await;
    assert!(matches!(bench.admit_one(named("a", 7, "acme", &e[1])).await, Admitted::Repeat));
    bench.shift(std::time::Duration::from_secs(24 * 3600 + 2)).await;
    go(bench.admit_one(named("a", 9, "acme", &e[2])).await);
}

#[tokio::test]
async fn a_redelivery_is_not_a_repeat() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(2).await;
    let jobs = [named("a", 7, "acme", &e[0]), job("acme", "me", &e[1])];
    for admitted in bench.admit(&jobs).await {
        go(admitted);
    }
    // The daemon died between admit and settle; the entries come again.
    for destroyed in [false, true] {
        if destroyed {
            bench.cmd("XGROUP DESTROY zoomd:jobs zoomd").await;
            bench.make_group().await;
            assert_eq!(bench.read().await, 2);
        }
        let answers = bench.admit(&jobs).await;
        assert!(matches!(answers[..], [Admitted::Held, Admitted::Held]), "{destroyed} {answers:?}");
        assert_eq!(bench.int("XLEN zoomd:jobs").await, 2);
    }
    // The lease ends: both calls may have been sent, so reconcile searches for both.
    bench.shift(std::time::Duration::from_secs(31)).await;
    let swept = bench.queue.sweep(100).await.expect("sweep");
    assert_eq!((swept.sent, swept.unsent, swept.lost), (2, 0, 0));
    assert_eq!(bench.int("XLEN zoomd:jobs").await, 0);
    let claimed = bench.queue.claim(&bench.queue.fence(), 10).await.expect("claim");
    assert_eq!(claimed.jobs.len(), 2);
    for job in claimed.jobs {
        assert!(job.record.unresolved);
        assert_eq!((job.record.attempts, job.record.sweeps), (1, 1));
        assert!(job.payload.starts_with(b"{\"n\":"));
        assert_eq!(bench.end(job.ticket, done()).await, Settled::Done);
    }
    assert_eq!(bench.int("XLEN zoomd:results").await, 2);
}

#[tokio::test]
async fn an_admission_sent_again_answers_the_same() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(2).await;
    let jobs = [named("a", 7, "acme", &e[0]), job("acme", "me", &e[1])];
    let fence = bench.queue.fence();
    for _ in 0..2 {
        for admitted in bench.queue.admit(&fence, &jobs).await.expect("admit") {
            assert_eq!(go(admitted).fence, fence);
        }
    }
    let now = bench.store.now_ms().await.expect("time");
    let day = zoomd_store::clock::day_name(now);
    assert_eq!(
        bench.int(&format!("HGET zoomd:v1:ledger:{day}:Zacme h:Uacme")).await,
        2,
        "charged once"
    );
}

#[tokio::test]
async fn an_entry_that_is_not_ours_any_more_is_left_alone() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(2).await;
    bench.cmd(&format!("XCLAIM zoomd:jobs zoomd other 0 {}", e[0])).await;
    bench.cmd(&format!("XDEL zoomd:jobs {}", e[1])).await;
    bench.cmd(&format!("XACK zoomd:jobs zoomd {}", e[1])).await;
    let answers = bench.admit(&[job("acme", "me", &e[0]), job("acme", "me", &e[1])]).await;
    assert!(matches!(answers[..], [Admitted::Held, Admitted::Held]), "{answers:?}");
}

#[tokio::test]
async fn accounts_say_who_may_go() {
    let bench = Bench::start().await;
    let e = bench.arrive(8).await;
    for name in ["parked", "gone", "paused", "turning", "intent", "capped"] {
        bench.account(name, "pro").await;
    }
    let soon = bench.store.now_ms().await.expect("time") + 60_000;
    bench.cmd("HSET zoomd:v1:account:parked st needs_reauth").await;
    bench.cmd("HSET zoomd:v1:account:gone st removed").await;
    bench.cmd("HSET zoomd:v1:account:paused paused because").await;
    bench.cmd(&format!("HSET zoomd:v1:account:turning lku {soon}")).await;
    bench.cmd("HSET zoomd:v1:account:intent int x").await;
    bench.cmd("HSET zoomd:v1:account:capped cap 1").await;
    let late = zoomd_store::queue::Admission { deadline_ms: 5, ..job("capped", "me", &e[7]) };
    let jobs = [
        job("nobody", "me", &e[0]),
        job("gone", "me", &e[1]),
        job("parked", "me", &e[2]),
        job("paused", "me", &e[3]),
        job("turning", "me", &e[4]),
        job("intent", "me", &e[5]),
        job("capped", "me", &e[6]),
        late,
    ];
    let words: Vec<_> = bench.admit(&jobs).await.iter().map(word).collect();
    assert_eq!(
        words,
        ["no account", "removed", "consent", "paused", "rotation", "rotation", "go", "expired"]
    );
    let e = bench.arrive(1).await;
    assert_eq!(word(&bench.admit_one(job("capped", "me", &e[0])).await), "in_flight");
}

fn word(admitted: &Admitted) -> &'static str {
    match admitted {
        Admitted::Go(_) => "go",
        Admitted::Waits { why, .. } => why.as_str(),
        Admitted::NoAccount => "no account",
        Admitted::AccountRemoved => "removed",
        Admitted::Expired => "expired",
        _ => "other",
    }
}

#[tokio::test]
async fn of_130_jobs_of_one_host_a_hundred_go() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "unlimited").await;
    bench.cmd("HSET zoomd:v1:account:acme plan hundred").await;
    let mut settings = zoomd_store::queue::QueueSettings::default();
    let hundred = zoomd_store::limits::PlanLimits { host_day: 100, ..Default::default() };
    settings.budgets.plans.insert("hundred".into(), hundred);
    let queue = zoomd_store::queue::Queue::new(bench.store.clone(), settings, "boot1");
    let entries = bench.arrive(130).await;
    let jobs: Vec<_> = entries.iter().map(|e| job("acme", "me", e)).collect();
    let mut gone = 0;
    for batch in jobs.chunks(64) {
        for admitted in queue.admit(&queue.fence(), batch).await.expect("admit") {
            match admitted {
                Admitted::Go(_) => gone += 1,
                Admitted::Waits { why, until_ms } => {
                    assert!(matches!(why, WaitReason::HostDay | WaitReason::Turn), "{why}");
                    assert!(
                        why == WaitReason::Turn || until_ms % 86_400_000 < 30_000,
                        "{until_ms}"
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(gone, 100);
    assert_eq!(bench.int("XLEN zoomd:jobs").await, 100, "who waits has left the stream");
    assert_eq!(bench.int("XLEN zoomd:events").await, 30, "each is told");
    assert!(queue.claim(&queue.fence(), 50).await.expect("claim").jobs.is_empty());
    bench.to_tomorrow(20_000).await;
    let claimed = queue.claim(&queue.fence(), 50).await.expect("claim").jobs;
    assert_eq!(claimed.len(), 30);
    assert!(claimed.iter().all(|job| job.ticket.deadline_ms == FAR));
}

#[tokio::test]
async fn who_will_wait_behind_others_for_a_minute_is_told() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "pro").await;
    // 24 a second, of which a hundred fit into the host's day.
    let entries = bench.arrive(130).await;
    let jobs: Vec<_> = entries.iter().map(|e| job("acme", "me", e)).collect();
    let words: Vec<_> = bench.admit(&jobs).await.iter().map(word).collect();
    assert_eq!((words[23], words[24]), ("go", "second"));
    let events = format!("{:?}", bench.cmd("XRANGE zoomd:events - +").await);
    assert_eq!(events.matches(r#"\"why\":\"host_day\""#).count(), 30, "{events}");
    assert_eq!(bench.int("XLEN zoomd:events").await, 30);
}

#[tokio::test]
async fn a_count_that_is_none_begins_anew_and_stops_nobody() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "unlimited").await;
    let day = zoomd_store::clock::day_name(bench.store.now_ms().await.expect("time"));
    for count in ["1.5", "1e3", "nan", "99999999999999999999"] {
        let key = format!("zoomd:v1:ledger:{day}:Zacme");
        for field in ["l:light", "l:medium", "l:heavy", "h:Uacme"] {
            bench.cmd(&format!("HSET {key} {field} {count}")).await;
        }
        let e = bench.arrive(1).await;
        go(bench.admit_one(job("acme", "me", &e[0])).await);
        assert_eq!(bench.int(&format!("HGET {key} h:Uacme")).await, 1, "instead of {count}");
    }
}

/// Half of a job's records are gone, or were never written: an entry that nobody owns
/// is not sent before its time.
#[tokio::test]
async fn an_entry_without_an_owner_keeps_its_not_before() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(1).await;
    let now = bench.store.now_ms().await.expect("time");
    let early = Admission { not_before_ms: Some(now + 3_600_000), ..job("acme", "me", &e[0]) };
    let mut known = redis::cmd("HSET");
    known.arg("zoomd:v1:ids").arg(&*e[0]);
    known.arg(format!("L 1 {} - c10y 0 {FAR} acme|me|", e[0]));
    bench.conn.value(&known).await.expect("a record without a lease");
    let admitted = bench.admit_one(early).await;
    assert!(
        matches!(admitted, Admitted::Waits { why: WaitReason::NotBefore, until_ms } if until_ms == now + 3_600_000),
        "{admitted:?}"
    );
    bench.shift(Duration::from_secs(1800)).await;
    assert_eq!(bench.queue.sweep(10).await.expect("sweep").total(), 0);
    assert!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.is_empty());
    bench.shift(Duration::from_secs(1801)).await;
    assert_eq!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.len(), 1);
}
