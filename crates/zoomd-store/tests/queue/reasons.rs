//! Wait reasons: order of the list, and waiting jobs by reason.

use std::time::Duration;

use zoomd_store::inspect::{
    JobFilter, JobLine, Obstacle, Ops, Presence, Problem, State, WaitingLine,
};
use zoomd_store::queue::{Admission, Admitted, Purpose, Record, Then, WaitReason};

use crate::bench::{Bench, go, job, named};

const FAR_START: &str = "2090-01-02T10:00:00Z";

fn ops(bench: &Bench) -> Ops {
    Ops::new(bench.store.clone()).judging()
}

async fn list(bench: &Bench, filter: JobFilter, most: usize) -> Vec<JobLine> {
    ops(bench).jobs_in_order(&filter, most).await.expect("asked").jobs
}

fn shown(lines: &[JobLine]) -> Vec<(&str, State, WaitReason)> {
    lines.iter().map(|line| (line.id.as_str(), line.state, line.why.expect("a reason"))).collect()
}

async fn waiting(bench: &Bench) -> Vec<WaitingLine> {
    let ops = ops(bench);
    let status = ops.status().await.expect("status");
    let waiting = ops.waiting_by_reason(&status).await.expect("asked");
    assert_eq!(waiting.unread, 0);
    waiting.lines
}

async fn announce(bench: &Bench, problems: Vec<Problem>) {
    let presence = Presence {
        id: "boot1".into(),
        host: "box".into(),
        pid: 7,
        version: "0.1.0".into(),
        started_ms: 5,
        problems,
    };
    ops(bench).announce(&presence).await.expect("said");
}

/// A job under an id, in the stream, read and admitted.
pub async fn admitted(
    bench: &Bench,
    id: &str,
    account: &str,
    change: impl Fn(&mut Admission),
) -> Admitted {
    let body = format!(
        r#"{{"account":"{account}","id":"{id}","meeting":{{"start_time":"{FAR_START}","topic":"T"}}}}"#
    );
    let entry = bench.enqueue(&body).await;
    bench.read().await;
    let mut job = named(id, 1, account, &entry);
    change(&mut job);
    bench.admit_one(job).await
}

/// A job whose only attempt failed, until then.
async fn in_backoff(bench: &Bench, id: &str, account: &str, until_ms: i64) {
    let record = Record {
        attempts: 1,
        why: Some("zoom answered 503".into()),
        until_ms: Some(until_ms),
        ..Record::default()
    };
    let then = Then::Sleep { until_ms, purpose: Purpose::Attempt, record, event: None };
    bench.end(go(admitted(bench, id, account, |_| {}).await), then).await;
}

#[tokio::test]
async fn jobs_are_listed_in_the_order_in_which_they_are_expected() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    for name in ["acme", "held"] {
        bench.account(name, "pro").await;
    }
    announce(&bench, Vec::new()).await;
    let now = bench.store.now_ms().await.expect("time");
    bench.cmd("HSET zoomd:v1:account:held paused upgrade").await;
    admitted(&bench, "paused", "held", |_| {}).await;
    let later = now + 3_600_000;
    admitted(&bench, "later", "acme", |job| job.not_before_ms = Some(later)).await;
    in_backoff(&bench, "again", "acme", now + 60_000).await;
    let running = admitted(&bench, "running", "acme", |_| {}).await;
    assert!(matches!(running, Admitted::Go(_)), "{running:?}");
    bench.enqueue(r#"{"account":"acme","id":"queued","meeting":{"type":3}}"#).await;

    let lines = list(&bench, JobFilter::default(), 10).await;
    assert_eq!((lines[0].id.as_str(), lines[0].state), ("running", State::Running));
    let expected = [
        ("again", State::Sleeping, WaitReason::Backoff),
        ("later", State::Sleeping, WaitReason::NotBefore),
        ("paused", State::Waiting, WaitReason::Paused),
        ("queued", State::Queued, WaitReason::Queued),
    ];
    assert_eq!(shown(&lines[1..]), expected);
    assert_eq!(lines[1].detail.as_deref(), Some("zoom answered 503"));
    assert_eq!((lines[1].until_ms, lines[1].next_ms), (Some(now + 60_000), Some(now + 60_000)));
    assert_eq!(
        (lines[3].until_ms, lines[3].detail.as_deref()),
        (None, Some("the account is paused: upgrade"))
    );
    for line in &lines[1..] {
        let one = ops(&bench).job(&line.id).await.expect("asked").expect("there");
        let key = |view: &JobLine| (view.state, view.why, view.until_ms, view.detail.clone());
        assert_eq!(key(&one), key(line), "the list and the story agree");
    }

    let sleeping = JobFilter { account: None, state: Some(State::Sleeping) };
    assert_eq!(list(&bench, sleeping, 10).await.len(), 2);
    let of_acme = JobFilter { account: Some("acme".into()), state: None };
    let ids: Vec<_> = list(&bench, of_acme, 2).await.into_iter().map(|line| line.id).collect();
    assert_eq!(ids, ["running", "again"]);
}

