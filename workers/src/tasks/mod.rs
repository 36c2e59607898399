//! Tasks that run by the clock: upkeep of the namespace, once for all daemons.
//!
//! A tick of a shared task is claimed in Redis, so that N daemons do it
//! once; each step is bounded, and doing it twice harms nothing. What must be
//! prompt (claims, sweeps, deadlines) is not done here but in
//! [`pipeline::sweeps`](crate::pipeline::sweeps).

pub mod keepalive;
mod upkeep;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use zoomd_store::StoreError;

use crate::context::EngineContext;
use crate::supervisor::{Beat, Part};

pub use crate::timetable::Cron;

#[derive(Debug, Clone, Copy)]
struct Task {
    /// Name, in Redis and in metrics.
    name: &'static str,
    /// Seconds between two runs, which all daemons begin at the same moments.
    every: u64,
    /// Seconds after the start of each period.
    at: u64,
    /// True if one daemon does it for all.
    shared: bool,
}

/// Starts the tasks of a daemon.
pub fn all(ctx: &Arc<EngineContext>) -> Vec<Part> {
    let own = |name, every| Task { name, every, at: 0, shared: false };
    let shared = |name, every, at| Task { name, every, at, shared: true };
    vec![
        start(ctx, "schedule_seen", own("seen", 2), upkeep::seen),
        start(ctx, "schedule_trim", shared("trim", 10, 5), upkeep::trim),
        start(ctx, "schedule_meetings", shared("meetings", 3_600, 7 * 60 + 20), upkeep::meetings),
        start(ctx, "schedule_ids", shared("ids", 600, 100), upkeep::ids),
        start(ctx, "schedule_forget", shared("forget", 60, 40), upkeep::forget),
        start(ctx, "schedule_keep_alive", shared("keep_alive", 3_600, 17 * 60), upkeep::keep_alive),
    ]
}

fn start<F, Fut>(ctx: &Arc<EngineContext>, part: &'static str, task: Task, work: F) -> Part
where
    F: Fn(Arc<EngineContext>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let shared = Arc::clone(ctx);
    ctx.supervisor.spawn(part, move |beat| run(task, shared, beat, work))
}

/// Waits for the ticks; the steps of the work are commands with limits of their own. A
/// tick that is missed is not made up for.
async fn run<F, Fut>(task: Task, ctx: Arc<EngineContext>, beat: Beat, work: F)
where
    F: Fn(Arc<EngineContext>) -> Fut,
    Fut: Future<Output = Result<(), StoreError>>,
{
    let mut last = 0;
    loop {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        last = task.tick(now.as_secs(), last);
        let rest = Duration::from_secs(last).saturating_sub(now);
        beat.waiting(tokio::time::sleep(rest)).await;
        if ctx.is_open() && (!task.shared || is_ours(&ctx, task.name, last).await) {
            beat.waiting(once(task.name, work(Arc::clone(&ctx)))).await;
        }
    }
}

impl Task {
    /// The next tick, in seconds since 1970, that is not the `last` one.
    fn tick(self, now: u64, last: u64) -> u64 {
        let next = (now.saturating_sub(self.at) / self.every + 1) * self.every + self.at;
        if next == last { next + self.every } else { next }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_lie_at_the_same_moments_for_all() {
        let task = Task { name: "forget", every: 60, at: 40, shared: true };
        for (now, last, next) in [(0, 0, 100), (39, 0, 100), (100, 100, 160), (161, 160, 220)] {
            assert_eq!(task.tick(now, last), next, "{now}");
        }
        // The timer was early.
        assert_eq!(task.tick(99, 100), 160);
        let often = Task { name: "seen", every: 2, at: 0, shared: false };
        assert_eq!((often.tick(10, 10), often.tick(11, 10)), (12, 12));
    }
}
