//! Engines that die or leave: how soon others go on.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use zoom_sim::{Endpoint, Fault, What};
use zoomd_store::queue::{Admission, Admitted, Entry, Queue, Reader};
use zoomd_wire::Job;
use zoomd_workers::pipeline::parse::{self, Parsed};
use zoomd_workers::state::leased_job::{LeasedJob, Moment};

use crate::resp::Answer;
use crate::world::{LIMIT, World, job_with};

async fn next(reader: &mut Reader) -> Entry {
    loop {
        if let Some(entry) = reader.next(1).await.expect("a read").pop() {
            return entry;
        }
    }
}

fn job_of(entry: Entry) -> (Admission, Box<Job>, Bytes) {
    let classes = zoomd_store::limits::Classes::default();
    match parse::fresh(&zoomd_workers::Settings::default(), &classes, entry) {
        Parsed::Job { admission, job, text } => (admission, job, text),
        bad => panic!("a sound job: {bad:?}"),
    }
}

#[tokio::test]
async fn a_dead_engines_jobs_are_taken_up_within_twice_the_lease() {
    let world = World::new().await;
    world.account("acme").await;
    let setup = world.setup();
    let (lease, dying) = (setup.queue.lease, Queue::new(world.store.clone(), setup.queue, "dying"));
    // One entry read and not admitted, one admitted and not sent.
    for id in ["read", "admitted"] {
        world.enqueue(&job_with("acme", id));
    }
    let mut reader = dying.reader();
    next(&mut reader).await;
    let (admission, _, _) = job_of(next(&mut reader).await);
    dying.admit(&dying.fence(), &[admission]).await.expect("admitted");
    assert_eq!(world.resp().call(&["ZCARD", "zoomd:v1:leases"]), Answer::Number(1));
    let died = Instant::now();
    let heir = world.engine().await;
    assert_eq!(world.outcome_of("read").await["attempts"], 1);
    // Nobody knows of the other whether it was sent: Zoom is asked.
    world.sim.wait_for(Endpoint::List, 1).await.expect("a look");
    let took = died.elapsed();
    assert!(took < 2 * lease, "{took:?} with a lease of {lease:?}");
    let outcomes = world.outcomes(2).await;
    assert!(outcomes.values().all(|outcome| outcome["status"] == "succeeded"));
    heir.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_call_under_way_is_looked_for_within_twice_the_lease() {
    let world = World::new().await;
    world.account("acme").await;
    let (dying, heir) = (world.engine().await, world.hasty_engine().await);
    let hold = world.sim.fault(Fault::new(Endpoint::Create, What::Hold).after().times(8));
    for n in 0..8 {
        world.enqueue(&job_with("acme", &format!("under-way-{n}")));
    }
    world.sim.wait_for(Endpoint::Create, 8).await.expect("calls");
    let lease = world.setup().queue.lease;
    let died = Instant::now();
    drop(dying);
    world.sim.release(hold);
    world.outcomes(8).await;
    assert!(died.elapsed() < 2 * lease + Duration::from_secs(1), "{:?}", died.elapsed());
    assert_eq!(world.sim.meetings().len(), 8);
    heir.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_rolling_deploy_costs_no_attempt_and_no_second() {
    let world = World::new().await;
    world.account("acme").await;
    let old = world.engine_with(|setup| setup.settings.concurrency = 4).await;
    let hold = world.sim.fault(Fault::new(Endpoint::Create, What::Hold).times(4));
    for n in 0..40 {
        world.enqueue(&job_with("acme", &format!("deploy-{n}")));
    }
    world.sim.wait_for(Endpoint::Create, 4).await.expect("four calls");
    let new = world.engine().await;
    let began = Instant::now();
    let draining = tokio::spawn(old.drain(LIMIT));
    world.outcomes(36).await;
    let resumed = began.elapsed();
    assert!(resumed < Duration::from_secs(1), "{resumed:?} until those not sent had gone on");
    world.sim.release(hold);
    draining.await.expect("the old engine ends");
    let outcomes = world.outcomes(40).await;
    assert!(outcomes.values().all(|o| o["status"] == "succeeded" && o["attempts"] == 1));
    assert!(outcomes.values().all(|o| o["reconciled"] == false));
    new.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn what_was_leased_ahead_goes_to_others_when_zoom_hangs() {
    // Enough slots that some become free in a moment on a busy machine, too.
    const SLOTS: u32 = 16;
    let world = World::new().await;
    world.account("acme").await;
    let patient = world.client(LIMIT);
    let old = world
        .engine_with(|setup| {
            setup.settings.concurrency = SLOTS as usize;
            setup.client = patient;
            // Time in which the leases ahead are seen before they go back, and are renewed.
            setup.queue.send_within = Duration::from_secs(3);
            setup.queue.lease = Duration::from_secs(10);
        })
        .await;
    let fault = Fault::new(Endpoint::Create, What::Hold).skip(200).times(SLOTS);
    let hold = world.sim.fault(fault);
    for n in 0..240 {
        world.enqueue(&job_with("acme", &format!("ahead-{n}")));
    }
    world.sim.wait_for(Endpoint::Create, 200 + u64::from(SLOTS)).await.expect("calls hang");
    let (leases, mut resp) = (["HLEN", "zoomd:v1:owner"], world.resp());
    let (hanging, until) = (i64::from(SLOTS), Instant::now() + LIMIT);
    while resp.call(&leases).number() <= hanging {
        assert!(Instant::now() < until, "nothing is leased ahead");
        tokio::task::yield_now().await;
    }
    let new = world.engine().await;
    world.outcomes(240 - SLOTS as usize).await;
    assert_eq!(resp.call(&leases).number(), hanging, "those that hang");
    world.sim.release(hold);
    let outcomes = world.outcomes(240).await;
    assert!(outcomes.values().all(|o| o["status"] == "succeeded" && o["attempts"] == 1));
    old.drain(LIMIT).await;
    new.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_lease_that_was_slept_through_sends_nothing() {
    let world = World::new().await;
    world.account("acme").await;
    let settings = world.setup().queue;
    let (within, lease) = (settings.send_within, settings.lease);
    let queue = Queue::new(world.store.clone(), settings, "slept");
    world.enqueue(&job_with("acme", "slept"));
    let (admission, job, text) = job_of(next(&mut queue.reader()).await);
    let admitted = queue.admit(&queue.fence(), &[admission]).await.expect("admitted").remove(0);
    let Admitted::Go(ticket) = admitted else { panic!("it may go: {admitted:?}") };
    let leased = LeasedJob::new(ticket, job, text, Default::default(), within, Moment::now());
    let (now, wall, second) = (Instant::now(), SystemTime::now(), Duration::from_secs(1));
    assert!(!leased.may_send_at(now + within, wall), "too late by its own clock");
    assert!(!leased.may_send_at(now, wall + within), "the machine slept");
    assert!(!leased.may_send_at(now, wall + 400 * 86_400 * second));
    assert!(!leased.may_send_at(now + lease, wall + lease));
    assert_eq!(leased.sent_ms(), None);
    assert!(leased.may_send_at(now, wall - 400 * 86_400 * second), "a clock set back is no sleep");
    assert!(leased.sent_ms().is_some());
}
