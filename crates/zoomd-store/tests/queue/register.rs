//! The register of meetings: written with outcomes, read by job, number and month,
//! forgotten in time, and small.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use zoomd_store::meetings::{ListQuery, Meeting, Meetings, Page};
use zoomd_store::queue::{Admission, Remembered, Settled, Settlement, Ticket};
use zoomd_store::streams::enqueue;
use zoomd_wire::{LastEnd, Series, Timing};

use crate::bench::{Bench, done, failed, go, job, named};

const DAY: Duration = Duration::from_secs(24 * 3600);
const KEEP: Duration = Duration::from_secs(30 * 24 * 3600);

fn register(bench: &Bench) -> Meetings {
    Meetings::new(bench.store.clone(), KEEP)
}

/// Meeting of half an hour that starts this long after the bench's current time.
async fn starting(bench: &Bench, after: Duration) -> Timing {
    let now = bench.store.now_ms().await.expect("time") / 1000;
    let start = now + i64::try_from(after.as_secs()).expect("seconds");
    let start = Timestamp::from_second(start).ok();
    Timing { meeting_type: 2, start, minutes: Some(30), ..Timing::default() }
}

fn made(ticket: &Ticket, number: u64, timing: &Timing) -> Meeting<'static> {
    let entry = ticket.entry.parse().expect("an entry");
    Meeting {
        number,
        account: ticket.account.to_string().into(),
        job_id: ticket.job_id.to_string().into(),
        entry,
        host: "ann.smith@example.com".into(),
        ends: timing.last_end(entry.time()),
        timing: timing.clone(),
        deleted: None,
        topic: None,
    }
}

async fn settle(bench: &Bench, items: Vec<Settlement>) {
    let batch = bench.queue.settle_batch(items, Vec::new());
    let answers = bench.queue.settle(&batch).await.expect("settle");
    assert!(answers.iter().all(|answer| *answer == Settled::Done), "{answers:?}");
}

fn success(ticket: Ticket, meeting: &Meeting<'_>) -> Settlement {
    Settlement { meeting: Some(meeting.made()), ..Settlement::new(ticket, done()) }
}

/// Runs one job of this id, which makes this meeting.
async fn make(bench: &Bench, id: &str, number: u64, timing: &Timing) -> Meeting<'static> {
    let ticket = lease(bench, id).await;
    let meeting = made(&ticket, number, timing);
    settle(bench, vec![success(ticket, &meeting)]).await;
    meeting
}

async fn lease(bench: &Bench, id: &str) -> Ticket {
    let entry = bench.arrive(1).await.remove(0);
    go(bench.admit_one(named(id, 7, "acme", &entry)).await)
}

async fn start() -> Bench {
    let bench = Bench::start().await;
    bench.to_noon().await;
    for account in ["acme", "other"] {
        bench.account(account, "unlimited").await;
    }
    bench
}

async fn list(bench: &Bench, past: bool) -> Vec<u64> {
    let query = ListQuery { past, cursor: None, limit: 1000 };
    let page = register(bench).list("acme", &query).await.expect("a list");
    page.meetings.iter().map(|meeting| meeting.number).collect()
}

#[tokio::test]
async fn a_transaction_and_the_script_alone_write_the_same() {
    let bench = start().await;
    let timing = starting(&bench, 3 * DAY).await;
    // The transaction's first look: leases older than it go through the script.
    for count in [9_u32, 40, 3] {
        let entries = bench.arrive(usize::try_from(count).expect("few")).await;
        let jobs: Vec<Admission> = entries
            .iter()
            .enumerate()
            .map(|(n, entry)| match n % 3 {
                0 => job("acme", "me", entry),
                1 => named(&format!("{entry}-x"), 1, "acme", entry),
                _ => named(&format!("{entry}-x"), 1, "other", entry),
            })
            .collect();
        let tickets: Vec<_> = bench.admit(&jobs).await.into_iter().map(go).collect();
        let number = |n: u64| 1000 * n + u64::from(count);
        let of = |(n, ticket): (u64, &Ticket)| made(ticket, number(n), &timing);
        let meetings: Vec<_> = (0..).zip(&tickets).map(of).collect();
        let items = tickets.into_iter().zip(&meetings).map(|(t, m)| success(t, m)).collect();
        settle(&bench, items).await;
        for meeting in &meetings {
            let by_job = register(&bench).by_job(&meeting.job_id).await.expect("read");
            assert_eq!(by_job.last.as_ref(), Some(meeting), "{count}");
            assert!(by_job.earlier.is_empty());
            let by_number = register(&bench).by_number(None, meeting.number).await.expect("read");
            assert_eq!(by_number.as_slice(), std::slice::from_ref(meeting), "{count}");
            let account = Some("nobody");
            let none = register(&bench).by_number(account, meeting.number).await.expect("read");
            assert!(none.is_empty());
        }
    }
    let stats = bench.text("INFO commandstats").await.expect("stats");
    assert!(stats.contains("cmdstat_exec:calls=1,"), "one batch took the transaction");
    assert_eq!(list(&bench, false).await.len(), 6 + 27 + 2);
}

