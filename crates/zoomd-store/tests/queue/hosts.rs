//! Hosts charged for a create: a host has several names, a create up to two hosts.

use zoomd_store::queue::{Admission, Admitted, Learnt, Settled, Settlement, Ticket, WaitReason};

use crate::bench::{Bench, done, go, job};

async fn start() -> Bench {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "pro").await;
    bench
}

async fn count(bench: &Bench, host: &str) -> i64 {
    let day = zoomd_store::clock::day_name(bench.store.now_ms().await.expect("time"));
    bench
        .text(&format!("HGET zoomd:v1:ledger:{day}:Zacme h:{host}"))
        .await
        .map_or(0, |n| n.parse().expect("a number"))
}

async fn spend(bench: &Bench, host: &str, calls: i64) {
    let day = zoomd_store::clock::day_name(bench.store.now_ms().await.expect("time"));
    bench.cmd(&format!("HSET zoomd:v1:ledger:{day}:Zacme h:{host} {calls}")).await;
}

async fn answered(bench: &Bench, ticket: Ticket, id: &str, mail: &str) {
    let mut settlement = Settlement::new(ticket, done());
    settlement.learnt = Some(Learnt { host_id: id.into(), email: Some(mail.into()) });
    let batch = bench.queue.settle_batch(vec![settlement], Vec::new());
    assert_eq!(bench.queue.settle(&batch).await.expect("settle"), [Settled::Done]);
}

fn why(admitted: &Admitted) -> Option<WaitReason> {
    match admitted {
        Admitted::Waits { why, .. } => Some(*why),
        _ => None,
    }
}

#[tokio::test]
async fn the_count_of_a_name_is_added_when_it_is_learnt() {
    let bench = start().await;
    spend(&bench, "Ub", 97).await;
    let e = bench.arrive(6).await;
    // It is not known yet that this is the same host.
    let first = go(bench.admit_one(job("acme", "b@x.test", &e[0])).await);
    assert_eq!(why(&bench.admit_one(job("acme", "b@x.test", &e[1])).await), Some(WaitReason::Host));
    assert_eq!((count(&bench, "Ub").await, count(&bench, "b@x.test").await), (97, 1));
    answered(&bench, first, "Ub", "b@x.test").await;
    assert_eq!((count(&bench, "Ub").await, count(&bench, "b@x.test").await), (98, 0));
    // The one that waited, and one more; by either name.
    assert_eq!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.len(), 1);
    go(bench.admit_one(job("acme", "Ub", &e[2])).await);
    assert_eq!(
        why(&bench.admit_one(job("acme", "b@x.test", &e[3])).await),
        Some(WaitReason::HostDay)
    );
    assert_eq!(why(&bench.admit_one(job("acme", "Ub", &e[4])).await), Some(WaitReason::HostDay));
    assert_eq!(count(&bench, "Ub").await, 100);
}

#[tokio::test]
async fn of_an_unknown_host_one_create_flies_at_a_time() {
    let bench = start().await;
    let e = bench.arrive(5).await;
    let jobs: Vec<_> = e.iter().map(|e| job("acme", "new@x.test", e)).collect();
    let mut answers = bench.admit(&jobs).await;
    assert_eq!(answers.iter().filter(|a| matches!(a, Admitted::Go(_))).count(), 1);
    // Also when it is claimed, and when its answer teaches nothing.
    let first = go(answers.remove(0));
    assert!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.is_empty());
    assert_eq!(bench.end(first, done()).await, Settled::Done);
    let mut claimed = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs;
    assert_eq!(claimed.len(), 1);
    assert!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.is_empty());
    // A known host of the account does not stand behind it.
    let e = bench.arrive(1).await;
    go(bench.admit_one(job("acme", "Uother", &e[0])).await);
    answered(&bench, claimed.remove(0).ticket, "Unew", "new@x.test").await;
    assert_eq!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.len(), 3);
    assert_eq!(count(&bench, "Unew").await, 5);
}

#[tokio::test]
async fn a_create_for_another_spends_both_hosts_days() {
    let bench = start().await;
    let e = bench.arrive(5).await;
    let both = |host: &str, other: &str, n: usize| Admission {
        other_host: Some(other.into()),
        ..job("acme", host, &e[n])
    };
    go(bench.admit_one(both("Ub", "Ua", 0)).await);
    assert_eq!((count(&bench, "Ua").await, count(&bench, "Ub").await), (1, 1));
    // A host given by two names is charged once.
    go(bench.admit_one(both("Uacme", "me", 1)).await);
    assert_eq!(count(&bench, "Uacme").await, 1);
    // Either used-up day holds it back; both are given back.
    spend(&bench, "Ua", 99).await;
    let last = go(bench.admit_one(both("Ub", "Ua", 2)).await);
    assert_eq!(why(&bench.admit_one(both("Uc", "Ua", 3)).await), Some(WaitReason::HostDay));
    bench.queue.release(vec![last]).await.expect("release");
    assert_eq!((count(&bench, "Ua").await, count(&bench, "Ub").await), (99, 1));
    // The job that needs both sleeps alone: its room continues.
    bench.admit_one(job("acme", "Uc", &e[4])).await;
    let claimed = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs;
    let hosts: Vec<_> = claimed.iter().map(|job| job.ticket.host.to_string()).collect();
    assert_eq!(hosts, ["Ub", "Uc"]);
    assert_eq!((count(&bench, "Ua").await, count(&bench, "Uc").await), (100, 1));
    bench.to_tomorrow(16_000).await;
    assert_eq!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.len(), 1);
    assert_eq!((count(&bench, "Ua").await, count(&bench, "Uc").await), (1, 1));
}
