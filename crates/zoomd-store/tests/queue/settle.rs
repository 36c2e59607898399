//! Ends of leases.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use zoomd_store::ErrorKind;
use zoomd_store::queue::{
    Admitted, Close, Learnt, Outcome, Purpose, Record, Refusal, Settled, Settlement, Then,
};

use crate::bench::{Bench, done, failed, go, job, named, outcome};

#[tokio::test]
async fn a_settle_sent_again_answers_as_the_first() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(1).await;
    let ticket = go(bench.admit_one(named("a", 1, "acme", &e[0])).await);
    let batch = bench.queue.settle_batch(vec![Settlement::new(ticket, done())], Vec::new());
    for _ in 0..2 {
        assert_eq!(bench.queue.settle(&batch).await.expect("settle"), [Settled::Done]);
    }
    assert_eq!(bench.int("XLEN zoomd:results").await, 1);
}

#[tokio::test]
async fn a_swept_lease_cannot_be_settled_by_its_old_holder() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(1).await;
    let old = go(bench.admit_one(job("acme", "me", &e[0])).await);
    bench.shift(Duration::from_secs(31)).await;
    bench.queue.sweep(10).await.expect("sweep");
    assert_eq!(bench.end(old.clone(), done()).await, Settled::Stale);
    let new = bench.queue.claim(&bench.queue.fence(), 1).await.expect("claim").jobs.remove(0);
    assert_eq!(bench.end(old.clone(), done()).await, Settled::Stale);
    assert_eq!(bench.queue.renew(&[(&old.job_id, &old.fence)]).await.expect("renew"), [0]);
    assert!(
        bench
            .queue
            .renew(&[(&new.ticket.job_id, &new.ticket.fence)])
            .await
            .expect("renew")
            .is_empty()
    );
    assert_eq!(bench.end(new.ticket, done()).await, Settled::Done);
    assert_eq!(bench.int("XLEN zoomd:results").await, 1);
    let raised = bench.int("INCR zoomd:v1:revoked:boot1").await;
    assert!(raised > 1_700_000_000_000_000, "a mark of its own that an older daemon can raise");
}

#[tokio::test]
async fn a_full_redis_settles_and_admits_nothing() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(4).await;
    let hot = go(bench.admit_one(named("a", 1, "acme", &e[0])).await);
    let back = go(bench.admit_one(job("acme", "me", &e[1])).await);
    let swept = go(bench.admit_one(job("acme", "me", &e[2])).await);
    bench.cmd("CONFIG SET maxmemory 1").await;
    let error = bench
        .queue
        .admit(&bench.queue.fence(), &[job("acme", "me", &e[3])])
        .await
        .expect_err("full");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    assert_eq!(
        bench.queue.renew(&[(&swept.job_id, &swept.fence)]).await.expect("renew"),
        [0usize; 0]
    );
    assert_eq!(bench.end(hot, done()).await, Settled::Done);
    let settled = bench.queue.release(vec![back]).await.expect("release");
    assert_eq!(settled, [Settled::Done]);
    bench.shift(Duration::from_secs(31)).await;
    assert_eq!(bench.queue.sweep(10).await.expect("sweep").sent, 1);
    bench.cmd("CONFIG SET maxmemory 0").await;
    assert_eq!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.len(), 2);
    go(bench.admit_one(job("acme", "other", &e[3])).await);
}

#[tokio::test]
async fn what_was_not_sent_is_given_back_on_its_day() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(2).await;
    let first = go(bench.admit_one(job("acme", "me", &e[0])).await);
    let second = go(bench.admit_one(job("acme", "me", &e[1])).await);
    let ledger = |at: i64| {
        format!("HGET zoomd:v1:ledger:{}:Zacme h:Uacme", zoomd_store::clock::day_name(at))
    };
    let noon = bench.store.now_ms().await.expect("time");
    assert_eq!(bench.int(&ledger(noon)).await, 2);
    bench.queue.release(vec![first]).await.expect("release");
    assert_eq!(bench.int(&ledger(noon)).await, 1);
    // Not on another day: that of the grant is over, the next has nothing to give.
    bench.to_tomorrow(3_600_000).await;
    bench.queue.release(vec![second]).await.expect("release");
    assert_eq!(bench.int(&ledger(noon)).await, 1);
    let claimed = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs;
    assert_eq!(claimed.len(), 2, "both wait in their room");
    assert_eq!((claimed[0].record.attempts, claimed[0].record.sweeps), (0, 0));
    assert_eq!(claimed[0].ticket.entry, e[0], "the older first");
}

