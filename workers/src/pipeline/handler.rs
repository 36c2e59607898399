//! What a worker does with one job: run it, whatever happens settle it.
//!
//! Each step of a handler has a limit of its own. One that is at its job long after
//! the last of them hangs: a defect, reported to the supervisor.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tracing::{Instrument as _, Span};

use crate::attempt::settlement;
use crate::context::EngineContext;
use crate::state::flight::Flight;
use crate::state::ready::Ready;
use crate::supervisor::{Fault, How};
use crate::{kinds, seam};

/// Seconds a handler may be at its job after its last call must be over. They are
/// counted, not measured: a process that was stopped finds its clocks old, and its
/// handlers not yet back from their calls.
const OVERDUE: u32 = 30;

/// Runs one job. A panic is that job's failure and nobody else's.
pub async fn run(shop: Arc<EngineContext>, ready: Ready) {
    let Ready { flight: in_hand, permit } = ready;
    let flight = &in_hand.0;
    let slot = shop.slot(flight.ticket.send_by).await;
    // Pinned here, or each layer around it would move it. It settles by itself,
    // so that no layer hands its settlement on.
    let work = pin!(async {
        let settlement = kinds::run(&shop, flight).await;
        shop.lane.settle(flight, settlement).await;
    });
    let work = AssertUnwindSafe(seam::part("handler", work).instrument(span_of(flight)));
    let ended = tokio::select! {
        biased;
        ended = work.catch_unwind() => ended,
        never = overdue(&shop, flight) => match never {},
    };
    if let Err(panic) = ended {
        let what = text_of(panic.as_ref());
        metrics::counter!("zoomd_job_panics_total").increment(1);
        tracing::error!(job.id = %flight.ticket.job_id, panic = what, "the handler of a job panicked");
        let settlement = settlement::panicked(&shop, flight);
        shop.lane.settle(flight, settlement).await;
    }
    if slot.is_some() {
        shop.slots.ended();
    }
    drop((slot, permit));
}

/// Reports the handler of `flight` once it is long overdue. While Redis is in
/// trouble no time passes: handlers may wait for each other's reads.
async fn overdue(shop: &EngineContext, flight: &Flight) -> Infallible {
    let last_call = shop.queue.settings().request_timeout;
    tokio::time::sleep_until((flight.ticket.send_by + last_call).into()).await;
    for _ in 0..OVERDUE {
        shop.trouble.cleared().await;
        tokio::time::sleep(Duration::from_secs(1) / seam::watch_pace()).await;
    }
    // A settlement that waits for its place in the lane waits for Redis.
    if !flight.is_settled() {
        let (job, account) = (&*flight.ticket.job_id, &*flight.ticket.account);
        tracing::error!(job.id = job, account, "the handler of a job hangs");
        shop.supervisor.report(Fault { part: "handler", how: How::Hangs });
    }
    std::future::pending().await
}

/// The span of one lease. It names the producer's trace, to which it belongs.
fn span_of(flight: &Flight) -> Span {
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
