//! The steps that schedules make.

use std::sync::Arc;
use std::time::Duration;

use zoomd_store::StoreError;
use zoomd_store::inspect::Ops;
use zoomd_store::queue::Pass;

use super::keepalive::{self, KeepAlive};
use crate::context::EngineContext;

/// Between two pages of a pass over everything, so that Redis serves others.
const BETWEEN_PAGES: Duration = Duration::from_millis(5);
/// Pages of one pass; more are left to the next.
const MOST_PAGES: usize = 10_000;

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

/// Forgets ids whose time is over, and notes deadlines that come within a day. All ids are
/// looked at, those of known meetings too: so it is not done often.
pub async fn ids(ctx: Arc<EngineContext>) -> Result<(), StoreError> {
    let mut from = None;
    for _ in 0..MOST_PAGES {
        let Pass { next, .. } = ctx.queue.expire_ids(from.as_deref()).await?;
        if !goes_on(&next).await {
            break;
        }
        from = next;
    }
    Ok(())
}

/// Forgets failures whose time is over, and looks after accounts.
pub async fn forget(ctx: Arc<EngineContext>) -> Result<(), StoreError> {
    let queue = &ctx.queue;
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
