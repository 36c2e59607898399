//! Operators' view and actions, against jobs in every state.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use zoomd_store::admin::{CANCEL_MARK, Cancelled, Retried};
use zoomd_store::inspect::{
    Asking, FailureFilter, JobFilter, JobView, Ops, Presence, Problem, Source, State,
};
use zoomd_store::queue::{Admitted, Purpose, Record, Then, WaitReason};
use zoomd_wire::MaxWait;

use crate::bench::{Bench, done, failed, go, job, named, outcome};

const MONTH: MaxWait =
    MaxWait { usual: Duration::from_secs(30 * 86_400), momentary: Duration::from_secs(600) };
const FAR_START: &str = "2090-01-02T10:00:00Z";

fn ops(bench: &Bench) -> Ops {
    Ops::new(bench.store.clone())
}

/// Text of a valid job; `more` begins with a comma or is empty.
fn text(account: &str, more: &str) -> String {
    format!(
        r#"{{"account":"{account}","meeting":{{"start_time":"{FAR_START}","topic":"T"}}{more}}}"#
    )
}

async fn find(bench: &Bench, id: &str) -> JobView {
    ops(bench).job(id).await.expect("asked").unwrap_or_else(|| panic!("{id} is nowhere"))
}

async fn cancel(bench: &Bench, id: &str) -> Cancelled {
    ops(bench).cancel(&[id.into()], "by hand").await.expect("asked")[0]
}

