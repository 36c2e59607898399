//! A panic in a handler is that job's failure, and nobody else's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{Timestamp, ToSpan as _};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use zoom_sim::{Endpoint, Fault, What};
use zoomd_store::grants::Grants;
use zoomd_wire::AccountName;

use crate::world::{LIMIT, World, job_with};

/// A recorder that panics the first time a metric has a label of a value.
struct Trap {
    metric: &'static str,
    value: &'static str,
    sprung: Arc<AtomicBool>,
}

impl Recorder for Trap {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let hit = key.name() == self.metric && key.labels().any(|l| l.value() == self.value);
        if hit && !self.sprung.swap(true, Ordering::Relaxed) {
            panic!("the trap is sprung");
        }
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn trap(metric: &'static str, value: &'static str) -> Trap {
    Trap { metric, value, sprung: Arc::default() }
}

#[tokio::test]
async fn before_the_call_it_is_an_internal_error() {
    let trap = trap("zoomd_jobs_total", "deadline_exceeded");
    let _set = metrics::set_default_local_recorder(&trap);
    let world = World::new().await;
    world.account("acme").await;
    let name = AccountName::new("acme").expect("a name");
    let grants = Grants::new(world.store.clone(), world.vault.clone());
    grants.pause(&name, "for the test").await.expect("redis");
    let engine = world.engine().await;
    for id in ["first", "second"] {
        let mut job = job_with("acme", id);
        job["deadline"] = (Timestamp::now() + 300.milliseconds()).to_string().into();
        world.enqueue(&job);
    }
    let outcomes = world.outcomes(2).await;
    let mut codes: Vec<_> =
        outcomes.values().map(|o| o["code"].as_str().expect("a code")).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["deadline_exceeded", "internal_error"]);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn after_the_call_zoom_is_asked() {
    let trap = trap("zoomd_zoom_requests_total", "503");
    let _set = metrics::set_default_local_recorder(&trap);
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Status(503)).after());
    world.enqueue(&job_with("acme", "made"));
    let result = world.outcome("made").await;
    assert_eq!(result["status"], "succeeded", "{result}");
    assert_eq!(result["reconciled"], true);
    assert_eq!(world.sim.meetings().len(), 1);
    engine.drain(LIMIT).await;
    world.assert_idle();
}
