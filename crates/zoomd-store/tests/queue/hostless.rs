//! Jobs whose calls use no host's day: they have a class, and its room.

use zoomd_store::inspect::{JobFilter, Ops, State};
use zoomd_store::limits::Label;
use zoomd_store::queue::{Admission, Admitted, Purpose, Settled, Settlement, Then, WaitReason};

use crate::bench::{Bench, done, go, job};

async fn start(plan: &str) -> Bench {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", plan).await;
    bench
}

fn hostless(class: Label, entry: &std::sync::Arc<str>) -> Admission {
    Admission { class, host: None, ..job("acme", "me", entry) }
}

async fn counts(bench: &Bench) -> String {
    let day = zoomd_store::clock::day_name(bench.store.now_ms().await.expect("time"));
    format!("{:?}", bench.cmd(&format!("HGETALL zoomd:v1:ledger:{day}:Zacme")).await)
}

async fn count(bench: &Bench, field: &str) -> i64 {
    let day = zoomd_store::clock::day_name(bench.store.now_ms().await.expect("time"));
    let text = bench.text(&format!("HGET zoomd:v1:ledger:{day}:Zacme {field}")).await;
    text.map_or(0, |n| n.parse().expect("a number"))
}

#[tokio::test]
async fn their_class_is_charged_and_no_host() {
    let bench = start("pro").await;
    let e = bench.arrive(4).await;
    let jobs = [
        hostless(Label::Light, &e[0]),
        hostless(Label::Medium, &e[1]),
        job("acme", "me", &e[2]),
        hostless(Label::Heavy, &e[3]),
    ];
    let mut tickets: Vec<_> = bench.admit(&jobs).await.into_iter().map(go).collect();
    let read = async |field| count(&bench, field).await;
    assert_eq!((read("l:light").await, read("l:medium").await, read("l:heavy").await), (2, 1, 1));
    assert!(!counts(&bench).await.contains("?light"));
    let charged: Vec<_> = tickets.iter().map(|ticket| ticket.charges_host()).collect();
    assert_eq!(charged, [false, false, true, false]);
    // A call that was not sent is given back to its own rate-limit class.
    let back = Settlement { unsent: true, ..Settlement::new(tickets.remove(1), done()) };
    let batch = bench.queue.settle_batch(vec![back], Vec::new());
    assert_eq!(bench.queue.settle(&batch).await.expect("settle"), [Settled::Done]);
    assert_eq!((read("l:light").await, read("l:medium").await, read("l:heavy").await), (2, 0, 1));
    for ticket in tickets {
        assert_eq!(bench.end(ticket, done()).await, Settled::Done);
    }
}

#[tokio::test]
async fn a_class_that_is_used_up_holds_back_its_own_jobs_alone() {
    let bench = start("pro").await;
    let day = zoomd_store::clock::day_name(bench.store.now_ms().await.expect("time"));
    bench.cmd(&format!("HSET zoomd:v1:ledger:{day}:Zacme l:heavy 30000 h:Uacme 100")).await;
    let e = bench.arrive(4).await;
    let why = |answer: &Admitted| match answer {
        Admitted::Waits { why, .. } => Some(*why),
        _ => None,
    };
    let heavy = bench.admit_one(hostless(Label::Heavy, &e[0])).await;
    assert_eq!(why(&heavy), Some(WaitReason::LabelDay));
    // Nor does the host's spent day, or one job in the room of another class.
    assert_eq!(why(&bench.admit_one(job("acme", "me", &e[1])).await), Some(WaitReason::HostDay));
    go(bench.admit_one(hostless(Label::Light, &e[2])).await);
    assert_eq!(
        why(&bench.admit_one(hostless(Label::Heavy, &e[3])).await),
        Some(WaitReason::LabelDay)
    );
    assert_eq!(bench.text("ZCARD zoomd:v1:room:acme|?heavy").await.as_deref(), Some("2"));
    // They are seen where people look, and have no host.
    let ops = Ops::new(bench.store.clone());
    let seen = ops.job(&e[0]).await.expect("redis").expect("it waits");
    assert_eq!((seen.state, seen.host.as_deref()), (State::Waiting, None));
    let listed = ops.jobs_in_order(&JobFilter::default(), 9).await.expect("redis");
    assert_eq!(listed.jobs.len(), 4, "{listed:?}");
}

#[tokio::test]
async fn they_are_claimed_from_their_room_and_looked_for_like_others() {
    let bench = start("pro").await;
    let e = bench.arrive(2).await;
    let ticket = go(bench.admit_one(hostless(Label::Light, &e[0])).await);
    let room = Then::Room { purpose: Purpose::Attempt, record: None, nap: None };
    assert_eq!(bench.end(ticket, room).await, Settled::Done);
    assert_eq!(bench.text("ZCARD zoomd:v1:room:acme|?light").await.as_deref(), Some("1"));
    // One that comes stands behind it, and both are handed out in their order.
    let behind = bench.admit_one(hostless(Label::Light, &e[1])).await;
    assert!(matches!(behind, Admitted::Waits { why: WaitReason::Turn, .. }), "{behind:?}");
    let claimed = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs;
    let ids: Vec<_> = claimed.iter().map(|job| job.ticket.job_id.to_string()).collect();
    assert_eq!(ids, [e[0].to_string(), e[1].to_string()]);
    assert_eq!((count(&bench, "l:light").await, count(&bench, "h:Uacme").await), (3, 0));
    // A daemon that dies with it leaves a call to search for.
    bench.shift(std::time::Duration::from_secs(120)).await;
    let swept = bench.queue.sweep(9).await.expect("sweep");
    assert_eq!((swept.unsent, swept.sent), (0, 2));
    let looks = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs;
    assert!(looks.iter().all(|job| job.ticket.purpose == Purpose::Lookup && job.record.unresolved));
    assert_eq!(looks.len(), 2);
    assert_eq!(looks[0].ticket.class(&Default::default()), Label::Light);
}