#[tokio::test]
async fn near_midnight_both_days_are_charged() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let read = async |at: i64| {
        let day = zoomd_store::clock::day_name(at);
        bench
            .text(&format!("HGET zoomd:v1:ledger:{day}:Zacme h:Uacme"))
            .await
            .map_or(0, |n| n.parse().expect("n"))
    };
    let e = bench.arrive(3).await;
    bench.to_tomorrow(-20_000).await;
    let old_day = bench.store.now_ms().await.expect("time");
    let new_day = old_day + 86_400_000;
    let ticket = go(bench.admit_one(job("acme", "me", &e[0])).await);
    assert_eq!((read(old_day).await, read(new_day).await), (1, 0));
    // Answered on the next day: charged to it too.
    bench.shift(Duration::from_secs(40)).await;
    assert_eq!(bench.end(ticket, done()).await, Settled::Done);
    assert_eq!((read(old_day).await, read(new_day).await), (1, 1));
    bench.shift(Duration::from_secs(86_400 - 40)).await;
    bench.shift(Duration::from_secs(17)).await;
    // Three seconds before the second midnight.
    let ticket = go(bench.admit_one(job("acme", "me", &e[1])).await);
    let third_day = new_day + 86_400_000;
    assert_eq!((read(new_day).await, read(third_day).await), (2, 1));
    bench.shift(Duration::from_secs(7)).await;
    bench.end(ticket, done()).await;
    assert_eq!((read(new_day).await, read(third_day).await), (2, 1), "once each");
    go(bench.admit_one(job("acme", "me", &e[2])).await);
    assert_eq!((read(new_day).await, read(third_day).await), (3, 2), "four seconds after it");
}

#[tokio::test]
async fn a_429_closes_what_it_names() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "pro").await;
    bench.account("other", "pro").await;
    let e = bench.arrive(6).await;
    let ticket = go(bench.admit_one(job("acme", "Ub", &e[0])).await);
    let now = bench.store.now_ms().await.expect("time");
    let record = Record { attempts: 0, ..Record::default() };
    let then =
        Then::Sleep { until_ms: now + 10_000, purpose: Purpose::Attempt, record, event: None };
    let mut settlement = Settlement::new(ticket, then);
    settlement.closes = vec![Close::HostDay { until_ms: now + 50_000 }];
    let batch = bench.queue.settle_batch(vec![settlement], Vec::new());
    assert_eq!(bench.queue.settle(&batch).await.expect("settle"), [Settled::Done]);
    assert!(matches!(bench.admit_one(job("acme", "Ub", &e[1])).await, Admitted::Waits { .. }));
    let ticket = go(bench.admit_one(job("acme", "me", &e[2])).await);
    let mut settlement = Settlement::new(ticket, done());
    settlement.closes = vec![Close::Second { label: "light", until_ms: now + 5_000 }];
    bench
        .queue
        .settle(&bench.queue.settle_batch(vec![settlement], Vec::new()))
        .await
        .expect("settle");
    assert!(matches!(bench.admit_one(job("acme", "me", &e[3])).await, Admitted::Waits { .. }));
    go(bench.admit_one(job("other", "me", &e[4])).await);
    bench.shift(Duration::from_secs(6)).await;
    let claimed = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim");
    assert_eq!(claimed.jobs.len(), 1, "the closed host still waits");
    assert_eq!(claimed.jobs[0].ticket.entry, e[3]);
    bench.shift(Duration::from_secs(50)).await;
    assert_eq!(bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs.len(), 2);
}

#[tokio::test]
async fn a_host_is_counted_under_its_user_id_once_it_is_known() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "pro").await;
    bench.cmd("HDEL zoomd:v1:account:acme uid").await;
    let e = bench.arrive(3).await;
    let answers = bench.admit(&e.iter().map(|e| job("acme", "b@x", e)).collect::<Vec<_>>()).await;
    assert!(matches!(
        answers[..],
        [Admitted::Go(_), Admitted::Waits { .. }, Admitted::Waits { .. }]
    ));
    let mut settlement = Settlement::new(go(answers.into_iter().next().expect("first")), done());
    settlement.learnt = Some(Learnt { host_id: "Ub".into(), email: Some("b@x".into()) });
    bench
        .queue
        .settle(&bench.queue.settle_batch(vec![settlement], Vec::new()))
        .await
        .expect("settle");
    assert_eq!(bench.text("HGET zoomd:v1:alias:Zacme b@x").await.as_deref(), Some("Ub"));
    let claimed = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs;
    assert_eq!(claimed.len(), 2, "no more one at a time");
    let day = zoomd_store::clock::day_name(bench.store.now_ms().await.expect("time"));
    assert_eq!(bench.int(&format!("HGET zoomd:v1:ledger:{day}:Zacme h:Ub")).await, 3);
    assert_eq!(bench.text(&format!("HGET zoomd:v1:ledger:{day}:Zacme h:b@x")).await, None);
}

