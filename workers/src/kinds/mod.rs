//! The kinds of jobs: what is sent for each, what an answer means, how a lost one is
//! resolved. The one place of the daemon that tells kinds apart.

mod create_meeting;
mod delete_meeting;

use std::sync::Arc;

use zoomd_store::queue::{Purpose, Settlement};
use zoomd_wire::Request;

use crate::attempt;
use crate::attempt::spec::KindSpec;
use crate::context::EngineContext;
use crate::reconcile;
use crate::state::flight::Flight;
use create_meeting::CreateMeeting;
use delete_meeting::DeleteMeeting;

/// Runs one lease of a job.
pub async fn run(ctx: &Arc<EngineContext>, flight: &Arc<Flight>) -> Settlement {
    if let Some(over) = attempt::over(ctx, flight) {
        return over;
    }
    match &flight.job.request {
        Request::CreateMeeting(asked) => work(ctx, flight, CreateMeeting(asked)).await,
        Request::DeleteMeeting(asked) => {
            work(ctx, flight, DeleteMeeting::new(asked, &flight.record)).await
        }
    }
}

async fn work<K: KindSpec>(ctx: &Arc<EngineContext>, flight: &Arc<Flight>, spec: K) -> Settlement {
    match flight.ticket.purpose {
        Purpose::Attempt => attempt::run(ctx, flight, spec).await,
        // A look is rare and its state is large: kept out of every job's own.
        Purpose::Lookup => Box::pin(reconcile::run(ctx, flight, spec)).await,
    }
}
