//! Keeps the leases of jobs in hand, apart from their handlers.
//!
//! A handler that hangs thus neither loses its lease early nor keeps it for
//! ever: nothing is renewed beyond the moment its exchange must be over. One that
//! was dropped without a settlement renews nothing. A lease that was lost is left
//! alone; the settle finds out.

use std::sync::Arc;
use std::time::Instant;

use crate::context::EngineContext;
use crate::state::flight::Flight;
use crate::state::trouble::Patience;
use crate::supervisor::Beat;

/// Renews until the shop's last job is settled.
pub async fn serve(shop: Arc<EngineContext>, beat: Beat) {
    let lease = shop.queue.settings().lease;
    let mut patience = Patience::new(&shop.trouble, "renew");
    let mut turns = beat.every(lease / 6);
    loop {
        turns.next().await;
        beat.waiting(shop.trouble.cleared()).await;
        let now = Instant::now();
        let due = shop.flights.pick(|flight| is_due(&shop, flight, now));
        let leases: Vec<_> = due.iter().map(|f| (&*f.ticket.job_id, &f.ticket.fence)).collect();
        if leases.is_empty() {
            patience.fine();
            continue;
        }
        match shop.queue.renew(&leases).await {
            Ok(lost) => {
                patience.fine();
                for (place, flight) in due.iter().enumerate() {
                    if !lost.contains(&place) {
                        flight.prolong(now + lease);
                    }
                }
            }
            Err(error) => patience.failed(&error).await,
        }
    }
}

/// A third of its lease is gone, its handler lives (or has ended with something to
/// settle), and its exchange may still be under way.
fn is_due(shop: &EngineContext, flight: &Flight, now: Instant) -> bool {
    let settings = shop.queue.settings();
    let third_gone = now + settings.lease * 2 / 3 > flight.lease_until();
    third_gone && flight.is_cared_for() && now < flight.ticket.send_by + settings.request_timeout
}
