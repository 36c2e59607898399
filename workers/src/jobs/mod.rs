//! What is done with a leased job, by its kind and by what its lease is for.
//!
//! Each path ends in a [`Settlement`]: nothing here writes to Redis by itself,
//! sleeps, or waits for a token; who cannot go on gives the slot back.

pub mod call;
pub mod create_meeting;
pub mod end;
pub(crate) mod failures;
pub mod notes;
pub mod outcome;

use std::sync::Arc;

use zoomd_store::queue::{Mode, Settlement};

use crate::pipeline::flight::Flight;
use crate::pipeline::shop::Shop;
use crate::reconcile;

/// Runs one lease of a job.
pub async fn run(shop: &Arc<Shop>, flight: &Arc<Flight>) -> Settlement {
    let poison = shop.queue.settings().poison_sweeps;
    let crashes = match flight.ticket.mode {
        Mode::Create => notes::crashes(&flight.record),
        // What crashed it before was the call; a look is another thing.
        Mode::Reconcile => flight.record.sweeps.saturating_sub(1),
    };
    if crashes >= poison {
        return end::poisoned(flight);
    }
    if flight.removed && !flight.record.unresolved {
        return end::removed(flight);
    }
    match flight.ticket.mode {
        Mode::Create => create_meeting::run(shop, flight).await,
        // A look is rare and its state is large: kept out of every job's own.
        Mode::Reconcile => Box::pin(reconcile::run(shop, flight)).await,
    }
}
