//! Worker: runs one job and settles it, whatever happens.
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
use crate::state::leased_job::LeasedJob;
use crate::state::ready::Ready;
use crate::supervisor::{Fault, How};
use crate::{failpoints, kinds};

/// Seconds a handler may be at its job after its last call must be over. They are
/// counted, not measured: a process that was stopped finds its clocks old, and its
/// handlers not yet back from their calls.
const OVERDUE: u32 = 30;

/// Runs one job. A panic is that job's failure and nobody else's.
pub async fn run(ctx: Arc<EngineContext>, ready: Ready) {
    let Ready { leased: in_hand, permit } = ready;
    let leased = &in_hand.0;
    let slot = ctx.slot(leased.ticket.send_by).await;
    // Pinned here, or each layer around it would move it. It settles by itself,
    // so that no layer hands its settlement on.
    let work = pin!(async {
        let settlement = kinds::run(&ctx, leased).await;
        ctx.settler.settle(leased, settlement).await;
    });
    let work = AssertUnwindSafe(failpoints::part("handler", work).instrument(span_of(leased)));
    let ended = tokio::select! {
        biased;
        ended = work.catch_unwind() => ended,
        never = overdue(&ctx, leased) => match never {},
    };
    if let Err(panic) = ended {
        let what = text_of(panic.as_ref());
        metrics::counter!("zoomd_job_panics_total").increment(1);
        tracing::error!(job.id = %leased.ticket.job_id, panic = what, "job handler panicked");
        let settlement = settlement::panicked(&ctx, leased);
        ctx.settler.settle(leased, settlement).await;
    }
    if slot.is_some() {
        ctx.concurrency.ended();
    }
    drop((slot, permit));
}

/// Reports the handler of `leased` once it is long overdue. While Redis is in
/// trouble no time passes: handlers may wait for each other's reads.
async fn overdue(ctx: &EngineContext, leased: &LeasedJob) -> Infallible {
    let last_call = ctx.queue.settings().request_timeout;
    tokio::time::sleep_until((leased.ticket.send_by + last_call).into()).await;
    for _ in 0..OVERDUE {
        ctx.redis_health.ready().await;
        tokio::time::sleep(Duration::from_secs(1) / failpoints::watch_pace()).await;
    }
    // A settlement that waits for a place at the settler waits for Redis.
    if !leased.is_settled() {
        let (job, account) = (&*leased.ticket.job_id, &*leased.ticket.account);
        tracing::error!(job.id = job, account, "job handler hangs");
        ctx.supervisor.report(Fault { part: "handler", how: How::Hangs });
    }
    std::future::pending().await
}

/// The span of one lease. It names the producer's trace, to which it belongs.
fn span_of(leased: &LeasedJob) -> Span {
    let ticket = &leased.ticket;
    let span = tracing::debug_span!(
        "process job",
        job.kind = leased.job.kind.as_str(),
        job.id = %ticket.job_id,
        job.run = ticket.run,
        account = %ticket.account,
        messaging.system = "redis",
        messaging.message.id = %ticket.entry,
        traceparent = tracing::field::Empty,
    );
    if let Some(parent) = leased.job.traceparent.filter(|_| !span.is_disabled()) {
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
