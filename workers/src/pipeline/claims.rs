//! The claim loop: hands out the jobs of waiting rooms.
//!
//! It looks when it is told to (a publish: work came, a budget or a token is
//! there), when the script said that something wakes by itself, and every few
//! seconds in case a publish was lost. It claims no more than it has permits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use zoomd_store::queue::{Claimed, ClaimedJob, Fence, Settlement};

use super::newer;
use crate::attempt::settlement;
use crate::context::EngineContext;
use crate::failpoints;
use crate::state::job_history;
use crate::state::leased_job::{LeasedJob, Moment};
use crate::state::merge;
use crate::state::redis_health::LoopHealth;
use crate::supervisor::Beat;

/// A look when nobody called, in case a publish was lost.
const SAFETY: Duration = Duration::from_secs(5);
/// Permits taken for one claim.
const MOST: u32 = 512;
/// Jobs started before others have a turn on the thread.
const AT_ONCE: usize = 32;

/// Serves the rooms until the shop closes.
pub async fn serve(ctx: Arc<EngineContext>, beat: Beat) {
    let mut health = LoopHealth::new(&ctx.redis_health, "claim");
    let mut look_at = Instant::now();
    while ctx.is_open() {
        let call = async {
            tokio::select! {
                () = ctx.zoom.wake.notified() => true,
                () = tokio::time::sleep_until(look_at.into()) => true,
                () = ctx.closing() => false,
            }
        };
        if !beat.waiting(call).await {
            break;
        }
        if let Some(until) = ctx.circuit_closed_until() {
            look_at = until.min(Instant::now() + SAFETY);
            continue;
        }
        look_at = Instant::now() + claim_all(&ctx, &mut health, &beat).await;
    }
}

/// Jobs that were claimed, and their right to a request each.
type Claim = (Vec<ClaimedJob>, OwnedSemaphorePermit);

/// Claims until nothing is left that may go now; answers when to look again.
/// While the jobs of one claim are started Redis has the next one in hand.
async fn claim_all(ctx: &Arc<EngineContext>, health: &mut LoopHealth, beat: &Beat) -> Duration {
    let mut claim = None;
    loop {
        let asking = claim_some(ctx, health, beat);
        let (next, ()) =
            futures_util::future::join(asking, start_all(ctx, claim.take(), beat)).await;
        match next {
            Next::Last(last, wait) => {
                start_all(ctx, Some(last), beat).await;
                return wait;
            }
            Next::More(more) => claim = Some(more),
            Next::Failed => {}
            Next::Closing => return SAFETY,
        }
    }
}

/// Result of one claim.
enum Next {
    /// Jobs, and there are more.
    More(Claim),
    /// Jobs, and when to look again.
    Last(Claim, Duration),
    /// Nothing: Redis could not be asked, and may be by now.
    Failed,
    /// Nothing more is taken.
    Closing,
}

async fn claim_some(ctx: &EngineContext, health: &mut LoopHealth, beat: &Beat) -> Next {
    if !ctx.is_open() {
        return Next::Closing;
    }
    // Circuits that are half open take one job each, to try.
    let room = ctx.circuits().room(Instant::now());
    let tries = room.map_or(MOST, |room| room.clamp(1, MOST));
    let permits = beat.waiting(ctx.permits(tries)).await;
    let Some(permits) = permits else { return Next::Closing };
    beat.waiting(ctx.intake_open()).await;
    let (fence, most) = (ctx.queue.fence(), permits.num_permits());
    match ctx.queue.claim(&fence, most).await {
        Ok(claimed) => {
            health.ok();
            beat.touch();
            if !claimed.jobs.is_empty() {
                failpoints::at("claimed");
            }
            ctx.backlog.claimed(claimed.more);
            let (more, wait) = (claimed.more, until_next(&claimed));
            let claim = (claimed.jobs, permits);
            if more && room.is_none() { Next::More(claim) } else { Next::Last(claim, wait) }
        }
        Err(error) => {
            drop(permits);
            health.failed(&error).await;
            recall(ctx, &fence, health, beat).await;
            Next::Failed
        }
    }
}