#[tokio::test]
async fn failures_are_indexed_with_what_a_retry_needs() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let e = bench.arrive(2).await;
    let ticket = go(bench.admit_one(named("a", 1, "acme", &e[0])).await);
    let record = Record { attempts: 5, marker: Some("zd-x".into()), ..Record::default() };
    let outcome = Outcome { reply: true, ..outcome(r#"{"code":"zoom_rejected"}"#) };
    let then =
        Then::Failed { code: "zoom_rejected", holds_id: false, outcome, record: Some(record) };
    bench.end(ticket, then).await;
    assert_eq!(bench.text("HGET zoomd:v1:failure:a#1 job").await.as_deref(), Some(r#"{"n":0}"#));
    let record = bench.text("HGET zoomd:v1:failure:a#1 record").await.expect("record");
    assert!(record.contains(r#""attempts":5"#), "{record}");
    assert_eq!(bench.int("ZCARD zoomd:v1:failures").await, 1);
    assert_eq!(bench.int("LLEN zoomd:reply:a").await, 1);
    assert!(bench.int("PTTL zoomd:reply:a").await > 0);
    assert_eq!(bench.text("HGET zoomd:v1:ids a").await, None);
}

#[tokio::test]
async fn a_refusal_is_one_outcome_however_often_it_is_sent() {
    let bench = Bench::start().await;
    let e = bench.arrive(1).await;
    let refusal = || Refusal {
        entry: Arc::clone(&e[0]),
        job_id: "x".into(),
        account: "".into(),
        code: "invalid_job",
        outcome: Outcome {
            kind: "create_meeting",
            json: Bytes::from_static(b"{}"),
            reply: false,
            story: None,
        },
    };
    for expected in [Settled::Done, Settled::Stale] {
        let batch = bench.queue.settle_batch(Vec::new(), vec![refusal()]);
        assert_eq!(bench.queue.settle(&batch).await.expect("settle"), [expected]);
    }
    assert_eq!(bench.int("XLEN zoomd:failures").await, 1);
    assert_eq!(bench.int("XLEN zoomd:jobs").await, 0);
}

#[tokio::test]
async fn keys_of_a_wrong_type_lose_no_job() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    bench.account("fine", "pro").await;
    let e = bench.arrive(3).await;
    // An account's key: its jobs stay where they are, others continue.
    bench.cmd("SET zoomd:v1:in_flight:acme x").await;
    let answers = bench.admit(&[job("acme", "me", &e[0]), job("fine", "me", &e[1])]).await;
    assert!(matches!(answers[..], [Admitted::Broken, Admitted::Go(_)]), "{answers:?}");
    bench.cmd("DEL zoomd:v1:in_flight:acme").await;
    let held = go(bench.admit_one(job("acme", "me", &e[0])).await);
    // A stream of outcomes: the lease stays, and is settled once the key is fixed.
    bench.cmd("SET zoomd:results x").await;
    assert_eq!(bench.end(held.clone(), done()).await, Settled::Broken);
    bench.cmd("DEL zoomd:results").await;
    assert_eq!(bench.end(held, done()).await, Settled::Done);
    // A shared key: the error names it, and nothing is changed.
    for key in ["leases", "owner", "ids"] {
        bench.cmd(&format!("RENAME zoomd:v1:{key} kept")).await;
        bench.cmd(&format!("SET zoomd:v1:{key} x")).await;
        let error = bench
            .queue
            .admit(&bench.queue.fence(), &[job("fine", "me", &e[2])])
            .await
            .expect_err(key);
        assert_eq!(error.kind(), ErrorKind::WrongType, "{key}: {error}");
        assert!(error.to_string().contains(&format!("zoomd:v1:{key} is a string")), "{error}");
        bench.cmd(&format!("RENAME kept zoomd:v1:{key}")).await;
    }
    go(bench.admit_one(job("fine", "me", &e[2])).await);
    bench
        .end(go(bench.admit_one(job("fine", "me", &bench.arrive(1).await[0])).await), failed(false))
        .await;
}

#[tokio::test]
async fn repeated_429s_of_a_second_lower_the_rate_and_it_recovers() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "pro").await;
    let admitted = async |count: usize| {
        let entries = bench.arrive(count).await;
        let jobs: Vec<_> = entries.iter().map(|e| job("acme", "me", e)).collect();
        let answers = bench.admit(&jobs).await;
        let gone: Vec<_> = answers
            .into_iter()
            .filter_map(|one| if let Admitted::Go(ticket) = one { Some(ticket) } else { None })
            .collect();
        // Waiting jobs would stand before the next.
        bench
            .cmd("DEL zoomd:v1:room:acme|me zoomd:v1:rooms:acme zoomd:v1:ring zoomd:v1:asleep")
            .await;
        gone
    };
    for (round, granted) in [(1, 24), (2, 24), (3, 12)] {
        let mut gone = admitted(25).await;
        assert_eq!(gone.len(), granted, "in round {round}");
        let until_ms = bench.store.now_ms().await.expect("time") + 1_000;
        let mut settlement = Settlement::new(gone.remove(0), done());
        settlement.closes = vec![Close::Second { label: "light", until_ms }];
        let batch = bench.queue.settle_batch(vec![settlement], Vec::new());
        assert_eq!(bench.queue.settle(&batch).await.expect("settle"), [Settled::Done]);
        bench.shift(Duration::from_millis(2_500)).await;
        let day = zoomd_store::clock::day_name(until_ms);
        bench.cmd(&format!("DEL zoomd:v1:ledger:{day}:Zacme")).await;
    }
    assert_eq!(admitted(25).await.len(), 6, "a quarter, after the third");
    bench.shift(Duration::from_secs(30)).await;
    assert_eq!(admitted(25).await.len(), 14, "a tenth of the whole in ten seconds");
    bench.shift(Duration::from_secs(60)).await;
    assert_eq!(admitted(25).await.len(), 24);
}

#[tokio::test]
async fn what_an_unknown_zoom_account_spent_goes_with_it_when_it_is_known() {
    use zoomd_store::grants::{Change, Grants, Identity, Learnt};
    let bench = Bench::start().await;
    bench.to_noon().await;
    let ring = zoomd_store::encryption::KeyRing::parse(
        Some(&zoomd_store::encryption::KeyRing::generate_key()),
        None,
    );
    let vault = zoomd_store::meta::open(&bench.store, &ring.expect("a key")).await.expect("opened");
    let grants = Grants::new(bench.store.clone(), vault);
    let epoch = "1700000000000-00000001";
    for name in ["acme", "twin"] {
        bench.account(name, "pro").await;
        bench.cmd(&format!("HDEL zoomd:v1:account:{name} z uid")).await;
    }
    let now = bench.store.now_ms().await.expect("time");
    let day = zoomd_store::clock::day_name(now);
    let count = async |zoom: &str, field: &str| {
        let text = bench.text(&format!("HGET zoomd:v1:ledger:{day}:{zoom} {field}")).await;
        text.map_or(0, |n| n.parse::<u64>().expect("a number"))
    };
    // One call of each answered, one of the first account's still under way.
    let e = bench.arrive(4).await;
    let ended = go(bench.admit_one(job("acme", "me", &e[0])).await);
    bench.end(ended, done()).await;
    let under_way = go(bench.admit_one(job("acme", "other", &e[1])).await);
    let ended = go(bench.admit_one(job("twin", "me", &e[2])).await);
    bench.end(ended, done()).await;
    assert_eq!((count("~acme", "l:light").await, count("~acme", "h:me@acme").await), (2, 1));
    bench.cmd(&format!("HSET zoomd:v1:gate:~acme h:x {} h:y 1", now + 9_000)).await;

    let account = zoomd_wire::AccountName::new("acme").expect("a name");
    let identity = Identity {
        zoom_account: Some("Z1".into()),
        zoom_user: Some("U1".into()),
        ..Identity::default()
    };
    let learnt = grants.learn(&account, epoch.parse().expect("an epoch"), &identity).await;
    assert!(matches!(learnt, Ok(Learnt::Stored)), "{learnt:?}");
    assert_eq!((count("Z1", "l:light").await, count("Z1", "h:U1").await), (2, 1));
    assert_eq!(
        bench.int(&format!("EXISTS zoomd:v1:ledger:{day}:~acme zoomd:v1:gate:~acme")).await,
        0
    );
    // A call in flight under the old name closes the gate of the new one.
    let then = Then::Room { purpose: Purpose::Attempt, record: None, nap: None };
    let mut settlement = Settlement::new(under_way, then);
    settlement.closes = vec![Close::HostDay { until_ms: now + 60_000 }];
    let batch = bench.queue.settle_batch(vec![settlement], Vec::new());
    assert_eq!(bench.queue.settle(&batch).await.expect("settle"), [Settled::Done]);
    let gate = bench.text("HGET zoomd:v1:gate:Z1 h:other").await;
    assert_eq!(gate, Some((now + 60_000).to_string()));
    // The other account turns out to be of the same Zoom account, by a manual change.
    let change = Change { zoom_account: Some("Z1".into()), ..Change::default() };
    let twin = zoomd_wire::AccountName::new("twin").expect("a name");
    assert!(grants.set(&twin, change).await.expect("asked"));
    assert_eq!((count("Z1", "l:light").await, count("Z1", "h:me@twin").await), (3, 1));
}

/// A right taken away while the daemon runs: the transaction publishes nothing that
/// the settle behind it could not end.
#[tokio::test]
async fn without_a_right_of_the_settle_no_result_of_a_transaction_is_out() {
    for right in ["hdel", "xack", "hincrby", "xadd", "hdel -set", "zrem"] {
        let bench = Bench::start().await;
        bench.account("acme", "unlimited").await;
        let entries = bench.arrive(20).await;
        let jobs: Vec<_> = entries.iter().map(|entry| job("acme", "Uacme", entry)).collect();
        let config = zoomd_store::StoreConfig::new(
            format!("redis://app:pw@127.0.0.1:{}", bench.server.port()),
            "zoomd",
        );
        bench.cmd("ACL SETUSER app reset on >pw +@all ~* &*").await;
        let store = zoomd_store::Store::connect(&config).await.expect("connect");
        let queue = zoomd_store::queue::Queue::new(store, Default::default(), "boot1");
        queue.watch_leases().await;
        let admitted = queue.admit(&queue.fence(), &jobs).await.expect("admit");
        let items = || {
            let tickets = admitted.iter().map(|admitted| go(admitted.clone()));
            tickets.map(|ticket| Settlement::new(ticket, done())).collect::<Vec<_>>()
        };
        bench.cmd(&format!("ACL SETUSER app -{right}")).await;
        let batch = queue.settle_batch(items(), Vec::new());
        let error = queue.settle(&batch).await.expect_err(right);
        assert_eq!(error.kind(), ErrorKind::Auth, "{right}: {error}");
        assert_eq!(bench.int("XLEN zoomd:results").await, 0, "{right}: nothing is out");
        bench.cmd("ACL SETUSER app +@all").await;
        let settled = queue.settle(&batch).await.expect("settle");
        assert!(settled.iter().all(|settled| *settled == Settled::Done), "{right}: {settled:?}");
        assert_eq!(bench.int("XLEN zoomd:results").await, 20, "{right}: once");
    }
}

/// A success with a story, by each of the three ways a batch can be settled.
#[tokio::test]
async fn the_story_of_a_success_goes_and_is_trimmed_with_its_result() {
    use zoomd_store::inspect::{Ops, Source};
    use zoomd_store::queue::{Step, Story, Then};
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    let mut story = Story::default();
    story.push(Step::wait(7, "consent"));
    let told = || Then::Done(Outcome { story: story.to_json(), ..outcome("{}") });
    let ops = Ops::new(bench.store.clone());
    // A few, a full transaction, and one with more than its result to report.
    for (count, closes) in [(1, false), (20, false), (1, true)] {
        let entries = bench.arrive(count).await;
        let jobs: Vec<_> = entries
            .iter()
            .map(|entry| named(&format!("{count}-{closes}-{entry}"), 1, "acme", entry))
            .collect();
        let settlements = bench.admit(&jobs).await.into_iter().map(|admitted| {
            let mut settlement = Settlement::new(go(admitted), told());
            if closes {
                settlement.closes = vec![Close::Second { label: "light", until_ms: 1 }];
            }
            settlement
        });
        let batch = bench.queue.settle_batch(settlements.collect(), Vec::new());
        let settled = bench.queue.settle(&batch).await.expect("settle");
        assert!(settled.iter().all(|one| *one == Settled::Done), "{settled:?}");
        for job in &jobs {
            let view = ops.job(&job.job_id).await.expect("redis").expect("a job");
            assert_eq!((view.source, &view.record.story), (Source::ResultsStream, &story));
        }
    }
    bench.cmd("XTRIM zoomd:results MAXLEN 0").await;
    let id: String =
        redis::from_redis_value(bench.cmd("HRANDFIELD zoomd:v1:ids").await).expect("id");
    let view = ops.job(&id).await.expect("redis").expect("a job");
    assert_eq!((view.source, view.record.story.is_empty()), (Source::Memory, true));
}
