//! The steps that schedules make.

use std::sync::Arc;
use std::time::Duration;

use zoomd_store::StoreError;
use zoomd_store::inspect::{Ops, WaitingJobs};
use zoomd_store::queue::{Pass, WaitReason};
use zoomd_wire::Kind;

use super::keepalive::{self, KeepAlive};
use crate::context::EngineContext;

/// Between two pages of a pass over everything, so that Redis serves others.
const BETWEEN_PAGES: Duration = Duration::from_millis(5);
/// Pages of one pass; more are left to the next.
const MOST_PAGES: usize = 10_000;

/// Refreshes the gauges of the namespace on `/metrics`.
pub async fn gauges(ctx: Arc<EngineContext>) -> Result<(), StoreError> {
    let budgets = ctx.queue.settings().budgets.clone();
    let ops = Ops::new(ctx.queue.store().clone()).within(budgets).judging();
    let status = ops.status().await?;
    let depth = |queue: &'static str, state: &'static str, number: u64| {
        metrics::gauge!("zoomd_queue_depth", "queue" => queue, "state" => state).set(number as f64);
    };
    depth("jobs", "queued", status.queued);
    depth("jobs", "running", status.running);
    depth("jobs", "waiting", status.waiting);
    depth("jobs", "sleeping", status.sleeping);
    depth("results", "kept", status.results);
    let age_ms = status.oldest_queued_ms.map_or(0, |at| (status.now_ms - at).max(0));
    metrics::gauge!("zoomd_queue_oldest_age_seconds", "queue" => "jobs")
        .set(age_ms as f64 / 1000.0);
    for kind in Kind::ALL {
        let number = ctx.in_flight.count(|leased| leased.job.kind == *kind);
        metrics::gauge!("zoomd_jobs_inflight", "kind" => kind.as_str()).set(number as f64);
    }
    for state in ["active", "paused", "needs_reauth", "superseded", "wrong_app"] {
        let number = status.accounts.get(state).copied().unwrap_or(0);
        metrics::gauge!("zoomd_accounts", "state" => state).set(number as f64);
    }
    waiting(&ops.waiting_by_reason(&status).await?, status.now_ms);
    Ok(())
}

/// Tells what jobs wait for, and since when. A reason that has ended is told as 0.
fn waiting(jobs: &WaitingJobs, now_ms: i64) {
    let reasons = jobs.by_reason();
    for why in WaitReason::ALL {
        let (jobs, oldest_ms) = reasons.get(&why).copied().unwrap_or_default();
        let age_ms = oldest_ms.map_or(0, |at| (now_ms - at).max(0));
        metrics::gauge!("zoomd_jobs_waiting", "reason" => why.as_str()).set(jobs as f64);
        metrics::gauge!("zoomd_jobs_waiting_oldest_age_seconds", "reason" => why.as_str())
            .set(age_ms as f64 / 1000.0);
    }
}

/// Writes down what Zoom's headers told of others' spending.
pub async fn seen(ctx: Arc<EngineContext>) -> Result<(), StoreError> {
    let seen = ctx.zoom.quota_headers.take();
    if seen.is_empty() {
        return Ok(());
    }
    let budgets = ctx.queue.settings().budgets.clone();
    Ops::new(ctx.queue.store().clone()).within(budgets).write_quota_headers(&seen).await
}

/// Cuts the output streams, and drops the names of consumers that are gone.
pub async fn trim(ctx: Arc<EngineContext>) -> Result<(), StoreError> {
    while ctx.queue.trim().await?.more {
        tokio::time::sleep(BETWEEN_PAGES).await;
    }
    ctx.queue.drop_consumers().await?;
    Ok(())
}

/// Forgets what is over its time, and looks after accounts.
pub async fn forget(ctx: Arc<EngineContext>) -> Result<(), StoreError> {
    let queue = &ctx.queue;
    let mut from = None;
    for _ in 0..MOST_PAGES {
        let Pass { next, .. } = queue.expire_ids(from.as_deref()).await?;
        if !goes_on(&next).await {
            break;
        }
        from = next;
    }
    let mut from = None;
    for _ in 0..MOST_PAGES {
        let Pass { next, .. } = queue.tend_accounts(from.as_deref()).await?;
        if !goes_on(&next).await {
            break;
        }
        from = next;
    }
    while queue.forget_failures().await? > 0 {
        tokio::time::sleep(BETWEEN_PAGES).await;
    }
    Ok(())
}

/// Forgets meetings that were over long ago.
pub async fn meetings(ctx: Arc<EngineContext>) -> Result<(), StoreError> {
    let mut from = None;
    for _ in 0..MOST_PAGES {
        let Pass { next, .. } = ctx.queue.forget_meetings(from.as_deref()).await?;
        if !goes_on(&next).await {
            break;
        }
        from = next;
    }
    Ok(())
}

/// True if there is another page; waits a little before it.
async fn goes_on(next: &Option<String>) -> bool {
    if next.is_some() {
        tokio::time::sleep(BETWEEN_PAGES).await;
    }
    next.is_some()
}

/// Rotates the grants that nobody uses, before they die of it.
pub async fn keep_alive(ctx: Arc<EngineContext>) -> Result<(), StoreError> {
    // Within the hour until the next tick.
    let periods = ctx.settings.keep_alive.clone();
    let how = KeepAlive { periods, spread: Duration::from_secs(50 * 60) };
    let kept = keepalive::run(&ctx.tokens, how).await?;
    if kept.rotated + kept.failed > 0 {
        tracing::info!(
            rotated = kept.rotated,
            failed = kept.failed,
            "keep-alive: idle tokens were refreshed"
        );
    }
    Ok(())
}
