//! Keeps the leases of jobs in hand, apart from their handlers.
//!
//! A handler that hangs thus neither loses its lease early nor keeps it for
//! ever: nothing is renewed beyond the moment its exchange must be over. One that
//! was dropped without a settlement renews nothing. A lease that was lost is left
//! alone; the settle finds out.

use std::sync::Arc;
use std::time::Instant;

use crate::context::EngineContext;
use crate::state::leased_job::LeasedJob;
use crate::state::redis_health::LoopHealth;
use crate::supervisor::Beat;

/// Renews until the shop's last job is settled.
pub async fn serve(ctx: Arc<EngineContext>, beat: Beat) {
    let lease = ctx.queue.settings().lease;
    let mut health = LoopHealth::new(&ctx.redis_health, "renew");
    let mut turns = beat.every(lease / 6);
    loop {
        turns.next().await;
        beat.waiting(ctx.redis_health.ready()).await;
        let now = Instant::now();
        let due = ctx.in_flight.pick(|leased| is_due(&ctx, leased, now));
        let leases: Vec<_> = due.iter().map(|f| (&*f.ticket.job_id, &f.ticket.fence)).collect();
        if leases.is_empty() {
            health.ok();
            continue;
        }
        match ctx.queue.renew(&leases).await {
            Ok(lost) => {
                health.ok();
                for (place, leased) in due.iter().enumerate() {
                    if !lost.contains(&place) {
                        leased.prolong(now + lease);
                    }
                }
            }
            Err(error) => health.failed(&error).await,
        }
    }
}

/// A third of its lease is gone, its handler lives (or has ended with something to
/// settle), and its exchange may still be under way.
fn is_due(ctx: &EngineContext, leased: &LeasedJob, now: Instant) -> bool {
    let settings = ctx.queue.settings();
    let third_gone = now + settings.lease * 2 / 3 > leased.lease_until();
    third_gone && leased.is_cared_for() && now < leased.ticket.send_by + settings.request_timeout
}
