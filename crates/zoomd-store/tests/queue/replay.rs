//! Lost answers, and a Redis that forgot.

use zoomd_store::queue::{Admitted, Close, Remembered, Replayed, Settled, Settlement};

use crate::bench::{Bench, done, go, job, named};

#[tokio::test]
async fn leases_whose_answer_was_lost_are_given_back_unspent() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(3).await;
    let lost = bench.queue.fence();
    let jobs = [job("acme", "me", &e[0]), named("a", 1, "acme", &e[1])];
    bench.queue.admit(&lost, &jobs).await.expect("admit");
    let kept = go(bench.admit_one(job("acme", "me", &e[2])).await);
    assert_eq!(bench.queue.recall(&lost).await.expect("recall"), 2);
    assert_eq!(bench.queue.recall(&lost).await.expect("recall"), 0);
    let day = zoomd_store::clock::day_name(bench.store.now_ms().await.expect("time"));
    assert_eq!(bench.int(&format!("HGET zoomd:v1:ledger:{day}:Zacme h:Uacme")).await, 1);
    let claimed = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs;
    assert_eq!(claimed.len(), 2);
    for job in claimed {
        assert_eq!((job.record.sweeps, job.record.attempts, job.record.unresolved), (0, 0, false));
        assert_eq!(bench.end(job.ticket, done()).await, Settled::Done);
    }
    assert_eq!(bench.end(kept, done()).await, Settled::Done);
}

#[tokio::test]
async fn forgotten_calls_are_told_before_they_are_repeated() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(4).await;
    let jobs: Vec<_> = e.iter().map(|e| job("acme", "me", e)).collect();
    let tickets: Vec<_> = bench.admit(&jobs).await.into_iter().map(go).collect();
    assert_eq!(bench.queue.last_settle_kept().await.expect("kept"), 0);
    assert_eq!(bench.end(tickets[3].clone(), done()).await, Settled::Done);
    assert_eq!(bench.queue.last_settle_kept().await.expect("kept"), 1);
    // Redis goes back to before the admissions: the first job comes again, the second has been
    // moved to its room, the third was deleted with its entry.
    for key in ["owner", "leases", "ids", "in_flight:acme"] {
        bench.cmd(&format!("DEL zoomd:v1:{key}")).await;
    }
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    assert!(matches!(bench.admit_one(jobs[1].clone()).await, Admitted::Waits { .. }));
    bench.cmd(&format!("XACK zoomd:jobs zoomd {}", e[2])).await;
    bench.cmd(&format!("XDEL zoomd:jobs {}", e[2])).await;
    let remembered: Vec<_> = tickets[..3]
        .iter()
        .map(|ticket| Remembered { ticket: ticket.clone(), payload: "{}".into() })
        .collect();
    let written = bench.queue.replay_lost(&remembered).await.expect("write");
    assert_eq!(written, [Replayed::Leased; 3]);
    let written = bench.queue.replay_lost(&remembered).await.expect("write");
    assert_eq!(written, [Replayed::Known; 3]);
    assert!(matches!(bench.admit_one(jobs[0].clone()).await, Admitted::Held));
    assert_eq!(bench.int("ZCARD zoomd:v1:room:acme|me").await, 0);
    // The replayed answer still closes the right gate.
    let until_ms = bench.store.now_ms().await.expect("time") + 60_000;
    let closes = vec![Close::HostDay { until_ms }];
    let settlement = Settlement { closes, ..Settlement::new(tickets[0].clone(), done()) };
    let batch = bench.queue.settle_batch(vec![settlement], Vec::new());
    assert_eq!(bench.queue.settle(&batch).await.expect("settle"), [Settled::Done]);
    assert_eq!(bench.int("HGET zoomd:v1:gate:Zacme h:Uacme").await, until_ms);
    // The others are not settled: reconcile searches for them.
    bench.shift(std::time::Duration::from_secs(31)).await;
    assert_eq!(bench.queue.sweep(9).await.expect("sweep").sent, 2);
    assert_eq!(bench.int("XLEN zoomd:jobs").await, 0);
}

#[tokio::test]
async fn a_finished_job_is_not_taken_up_again() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(2).await;
    let first = go(bench.admit_one(named("a", 1, "acme", &e[0])).await);
    bench.end(first.clone(), done()).await;
    let second = go(bench.admit_one(named("b", 1, "acme", &e[1])).await);
    bench.shift(std::time::Duration::from_secs(31)).await;
    bench.queue.sweep(9).await.expect("sweep");
    bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim");
    let remember = |ticket| Remembered { ticket, payload: "{}".into() };
    let written =
        bench.queue.replay_lost(&[remember(first), remember(second)]).await.expect("write");
    assert_eq!(written, [Replayed::Finished, Replayed::Taken]);
}

#[tokio::test]
async fn a_call_told_again_leaves_no_payload() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "unlimited").await;
    let e = bench.arrive(1).await;
    let ticket = go(bench.admit_one(job("acme", "me", &e[0])).await);
    for key in ["owner", "leases", "ids", "in_flight:acme"] {
        bench.cmd(&format!("DEL zoomd:v1:{key}")).await;
    }
    let told = Remembered { ticket: ticket.clone(), payload: "{}".into() };
    let written = bench.queue.replay_lost(&[told]).await.expect("write");
    assert_eq!(written, [Replayed::Leased]);
    assert_eq!(bench.int("HLEN zoomd:v1:payload:acme").await, 1, "its entry is gone");
    assert_eq!(bench.end(ticket, done()).await, Settled::Done);
    assert_eq!(bench.int("EXISTS zoomd:v1:payload:acme").await, 0);
}
