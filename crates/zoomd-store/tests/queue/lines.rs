//! Lines of jobs that change one meeting, where jobs come back, come twice, or name it in
//! different words.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use zoomd_store::admin::Retried;
use zoomd_store::inspect::Ops;
use zoomd_store::queue::{
    Admission, AdmitTarget, Admitted, ClaimedJob, Outcome, Part, Purpose, Queue, QueueSettings,
    Record, Refusal, Remembered, Settled, Settlement, TargetOf, Then, Ticket, WaitReason,
};
use zoomd_wire::MaxWait;

use crate::bench::{Bench, done, failed, go, named, number_of, outcome};
use crate::targets::{
    admit, change, claim, create, ended, fates, ids, next, nothing_left, numbered, settle, start,
    waits,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MONTH: MaxWait = MaxWait { usual: DAY.saturating_mul(30), momentary: DAY };

/// The call of this lease may have changed the meeting, and nobody knows.
async fn lose(bench: &Bench, ticket: Ticket) {
    let record = Record { attempts: 1, unresolved: true, ..Record::default() };
    let then = Then::Failed {
        code: "outcome_unknown",
        holds_id: true,
        outcome: outcome("{}"),
        record: Some(record),
    };
    assert_eq!(settle(bench, ticket, then).await, Settled::Done);
}

async fn retry(bench: &Bench, id: &str) -> Retried {
    let ops = Ops::new(bench.store.clone());
    let failure = ops.failure(id).await.expect("asked").expect("a failure");
    ops.retry(&failure, false, &MONTH).await.expect("asked")
}

/// The place of a retry is its millisecond: an entry of the same one may stand before it.
async fn next_millisecond(bench: &Bench) {
    let now = bench.store.now_ms().await.expect("time");
    while bench.store.now_ms().await.expect("time") == now {}
}

/// A create and a change of its meeting, as a retry reads them.
async fn whole(bench: &Bench, id: &str, of: Option<(TargetOf, Part)>) -> Admission {
    let about = match &of {
        Some((TargetOf::Create(of), _)) => format!(r#","kind":"update_meeting","of":"{of}""#),
        Some((TargetOf::Meeting(number), _)) => {
            format!(r#","kind":"update_meeting","meeting_id":{number}"#)
        }
        None => String::new(),
    };
    let meeting = r#"{"topic":"T","start_time":"2090-01-02T10:00:00Z"}"#;
    let body = format!(r#"{{"id":"{id}","account":"acme"{about},"meeting":{meeting}}}"#);
    let target = of.map(|(of, part)| AdmitTarget { of, part });
    Admission { target, ..named(id, 1, "acme", &bench.enqueue(&body).await) }
}

/// A create that made a meeting long ago: another job may have its id.
async fn made_long_ago(bench: &Bench, id: &str) -> u64 {
    let job = create(bench, id).await;
    let ticket = go(admit(bench, &[job]).await.remove(0));
    let number = number_of(&ticket);
    settle(bench, ticket, done()).await;
    bench.shift(DAY + Duration::from_secs(1)).await;
    number
}

#[tokio::test]
async fn an_unresolved_job_retried_behind_one_in_hand_is_looked_for_before_a_delete() {
    let bench = start().await;
    let jobs = [
        whole(&bench, "lost", Some((TargetOf::Meeting(5), Part::Folds))).await,
        numbered(&bench, "held", 5, Part::Folds).await,
    ];
    admit(&bench, &jobs).await;
    let lost = next(&bench, "lost").await;
    lose(&bench, lost).await;
    let held = next(&bench, "held").await;
    assert_eq!(retry(&bench, "lost").await, Retried::Started { run: 2, reconciles: true });
    next_millisecond(&bench).await;
    admit(&bench, &[numbered(&bench, "d", 5, Part::Ends).await]).await;
    assert_eq!(ended(&bench).await, [], "both may have changed the meeting");
    assert!(claim(&bench).await.is_empty());
    settle(&bench, held, done()).await;
    let look = next(&bench, "lost").await;
    assert_eq!(look.purpose, Purpose::Lookup);
    settle(&bench, look, done()).await;
    let delete = next(&bench, "d").await;
    settle(&bench, delete, done()).await;
    nothing_left(&bench).await;
}

/// `of` means the create that took the id last, also when its failure was discarded, or
/// when it was too late to be admitted: never an earlier one's meeting.
#[tokio::test]
async fn a_create_that_failed_hides_an_earlier_one_of_its_id_for_good() {
    let bench = start().await;
    let ops = Ops::new(bench.store.clone());
    made_long_ago(&bench, "c").await;
    let is_known = async |id: &str| {
        let update = change(&bench, id, "c", Part::Folds).await;
        let answer = admit(&bench, std::slice::from_ref(&update)).await.remove(0);
        // The daemon refuses it.
        bench.cmd(&format!("XACK zoomd:jobs zoomd {}", update.entry)).await;
        bench.cmd(&format!("XDEL zoomd:jobs {}", update.entry)).await;
        match answer {
            Admitted::NoMeeting => false,
            Admitted::Waits { .. } => true,
            other => panic!("{other:?}"),
        }
    };
    assert!(is_known("u1").await);
    let update = next(&bench, "u1").await;
    settle(&bench, update, done()).await;
    let again = create(&bench, "c").await;
    let ticket = go(admit(&bench, &[again]).await.remove(0));
    settle(&bench, ticket, failed(false)).await;
    assert!(!is_known("u2").await);
    assert!(ops.discard("c#1").await.expect("asked"));
    assert!(!is_known("u3").await);
    // What is kept of the failure is none to be shown, retried or discarded again.
    for id in ["c", "c#1"] {
        assert!(ops.failure(id).await.expect("asked").is_none(), "{id}");
        assert_eq!(ops.retried(id).await.expect("asked"), None, "{id}");
    }
    assert!(!ops.discard("c#1").await.expect("asked"));

    // One that came too late.
    made_long_ago(&bench, "late").await;
    let late = create(&bench, "late").await;
    bench.read().await;
    let refusal = Refusal {
        entry: Arc::clone(&late.entry),
        job_id: "late".into(),
        account: "acme".into(),
        code: "deadline_exceeded",
        outcome: Outcome {
            kind: "create_meeting",
            json: Bytes::from_static(b"{}"),
            reply: false,
            story: None,
        },
    };
    let batch = bench.queue.settle_batch(Vec::new(), vec![refusal]);
    assert_eq!(bench.queue.settle(&batch).await.expect("settle"), [Settled::Done]);
    let answers = admit(&bench, &[change(&bench, "u4", "late", Part::Folds).await]).await;
    assert!(matches!(answers[..], [Admitted::NoMeeting]), "{answers:?}");
    assert!(ops.failure("late#1").await.expect("asked").is_none(), "known by its entry");
    assert!(ops.failure(&late.entry).await.expect("asked").is_some());
}

#[tokio::test]
async fn an_entry_that_is_twice_in_a_batch_is_one_job() {
    let bench = start().await;
    let update = numbered(&bench, "u", 5, Part::Folds).await;
    let answers = admit(&bench, &[update.clone(), update]).await;
    assert!(matches!(answers[..], [Admitted::Waits { .. }, Admitted::Held]), "{answers:?}");
    let update = next(&bench, "u").await;
    settle(&bench, update, done()).await;
    assert_eq!(bench.int("XLEN zoomd:results").await, 1);
    nothing_left(&bench).await;
    // One that is refused is refused once.
    let lost = change(&bench, "lost", "nobody", Part::Ends).await;
    let answers = admit(&bench, &[lost.clone(), lost]).await;
    assert!(matches!(answers[..], [Admitted::NoMeeting, Admitted::Held]), "{answers:?}");
}

/// The older job is in the hands of a daemon that has not admitted it, and names the
/// meeting by `of` where the newer one has its number, or the other way round.
#[tokio::test]
async fn a_meeting_is_one_target_by_its_number_and_by_its_create() {
    let bench = start().await;
    let number = made_long_ago(&bench, "c").await;
    let second = Queue::new(bench.store.clone(), QueueSettings::default(), "boot2");
    for (nth, by_number) in [(0, true), (1, false), (2, true)] {
        let job = async |id: &str, by_number: bool, part: Part| match by_number {
            // A number may also be written as text, with zeros before it.
            true if nth == 2 => {
                let body = format!(r#"{{"id":"{id}","account":"acme","meeting_id":"00{number}"}}"#);
                let target = Some(AdmitTarget { of: TargetOf::Meeting(number), part });
                Admission { target, ..named(id, 1, "acme", &bench.enqueue(&body).await) }
            }
            true => numbered(&bench, id, number, part).await,
            false => change(&bench, id, "c", part).await,
        };
        let older = job(&format!("older-{nth}"), by_number, Part::Folds).await;
        let newer = [job(&format!("newer-{nth}"), !by_number, Part::Stands).await];
        bench.cmd("XREADGROUP GROUP zoomd boot1 COUNT 1 STREAMS zoomd:jobs >").await;
        bench.cmd("XREADGROUP GROUP zoomd boot2 COUNT 1 STREAMS zoomd:jobs >").await;
        let fence = second.fence();
        let answers = second.admit(&fence, &newer).await.expect("admit");
        assert!(matches!(answers[..], [Admitted::Later]), "{nth}: {answers:?}");
        bench.admit_one(older).await;
        let answers = second.admit(&fence, &newer).await.expect("admit");
        assert_eq!(waits(&answers[0]), WaitReason::Target, "{nth}");
        for id in ["older", "newer"] {
            let ticket = next(&bench, &format!("{id}-{nth}")).await;
            settle(&bench, ticket, done()).await;
        }
    }
    nothing_left(&bench).await;
}

#[tokio::test]
async fn jobs_due_at_one_instant_go_in_the_order_of_the_stream() {
    let bench = start().await;
    let now = bench.store.now_ms().await.expect("time");
    let mut jobs = Vec::new();
    for id in ["z", "m", "a"] {
        let job = numbered(&bench, id, 5, Part::Stands).await;
        jobs.push(Admission { not_before_ms: Some(now + 60_000), ..job });
    }
    admit(&bench, &jobs).await;
    bench.shift(Duration::from_secs(61)).await;
    for id in ["z", "m", "a"] {
        let ticket = next(&bench, id).await;
        settle(&bench, ticket, done()).await;
    }
    nothing_left(&bench).await;
}

#[tokio::test]
async fn a_create_that_is_retried_stands_before_those_that_name_it() {
    let bench = start().await;
    let jobs = [
        whole(&bench, "c", None).await,
        change(&bench, "u1", "c", Part::Folds).await,
        change(&bench, "u2", "c", Part::Folds).await,
    ];
    let ticket = go(admit(&bench, &jobs).await.remove(0));
    lose(&bench, ticket).await;
    // Its line stands: they would end as its outcome did.
    assert_eq!(retry(&bench, "c").await, Retried::Started { run: 2, reconciles: true });
    let look = next(&bench, "c").await;
    assert_eq!(look.purpose, Purpose::Lookup);
    assert!(claim(&bench).await.is_empty());
    settle(&bench, look, done()).await;
    for id in ["u1", "u2"] {
        let ticket = next(&bench, id).await;
        settle(&bench, ticket, done()).await;
    }
    nothing_left(&bench).await;
}

/// Two updates that one call carried are told to a Redis that forgot them, the second one
/// first. The call stays unresolved: it is looked for, and holds both.
#[tokio::test]
async fn a_forgotten_call_that_carried_another_job_is_looked_for() {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    let jobs = [
        numbered(&bench, "u1", 5, Part::Folds).await,
        numbered(&bench, "u2", 5, Part::Folds).await,
    ];
    admit(&bench, &jobs).await;
    let mut carrier = claim(&bench).await.remove(0);
    let part = carrier.parts.remove(0);
    bench.cmd("FLUSHALL").await;
    bench.make_group().await;
    bench.account("acme", "pro").await;
    let remembered =
        |job: &ClaimedJob| Remembered { ticket: job.ticket.clone(), payload: job.payload.clone() };
    let calls = [remembered(&part), remembered(&carrier)];
    bench.queue.replay_lost(&calls).await.expect("written");
    let until_ms = bench.store.now_ms().await.expect("time") + 1_000;
    let record = Record { attempts: 1, unresolved: true, ..Record::default() };
    let sleep = Then::Sleep { until_ms, purpose: Purpose::Lookup, record, event: None };
    let held = Then::Room { purpose: Purpose::Carried, record: None, nap: None };
    let items = vec![Settlement::new(carrier.ticket, sleep), Settlement::new(part.ticket, held)];
    let batch = bench.queue.settle_batch(items, Vec::new());
    assert_eq!(bench.queue.settle(&batch).await.expect("settle"), [Settled::Done; 2]);
    assert!(claim(&bench).await.is_empty(), "the meeting is taken");
    bench.shift(Duration::from_secs(2)).await;
    let look = claim(&bench).await.remove(0);
    assert_eq!((&*look.ticket.job_id, look.ticket.purpose), ("u1", Purpose::Lookup));
    assert_eq!(ids(&look.parts), ["u2"]);
    // Without its carrier the other goes by itself.
    settle(&bench, look.ticket, failed(false)).await;
    for part in look.parts {
        let free = Then::Room { purpose: Purpose::Attempt, record: None, nap: None };
        settle(&bench, part.ticket, free).await;
    }
    let last = next(&bench, "u2").await;
    settle(&bench, last, done()).await;
    nothing_left(&bench).await;
}

/// Jobs that named the meeting by its number before its create was known stand in the
/// line of the create from then on.
#[tokio::test]
async fn a_line_of_a_number_is_merged_into_that_of_its_create() {
    let bench = start().await;
    let job = create(&bench, "c").await;
    let ticket = go(admit(&bench, &[job]).await.remove(0));
    let number = number_of(&ticket);
    let jobs = [
        numbered(&bench, "n1", number, Part::Folds).await,
        numbered(&bench, "n2", number, Part::Folds).await,
        change(&bench, "u", "c", Part::Folds).await,
    ];
    admit(&bench, &jobs).await;
    let first = next(&bench, "n1").await;
    settle(&bench, ticket, done()).await;
    assert!(claim(&bench).await.is_empty(), "the meeting is taken by its number");
    settle(&bench, first, done()).await;
    let second = next(&bench, "n2").await;
    settle(&bench, second, done()).await;
    let last = next(&bench, "u").await;
    settle(&bench, last, done()).await;
    nothing_left(&bench).await;
    assert_eq!(ids(&claim(&bench).await), [""; 0]);
    assert_eq!(ended(&bench).await, fates(&[]));
}
