//! Small loops that keep the queue in order, the same in every daemon.
//!
//! *Sweep* takes back leases that ended with their daemon. *Promote* moves the
//! sleepers whose time has come, where there are more than a claim would take
//! along. *Expire* hands out jobs whose deadline passed while they waited. Each
//! step is bounded and is one script, so that it does not matter who makes it.

use std::sync::Arc;
use std::time::Duration;

use zoomd_store::grants::AccountState;
use zoomd_store::inspect::Ops;
use zoomd_store::queue::{ClaimedJob, Expired};
use zoomd_wire::{AccountName, EntryId};

use super::claims::{recall, start_claimed};
use crate::context::EngineContext;
use crate::failpoints;
use crate::state::leased_job::LeasedJob;
use crate::state::redis_health::LoopHealth;
use crate::supervisor::Beat;

/// Jobs in one step.
const STEP: usize = 500;
/// Permits taken for one step of expiry.
const MOST: u32 = 64;
/// The longest wait between two looks.
const LONGEST: Duration = Duration::from_secs(5);
/// The shortest, so that what is due in a moment is not asked for in a circle.
const SHORTEST: Duration = Duration::from_millis(20);

/// Takes back ended leases until the shop closes.
pub async fn sweep(ctx: Arc<EngineContext>, beat: Beat) {
    let mut health = LoopHealth::new(&ctx.redis_health, "sweep");
    let pause = (ctx.queue.settings().lease / 4).min(LONGEST).max(SHORTEST);
    while beat.waiting(rest(&ctx, pause)).await {
        loop {
            beat.waiting(ctx.redis_health.ready()).await;
            match ctx.queue.sweep(STEP).await {
                Ok(swept) => {
                    health.ok();
                    if swept.total() > 0 {
                        failpoints::at("swept");
                        told(swept.unsent, swept.sent);
                        ctx.zoom.wake.notify_one();
                    }
                    if !swept.more {
                        break;
                    }
                }
                Err(error) => {
                    health.failed(&error).await;
                    break;
                }
            }
        }
    }
}

fn told(unsent: u64, sent: u64) {
    metrics::counter!("zoomd_leases_swept_total", "sent" => "no").increment(unsent);
    metrics::counter!("zoomd_leases_swept_total", "sent" => "maybe").increment(sent);
    tracing::warn!(unsent, sent, "leases expired without an outcome; their jobs are taken over");
}

/// Moves sleepers whose time has come until the shop closes.
pub async fn promote(ctx: Arc<EngineContext>, beat: Beat) {
    let mut health = LoopHealth::new(&ctx.redis_health, "promote");
    let mut pause = SHORTEST;
    while beat.waiting(rest(&ctx, pause)).await {
        beat.waiting(ctx.redis_health.ready()).await;
        pause = match ctx.queue.promote(STEP).await {
            Ok(promoted) => {
                health.ok();
                if promoted.moved > 0 {
                    ctx.zoom.wake.notify_one();
                }
                match promoted.moved {
                    moved if moved >= STEP as u64 => breath(rand::random()),
                    _ => until(promoted.next_wake_ms, promoted.now_ms),
                }
            }
            Err(error) => {
                health.failed(&error).await;
                SHORTEST
            }
        };
    }
}

/// Between two full steps: what many wait for (midnight) is released by and by,
/// and not by all daemons in the same moment.
fn breath(chance: f64) -> Duration {
    SHORTEST.mul_f64(0.5 + chance)
}

/// Hands out jobs past their deadline until the shop closes.
pub async fn expire(ctx: Arc<EngineContext>, beat: Beat) {
    let mut health = LoopHealth::new(&ctx.redis_health, "expire");
    let mut pause = SHORTEST;
    while beat.waiting(rest_or_sooner(&ctx, pause)).await {
        let Some(mut permits) = beat.waiting(ctx.permits(MOST)).await else { break };
        beat.waiting(ctx.intake_open()).await;
        let (fence, most) = (ctx.queue.fence(), permits.num_permits());
        pause = match ctx.queue.claim_expired(&fence, most).await {
            Ok(mut expired) => {
                health.ok();
                beat.waiting(tell_days(&ctx, &mut expired)).await;
                for job in expired.jobs {
                    beat.touch();
                    let no_consent = lacks_consent(&ctx, &job).await;
                    if let Some(permit) = permits.split(1) {
                        let tell = |f: &mut LeasedJob| f.no_consent = no_consent;
                        beat.waiting(start_claimed(&ctx, job, permit, tell)).await;
                    }
                }
                let pause = until(expired.next_ms, expired.now_ms);
                let ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
                ctx.expiry.plan(expired.now_ms.saturating_add(ms));
                pause
            }
            Err(error) => {
                drop(permits);
                health.failed(&error).await;
                recall(&ctx, &fence, &mut health, &beat).await;
                SHORTEST
            }
        };
    }
}

/// Adds the limit of the day that held these jobs back, for their stories. Where Redis
/// cannot be asked they do without.
async fn tell_days(ctx: &EngineContext, expired: &mut Expired) {
    if expired.jobs.is_empty() {
        return;
    }
    let came = |job: &ClaimedJob| {
        let entry = job.ticket.entry.parse::<EntryId>().ok();
        entry.and_then(|id| i64::try_from(id.ms).ok()).unwrap_or(expired.now_ms)
    };
    let jobs = expired.jobs.iter();
    let jobs: Vec<_> =
        jobs.map(|job| (&*job.ticket.account, &*job.ticket.host, came(job))).collect();
    let budgets = ctx.queue.settings().budgets.clone();
    let ops = Ops::new(ctx.queue.store().clone()).within(budgets);
    let spent = ops.spent_days(&jobs, expired.now_ms).await.unwrap_or_default();
    for (job, spent) in expired.jobs.iter_mut().zip(spent) {
        job.full_day = spent;
    }
}

/// True if the account of an expired job waits for consent.
async fn lacks_consent(ctx: &EngineContext, job: &ClaimedJob) -> bool {
    let Ok(name) = AccountName::new(&job.ticket.account) else { return false };
    let account = ctx.grants.account(&name).await.ok().flatten();
    account.is_some_and(|account| account.state != AccountState::Active)
}

/// Time until `next_ms`, within bounds.
fn until(next_ms: Option<i64>, now_ms: i64) -> Duration {
    let ms = next_ms.map(|next| next.saturating_sub(now_ms).max(0));
    ms.map_or(LONGEST, |ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
        .clamp(SHORTEST, LONGEST)
}

/// As [`rest`], but no longer than until a job waits whose deadline comes before.
async fn rest_or_sooner(ctx: &EngineContext, pause: Duration) -> bool {
    tokio::select! {
        open = rest(ctx, pause) => open,
        () = ctx.expiry.sooner() => rest(ctx, SHORTEST.min(pause)).await,
    }
}

/// Waits; false when the shop closed meanwhile.
async fn rest(ctx: &EngineContext, pause: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(pause) => ctx.is_open(),
        () = ctx.closing() => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_steps_are_spread() {
        let (short, long) = (breath(0.0), breath(1.0));
        assert_eq!((short * 2, long), (SHORTEST, SHORTEST * 3 / 2));
        let taken: std::collections::HashSet<_> = (0..50).map(|_| breath(rand::random())).collect();
        assert!(taken.len() > 10 && taken.iter().all(|pause| (short..=long).contains(pause)));
    }
}
