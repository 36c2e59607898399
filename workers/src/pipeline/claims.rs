//! The claim loop: hands out the jobs of waiting rooms.
//!
//! It looks when it is told to (a publish: work came, a budget or a token is
//! there), when the script said that something wakes by itself, and every few
//! seconds in case a publish was lost. It claims no more than it has permits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use zoomd_store::queue::{Claimed, ClaimedJob, Fence};

use super::flight::Flight;
use super::shop::Shop;
use super::trouble::Patience;
use crate::jobs::end;
use crate::seam;

/// A look when nobody called, in case a publish was lost.
const SAFETY: Duration = Duration::from_secs(5);
/// Permits taken for one claim.
const MOST: u32 = 128;

/// Serves the rooms until the shop closes.
pub async fn serve(shop: Arc<Shop>) {
    let mut patience = Patience::new(&shop.trouble, "claim");
    let mut look_at = Instant::now();
    while shop.is_open() {
        tokio::select! {
            () = shop.wake.notified() => {}
            () = tokio::time::sleep_until(look_at.into()) => {}
            () = shop.closing() => break,
        }
        if let Some(until) = shop.circuit_closed_until() {
            look_at = until.min(Instant::now() + SAFETY);
            continue;
        }
        look_at = Instant::now() + claim_all(&shop, &mut patience).await;
    }
}

/// Claims until nothing is left that may go now; answers when to look again.
async fn claim_all(shop: &Arc<Shop>, patience: &mut Patience) -> Duration {
    while shop.is_open() {
        // Circuits that are half open take one job each, to try.
        let room = shop.circuits().room(Instant::now());
        let tries = room.map_or(MOST, |room| room.clamp(1, MOST));
        let Some(mut permits) = shop.permits(tries).await else { break };
        shop.intake_open().await;
        let (fence, most) = (shop.queue.fence(), permits.num_permits());
        match shop.queue.claim(&fence, most).await {
            Ok(claimed) => {
                patience.fine();
                shop.progress.touch();
                let wait = until_next(&claimed);
                let more = claimed.more;
                if !claimed.jobs.is_empty() {
                    seam::at("claimed");
                }
                shop.backlog.claimed(more);
                for job in claimed.jobs {
                    if let Some(permit) = permits.split(1) {
                        start_claimed(shop, job, permit, |_| {}).await;
                    }
                }
                if !more || room.is_some() {
                    return wait;
                }
            }
            Err(error) => {
                drop(permits);
                patience.failed(&error).await;
                recall(shop, &fence, patience).await;
            }
        }
    }
    SAFETY
}

/// Gives back what a claim may have taken whose answer was lost.
pub(super) async fn recall(shop: &Shop, fence: &Fence, patience: &mut Patience) {
    while shop.is_open() {
        shop.intake_open().await;
        match shop.queue.recall(fence).await {
            Ok(_) => return,
            Err(error) => patience.failed(&error).await,
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
    shop: &Arc<Shop>,
    job: ClaimedJob,
    permit: OwnedSemaphorePermit,
    tell: impl FnOnce(&mut Flight),
) {
    let ClaimedJob { ticket, payload, record, expired, removed } = job;
    match super::parse::again(&ticket.entry, &payload) {
        Ok(parsed) => {
            let within = shop.queue.settings().send_within;
            let mut flight = Flight::new(ticket, parsed, payload, record, within);
            (flight.expired, flight.removed) = (expired, removed);
            tell(&mut flight);
            shop.start(Arc::new(flight), permit);
        }
        Err(why) => {
            tracing::error!(job.id = %ticket.job_id, error = %why, "the text of a waiting job is gone or damaged");
            shop.lane.settle_unread(end::unreadable(ticket, &payload, &record)).await;
        }
    }
}