#[tokio::test]
async fn an_id_that_is_taken_again_leads_to_the_last_and_keeps_the_earlier() {
    let bench = start().await;
    let timing = starting(&bench, 40 * DAY).await;
    let first = make(&bench, "order-1", 11, &timing).await;
    bench.shift(2 * DAY).await;
    // An id of a registered meeting is not forgotten.
    while bench.queue.expire_ids(None).await.expect("ids").next.is_some() {}
    let known = register(&bench).by_job("order-1").await.expect("read");
    assert_eq!(known.last.as_ref(), Some(&first));

    let second = make(&bench, "order-1", 12, &timing).await;
    let known = register(&bench).by_job("order-1").await.expect("read");
    assert_eq!((known.last.as_ref(), &*known.earlier), (Some(&second), &[first.clone()][..]));

    bench.shift(2 * DAY).await;
    let third = lease(&bench, "order-1").await;
    assert_eq!(bench.end(third, failed(false)).await, Settled::Done);
    let known = register(&bench).by_job("order-1").await.expect("read");
    assert_eq!((known.last, known.earlier), (None, vec![first, second]));
    assert_eq!(register(&bench).by_job("order-2").await.expect("read"), Default::default());
}

/// A purge takes an account's meetings; what leads to them goes with the next pass.
#[tokio::test]
async fn an_id_that_leads_to_no_meeting_is_forgotten() {
    let bench = start().await;
    let timing = starting(&bench, 40 * DAY).await;
    make(&bench, "order-1", 11, &timing).await;
    make(&bench, "order-2", 12, &timing).await;
    bench.shift(2 * DAY).await;
    bench.cmd("HDEL zoomd:v1:meeting:acme 11").await;
    while bench.queue.expire_ids(None).await.expect("ids").next.is_some() {}
    assert_eq!(bench.int("HEXISTS zoomd:v1:ids order-1").await, 0);
    assert_eq!(bench.int("HEXISTS zoomd:v1:ids order-2").await, 1);
}

#[tokio::test]
async fn meetings_are_listed_in_the_order_of_their_ends_page_by_page() {
    let bench = start().await;
    let timings = [90, 1, 40, 2].map(|days| starting(&bench, days * DAY));
    for (number, timing) in (1..).zip(timings) {
        make(&bench, &format!("job-{number}"), number, &timing.await).await;
    }
    let endless = Timing {
        meeting_type: 8,
        series: "w1:2".parse::<Series>().ok(),
        ..starting(&bench, DAY).await
    };
    make(&bench, "weekly", 5, &endless).await;
    assert_eq!(list(&bench, false).await, [2, 4, 3, 1, 5]);
    let (mut cursor, mut seen) = (None, Vec::new());
    loop {
        let query = ListQuery { past: false, cursor, limit: 2 };
        let Page { meetings, next } = register(&bench).list("acme", &query).await.expect("a page");
        seen.extend(meetings.iter().map(|meeting| meeting.number));
        cursor = next;
        if cursor.is_none() {
            break;
        }
        assert_eq!(meetings.len(), 2);
    }
    assert_eq!(seen, [2, 4, 3, 1, 5]);
    let none = register(&bench).list("acm", &ListQuery { limit: 9, ..Default::default() }).await;
    assert!(none.expect("a list").meetings.is_empty());
    bench.shift(2 * DAY).await;
    assert_eq!(list(&bench, false).await, [4, 3, 1, 5]);
    assert_eq!(list(&bench, true).await, [2, 4, 3, 1, 5]);
}

