//! Replay of recent calls to a Redis that came back as another.
//!
//! Whenever the connections are renewed, all loops stop at a barrier
//! (`RedisHealth::ready`) until this one has asked for the run id. Another id
//! means a restart, a failover or a restore, and so a Redis that may have lost
//! its last seconds. Before anything else is asked of it, it is told the calls
//! of this process it may have forgotten, and their outcomes are settled again;
//! then the intake rests for a moment, so that other daemons can do the same.
//!
//! Invariant: a call whose settle Redis still knows is not told again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use zoomd_store::StoreError;
use zoomd_store::queue::{Remembered, Replayed, Settled as Answer, Settlement};

use crate::context::EngineContext;
use crate::failpoints;
use crate::state::leased_job::LeasedJob;
use crate::state::recent_calls::Settled;
use crate::state::redis_health::LoopHealth;
use crate::supervisor::Beat;

/// Between two tries to reach Redis.
const BETWEEN: Duration = Duration::from_millis(100);
/// Settlements in one batch.
const BATCH: usize = 256;

/// Guards the barrier until the engine ends.
pub async fn serve(ctx: Arc<EngineContext>, beat: Beat) {
    let mut known = run_id(&ctx).await.ok();
    let (mut health, mut told) = (LoopHealth::new(&ctx.redis_health, "amend"), None);
    loop {
        beat.waiting(ctx.redis_health.suspected()).await;
        let mut renewals;
        let id = loop {
            renewals = ctx.redis_health.renewals();
            match run_id(&ctx).await {
                Ok(id) => break id,
                // While the other loops wait here this one alone knows that it goes on.
                Err(error) => {
                    ctx.redis_health.failed("amend", &error, Instant::now());
                    tokio::time::sleep(BETWEEN).await;
                }
            }
            // To look again is to move: nobody is stuck.
            beat.touch();
        };
        if known.as_ref().is_some_and(|known| *known != id) {
            if told.as_ref() != Some(&id) {
                tracing::warn!(
                    "redis restarted or failed over; replaying recent calls it may have lost"
                );
                told = Some(id.clone());
                ctx.redis_health.changed(Instant::now());
            }
            // A new master may refuse writes until a replica follows it.
            if let Err(error) = beat.waiting(replay_lost(&ctx)).await {
                health.failed(&error).await;
                beat.touch();
                continue;
            }
            health.ok();
            ctx.hold_intake();
        }
        known = Some(id);
        ctx.queue.watch_leases().await;
        ctx.redis_health.clear(renewals);
    }
}

async fn run_id(ctx: &EngineContext) -> Result<String, StoreError> {
    let info = ctx.queue.store().info("server").await?;
    let id = info.lines().find_map(|line| line.strip_prefix("run_id:"));
    Ok(id.unwrap_or_default().trim().to_owned())
}

async fn replay_lost(ctx: &EngineContext) -> Result<(), StoreError> {
    failpoints::at("amending");
    let kept = ctx.queue.last_settle_kept().await?;
    // In hand: unless their settle is one that Redis knows.
    let in_hand = ctx.in_flight.pick(|leased| {
        let number = leased.settle_number.load(Ordering::Acquire);
        number == 0 || number > kept
    });
    let calls: Vec<_> = in_hand.iter().map(|leased| remembered(leased)).collect();
    ctx.queue.replay_lost(&calls).await?;
    let lost = ctx.recent_calls.after(kept);
    let calls: Vec<_> = lost.iter().map(Settled::remembered).collect();
    let answers = ctx.queue.replay_lost(&calls).await?;
    let again: Vec<_> =
        lost.iter().zip(&answers).filter_map(|(call, a)| to_settle(call, *a)).collect();
    let (told, settled) = (calls.len() + in_hand.len(), again.len());
    for batch in again.chunks(BATCH) {
        let batch = ctx.queue.settle_batch(batch.to_vec(), Vec::new());
        let answers = ctx.queue.settle(&batch).await?;
        for (settlement, answer) in batch.items().iter().zip(answers) {
            if answer == Answer::Done
                && let Some(call) = lost.iter().find(|c| same(&c.settlement, settlement))
            {
                ctx.recent_calls.keep_again(batch.number(), call);
            }
        }
    }
    failpoints::at("amended");
    metrics::counter!("zoomd_calls_written_back_total").increment(told as u64);
    tracing::info!(told, settled, "recent calls were replayed to redis");
    Ok(())
}

pub(super) fn remembered(leased: &LeasedJob) -> Remembered {
    Remembered { ticket: leased.ticket.clone(), payload: leased.text.clone() }
}

/// The settlement of a call whose settle is lost, if the job is ours to settle.
fn to_settle(call: &Settled, answer: Replayed) -> Option<Settlement> {
    match answer {
        Replayed::Known | Replayed::Leased => {
            let mut settlement = call.settlement.clone();
            settlement.ticket.plain = false;
            Some(settlement)
        }
        Replayed::Finished => None,
        Replayed::Taken | Replayed::Broken => {
            metrics::counter!("zoomd_calls_forgotten_total").increment(1);
            tracing::error!(
                job.id = %call.settlement.ticket.job_id,
                "duplicate possible: redis lost a call, and another daemon has the job"
            );
            None
        }
    }
}

fn same(a: &Settlement, b: &Settlement) -> bool {
    a.ticket.job_id == b.ticket.job_id && a.ticket.fence == b.ticket.fence
}
