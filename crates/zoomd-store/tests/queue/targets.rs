//! Jobs that change one meeting: one at a time, in the order of the stream, and a cancel
//! that cannot lose.

use std::sync::Arc;
use std::time::Duration;

use redis_local::Options;
use zoomd_store::admin::Cancelled;
use zoomd_store::inspect::Ops;
use zoomd_store::limits::Label;
use zoomd_store::queue::{
    Admission, AdmitTarget, Admitted, ClaimedJob, Fate, Part, Purpose, Queue, QueueSettings,
    Record, Settled, Settlement, TargetOf, Then, Ticket, WaitReason,
};

use crate::bench::{Bench, done, failed, go, meeting_of, named};

/// A job of the stream that names the create `of`.
pub(crate) async fn change(bench: &Bench, id: &str, of: &str, part: Part) -> Admission {
    let body = format!(r#"{{"id":"{id}","account":"acme","of":"{of}"}}"#);
    aimed(id, &bench.enqueue(&body).await, TargetOf::Create(of.into()), part)
}

/// One that names a meeting by its number.
pub(crate) async fn numbered(bench: &Bench, id: &str, number: u64, part: Part) -> Admission {
    let body = format!(r#"{{"id":"{id}","account":"acme","meeting_id":{number}}}"#);
    aimed(id, &bench.enqueue(&body).await, TargetOf::Meeting(number), part)
}

fn aimed(id: &str, entry: &Arc<str>, of: TargetOf, part: Part) -> Admission {
    let target = Some(AdmitTarget { of, part });
    let hosted = matches!(part, Part::Folds);
    let host = hosted.then(|| "me".into());
    Admission { target, host, class: Label::Light, ..named(id, 1, "acme", entry) }
}

pub(crate) async fn create(bench: &Bench, id: &str) -> Admission {
    named(id, 7, "acme", &bench.enqueue(&format!(r#"{{"id":"{id}","account":"acme"}}"#)).await)
}

pub(crate) async fn start() -> Bench {
    // One after the other: what goes together is in folds.rs.
    let settings = QueueSettings { merge_updates: false, ..QueueSettings::default() };
    let bench = Bench::with(Options::default(), settings).await;
    bench.account("acme", "pro").await;
    bench
}

/// Reads what is in the stream and admits these jobs in one batch.
pub(crate) async fn admit(bench: &Bench, jobs: &[Admission]) -> Vec<Admitted> {
    bench.read().await;
    bench.admit(jobs).await
}

/// Ends a lease; a create that succeeds made a meeting.
pub(crate) async fn settle(bench: &Bench, ticket: Ticket, then: Then) -> Settled {
    let made = matches!(then, Then::Done(_)) && ticket.aim.is_none();
    let meeting = made.then(|| meeting_of(&ticket));
    let settlement = Settlement { meeting, ..Settlement::new(ticket, then) };
    let batch = bench.queue.settle_batch(vec![settlement], Vec::new());
    bench.queue.settle(&batch).await.expect("settle")[0]
}

pub(crate) async fn claim(bench: &Bench) -> Vec<ClaimedJob> {
    bench.queue.claim(&bench.queue.fence(), 100).await.expect("claim").jobs
}

pub(crate) fn ids(jobs: &[ClaimedJob]) -> Vec<&str> {
    jobs.iter().map(|job| &*job.ticket.job_id).collect()
}

/// The one job that goes now.
pub(crate) async fn next(bench: &Bench, id: &str) -> Ticket {
    let mut jobs = claim(bench).await;
    assert_eq!(ids(&jobs), [id]);
    jobs.remove(0).ticket
}

/// The jobs that are handed out to be ended, by their ids, ended as they are told.
pub(crate) async fn ended(bench: &Bench) -> Vec<(String, Fate)> {
    let expired = bench.queue.claim_expired(&bench.queue.fence(), 100).await.expect("expire");
    let mut found = Vec::new();
    for job in expired.jobs {
        let fate = job.fate.expect("a fate");
        found.push((job.ticket.job_id.to_string(), fate.clone()));
        let then = if fate == Fate::NeverCreated { done() } else { failed(false) };
        settle(bench, job.ticket, then).await;
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

pub(crate) fn by(id: &str) -> Fate {
    Fate::Cancelled { by: id.to_owned() }
}

pub(crate) fn fates(all: &[(&str, Fate)]) -> Vec<(String, Fate)> {
    all.iter().map(|(id, fate)| ((*id).to_owned(), fate.clone())).collect()
}

pub(crate) fn waits(admitted: &Admitted) -> WaitReason {
    match admitted {
        Admitted::Waits { why, .. } => *why,
        other => panic!("{other:?}"),
    }
}

/// Nothing is left of any line or job.
pub(crate) async fn nothing_left(bench: &Bench) {
    for key in ["target:", "owner", "deadline", "due", "payload:acme", "room:acme|?light"] {
        assert_eq!(bench.int(&format!("EXISTS zoomd:v1:{key}")).await, 0, "{key}");
    }
    assert!(bench.keys().await.iter().all(|key| !key.contains(":target:")));
    assert_eq!(bench.int("XLEN zoomd:jobs").await, 0);
}

#[tokio::test]
async fn jobs_of_one_meeting_go_one_at_a_time_in_their_order() {
    let bench = start().await;
    let jobs = [
        Admission { host: Some("boss@x".into()), ..create(&bench, "c").await },
        change(&bench, "u1", "c", Part::Folds).await,
        change(&bench, "u2", "c", Part::Stands).await,
        create(&bench, "other").await,
    ];
    let answers = admit(&bench, &jobs).await;
    assert_eq!((waits(&answers[1]), waits(&answers[2])), (WaitReason::Target, WaitReason::Target));
    let (first, other) = (go(answers[0].clone()), go(answers[3].clone()));
    let ops = Ops::new(bench.store.clone());
    let view = ops.job("u2").await.expect("asked").expect("a job");
    assert_eq!((view.why, view.waits_for.as_deref()), (Some(WaitReason::Target), Some("c")));
    assert_eq!(view.detail.as_deref(), Some("waiting for job c, which makes the meeting"));
    assert_eq!(view.target, Some(format!("c{}/c", jobs[0].entry)));
    let waiting = ops.waiting_by_reason(&ops.status().await.expect("status")).await.expect("asked");
    assert_eq!(waiting.by_reason()[&WaitReason::Target].0, 2);
    assert!(claim(&bench).await.is_empty(), "the create is in hand");
    settle(&bench, other, done()).await;
    assert!(claim(&bench).await.is_empty());
    settle(&bench, first, done()).await;
    let update = next(&bench, "u1").await;
    assert_eq!(&*update.host, "boss@x", "the day of the meeting's host is spent");
    assert!(claim(&bench).await.is_empty(), "one at a time");
    // While it sleeps for its next attempt the target stays taken.
    let now = bench.store.now_ms().await.expect("time");
    let sleep = Then::Sleep {
        until_ms: now + 60_000,
        purpose: Purpose::Attempt,
        record: Record::default(),
        event: None,
    };
    settle(&bench, update, sleep).await;
    assert!(claim(&bench).await.is_empty());
    bench.shift(Duration::from_secs(61)).await;
    let update = next(&bench, "u1").await;
    settle(&bench, update, done()).await;
    let update = next(&bench, "u2").await;
    settle(&bench, update, done()).await;
    nothing_left(&bench).await;
}

#[tokio::test]
async fn a_delete_ends_a_create_that_nobody_holds_whatever_the_account_is_kept_by() {
    let bench = start().await;
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    let jobs = [
        create(&bench, "c").await,
        change(&bench, "u", "c", Part::Folds).await,
        change(&bench, "d", "c", Part::Ends).await,
        change(&bench, "late", "c", Part::Folds).await,
    ];
    let answers = admit(&bench, &jobs).await;
    assert_eq!(waits(&answers[0]), WaitReason::Paused);
    assert!(matches!(answers[3], Admitted::NoMeeting), "{answers:?}");
    assert_eq!(
        ended(&bench).await,
        fates(&[("c", by("d")), ("d", Fate::NeverCreated), ("u", by("d"))])
    );
    assert_eq!(bench.int("XLEN zoomd:results").await, 1);
    assert_eq!(bench.int("XLEN zoomd:failures").await, 2);
    assert!(claim(&bench).await.is_empty());
}

#[tokio::test]
async fn a_create_in_hand_is_waited_for_and_ended_when_it_comes_back_unsent() {
    for comes_back in ["back", "slept", "swept", "recalled"] {
        let bench = start().await;
        let first = [create(&bench, "c").await];
        let ticket = go(admit(&bench, &first).await.remove(0));
        let jobs = [
            change(&bench, "u", "c", Part::Folds).await,
            change(&bench, "d", "c", Part::Ends).await,
        ];
        admit(&bench, &jobs).await;
        assert_eq!(ended(&bench).await, fates(&[("u", by("d"))]), "at once");
        let fence = ticket.fence.clone();
        match comes_back {
            "back" => {
                let batch = bench.queue.settle_batch(vec![Settlement::back(ticket)], Vec::new());
                bench.queue.settle(&batch).await.expect("settle");
            }
            "slept" => {
                let (purpose, record) = (Purpose::Attempt, Record::default());
                let until_ms = 4_000_000_000_000;
                let sleep = Then::Sleep { until_ms, purpose, record, event: None };
                settle(&bench, ticket, sleep).await;
            }
            "recalled" => assert_eq!(bench.queue.recall(&fence).await.expect("recall"), 1),
            _ => {
                bench.cmd(&format!("HSET zoomd:v1:owner c {fence}|1|h|Zacme")).await;
                bench.shift(Duration::from_secs(31)).await;
                assert_eq!(bench.queue.sweep(100).await.expect("sweep").unsent, 1);
            }
        }
        assert_eq!(
            ended(&bench).await,
            fates(&[("c", by("d")), ("d", Fate::NeverCreated)]),
            "{comes_back}"
        );
        assert!(claim(&bench).await.is_empty(), "{comes_back}");
    }
}

#[tokio::test]
async fn a_create_whose_call_may_have_left_is_looked_for_before_its_delete_goes() {
    let bench = start().await;
    let first = [create(&bench, "c").await];
    go(admit(&bench, &first).await.remove(0));
    admit(&bench, &[change(&bench, "d", "c", Part::Ends).await]).await;
    bench.shift(Duration::from_secs(31)).await;
    assert_eq!(bench.queue.sweep(100).await.expect("sweep").sent, 1);
    assert_eq!(ended(&bench).await, []);
    let look = next(&bench, "c").await;
    assert_eq!(look.purpose, Purpose::Lookup);
    settle(&bench, look, done()).await;
    let delete = next(&bench, "d").await;
    settle(&bench, delete, done()).await;
    nothing_left(&bench).await;
}

#[tokio::test]
async fn jobs_of_a_create_that_made_no_meeting_end_without_a_call() {
    let bench = start().await;
    let jobs = [
        create(&bench, "c").await,
        change(&bench, "u1", "c", Part::Folds).await,
        change(&bench, "u2", "c", Part::Stands).await,
    ];
    let ticket = go(admit(&bench, &jobs).await.remove(0));
    settle(&bench, ticket, failed(false)).await;
    let none = Fate::NoMeeting;
    assert_eq!(ended(&bench).await, fates(&[("u1", none.clone()), ("u2", none)]));
    nothing_left(&bench).await;
    // Also by the hand of an operator.
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    let jobs = [create(&bench, "c").await, change(&bench, "u3", "c", Part::Folds).await];
    admit(&bench, &jobs).await;
    let ops = Ops::new(bench.store.clone());
    assert_eq!(ops.cancel(&["c".into()], "stop").await.expect("cancel"), [Cancelled::Done]);
    assert_eq!(ended(&bench).await, fates(&[("u3", Fate::NoMeeting)]));
    nothing_left(&bench).await;
    // And of one that is not known, or of another account.
    bench.account("beta", "pro").await;
    bench.cmd("HDEL zoomd:v1:account:acme paused").await;
    let other = Admission { account: "beta".into(), ..create(&bench, "b").await };
    let jobs = [
        other,
        change(&bench, "u4", "b", Part::Folds).await,
        change(&bench, "u5", "nobody", Part::Ends).await,
        change(&bench, "u6", "u6", Part::Ends).await,
    ];
    let answers = admit(&bench, &jobs).await;
    for answer in &answers[1..] {
        assert!(matches!(answer, Admitted::NoMeeting), "{answers:?}");
    }
}

/// The create and what changes it are in the hands of two daemons, in both orders.
#[tokio::test]
async fn no_job_is_judged_before_an_older_one_of_its_target() {
    let bench = start().await;
    let second = Queue::new(bench.store.clone(), QueueSettings::default(), "boot2");
    let read = |consumer: &'static str| {
        let text = format!("XREADGROUP GROUP zoomd {consumer} COUNT 1 STREAMS zoomd:jobs >");
        let bench = &bench;
        async move { bench.cmd(&text).await }
    };
    for (what, of) in [("create", "c"), ("update", "made")] {
        if what == "update" {
            let job = create(&bench, "made").await;
            let ticket = go(admit(&bench, &[job]).await.remove(0));
            settle(&bench, ticket, done()).await;
        }
        let older = match what {
            "create" => create(&bench, "c").await,
            _ => change(&bench, "u", "made", Part::Folds).await,
        };
        let other = create(&bench, &format!("other-{what}")).await;
        let delete = change(&bench, &format!("d-{what}"), of, Part::Ends).await;
        read("boot1").await;
        read("boot1").await;
        read("boot2").await;
        let fence = second.fence();
        let jobs = [delete];
        for _ in 0..2 {
            let answers = second.admit(&fence, &jobs).await.expect("admit");
            assert!(matches!(answers[..], [Admitted::Later]), "{what}: {answers:?}");
        }
        let older = bench.admit_one(older).await;
        // One of another target delays nothing.
        let answers = second.admit(&fence, &jobs).await.expect("admit");
        let _ = waits(&answers[0]);
        match what {
            "create" => {
                settle(&bench, go(older), done()).await;
            }
            _ => assert_eq!(ended(&bench).await, fates(&[("u", by("d-update"))])),
        }
        let delete = next(&bench, &format!("d-{what}")).await;
        settle(&bench, delete, done()).await;
        let other = go(bench.admit_one(other).await);
        settle(&bench, other, done()).await;
        nothing_left(&bench).await;
    }
}

#[tokio::test]
async fn meetings_known_by_their_number_have_lines_of_their_own() {
    let bench = start().await;
    let jobs = [
        numbered(&bench, "u1", 5, Part::Folds).await,
        numbered(&bench, "x", 6, Part::Folds).await,
        numbered(&bench, "u2", 5, Part::Folds).await,
        numbered(&bench, "end", 5, Part::Passes).await,
        numbered(&bench, "d", 5, Part::Ends).await,
        numbered(&bench, "again", 5, Part::Ends).await,
    ];
    admit(&bench, &jobs[..3]).await;
    let mut jobs_now = claim(&bench).await;
    assert_eq!(ids(&jobs_now), ["u1", "x"], "each meeting by itself");
    settle(&bench, jobs_now.remove(1).ticket, done()).await;
    admit(&bench, &jobs[3..4]).await;
    assert!(claim(&bench).await.is_empty());
    // An update that comes back is passed by the end of the meeting.
    let batch =
        bench.queue.settle_batch(vec![Settlement::back(jobs_now.remove(0).ticket)], Vec::new());
    bench.queue.settle(&batch).await.expect("settle");
    let end = next(&bench, "end").await;
    settle(&bench, end, done()).await;
    admit(&bench, &jobs[4..]).await;
    assert_eq!(ended(&bench).await, fates(&[("d", by("again")), ("u1", by("d")), ("u2", by("d"))]));
    let delete = next(&bench, "again").await;
    settle(&bench, delete, done()).await;
    nothing_left(&bench).await;
}

#[tokio::test]
async fn the_first_of_a_line_has_the_priority_of_those_behind_it() {
    let bench = start().await;
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    let low = |job: Admission, priority| Admission { priority, ..job };
    let jobs = [
        low(create(&bench, "c").await, 2),
        create(&bench, "other").await,
        low(change(&bench, "u", "c", Part::Folds).await, 0),
    ];
    admit(&bench, &jobs).await;
    bench.cmd("HDEL zoomd:v1:account:acme paused").await;
    bench.cmd("DEL zoomd:v1:asleep").await;
    bench.cmd("ZADD zoomd:v1:ring 1 acme").await;
    let jobs = claim(&bench).await;
    assert_eq!(ids(&jobs), ["c", "other"]);
}

#[tokio::test]
async fn a_job_with_a_time_takes_its_place_when_it_is_due() {
    let bench = start().await;
    let now = bench.store.now_ms().await.expect("time");
    let jobs = [
        create(&bench, "c").await,
        Admission {
            not_before_ms: Some(now + 60_000),
            ..change(&bench, "d", "c", Part::Ends).await
        },
        change(&bench, "u", "c", Part::Folds).await,
    ];
    let ticket = go(admit(&bench, &jobs).await.remove(0));
    settle(&bench, ticket, done()).await;
    let update = next(&bench, "u").await;
    bench.shift(Duration::from_secs(61)).await;
    assert!(claim(&bench).await.is_empty(), "it is due, and stands behind what is in hand");
    bench.queue.renew(&[("u", &update.fence)]).await.expect("renew");
    settle(&bench, update, done()).await;
    let delete = next(&bench, "d").await;
    settle(&bench, delete, done()).await;
    nothing_left(&bench).await;
}

#[tokio::test]
async fn whoever_leaves_a_line_lets_the_next_one_go() {
    let bench = start().await;
    let jobs = [
        numbered(&bench, "cancelled", 5, Part::Folds).await,
        Admission { deadline_ms: 1, ..numbered(&bench, "expired", 5, Part::Folds).await },
        numbered(&bench, "behind", 5, Part::Folds).await,
        numbered(&bench, "lost", 5, Part::Folds).await,
        numbered(&bench, "last", 5, Part::Folds).await,
    ];
    let now = bench.store.now_ms().await.expect("time");
    let jobs = jobs.map(|job| match job.deadline_ms {
        1 => Admission { deadline_ms: now + 5_000, ..job },
        _ => job,
    });
    admit(&bench, &jobs).await;
    let ops = Ops::new(bench.store.clone());
    let some = ["cancelled".into(), "behind".into()];
    assert_eq!(ops.cancel(&some, "stop").await.expect("cancel"), [Cancelled::Done; 2]);
    bench.shift(Duration::from_secs(6)).await;
    let mut expired = bench.queue.claim_expired(&bench.queue.fence(), 9).await.expect("expire");
    assert_eq!(ids(&expired.jobs), ["expired"]);
    assert!(expired.jobs[0].expired && expired.jobs[0].fate.is_none());
    assert!(claim(&bench).await.is_empty());
    settle(&bench, expired.jobs.remove(0).ticket, failed(false)).await;
    // The daemon dies: the call may have been sent, so the meeting is checked first.
    next(&bench, "lost").await;
    bench.shift(Duration::from_secs(31)).await;
    bench.queue.sweep(100).await.expect("sweep");
    let look = next(&bench, "lost").await;
    assert_eq!(look.purpose, Purpose::Lookup);
    settle(&bench, look, done()).await;
    let last = next(&bench, "last").await;
    settle(&bench, last, done()).await;
    nothing_left(&bench).await;
}

#[tokio::test]
async fn a_line_of_a_thousand_goes_on_and_is_ended_in_one_step() {
    let bench = start().await;
    let mut jobs = Vec::new();
    for nth in 0..1000 {
        jobs.push(numbered(&bench, &format!("u{nth}"), 5, Part::Stands).await);
    }
    bench.read().await;
    for piece in jobs.chunks(250) {
        bench.admit(piece).await;
    }
    for nth in 0..20 {
        let ticket = next(&bench, &format!("u{nth}")).await;
        settle(&bench, ticket, done()).await;
    }
    admit(&bench, &[numbered(&bench, "d", 5, Part::Ends).await]).await;
    assert_eq!(bench.int("ZCARD zoomd:v1:target:macme/5").await, 1);
    let mut count = 0;
    loop {
        let some = ended(&bench).await.len();
        if some == 0 {
            break;
        }
        count += some;
    }
    assert_eq!(count, 980);
    let delete = next(&bench, "d").await;
    settle(&bench, delete, done()).await;
    nothing_left(&bench).await;
}

/// The steps that end or move a line are bounded, since a line is.
#[tokio::test]
async fn a_full_line_takes_no_more_until_there_is_room() {
    const FULL: usize = 4_000;
    let bench = start().await;
    let mut jobs = Vec::new();
    for nth in 0..FULL {
        jobs.push(numbered(&bench, &format!("u{nth}"), 5, Part::Stands).await);
    }
    bench.read().await;
    for piece in jobs.chunks(500) {
        bench.admit(piece).await;
    }
    let more = numbered(&bench, "more", 5, Part::Stands).await;
    let other = numbered(&bench, "other", 6, Part::Stands).await;
    let admitted = admit(&bench, &[more.clone(), other]).await;
    assert!(matches!(&admitted[..], [Admitted::Later, Admitted::Waits { .. }]), "{admitted:?}");
    let first = claim(&bench).await.into_iter().find(|job| &*job.ticket.job_id == "u0");
    settle(&bench, first.expect("the first").ticket, done()).await;
    let admitted = bench.admit(&[more]).await;
    assert!(matches!(&admitted[..], [Admitted::Waits { .. }]), "{admitted:?}");
    // It is full again; a delete makes room.
    admit(&bench, &[numbered(&bench, "d", 5, Part::Ends).await]).await;
    // The delete, and the one that the settle let go if it is leased by now.
    assert_eq!(bench.int("ZCARD zoomd:v1:target:macme/5").await, 1);
}

#[tokio::test]
async fn a_redis_that_forgot_a_call_has_its_line_again() {
    let bench = start().await;
    let jobs = [
        numbered(&bench, "u1", 5, Part::Folds).await,
        numbered(&bench, "u2", 5, Part::Folds).await,
    ];
    admit(&bench, &jobs).await;
    let mut claimed = claim(&bench).await;
    let job = claimed.remove(0);
    bench.cmd("FLUSHALL").await;
    bench.make_group().await;
    bench.account("acme", "pro").await;
    let calls =
        [zoomd_store::queue::Remembered { ticket: job.ticket.clone(), payload: job.payload }];
    bench.queue.replay_lost(&calls).await.expect("written");
    let later = numbered(&bench, "u3", 5, Part::Folds).await;
    admit(&bench, &[later]).await;
    assert!(claim(&bench).await.is_empty(), "the target is taken");
    settle(&bench, job.ticket, done()).await;
    let last = next(&bench, "u3").await;
    settle(&bench, last, done()).await;
    nothing_left(&bench).await;
}
