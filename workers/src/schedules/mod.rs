//! Tasks that run by the clock: upkeep of the namespace, once for all daemons.
//!
//! A tick of an upkeep schedule is claimed in Redis, so that N daemons do it
//! once; each step is bounded, and doing it twice harms nothing. What must be
//! prompt (claims, sweeps, deadlines) is not done here but in
//! [`pipeline::sweeps`](crate::pipeline::sweeps).

pub mod keepalive;
mod upkeep;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use zoomd_store::StoreError;

use crate::context::EngineContext;
use crate::supervisor::Part;
use crate::timetable;

pub use crate::timetable::{BadSchedule, Cron};

/// One schedule.
struct Schedule {
    /// Name, in Redis and in metrics.
    name: &'static str,
    /// Cron expression: six fields, seconds first, UTC.
    when: &'static str,
    /// True if one daemon does it for all.
    shared: bool,
}

/// Starts the schedules of a daemon.
pub fn all(ctx: &Arc<EngineContext>) -> Vec<Part> {
    let own = |name, when| Schedule { name, when, shared: false };
    let shared = |name, when| Schedule { name, when, shared: true };
    vec![
        start(ctx, "schedule_seen", own("seen", "*/2 * * * * *"), upkeep::seen),
        start(ctx, "schedule_trim", shared("trim", "5/10 * * * * *"), upkeep::trim),
        start(ctx, "schedule_meetings", shared("meetings", "20 7 * * * *"), upkeep::meetings),
        start(ctx, "schedule_forget", shared("forget", "40 * * * * *"), upkeep::forget),
        start(ctx, "schedule_keep_alive", shared("keep_alive", "0 17 * * * *"), upkeep::keep_alive),
    ]
}

/// A schedule waits for its ticks, and its steps are commands with limits of their own.
fn start<F, Fut>(ctx: &Arc<EngineContext>, part: &'static str, schedule: Schedule, work: F) -> Part
where
    F: Fn(Arc<EngineContext>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let running = run(schedule, Arc::clone(ctx), work);
    ctx.supervisor.spawn(part, |beat| async move { beat.waiting(running).await })
}

async fn run<F, Fut>(schedule: Schedule, ctx: Arc<EngineContext>, work: F)
where
    F: Fn(Arc<EngineContext>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let Schedule { name, when, shared } = schedule;
    let on_tick = move |tick| {
        let (ctx, work) = (Arc::clone(&ctx), work.clone());
        async move {
            if ctx.is_open() && (!shared || is_ours(&ctx, name, tick).await) {
                once(name, work(ctx)).await;
            }
        }
    };
    if let Err(error) = timetable::run(name, when, on_tick).await {
        tracing::error!(schedule = name, error = %error, "schedule: invalid");
    }
}

async fn is_ours(ctx: &EngineContext, name: &'static str, tick: u64) -> bool {
    match ctx.queue.store().claim_tick(name, tick).await {
        Ok(ours) => ours,
        Err(error) => {
            tracing::debug!(schedule = name, error = %error, "schedule: a run could not be claimed; the next one follows");
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
            // That Redis is away is told once for all that use it.
            if error.is_transient() {
                tracing::debug!(schedule = name, error = %error, "schedule: a step failed; the next run retries it");
            } else {
                tracing::warn!(schedule = name, error = %error, "schedule: a step failed; the next run retries it");
            }
            "failed"
        }
    };
    metrics::counter!("zoomd_schedule_runs_total", "schedule" => name, "outcome" => outcome)
        .increment(1);
    metrics::histogram!("zoomd_schedule_duration_seconds", "schedule" => name)
        .record(began.elapsed().as_secs_f64());
}