/// A job under an id, read and admitted.
async fn admitted(bench: &Bench, id: &str, account: &str, more: &str) -> (Arc<str>, Admitted) {
    let entry = bench.enqueue(&text(account, &format!(r#","id":"{id}"{more}"#))).await;
    bench.read().await;
    let answer = bench.admit_one(named(id, 1, account, &entry)).await;
    (entry, answer)
}

async fn retry(bench: &Bench, id: &str) -> Retried {
    let failure = ops(bench).failure(id).await.expect("asked").expect("failure");
    ops(bench).retry(&failure, false, &MONTH).await.expect("asked")
}

#[tokio::test]
async fn a_job_is_found_wherever_it_is() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    bench.account("held", "pro").await;
    bench.cmd("HSET zoomd:v1:account:held paused by_hand").await;
    assert!(ops(&bench).job("nothing").await.expect("asked").is_none());
    assert!(ops(&bench).job("1700000000000-0").await.expect("asked").is_none());

    let entry = bench.enqueue(&text("acme", r#","id":"order""#)).await;
    for id in ["order", &*entry] {
        let view = find(&bench, id).await;
        assert_eq!((view.state, view.source), (State::Queued, Source::JobsStream));
        assert_eq!((view.id.as_str(), view.entry.as_deref()), ("order", Some(&*entry)));
    }
    bench.read().await;
    let ticket = go(bench.admit_one(named("order", 1, "acme", &entry)).await);
    let view = find(&bench, "order").await;
    assert_eq!((view.state, view.daemon.as_deref()), (State::Running, Some("boot1")));
    assert!(String::from_utf8_lossy(&view.job.expect("text")).contains("order"));
    let json = r#"{"meeting":{"id":1}}"#;
    bench.end(ticket, Then::Done(outcome(json))).await;
    let view = find(&bench, "order").await;
    assert_eq!((view.state, view.source), (State::Succeeded, Source::ResultsStream));
    assert_eq!(view.outcome.as_deref(), Some(json));

    admitted(&bench, "waits", "held", "").await;
    let view = find(&bench, "waits").await;
    assert_eq!(
        (view.state, view.why, view.place),
        (State::Waiting, Some(WaitReason::Paused), Some(1))
    );
    assert_eq!(view.detail.as_deref(), Some("the account is paused: by_hand"));

    let (_, answer) = admitted(&bench, "fails", "acme", "").await;
    bench.end(go(answer), failed(false)).await;
    let view = find(&bench, "fails").await;
    assert_eq!((view.state, view.source), (State::Failed, Source::FailureIndex));

    // Without an id of its own a job is not remembered, but its outcome is there.
    let entries = bench.arrive(1).await;
    let ticket = go(bench.admit_one(job("acme", "me", &entries[0])).await);
    bench.end(ticket, done()).await;
    assert_eq!(find(&bench, &entries[0]).await.state, State::Succeeded);
}

#[tokio::test]
async fn a_sleeping_job_says_why_and_until_when() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let (_, answer) = admitted(&bench, "a", "acme", "").await;
    let until_ms = bench.store.now_ms().await.expect("time") + 60_000;
    let record = Record { attempts: 1, why: Some("zoom answered 503".into()), ..Record::default() };
    let then = Then::Sleep { until_ms, purpose: Purpose::Attempt, record, event: None };
    bench.end(go(answer), then).await;
    let view = find(&bench, "a").await;
    assert_eq!((view.state, view.until_ms), (State::Sleeping, Some(until_ms)));
    assert_eq!((view.detail.as_deref(), view.record.attempts), (Some("zoom answered 503"), 1));
}

#[tokio::test]
async fn the_list_shows_jobs_without_an_outcome() {
    let bench = Bench::start().await;
    for name in ["acme", "held"] {
        bench.account(name, "pro").await;
    }
    bench.cmd("HSET zoomd:v1:account:held paused x").await;
    admitted(&bench, "runs", "acme", "").await;
    admitted(&bench, "waits", "held", "").await;
    bench.enqueue(&text("acme", r#","id":"queued""#)).await;
    bench.enqueue("no json").await;
    let list = async |filter: JobFilter, most| {
        let (lines, more) = ops(&bench).jobs(&filter, most).await.expect("asked");
        (lines.iter().map(|l| (l.id.clone(), l.state)).collect::<Vec<_>>(), more)
    };
    let (all, more) = list(JobFilter::default(), 10).await;
    assert_eq!(all.len(), 4);
    assert_eq!(all[0], ("runs".into(), State::Running));
    assert_eq!(all[1], ("waits".into(), State::Waiting));
    assert_eq!(all[2], ("queued".into(), State::Queued));
    assert!(!more);
    let (two, more) = list(JobFilter::default(), 2).await;
    assert!(two.len() == 2 && more);
    let of = |account: &str| JobFilter { account: Some(account.into()), state: None };
    assert_eq!(list(of("held"), 10).await.0, [("waits".into(), State::Waiting)]);
    assert_eq!(list(of("acme"), 10).await.0.len(), 2);
    let queued = JobFilter { account: None, state: Some(State::Queued) };
    assert_eq!(list(queued, 10).await.0.len(), 2);
    let status = ops(&bench).status().await.expect("status");
    assert_eq!((status.queued, status.running, status.waiting, status.sleeping), (2, 1, 1, 0));
    assert_eq!((status.accounts["active"], status.accounts["paused"]), (1, 1));
    assert_eq!(status.trouble, [("held".to_owned(), "paused".to_owned())]);
    assert!(status.oldest_queued_ms.is_some() && status.paused.is_none());
}

#[tokio::test]
async fn what_nobody_has_in_hand_is_cancelled() {
    let bench = Bench::start().await;
    bench.account("held", "pro").await;
    bench.cmd("HSET zoomd:v1:account:held paused x").await;
    admitted(&bench, "waits", "held", r#","reply":true,"metadata":{"t":1}"#).await;
    let unread = bench.enqueue(&text("held", "")).await;
    let read = bench.enqueue(&text("held", r#","id":"read""#)).await;
    bench.read().await;
    for id in ["waits", &*unread, "read"] {
        assert_eq!(cancel(&bench, id).await, Cancelled::Done, "{id}");
        assert_eq!(cancel(&bench, id).await, Cancelled::Over, "{id}");
    }
    assert_eq!(bench.int("XLEN zoomd:failures").await, 3);
    assert_eq!(bench.int("XLEN zoomd:jobs").await, 0);
    assert_eq!(bench.int("HLEN zoomd:v1:ids").await, 0);
    assert_eq!(bench.int("HLEN zoomd:v1:payload:held").await, 0);
    assert_eq!(bench.int("EXISTS zoomd:v1:room:held|me").await, 0);
    let reply = bench.text("LINDEX zoomd:reply:waits 0").await.expect("reply");
    let reply: Value = serde_json::from_str(&reply).expect("json");
    assert_eq!(reply["code"], "cancelled");
    assert_eq!(reply["message"], "the job was cancelled by an operator: by hand");
    assert_eq!((&reply["metadata"]["t"], &reply["job"]["account"]), (&1.into(), &"held".into()));
    // A daemon that had read the entry finds that it no longer owns it.
    let late = bench.admit_one(named("read", 1, "held", &read)).await;
    assert!(matches!(late, Admitted::Held), "{late:?}");
    // The id is free.
    let (_, again) = admitted(&bench, "waits", "held", "").await;
    assert!(matches!(again, Admitted::Waits { .. }), "{again:?}");
}

#[tokio::test]
async fn what_is_in_flight_or_over_is_not_cancelled() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let (_, answer) = admitted(&bench, "a", "acme", "").await;
    assert_eq!(cancel(&bench, "a").await, Cancelled::InFlight);
    bench.end(go(answer), done()).await;
    assert_eq!(cancel(&bench, "a").await, Cancelled::Over);
    assert_eq!(cancel(&bench, "none").await, Cancelled::NotFound);
    assert_eq!(bench.int("XLEN zoomd:failures").await, 0);
}

#[tokio::test]
async fn an_unresolved_job_is_marked_and_ends_after_reconcile() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let (_, answer) = admitted(&bench, "a", "acme", "").await;
    let until_ms = bench.store.now_ms().await.expect("time") + 5_000;
    let record = Record { attempts: 1, unresolved: true, ..Record::default() };
    let then = Then::Sleep { until_ms, purpose: Purpose::Lookup, record, event: None };
    bench.end(go(answer), then).await;
    assert_eq!(find(&bench, "a").await.state, State::Reconciling);
    assert_eq!(cancel(&bench, "a").await, Cancelled::AfterReconcile);
    assert_eq!(cancel(&bench, "a").await, Cancelled::AfterReconcile);
    assert_eq!(bench.int("XLEN zoomd:failures").await, 0);
    bench.shift(Duration::from_secs(6)).await;
    let claimed = bench.queue.claim(&bench.queue.fence(), 1).await.expect("claim").jobs.remove(0);
    assert_eq!(claimed.record.more[CANCEL_MARK], "by hand");
    assert!(claimed.record.unresolved);
}

#[tokio::test]
async fn a_full_redis_cancels() {
    let bench = Bench::start().await;
    bench.account("held", "pro").await;
    bench.cmd("HSET zoomd:v1:account:held paused x").await;
    admitted(&bench, "waits", "held", "").await;
    bench.cmd("CONFIG SET maxmemory 1").await;
    assert_eq!(cancel(&bench, "waits").await, Cancelled::Done);
    assert_eq!(bench.int("XLEN zoomd:failures").await, 1);
}

#[tokio::test]
async fn a_wrong_type_loses_no_job() {
    let bench = Bench::start().await;
    bench.account("held", "pro").await;
    bench.cmd("HSET zoomd:v1:account:held paused x").await;
    admitted(&bench, "waits", "held", "").await;
    bench.cmd("SET zoomd:failures x").await;
    assert_eq!(cancel(&bench, "waits").await, Cancelled::Broken);
    assert_eq!(find(&bench, "waits").await.state, State::Waiting);
    bench.cmd("DEL zoomd:failures").await;
    assert_eq!(cancel(&bench, "waits").await, Cancelled::Done);
}

#[tokio::test]
async fn a_retry_is_the_same_job_again() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let (entry, answer) = admitted(&bench, "a", "acme", r#","priority":"high""#).await;
    let record = Record {
        attempts: 5,
        marker: Some("zd-aaaaaaaaaaaa".into()),
        first_send_ms: Some(7),
        ..Record::default()
    };
    let then = Then::Failed {
        code: "retries_exhausted",
        holds_id: false,
        outcome: outcome("{}"),
        record: Some(record),
    };
    bench.end(go(answer), then).await;
    let failure = ops(&bench).failure("a").await.expect("asked").expect("there");
    let first = ops(&bench).retry(&failure, false, &MONTH).await.expect("asked");
    assert_eq!(first, Retried::Started { run: 2, reconciles: false });
    // Two retries of one failure are one, even if both read it before.
    let second = ops(&bench).retry(&failure, false, &MONTH).await.expect("asked");
    assert_eq!(second, Retried::Already { run: 2 });
    assert_eq!(ops(&bench).retried("a").await.expect("asked"), Some(2));
    assert_eq!(ops(&bench).retried("b").await.expect("asked"), None);
    assert!(
        ops(&bench).failures(&FailureFilter::default(), None).await.expect("list").0.is_empty()
    );

    let claimed = bench.queue.claim(&bench.queue.fence(), 9).await.expect("claim").jobs;
    assert_eq!(claimed.len(), 1);
    let (ticket, record) = (&claimed[0].ticket, &claimed[0].record);
    assert_eq!((&*ticket.job_id, ticket.run), ("a", 2));
    assert_eq!((&ticket.entry, ticket.priority, ticket.id_given), (&entry, 0, true));
    assert_eq!(
        (record.marker.as_deref(), record.first_send_ms),
        (Some("zd-aaaaaaaaaaaa"), Some(7))
    );
    assert!(String::from_utf8_lossy(&claimed[0].payload).contains(FAR_START));
    // The second run fails under an id of its own.
    bench.end(ticket.clone(), failed(false)).await;
    let line = ops(&bench).failure("a").await.expect("asked").expect("there").line;
    assert_eq!((line.id.as_str(), line.run()), ("a#2", 2));
}

#[tokio::test]
async fn a_retry_of_an_earlier_job_does_not_bind_a_later_one_of_the_same_id() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let (_, answer) = admitted(&bench, "a", "acme", "").await;
    bench.end(go(answer), failed(false)).await;
    assert!(matches!(retry(&bench, "a").await, Retried::Started { run: 2, .. }));
    let second = bench.queue.claim(&bench.queue.fence(), 1).await.expect("claim").jobs.remove(0);
    bench.end(second.ticket, failed(false)).await;
    assert!(ops(&bench).discard("a#2").await.expect("asked"));
    // The id is free again, and a new job of it fails in its first run too.
    let (_, answer) = admitted(&bench, "a", "acme", "").await;
    bench.end(go(answer), failed(false)).await;
    assert!(matches!(retry(&bench, "a").await, Retried::Started { run: 2, .. }));
}

#[tokio::test]
async fn an_unknown_outcome_is_looked_up_before_anything_is_sent() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let (_, answer) = admitted(&bench, "a", "acme", "").await;
    let record = Record { attempts: 1, unresolved: true, ..Record::default() };
    let then = Then::Failed {
        code: "outcome_unknown",
        holds_id: true,
        outcome: outcome("{}"),
        record: Some(record),
    };
    bench.end(go(answer), then).await;
    assert_eq!(find(&bench, "a").await.state, State::Failed);
    assert_eq!(retry(&bench, "a").await, Retried::Started { run: 2, reconciles: true });
    let claimed = bench.queue.claim(&bench.queue.fence(), 1).await.expect("claim").jobs.remove(0);
    assert_eq!(claimed.ticket.purpose, Purpose::Lookup);
    assert!(claimed.record.unresolved);
}

#[tokio::test]
async fn discarding_frees_the_id_that_was_held() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let (_, answer) = admitted(&bench, "a", "acme", "").await;
    bench.end(go(answer), failed(true)).await;
    assert_eq!(bench.int("HLEN zoomd:v1:ids").await, 1);
    assert!(ops(&bench).discard("a#1").await.expect("asked"));
    assert!(!ops(&bench).discard("a#1").await.expect("asked"));
    assert_eq!(bench.int("HLEN zoomd:v1:ids").await, 0);
    assert_eq!(bench.int("XLEN zoomd:failures").await, 1);
}

#[tokio::test]
async fn a_retry_that_is_of_no_use_does_nothing() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let (_, answer) = admitted(&bench, "a", "acme", "").await;
    bench.end(go(answer), failed(false)).await;
    let (_, other) = admitted(&bench, "a", "acme", "").await;
    assert_eq!(retry(&bench, "a").await, Retried::IdTaken);
    bench.end(go(other), done()).await;
    assert_eq!(retry(&bench, "a").await, Retried::IdTaken);

    let (_, answer) = admitted(&bench, "b", "acme", "").await;
    bench.end(go(answer), failed(false)).await;
    bench.cmd("HSET zoomd:v1:account:acme st removed").await;
    assert_eq!(retry(&bench, "b").await, Retried::NoAccount);
    bench.cmd("HSET zoomd:v1:account:acme st active").await;

    let late = r#","id":"c","deadline":"2090-01-01T00:00:00Z""#;
    let entry = bench.enqueue(&text("acme", late)).await;
    bench.read().await;
    let ticket = go(bench.admit_one(named("c", 1, "acme", &entry)).await);
    bench.end(ticket, failed(false)).await;
    let past = 3_800_000_000_000 - bench.store.now_ms().await.expect("time");
    bench.shift(Duration::from_millis(past.try_into().expect("ahead"))).await;
    assert!(matches!(retry(&bench, "c").await, Retried::Useless { .. }));
    assert_eq!(bench.int("XLEN zoomd:failures").await, 3);
}

#[tokio::test]
async fn failures_are_listed_newest_first_in_pages() {
    let bench = Bench::start().await;
    bench.account("acme", "unlimited").await;
    for page in 0..5 {
        let entries = bench.arrive(50).await;
        let jobs: Vec<_> = entries.iter().map(|entry| job("acme", "me", entry)).collect();
        for (nth, admitted) in bench.admit(&jobs).await.into_iter().enumerate() {
            let code = if nth == 0 && page < 2 { "needs_reauth" } else { "zoom_rejected" };
            let then = Then::Failed { code, holds_id: false, outcome: outcome("{}"), record: None };
            bench.end(go(admitted), then).await;
        }
    }
    let all = async |filter: FailureFilter| {
        let (mut lines, mut next) = ops(&bench).failures(&filter, None).await.expect("page");
        while let Some(cursor) = next {
            let (more, after) = ops(&bench).failures(&filter, Some(&cursor)).await.expect("page");
            lines.extend(more);
            next = after;
        }
        lines
    };
    let lines = all(FailureFilter::default()).await;
    assert_eq!(lines.len(), 250);
    assert!(lines.windows(2).all(|w| w[0].failed_ms >= w[1].failed_ms));
    let code = FailureFilter { code: Some("needs_reauth".into()), ..FailureFilter::default() };
    assert_eq!(all(code).await.len(), 2);
    let other = FailureFilter { account: Some("other".into()), ..FailureFilter::default() };
    assert!(all(other).await.is_empty());
}

#[tokio::test]
async fn a_pause_holds_everything_and_a_resume_wakes_it() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    ops(&bench).pause("upgrade").await.expect("paused");
    assert_eq!(ops(&bench).paused().await.expect("asked").expect("paused").reason, "upgrade");
    let (_, answer) = admitted(&bench, "a", "acme", "").await;
    assert!(matches!(answer, Admitted::Waits { why: WaitReason::Paused, .. }), "{answer:?}");
    assert_eq!(find(&bench, "a").await.why, Some(WaitReason::Paused));
    assert!(bench.queue.claim(&bench.queue.fence(), 1).await.expect("claim").jobs.is_empty());
    assert!(ops(&bench).resume().await.expect("resumed"));
    assert!(!ops(&bench).resume().await.expect("resumed"));
    assert_eq!(bench.queue.claim(&bench.queue.fence(), 1).await.expect("claim").jobs.len(), 1);
}

#[tokio::test]
async fn a_daemon_that_says_so_is_there() {
    let bench = Bench::start().await;
    let away = Problem::degraded("zoom_unreachable", "no answer", "zoomd doctor").since(4);
    let presence = Presence {
        id: "boot1".into(),
        host: "box".into(),
        pid: 7,
        version: "0.1.0".into(),
        started_ms: 5,
        problems: vec![away.clone()],
    };
    assert!(ops(&bench).daemons().await.expect("asked").is_empty());
    ops(&bench).announce(&presence).await.expect("said");
    let daemons = ops(&bench).daemons().await.expect("asked");
    assert_eq!((daemons.len(), daemons[0].alive), (1, true));
    assert_eq!(daemons[0].presence.problems, [away]);
    assert_eq!((daemons[0].presence.pid, daemons[0].presence.started_ms), (7, 5));
    bench.shift(Duration::from_secs(31)).await;
    assert!(!ops(&bench).daemons().await.expect("asked")[0].alive);
    ops(&bench).leave("boot1", "box").await.expect("left");
    assert!(ops(&bench).daemons().await.expect("asked").is_empty());
    let left = ops(&bench).vitals().await.expect("asked").left.expect("it said so");
    assert_eq!((left.id.as_str(), left.host.as_str()), ("boot1", "box"));
    let none = ops(&bench).judging().obstacles().await.expect("asked").of(Asking::default());
    assert_eq!(none.and_then(|none| none.since_ms), Some(left.at_ms));
}

#[tokio::test]
async fn what_headers_tell_of_others_is_kept_apart_and_only_grows() {
    use zoomd_store::inspect::QuotaObservation;
    use zoomd_store::limits::Label;
    let bench = Bench::start().await;
    bench.to_noon().await;
    bench.account("acme", "free").await;
    let entries = bench.arrive(2).await;
    let jobs: Vec<_> = entries.iter().map(|e| job("acme", "me", e)).collect();
    bench.admit(&jobs).await;
    let at_ms = bench.store.now_ms().await.expect("time");
    let seen = |host: bool, limit, remaining| QuotaObservation {
        account: "acme".into(),
        host: host.then(|| "me".into()),
        label: Label::Light,
        category: Some("Light".into()),
        limit,
        remaining,
        at_ms,
    };
    let ops = ops(&bench);
    let write =
        async |seen: QuotaObservation| ops.write_quota_headers(&[seen]).await.expect("written");
    write(seen(true, 100, 91)).await;
    write(seen(true, 100, 95)).await;
    write(seen(false, 6_000, 5_900)).await;
    write(seen(true, 30, 3)).await;
    let lines = ops.budget("acme").await.expect("asked").expect("an account");
    let line = |name: &str| {
        let line = lines.iter().find(|line| line.limit_name == name);
        line.map(|line| (line.used, line.elsewhere, line.left())).expect("a line")
    };
    assert_eq!(line("creates of Uacme"), (2, 7, Some(91)));
    assert_eq!(line("light per day"), (2, 98, Some(5_900)));
    assert_eq!(line("medium per day"), (0, 0, Some(2_000)));
    // A day that Zoom closed is used up; calls that are not ours count as others'.
    let end = zoomd_store::clock::next_midnight_ms(at_ms);
    bench.cmd(&format!("HSET zoomd:v1:gate:Zacme h:Uacme {end}")).await;
    let lines = ops.budget("acme").await.expect("asked").expect("an account");
    let host = lines.iter().find(|line| line.limit_name == "creates of Uacme").expect("a line");
    assert_eq!((host.elsewhere, host.left()), (98, Some(0)));
}

#[tokio::test]
async fn the_last_pauses_are_kept_for_the_stories_of_jobs() {
    let bench = Bench::start().await;
    let (ops, mut view) = (ops(&bench), JobView::waiting("order-1"));
    view.account = Some("acme".to_owned());
    for _ in 0..10 {
        ops.pause("upgrade").await.expect("redis");
        bench.shift(Duration::from_secs(7)).await;
        assert!(ops.resume().await.expect("redis"));
    }
    assert!(!ops.resume().await.expect("redis"));
    ops.pause("again").await.expect("redis");
    ops.add_blocks(&mut view).await.expect("redis");
    let times: Vec<_> = view.blocks.iter().map(|block| (block.why, block.to_ms)).collect();
    assert_eq!(times.len(), 9, "eight that are over, and this: {times:?}");
    assert!(times[..8].iter().all(|(why, to_ms)| *why == WaitReason::Paused && to_ms.is_some()));
    assert_eq!(times[8], (WaitReason::Paused, None));
    let first = view.blocks[0];
    let long_ms = first.to_ms.expect("over") - first.from_ms;
    assert!((7_000..9_000).contains(&long_ms), "{long_ms}");
}
