//! Many results in one transaction.

use std::time::Duration;

use zoomd_store::queue::{Settled, Settlement, Ticket};

use crate::bench::{Bench, done, failed, go, job, named};

async fn leased(bench: &Bench, count: usize) -> Vec<Ticket> {
    let entries = bench.arrive(count).await;
    let account = |n: usize| if n.is_multiple_of(3) { "acme" } else { "other" };
    let jobs: Vec<_> = entries
        .iter()
        .enumerate()
        .map(|(n, e)| {
            if n % 2 == 0 {
                named(&format!("{e}-x"), 1, account(n), e)
            } else {
                job(account(n), "me", e)
            }
        })
        .collect();
    bench.admit(&jobs).await.into_iter().map(go).collect()
}

async fn start() -> Bench {
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    bench.account("other", "unlimited").await;
    // The lane's first look: leases older than it go through the script.
    end_all(&bench, leased(&bench, 10).await).await;
    bench
}

async fn end_all(bench: &Bench, tickets: Vec<Ticket>) -> Vec<Settled> {
    let items = tickets.into_iter().map(|ticket| Settlement::new(ticket, done())).collect();
    bench.queue.settle(&bench.queue.settle_batch(items, Vec::new())).await.expect("settle")
}

async fn execs(bench: &Bench) -> usize {
    let stats = bench.text("INFO commandstats").await.expect("stats");
    let line = stats.lines().find_map(|l| l.strip_prefix("cmdstat_exec:calls="));
    line.map_or(0, |line| line.split(',').next().expect("calls").parse().expect("number"))
}

async fn empty_of_leases(bench: &Bench) {
    bench.queue.sweep(1).await.expect("sweep");
    assert_eq!(bench.int("EXISTS zoomd:v1:leases").await, 0);
}

async fn empty(bench: &Bench) {
    empty_of_leases(bench).await;
    let keys = [
        "XLEN zoomd:jobs",
        "HLEN zoomd:v1:owner",
        "ZCARD zoomd:v1:in_flight:acme",
        "ZCARD zoomd:v1:in_flight:other",
    ];
    for key in keys {
        assert_eq!(bench.int(key).await, 0, "{key}");
    }
}

#[tokio::test]
async fn results_are_published_and_leases_ended_in_one() {
    let bench = start().await;
    let before = bench.int("HLEN zoomd:v1:ids").await;
    let tickets = leased(&bench, 40).await;
    assert_eq!(end_all(&bench, tickets).await, vec![Settled::Done; 40]);
    assert_eq!(execs(&bench).await, 1);
    assert_eq!(bench.int("XLEN zoomd:results").await, 50);
    assert_eq!(
        bench.int("HLEN zoomd:v1:ids").await,
        before + 20,
        "those with an id are remembered"
    );
    empty(&bench).await;
}

#[tokio::test]
async fn a_lease_taken_away_is_not_published() {
    let bench = start().await;
    let old = leased(&bench, 10).await;
    bench.shift(Duration::from_secs(31)).await;
    let young = leased(&bench, 10).await;
    assert_eq!(bench.queue.sweep(100).await.expect("sweep").sent, 10);
    assert_eq!(end_all(&bench, old).await, vec![Settled::Stale; 10]);
    assert_eq!(bench.int("XLEN zoomd:results").await, 10);
    // Leased before the counter was seen to change: by the script, and well.
    assert_eq!(end_all(&bench, young).await, vec![Settled::Done; 10]);
    let before = execs(&bench).await;
    let fresh = leased(&bench, 10).await;
    assert_eq!(end_all(&bench, fresh).await, vec![Settled::Done; 10]);
    assert_eq!(execs(&bench).await, before + 1);
    assert_eq!(bench.int("XLEN zoomd:results").await, 30);
}

#[tokio::test]
async fn a_lease_taken_away_before_the_counter_was_read_is_not_published() {
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    bench.account("other", "unlimited").await;
    // The counter is asked for; the daemon stands still before Redis hears of it.
    let watching = bench.queue.watch_leases();
    tokio::pin!(watching);
    assert!(futures_util::poll!(&mut watching).is_pending());
    let tickets = leased(&bench, 10).await;
    bench.shift(Duration::from_secs(31)).await;
    assert_eq!(bench.queue.sweep(100).await.expect("sweep").sent, 10);
    // The change happens before the watching read, which reports no leases until now.
    watching.await;
    let since = bench.queue.untaken_since().await.expect("a watch");
    assert!(tickets.iter().all(|ticket| ticket.granted_at < since));
    assert_eq!(end_all(&bench, tickets).await, vec![Settled::Stale; 10]);
    assert_eq!(bench.int("XLEN zoomd:results").await, 0);
}

