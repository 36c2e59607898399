//! What is done by the clock: upkeep of the namespace, once for all daemons,
//! and the gauges of this one.
//!
//! A tick of an upkeep schedule is claimed in Redis, so that N daemons do it
//! once; each step is bounded, and doing it twice harms nothing. What must be
//! prompt (claims, sweeps, deadlines) is not done here but in
//! [`pipeline::sweeps`](crate::pipeline::sweeps).

mod cron;
mod upkeep;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use zoomd_store::StoreError;

use crate::pipeline::shop::Shop;

pub use cron::{BadSchedule, Cron};

/// One schedule.
struct Schedule {
    /// Its name, in Redis and in metrics.
    name: &'static str,
    /// When: six fields, seconds first, UTC.
    when: &'static str,
    /// Whether one daemon does it for all.
    shared: bool,
}

/// The schedules of a daemon, each a task to be spawned.
pub fn all(shop: &Arc<Shop>) -> Vec<Pin<Box<dyn Future<Output = ()> + Send>>> {
    let gauges = Schedule { name: "gauges", when: "*/30 * * * * *", shared: false };
    let seen = Schedule { name: "seen", when: "*/2 * * * * *", shared: false };
    let trim = Schedule { name: "trim", when: "5/10 * * * * *", shared: true };
    let forget = Schedule { name: "forget", when: "40 * * * * *", shared: true };
    let keep_alive = Schedule { name: "keep_alive", when: "0 17 * * * *", shared: true };
    vec![
        Box::pin(run(gauges, Arc::clone(shop), upkeep::gauges)),
        Box::pin(run(seen, Arc::clone(shop), upkeep::seen)),
        Box::pin(run(trim, Arc::clone(shop), upkeep::trim)),
        Box::pin(run(forget, Arc::clone(shop), upkeep::forget)),
        Box::pin(run(keep_alive, Arc::clone(shop), upkeep::keep_alive)),
    ]
}

async fn run<F, Fut>(schedule: Schedule, shop: Arc<Shop>, work: F)
where
    F: Fn(Arc<Shop>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let Schedule { name, when, shared } = schedule;
    let on_tick = move |tick| {
        let (shop, work) = (Arc::clone(&shop), work.clone());
        async move {
            if shop.is_open() && (!shared || is_ours(&shop, name, tick).await) {
                once(name, work(shop)).await;
            }
        }
    };
    if let Err(error) = cron::run(name, when, on_tick).await {
        tracing::error!(schedule = name, error = %error, "a schedule cannot be read");
    }
}

async fn is_ours(shop: &Shop, name: &'static str, tick: u64) -> bool {
    match shop.queue.store().claim_tick(name, tick).await {
        Ok(ours) => ours,
        Err(error) => {
            tracing::debug!(schedule = name, error = %error, "a tick could not be claimed; the next will do");
            false
        }
    }
}

async fn once(name: &'static str, work: impl Future<Output = Result<(), StoreError>>) {
    let began = Instant::now();
    let outcome = match work.await {
        Ok(()) => {
            let now = Timestamp::now().as_second();
            let gauge = metrics::gauge!("zoomd_schedule_last_success_timestamp_seconds", "schedule" => name);
            gauge.set(Duration::from_secs(u64::try_from(now).unwrap_or(0)).as_secs_f64());
            "succeeded"
        }
        Err(error) => {
            tracing::info!(schedule = name, error = %error, "a scheduled step failed; the next will try again");
            "failed"
        }
    };
    metrics::counter!("zoomd_schedule_runs_total", "schedule" => name, "outcome" => outcome)
        .increment(1);
    metrics::histogram!("zoomd_schedule_duration_seconds", "schedule" => name)
        .record(began.elapsed().as_secs_f64());
}