/// Starts what was claimed. Permits that are left over are given back at once.
async fn start_all(ctx: &Arc<EngineContext>, claim: Option<Claim>, beat: &Beat) {
    let Some((jobs, permits)) = claim else { return };
    let mut permits = permits;
    drop(permits.split(permits.num_permits().saturating_sub(jobs.len())));
    for (n, job) in jobs.into_iter().enumerate() {
        // First the question for the next claim leaves; then requests do while
        // others are being prepared.
        if n % AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
        if let Some(permit) = permits.split(1) {
            beat.waiting(start_claimed(ctx, job, permit, |_| {})).await;
        }
    }
}

/// Gives back what a claim may have taken whose answer was lost.
pub(super) async fn recall(
    ctx: &EngineContext,
    fence: &Fence,
    health: &mut LoopHealth,
    beat: &Beat,
) {
    while ctx.is_open() {
        beat.waiting(ctx.intake_open()).await;
        match ctx.queue.recall(fence).await {
            Ok(_) => return,
            Err(error) => health.failed(&error).await,
        }
    }
}

fn until_next(claimed: &Claimed) -> Duration {
    claimed.next_wake_ms.map_or(SAFETY, |at| {
        let ms = at.saturating_sub(claimed.now_ms).max(0);
        Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(SAFETY)
    })
}

/// Starts a claimed job; `tell` adds what the caller knows of it.
pub(super) async fn start_claimed(
    ctx: &Arc<EngineContext>,
    job: ClaimedJob,
    permit: OwnedSemaphorePermit,
    tell: impl FnOnce(&mut LeasedJob),
) {
    let ClaimedJob { ticket, payload, mut record, full_day, fate, expired, removed, parts } = job;
    match super::parse::again(&ticket.entry, &payload) {
        Ok(parsed) => {
            let within = ctx.queue.settings().send_within;
            let day = (full_day, expired);
            job_history::open(&mut record, &parsed, &ticket.entry, day, ticket.granted_ms);
            let mut leased =
                LeasedJob::new(ticket, Box::new(parsed), payload, record, within, Moment::now());
            (leased.fate, leased.expired, leased.removed) = (fate, expired, removed);
            tell(&mut leased);
            leased.begin_trace(&ctx.tracer);
            carry(ctx, &mut leased, parts).await;
            ctx.start(Arc::new(leased), permit);
        }
        Err(why) => {
            let goes_on = fate.is_none() && !expired && !removed;
            if goes_on && newer::takes(ctx, &why, &ticket.job_id).await {
                ctx.settler.settle_unread(newer::aside(ticket, record)).await;
                give_back(ctx, parts).await;
                return;
            }
            tracing::error!(job.id = %ticket.job_id, error = %why, "redis: the text of a waiting job cannot be read");
            let why = newer::is_unknown(&why).then_some(&*why.message);
            ctx.settler.settle_unread(settlement::unreadable(ticket, &payload, &record, why)).await;
            give_back(ctx, parts).await;
        }
    }
}

/// Gives a leased job the updates that were leased with it. One that cannot be read ends them:
/// it goes by itself, and those behind it.
pub(super) async fn carry(ctx: &EngineContext, carrier: &mut LeasedJob, parts: Vec<ClaimedJob>) {
    if parts.is_empty() {
        return;
    }
    let within = ctx.queue.settings().send_within;
    let (mut jobs, mut rest, now) = (Vec::with_capacity(parts.len()), Vec::new(), Moment::now());
    for part in parts {
        match super::parse::again(&part.ticket.entry, &part.payload) {
            Ok(job) if rest.is_empty() => {
                let ClaimedJob { ticket, payload, record, .. } = part;
                let job = Box::new(job);
                let mut part = LeasedJob::new(ticket, job, payload, record, within, now);
                part.begin_trace(&ctx.tracer);
                jobs.push(part);
            }
            _ => rest.push(part),
        }
    }
    give_back(ctx, rest).await;
    merge::join(carrier, jobs, ctx.settings.allow_past_start);
}

async fn give_back(ctx: &EngineContext, parts: Vec<ClaimedJob>) {
    for part in parts {
        ctx.settler.settle_unread(Settlement::back(part.ticket)).await;
    }
}