#[tokio::test]
async fn a_lease_taken_long_after_another_is_noticed_too() {
    let bench = start().await;
    for _ in 0..2 {
        let ticket = leased(&bench, 1).await.remove(0);
        bench.shift(Duration::from_secs(31)).await;
        assert_eq!(bench.queue.sweep(100).await.expect("sweep").sent, 1);
        let since = bench.queue.untaken_since().await.expect("a watch");
        assert!(ticket.granted_at < since, "it was taken since");
        // The key that reports it has expired before anybody read it.
        bench.cmd("DEL zoomd:v1:revoked:boot1").await;
    }
}

#[tokio::test]
async fn whatever_is_in_the_way_the_script_does_it_alone() {
    let bench = start().await;
    // The server forgot the script: the results are out, then the leases end.
    let tickets = leased(&bench, 10).await;
    bench.cmd("SCRIPT FLUSH").await;
    assert_eq!(end_all(&bench, tickets).await, vec![Settled::Done; 10]);
    // It is full.
    let tickets = leased(&bench, 10).await;
    bench.cmd("CONFIG SET maxmemory 1").await;
    assert_eq!(end_all(&bench, tickets).await, vec![Settled::Done; 10]);
    bench.cmd("CONFIG SET maxmemory 0").await;
    // The stream is none.
    let tickets = leased(&bench, 10).await;
    bench.cmd("RENAME zoomd:results kept").await;
    bench.cmd("SET zoomd:results x").await;
    assert_eq!(end_all(&bench, tickets.clone()).await, vec![Settled::Broken; 10]);
    // Nor is the script known: nothing was published, and nothing is ended.
    bench.cmd("SCRIPT FLUSH").await;
    assert_eq!(end_all(&bench, tickets.clone()).await, vec![Settled::Broken; 10]);
    bench.cmd("RENAME kept zoomd:results").await;
    assert_eq!(end_all(&bench, tickets).await, vec![Settled::Done; 10]);
    // The connection is cut: the same batch again.
    let items: Vec<_> =
        leased(&bench, 10).await.into_iter().map(|t| Settlement::new(t, done())).collect();
    let batch = bench.queue.settle_batch(items, Vec::new());
    bench.cmd("CLIENT KILL TYPE normal").await;
    let answers = loop {
        match bench.queue.settle(&batch).await {
            Ok(answers) => break answers,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    };
    assert_eq!(answers, vec![Settled::Done; 10]);
    assert_eq!(bench.int("XLEN zoomd:results").await, 50);
    empty(&bench).await;
}

#[tokio::test]
async fn a_mixed_batch_keeps_its_order() {
    let bench = start().await;
    let mut items: Vec<_> =
        leased(&bench, 24).await.into_iter().map(|t| Settlement::new(t, done())).collect();
    items[3].then = failed(false);
    items[7] = Settlement::back(items[7].ticket.clone());
    items[11].ticket.fence = bench.queue.fence();
    items[11].ticket.plain = false;
    let batch = bench.queue.settle_batch(items, Vec::new());
    for _ in 0..2 {
        let answers = bench.queue.settle(&batch).await.expect("settle");
        for (n, answer) in answers.iter().enumerate() {
            assert_eq!(*answer, if n == 11 { Settled::Stale } else { Settled::Done }, "{n}");
        }
    }
    assert_eq!(
        (bench.int("XLEN zoomd:results").await, bench.int("XLEN zoomd:failures").await),
        (31, 1)
    );
}

#[tokio::test]
async fn a_lease_stands_for_all_that_one_call_took_and_ends_for_those_left() {
    let bench = start().await;
    let mut tickets = leased(&bench, 30).await;
    assert_eq!(bench.int("ZCARD zoomd:v1:leases").await, 2, "one a call");
    let left = tickets.split_off(20);
    assert_eq!(end_all(&bench, tickets).await, vec![Settled::Done; 20]);
    bench.shift(Duration::from_secs(20)).await;
    let lease = |t: &Ticket| (t.job_id.to_string(), t.fence.clone());
    let (id, fence) = lease(&left[0]);
    assert!(bench.queue.renew(&[(&id, &fence)]).await.expect("renew").is_empty());
    bench.shift(Duration::from_secs(20)).await;
    assert_eq!(bench.queue.sweep(100).await.expect("sweep").total(), 0);
    assert_eq!(bench.int("ZCARD zoomd:v1:leases").await, 1, "what is settled is dropped");
    bench.shift(Duration::from_secs(11)).await;
    // In steps: what is left of the lease stays due.
    let mut swept = 0;
    while swept < 10 {
        let step = bench.queue.sweep(3).await.expect("sweep");
        assert_eq!(step.sent, step.total());
        swept += step.total();
    }
    assert_eq!(end_all(&bench, left).await, vec![Settled::Stale; 10]);
    empty_of_leases(&bench).await;
}