#[tokio::test]
async fn an_obstacle_of_all_daemons_is_told_of_each_job() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    bench.account("corp", "pro").await;
    let now = bench.store.now_ms().await.expect("time");
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    admitted(&bench, "waits", "acme", |_| {}).await;
    bench.cmd("HDEL zoomd:v1:account:acme paused").await;
    in_backoff(&bench, "again", "corp", now + 5_000).await;
    bench.enqueue(r#"{"account":"acme","id":"queued","meeting":{"type":3}}"#).await;
    let told = |lines: Vec<JobLine>| -> Vec<_> {
        lines.into_iter().map(|line| (line.id, line.why, line.until_ms, line.since_ms)).collect()
    };

    let lines = told(list(&bench, JobFilter::default(), 10).await);
    assert_eq!(lines.len(), 3);
    for (id, why, until, since) in lines {
        assert_eq!((why, until, since), (Some(WaitReason::NoDaemon), None, None), "{id}");
    }
    let away = Problem::degraded("zoom_unreachable", "connection refused", "zoomd doctor");
    announce(&bench, vec![away.since(4)]).await;
    let lines = list(&bench, JobFilter::default(), 10).await;
    let besides = Obstacle {
        why: WaitReason::ZoomUnreachable,
        what: "connection refused".into(),
        since_ms: Some(4),
    };
    for line in &lines {
        let backoff = line.id == "again";
        let why = if backoff { WaitReason::Backoff } else { WaitReason::ZoomUnreachable };
        assert_eq!((line.why, line.until_ms), (Some(why), None), "{line:?}");
        assert_eq!(line.next_ms, backoff.then_some(now + 5_000));
        assert_eq!(line.besides, backoff.then(|| besides.clone()), "{line:?}");
    }
    announce(&bench, Vec::new()).await;
    let lines = list(&bench, JobFilter::default(), 10).await;
    assert!(lines[..2].iter().all(|line| line.until_ms.is_some()), "{lines:?}");

    bench.shift(Duration::from_secs(60)).await;
    let view = ops(&bench).job("waits").await.expect("asked").expect("there");
    assert_eq!((view.why, view.until_ms), (Some(WaitReason::NoDaemon), None));
    assert!(view.since_ms.is_some_and(|since| since > now - 10_000), "{view:?}");
}

#[tokio::test]
async fn what_waits_is_told_by_reason_account_and_oldest() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    for name in ["acme", "held", "capped"] {
        bench.account(name, "pro").await;
    }
    announce(&bench, Vec::new()).await;
    let now = bench.store.now_ms().await.expect("time");
    bench.cmd("HSET zoomd:v1:account:held paused upgrade").await;
    bench.cmd("HSET zoomd:v1:account:capped cap 1").await;
    for id in ["h1", "h2", "h3"] {
        admitted(&bench, id, "held", |job| job.priority = u8::from(id != "h2")).await;
    }
    for id in ["c1", "c2"] {
        admitted(&bench, id, "capped", |_| {}).await;
    }
    in_backoff(&bench, "again", "acme", now + 60_000).await;
    let later = now + 3_600_000;
    admitted(&bench, "later", "acme", |job| job.not_before_ms = Some(later)).await;
    bench.enqueue(r#"{"account":"acme","id":"queued","meeting":{"type":3}}"#).await;

    let lines = waiting(&bench).await;
    let of = |why: WaitReason| {
        let found: Vec<_> = lines.iter().filter(|line| line.why == why).collect();
        assert_eq!(found.len(), 1, "{why}: {lines:?}");
        let line = found[0];
        (line.account.as_deref(), line.jobs, line.expected_ms)
    };
    assert_eq!(of(WaitReason::Paused), (Some("held"), 3, None));
    assert_eq!(of(WaitReason::InFlight), (Some("capped"), 1, None));
    assert_eq!(of(WaitReason::Backoff), (Some("acme"), 1, Some(now + 60_000)));
    assert_eq!(of(WaitReason::NotBefore), (Some("acme"), 1, Some(later)));
    assert_eq!(of(WaitReason::Queued), (None, 1, None));
    assert_eq!(lines.len(), 5);
    let h1 = ops(&bench).job("h1").await.expect("asked").expect("there").entry.expect("an entry");
    let came = h1.split('-').next().and_then(|ms| ms.parse().ok());
    let paused = lines.iter().find(|line| line.why == WaitReason::Paused).expect("paused");
    assert_eq!(paused.oldest_ms, came, "the oldest, whatever its priority");
    assert_eq!(paused.what.as_deref(), Some("the account is paused: upgrade"));
    assert!(lines.windows(2).all(|two| two[0].oldest_ms <= two[1].oldest_ms), "{lines:?}");
}

#[tokio::test]
async fn a_long_room_is_told_in_what_runs_today_and_what_does_not() {
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "pro").await;
    announce(&bench, Vec::new()).await;
    let entries = bench.arrive(130).await;
    let jobs: Vec<_> = entries.iter().map(|entry| job("acme", "U1", entry)).collect();
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    for some in jobs.chunks(64) {
        bench.admit(some).await;
    }
    bench.cmd("HDEL zoomd:v1:account:acme paused").await;
    let lines = waiting(&bench).await;
    let tomorrow: Vec<_> = lines.iter().filter(|line| line.why == WaitReason::HostDay).collect();
    assert_eq!(tomorrow.len(), 1, "{lines:?}");
    assert_eq!(tomorrow[0].jobs, 30);
    assert!(tomorrow[0].expected_ms > lines[0].expected_ms, "{lines:?}");
    assert_eq!(lines.iter().map(|line| line.jobs).sum::<u64>(), 130);
}