/// Settles a job that changed this meeting.
async fn change(bench: &Bench, before: &Meeting<'_>, after: &Meeting<'_>) {
    let ticket = lease(bench, &format!("change-{}-{:?}", after.number, after.deleted)).await;
    let meeting = Some(after.changed(before));
    settle(bench, vec![Settlement { meeting, ..Settlement::new(ticket, done()) }]).await;
}

#[tokio::test]
async fn a_change_is_known_and_a_moved_meeting_is_listed_once() {
    let bench = start().await;
    let before = make(&bench, "job", 7, &starting(&bench, DAY).await).await;
    let start = starting(&bench, 90 * DAY).await.start.expect("a start");
    let body = format!(r#"{{"start_time":"{start}","duration":60,"topic":"t"}}"#);
    let after = before.clone().patched(&body);
    change(&bench, &before, &after).await;
    let known = register(&bench).by_job("job").await.expect("read").last;
    assert_eq!(known.as_ref(), Some(&after));
    assert_eq!((after.timing.start, after.timing.minutes), (Some(start), Some(60)));
    assert_eq!(after.topic, None, "topics are not kept here");
    assert_eq!(list(&bench, true).await, [7]);
    let deleted = after.clone().deleted_at(start);
    change(&bench, &after, &deleted).await;
    assert_eq!((list(&bench, false).await, list(&bench, true).await), (vec![], vec![7]));
    assert_eq!(register(&bench).by_job("job").await.expect("read").last, Some(deleted));
}

/// A whole pass; how many were forgotten.
async fn forget(bench: &Bench) -> u64 {
    let (mut from, mut forgotten) = (None, 0);
    loop {
        let pass = bench.queue.forget_meetings(from.as_deref()).await.expect("a step");
        forgotten += pass.changed;
        from = pass.next;
        if from.is_none() {
            return forgotten;
        }
    }
}

#[tokio::test]
async fn a_meeting_is_forgotten_a_while_after_its_end_with_all_that_leads_to_it() {
    let bench = start().await;
    let before = bench.keys().await;
    let soon = starting(&bench, DAY).await;
    make(&bench, "one", 1, &soon).await;
    bench.shift(2 * DAY).await;
    make(&bench, "one", 2, &starting(&bench, 3 * DAY).await).await;
    let endless = Timing { meeting_type: 3, start: None, ..soon.clone() };
    let weekly = make(&bench, "weekly", 3, &endless).await;
    assert_eq!(weekly.ends, LastEnd::Never);
    // A day and half an hour after the beginning the first is over; two days passed.
    bench.shift(KEEP - DAY).await;
    assert_eq!(register(&bench).by_number(None, 1).await.expect("read").len(), 1);
    assert_eq!(forget(&bench).await, 0);
    bench.shift(Duration::from_secs(31 * 60)).await;
    assert!(register(&bench).by_number(None, 1).await.expect("read").is_empty(), "at once");
    assert_eq!(forget(&bench).await, 1);
    assert_eq!(bench.int("EXISTS zoomd:v1:meeting_earlier").await, 0);
    let known = register(&bench).by_job("one").await.expect("read");
    assert_eq!(known.last.map(|meeting| meeting.number), Some(2));
    bench.shift(400 * DAY).await;
    assert_eq!(forget(&bench).await, 1);
    assert_eq!(bench.int("HEXISTS zoomd:v1:ids one").await, 0);
    assert_eq!(list(&bench, false).await, [3], "endless");
    let at = Timestamp::from_millisecond(bench.store.now_ms().await.expect("time"));
    change(&bench, &weekly, &weekly.clone().deleted_at(at.expect("a time"))).await;
    assert_eq!(forget(&bench).await, 0);
    bench.shift(KEEP + DAY).await;
    assert_eq!(forget(&bench).await, 1);
    let left = bench.keys().await;
    let of_register = |keys: &[String]| keys.iter().filter(|key| key.contains("meeting")).count();
    assert_eq!((of_register(&before), of_register(&left)), (0, 0), "{left:?}");
    assert_eq!(bench.int("HEXISTS zoomd:v1:ids weekly").await, 0);
}

#[tokio::test]
async fn a_redis_that_forgot_is_told_of_meetings_again() {
    let bench = start().await;
    let ticket = lease(&bench, "job").await;
    let meeting = made(&ticket, 7, &starting(&bench, DAY).await);
    settle(&bench, vec![success(ticket.clone(), &meeting)]).await;
    // The settle is lost, and with it the lease.
    bench.cmd("DEL zoomd:v1:ids zoomd:v1:meeting:acme zoomd:v1:meeting_months zoomd:results").await;
    let told = Remembered { ticket: ticket.clone(), payload: (&b"{}"[..]).into() };
    bench.queue.replay_lost(&[told]).await.expect("told");
    settle(&bench, vec![success(ticket, &meeting)]).await;
    let known = register(&bench).by_job("job").await.expect("read");
    assert_eq!(known.last.as_ref(), Some(&meeting));
    assert_eq!(list(&bench, false).await, [7], "once, though its list has it twice");
}

#[tokio::test]
async fn a_register_of_a_wrong_type_hinders_no_outcome() {
    let bench = start().await;
    for key in ["meeting:acme", "meeting_months", "meeting_earlier"] {
        bench.cmd(&format!("SET zoomd:v1:{key} x")).await;
    }
    let timing = starting(&bench, DAY).await;
    make(&bench, "one", 1, &timing).await;
    bench.shift(2 * DAY).await;
    make(&bench, "one", 2, &timing).await;
    assert_eq!(bench.int("XLEN zoomd:results").await, 2);
}

/// Bytes of memory for each of `count` meetings of an account, in and around the register.
async fn bytes_of(count: usize, topic: Option<&str>) -> i64 {
    let bench = start().await;
    bench.cmd("CONFIG SET hz 100").await;
    let used = async || {
        let info = bench.text("INFO memory").await.expect("info");
        let line = info.lines().find_map(|l| l.strip_prefix("used_memory_dataset:"));
        line.expect("used").trim().parse::<i64>().expect("bytes")
    };
    let timing = starting(&bench, 3 * DAY).await;
    let before = used().await;
    for from in (0..count).step_by(500) {
        let texts = vec!["{}"; 500.min(count - from)];
        let entries = enqueue(&bench.store, &texts).await.expect("entries");
        let entries: Vec<Arc<str>> = entries.into_iter().map(Into::into).collect();
        bench.read().await;
        let id = |n: usize| format!("order-{:014}", from + n);
        let jobs: Vec<_> =
            entries.iter().enumerate().map(|(n, e)| named(&id(n), 1, "acme", e)).collect();
        let tickets: Vec<_> = bench.admit(&jobs).await.into_iter().map(go).collect();
        let items = (0..).zip(tickets).map(|(n, ticket)| {
            // Numbers of Zoom's length, in no order.
            let number = 70_000_000_000 + (from as u64 + n) * 7_919_777 % 29_999_999_999;
            let topic = topic.map(|topic| topic.to_owned().into());
            let meeting = Meeting { topic, ..made(&ticket, number, &timing) };
            success(ticket, &meeting)
        });
        settle(&bench, items.collect()).await;
    }
    bench.cmd("DEL zoomd:results zoomd:jobs zoomd:v1:settled:boot1").await;
    assert_eq!(bench.int("HLEN zoomd:v1:meeting:acme").await, count as i64);
    (used().await - before) / count as i64
}

/// With real admissions and settles, and ids of 20 characters. `make measure-register`
/// takes a million meetings.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "a measurement ends with its figures")]
async fn a_meeting_takes_at_most_400_bytes_and_80_with_its_topic() {
    let count = std::env::var("ZOOMD_REGISTER_MEETINGS").ok();
    let count = count.map_or(20_000, |text| text.parse().expect("a number of meetings"));
    let plain = bytes_of(count, None).await;
    assert!(plain <= 400, "{plain} bytes a meeting");
    let with_topic = bytes_of(count, Some(&"t".repeat(200))).await;
    println!("{count} meetings: {plain} bytes each, {with_topic} with a topic");
    assert!(with_topic - plain <= 80, "{plain} bytes, {with_topic} with a topic");
}
