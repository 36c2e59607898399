//! What a worker does with one job: run it, whatever happens settle it.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, Span};

use super::flight::InHand;
use super::shop::Shop;
use crate::jobs;

/// A job on its way to a worker, and its right to a lease.
#[derive(Debug)]
pub struct Ready {
    /// The job.
    pub flight: InHand,
    /// Held until the outcome is in the settle lane.
    pub permit: OwnedSemaphorePermit,
}

/// Runs one job. A panic is that job's failure and nobody else's.
pub async fn run(shop: Arc<Shop>, ready: Ready) {
    let Ready { flight: in_hand, permit } = ready;
    let flight = &in_hand.0;
    let slot = shop.slot(flight.ticket.send_by).await;
    // Pinned here, or each layer around it would move it. It settles by itself,
    // so that no layer hands its settlement on.
    let work = pin!(async {
        let settlement = jobs::run(&shop, flight).await;
        shop.lane.settle(flight, settlement).await;
    });
    let work = AssertUnwindSafe(work.instrument(span_of(flight)));
    if let Err(panic) = work.catch_unwind().await {
        let what = text_of(panic.as_ref());
        metrics::counter!("zoomd_job_panics_total").increment(1);
        tracing::error!(job.id = %flight.ticket.job_id, panic = what, "the handler of a job panicked");
        let settlement = jobs::end::panicked(&shop, flight);
        shop.lane.settle(flight, settlement).await;
    }
    if slot.is_some() {
        shop.slots.ended();
    }
    drop((slot, permit));
}

/// The span of one lease. It names the producer's trace, to which it belongs.
fn span_of(flight: &super::flight::Flight) -> Span {
    let ticket = &flight.ticket;
    let span = tracing::debug_span!(
        "process job",
        job.kind = flight.job.kind.as_str(),
        job.id = %ticket.job_id,
        job.run = ticket.run,
        account = %ticket.account,
        messaging.system = "redis",
        messaging.message.id = %ticket.entry,
        traceparent = tracing::field::Empty,
    );
    if let Some(parent) = flight.job.traceparent.filter(|_| !span.is_disabled()) {
        span.record("traceparent", tracing::field::display(parent));
    }
    span
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
