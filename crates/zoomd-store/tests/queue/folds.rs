//! Updates that wait behind a create, or behind each other: leased with the job whose call may
//! carry them, and settled with it.

use std::time::Duration;

use redis_local::Options;
use zoomd_store::admin::Cancelled;
use zoomd_store::inspect::Ops;
use zoomd_store::limits::Label;
use zoomd_store::queue::{
    Admission, AdmitTarget, Admitted, ClaimedJob, Fate, Part, Purpose, QueueSettings, Settled,
    Settlement, TargetOf, Then, Ticket,
};

use crate::bench::{Bench, done, failed, go, meeting_of, named};

async fn start() -> Bench {
    let bench = Bench::start().await;
    bench.account("acme", "pro").await;
    bench
}

async fn create(bench: &Bench, id: &str) -> Admission {
    named(id, 7, "acme", &bench.enqueue(&format!(r#"{{"id":"{id}","account":"acme"}}"#)).await)
}

/// A job about the meeting with number 5.
async fn numbered(bench: &Bench, id: &str, part: Part) -> Admission {
    let entry = bench.enqueue(&format!(r#"{{"id":"{id}","account":"acme","meeting_id":5}}"#)).await;
    let target = Some(AdmitTarget { of: TargetOf::Meeting(5), part });
    let host = (part == Part::Folds).then(|| "me".into());
    Admission { target, host, class: Label::Light, ..named(id, 1, "acme", &entry) }
}

async fn update(bench: &Bench, id: &str) -> Admission {
    numbered(bench, id, Part::Folds).await
}

/// A job about what the create `c` makes.
async fn of(bench: &Bench, id: &str, part: Part) -> Admission {
    let entry = bench.enqueue(&format!(r#"{{"id":"{id}","account":"acme","of":"c"}}"#)).await;
    let target = Some(AdmitTarget { of: TargetOf::Create("c".into()), part });
    let host = (part == Part::Folds).then(|| "me".into());
    Admission { target, host, class: Label::Light, ..named(id, 1, "acme", &entry) }
}

async fn updates(bench: &Bench, ids: &[&str]) -> Vec<Admission> {
    let mut jobs = Vec::new();
    for id in ids {
        jobs.push(update(bench, id).await);
    }
    jobs
}

async fn admit(bench: &Bench, jobs: &[Admission]) -> Vec<Admitted> {
    bench.read().await;
    bench.admit(jobs).await
}

fn ids(jobs: &[ClaimedJob]) -> Vec<&str> {
    jobs.iter().map(|job| &*job.ticket.job_id).collect()
}

fn tickets(parts: Vec<ClaimedJob>) -> Vec<Ticket> {
    parts.into_iter().map(|part| part.ticket).collect()
}

/// The one job that goes now, which must have these parts.
async fn next(bench: &Bench, id: &str, parts: &[&str]) -> (Ticket, Vec<Ticket>) {
    let mut jobs = bench.queue.claim(&bench.queue.fence(), 100).await.expect("claim").jobs;
    assert_eq!(ids(&jobs), [id]);
    let job = jobs.remove(0);
    assert_eq!(ids(&job.parts), parts, "behind {id}");
    (job.ticket, tickets(job.parts))
}

async fn nothing_goes(bench: &Bench) {
    let jobs = bench.queue.claim(&bench.queue.fence(), 100).await.expect("claim").jobs;
    assert!(jobs.is_empty(), "{:?}", ids(&jobs));
}

/// Ends the leases of a call in one step: the carrier's, and one way for all of its parts.
async fn settle(bench: &Bench, (carrier, then): (Ticket, Then), parts: Vec<Ticket>, each: &Then) {
    let made = matches!(then, Then::Done(_)) && carrier.aim.is_none();
    let meeting = made.then(|| meeting_of(&carrier));
    let mut all = vec![Settlement { meeting, ..Settlement::new(carrier, then) }];
    all.extend(parts.into_iter().map(|part| Settlement::new(part, each.clone())));
    let batch = bench.queue.settle_batch(all, Vec::new());
    let answers = bench.queue.settle(&batch).await.expect("settle");
    assert!(answers.iter().all(|answer| *answer == Settled::Done), "{answers:?}");
}

fn room(purpose: Purpose) -> Then {
    Then::Room { purpose, record: None, nap: None }
}

async fn cancel(bench: &Bench, id: &str) -> Cancelled {
    let ops = Ops::new(bench.store.clone());
    ops.cancel(&[id.into()], "stop").await.expect("cancel").remove(0)
}

async fn ended(bench: &Bench) -> Vec<(String, Fate)> {
    let expired = bench.queue.claim_expired(&bench.queue.fence(), 100).await.expect("expire");
    let mut found: Vec<_> = expired
        .jobs
        .into_iter()
        .map(|job| (job.ticket.job_id.to_string(), job.fate.expect("a fate")))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

async fn nothing_left(bench: &Bench) {
    for key in ["target:", "owner", "deadline", "due", "payload:acme", "record:acme"] {
        assert_eq!(bench.int(&format!("EXISTS zoomd:v1:{key}")).await, 0, "{key}");
    }
    assert!(bench.keys().await.iter().all(|key| !key.contains(":target:")));
    assert_eq!(bench.int("XLEN zoomd:jobs").await, 0);
}

/// Calls that the hosts' hundred was charged for today.
async fn charged(bench: &Bench) -> i64 {
    let mut sum = 0;
    for key in bench.keys().await.iter().filter(|key| key.contains(":ledger:")) {
        sum += bench.int(&format!("HGET {key} l:light")).await;
    }
    sum
}

#[tokio::test]
async fn a_create_takes_over_the_updates_that_came_with_it() {
    let bench = start().await;
    let jobs = [
        create(&bench, "c").await,
        of(&bench, "u1", Part::Folds).await,
        of(&bench, "u2", Part::Folds).await,
        of(&bench, "s", Part::Stands).await,
        of(&bench, "u3", Part::Folds).await,
    ];
    bench.read().await;
    let fence = bench.queue.fence();
    let mut carrier = None;
    // Asked again after a lost answer, the script answers as before.
    for _ in 0..2 {
        let mut answers = bench.queue.admit(&fence, &jobs).await.expect("admit");
        assert!(answers[1..].iter().all(|one| !matches!(one, Admitted::Go(_))), "{answers:?}");
        let Admitted::Carries(ticket, parts) = answers.remove(0) else { panic!("{answers:?}") };
        assert_eq!(ids(&parts), ["u1", "u2"]);
        assert!(parts.iter().all(|part| part.payload.starts_with(b"{\"id\":\"u")));
        carrier = Some((ticket, tickets(parts)));
    }
    let (ticket, parts) = carrier.expect("a carrier");
    nothing_goes(&bench).await;
    let view = Ops::new(bench.store.clone()).job("u1").await.expect("asked").expect("a job");
    assert_eq!(view.detail.as_deref(), Some("sent with job c"));
    assert_eq!(cancel(&bench, "u1").await, Cancelled::InFlight);
    settle(&bench, (ticket, done()), parts, &done()).await;
    assert_eq!(bench.int("XLEN zoomd:results").await, 3);
    let (stands, parts) = next(&bench, "s", &[]).await;
    settle(&bench, (stands, done()), parts, &done()).await;
    let (last, parts) = next(&bench, "u3", &[]).await;
    settle(&bench, (last, done()), parts, &done()).await;
    nothing_left(&bench).await;
}

#[tokio::test]
async fn updates_go_with_the_first_of_them_for_one_charge() {
    let bench = start().await;
    let (first, rest) = (update(&bench, "u0").await, updates(&bench, &["u1", "u2", "u3"]).await);
    admit(&bench, &[first]).await;
    let (held, none) = next(&bench, "u0", &[]).await;
    admit(&bench, &rest).await;
    nothing_goes(&bench).await;
    settle(&bench, (held, done()), none, &done()).await;
    let before = charged(&bench).await;
    let (carrier, parts) = next(&bench, "u1", &["u2", "u3"]).await;
    assert_eq!(charged(&bench).await, before + 1);
    settle(&bench, (carrier, done()), parts, &done()).await;
    assert_eq!(charged(&bench).await, before + 1);
    assert_eq!(bench.int("XLEN zoomd:results").await, 4);
    nothing_left(&bench).await;
}

#[tokio::test]
async fn parts_of_a_call_that_was_not_made_are_free_again() {
    for comes_back in ["back", "swept", "recalled"] {
        let bench = start().await;
        admit(&bench, &updates(&bench, &["u1", "u2"]).await).await;
        let (carrier, parts) = next(&bench, "u1", &["u2"]).await;
        admit(&bench, &[numbered(&bench, "d", Part::Ends).await]).await;
        assert_eq!(ended(&bench).await, [], "a call is under way");
        let fence = carrier.fence.clone();
        match comes_back {
            "back" => {
                settle(&bench, (carrier, room(Purpose::Attempt)), parts, &room(Purpose::Attempt))
                    .await;
            }
            "recalled" => assert_eq!(bench.queue.recall(&fence).await.expect("recall"), 2),
            _ => {
                bench.cmd(&format!("HSET zoomd:v1:owner u1 {fence}|1||Zacme")).await;
                bench.cmd(&format!("HSET zoomd:v1:owner u2 {fence}|1|fp|Zacme")).await;
                bench.shift(Duration::from_secs(31)).await;
                assert_eq!(bench.queue.sweep(100).await.expect("sweep").unsent, 1);
            }
        }
        let by = Fate::Cancelled { by: "d".to_owned() };
        let all = [("u1".to_owned(), by.clone()), ("u2".to_owned(), by)];
        assert_eq!(ended(&bench).await, all, "{comes_back}: ended in the step that took them back");
    }
}

#[tokio::test]
async fn an_unresolved_call_holds_its_parts() {
    let bench = start().await;
    let far = bench.store.now_ms().await.expect("time") + 60_000;
    let mut jobs = updates(&bench, &["u1", "u2", "u3"]).await;
    jobs[1].deadline_ms = far;
    admit(&bench, &jobs).await;
    next(&bench, "u1", &["u2", "u3"]).await;
    // The daemon dies; the call may have left.
    bench.shift(Duration::from_secs(31)).await;
    assert_eq!(bench.queue.sweep(100).await.expect("sweep").sent, 1);
    let view = Ops::new(bench.store.clone()).job("u2").await.expect("asked").expect("a job");
    let detail = "sent with job u1; its outcome is not known yet";
    assert_eq!((view.detail.as_deref(), view.waits_for.as_deref()), (Some(detail), Some("u1")));
    assert_eq!(cancel(&bench, "u2").await, Cancelled::InFlight);
    let later = [update(&bench, "u4").await, numbered(&bench, "d", Part::Ends).await];
    admit(&bench, &later).await;
    let by = Fate::Cancelled { by: "d".to_owned() };
    assert_eq!(ended(&bench).await, [("u4".to_owned(), by)], "what was not sent");
    let (look, parts) = next(&bench, "u1", &["u2", "u3"]).await;
    assert_eq!((look.purpose, parts[0].purpose), (Purpose::Lookup, Purpose::Lookup));
    settle(&bench, (look, room(Purpose::Lookup)), parts, &room(Purpose::Carried)).await;
    // Past its deadline it is held all the same.
    bench.shift(Duration::from_secs(60)).await;
    assert_eq!(ended(&bench).await, []);
    assert_eq!(cancel(&bench, "u3").await, Cancelled::InFlight);
    let (look, parts) = next(&bench, "u1", &["u2", "u3"]).await;
    // A look whose daemon dies leaves them so, too.
    drop((look, parts));
    bench.shift(Duration::from_secs(31)).await;
    bench.queue.sweep(100).await.expect("sweep");
    let (look, parts) = next(&bench, "u1", &["u2", "u3"]).await;
    settle(&bench, (look, done()), parts, &done()).await;
    let (delete, none) = next(&bench, "d", &[]).await;
    settle(&bench, (delete, done()), none, &done()).await;
    assert_eq!(bench.int("XLEN zoomd:results").await, 4);
}

#[tokio::test]
async fn what_was_refused_together_goes_one_by_one() {
    let bench = start().await;
    admit(&bench, &updates(&bench, &["u1", "u2", "u3"]).await).await;
    let (carrier, parts) = next(&bench, "u1", &["u2", "u3"]).await;
    settle(&bench, (carrier, room(Purpose::Alone)), parts, &room(Purpose::Alone)).await;
    admit(&bench, &updates(&bench, &["u4"]).await).await;
    let (one, none) = next(&bench, "u1", &[]).await;
    assert_eq!(one.purpose, Purpose::Attempt);
    settle(&bench, (one, failed(false)), none, &done()).await;
    for id in ["u2", "u3"] {
        let (one, none) = next(&bench, id, &[]).await;
        settle(&bench, (one, done()), none, &done()).await;
    }
    let (last, none) = next(&bench, "u4", &[]).await;
    settle(&bench, (last, done()), none, &done()).await;
    nothing_left(&bench).await;
}

#[tokio::test]
async fn only_what_may_go_goes_together() {
    let bench = start().await;
    let now = bench.store.now_ms().await.expect("time");
    let mut jobs = updates(&bench, &["u1", "u2", "soon", "u3"]).await;
    jobs[2].deadline_ms = now + 8_000;
    admit(&bench, &jobs).await;
    let (carrier, parts) = next(&bench, "u1", &["u2"]).await;
    settle(&bench, (carrier, done()), parts, &done()).await;
    let (soon, parts) = next(&bench, "soon", &["u3"]).await;
    settle(&bench, (soon, done()), parts, &done()).await;
    // At most 32 jobs.
    let many: Vec<String> = (0..40).map(|nth| format!("m{nth}")).collect();
    let names: Vec<&str> = many.iter().map(String::as_str).collect();
    admit(&bench, &updates(&bench, &names).await).await;
    let (carrier, parts) = next(&bench, "m0", &names[1..32]).await;
    settle(&bench, (carrier, done()), parts, &done()).await;
    let (carrier, parts) = next(&bench, "m32", &names[33..]).await;
    settle(&bench, (carrier, done()), parts, &done()).await;
    // At most 64 KiB.
    let mut large = Vec::new();
    for nth in 0..4 {
        let (id, pad) = (format!("l{nth}"), "x".repeat(30_000));
        let body = format!(r#"{{"id":"{id}","account":"acme","meeting_id":5,"pad":"{pad}"}}"#);
        let entry = bench.enqueue(&body).await;
        large.push(Admission { entry, job_id: id.into(), ..jobs[0].clone() });
    }
    admit(&bench, &large).await;
    let (carrier, parts) = next(&bench, "l0", &["l1", "l2"]).await;
    settle(&bench, (carrier, done()), parts, &done()).await;
}

#[tokio::test]
async fn folding_can_be_switched_off() {
    let settings = QueueSettings { merge_updates: false, ..QueueSettings::default() };
    let bench = Bench::with(Options::default(), settings).await;
    bench.account("acme", "pro").await;
    let jobs = [create(&bench, "c").await, of(&bench, "u1", Part::Folds).await];
    let ticket = go(admit(&bench, &jobs).await.remove(0));
    settle(&bench, (ticket, done()), Vec::new(), &done()).await;
    admit(&bench, &updates(&bench, &["u2", "u3"]).await).await;
    let mut jobs = bench.queue.claim(&bench.queue.fence(), 100).await.expect("claim").jobs;
    jobs.sort_by(|a, b| a.ticket.job_id.cmp(&b.ticket.job_id));
    assert_eq!(ids(&jobs), ["u1", "u2"]);
    assert!(jobs.iter().all(|job| job.parts.is_empty()));
}

/// A create whose deadline, its start, has passed is shown what may move it.
#[tokio::test]
async fn a_create_past_its_start_is_handed_out_with_its_updates() {
    let bench = start().await;
    bench.cmd("HSET zoomd:v1:account:acme paused x").await;
    let now = bench.store.now_ms().await.expect("time");
    let soon = Admission { deadline_ms: now + 5_000, ..create(&bench, "c").await };
    admit(&bench, &[soon, of(&bench, "u1", Part::Folds).await]).await;
    bench.shift(Duration::from_secs(6)).await;
    let queue = &bench.queue;
    let mut expired = queue.claim_expired(&queue.fence(), 9).await.expect("expire").jobs;
    assert_eq!((ids(&expired), ids(&expired[0].parts)), (vec!["c"], vec!["u1"]));
    let job = expired.remove(0);
    let ticket = Ticket { deadline_ms: now + 60_000, ..job.ticket };
    let parts = tickets(job.parts);
    settle(&bench, (ticket, room(Purpose::Attempt)), parts, &room(Purpose::Attempt)).await;
    assert!(queue.claim_expired(&queue.fence(), 9).await.expect("expire").jobs.is_empty());
    bench.cmd("HDEL zoomd:v1:account:acme paused").await;
    bench.cmd("DEL zoomd:v1:asleep").await;
    bench.cmd("ZADD zoomd:v1:ring 1 acme").await;
    next(&bench, "c", &["u1"]).await;
}

/// An update that failed is superseded when a later one succeeds, not by an earlier one.
#[tokio::test]
async fn a_failed_update_is_superseded_by_a_later_one() {
    let bench = start().await;
    let ops = Ops::new(bench.store.clone());
    admit(&bench, &updates(&bench, &["u1", "u2", "u3"]).await).await;
    let (first, parts) = next(&bench, "u1", &["u2", "u3"]).await;
    let alone = room(Purpose::Alone);
    settle(&bench, (first, alone.clone()), parts, &alone).await;
    let superseded = async |id: &str| {
        let failure = ops.failure(id).await.expect("asked").expect("a failure");
        ops.is_superseded(&failure).await.expect("asked")
    };
    let mut seen = Vec::new();
    for (id, fails) in [("u1", true), ("u2", false), ("u3", true)] {
        let mut jobs = bench.queue.claim(&bench.queue.fence(), 100).await.expect("claim").jobs;
        assert_eq!(ids(&jobs), [id]);
        let ClaimedJob { ticket, record, .. } = jobs.remove(0);
        let then = match failed(false) {
            Then::Failed { code, holds_id, outcome, .. } if fails => {
                Then::Failed { code, holds_id, outcome, record: Some(record) }
            }
            _ => done(),
        };
        settle(&bench, (ticket, then), Vec::new(), &done()).await;
        seen.push(superseded("u1").await);
    }
    assert_eq!(seen, [false, true, true]);
    assert!(!superseded("u3").await, "what came before it says nothing of it");
}
