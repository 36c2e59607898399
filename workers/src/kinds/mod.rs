//! The kinds of jobs: what is sent for each, what an answer means, how a lost one is
//! resolved. The one place of the daemon that tells kinds apart.

mod create_meeting;
mod delete_meeting;
mod end_meeting;
mod facts;
mod halts;
mod shown;
mod target;
mod unknown_create;
mod update_meeting;

use std::sync::Arc;

use zoomd_store::queue::Settlement;
use zoomd_wire::Request;

use crate::attempt;
use crate::attempt::spec::KindSpec;
use crate::context::EngineContext;
use crate::reconcile;
use crate::state::leased_job::LeasedJob;
use create_meeting::CreateMeeting;
use delete_meeting::DeleteMeeting;
use end_meeting::EndMeeting;
use update_meeting::UpdateMeeting;

pub async fn run(ctx: &Arc<EngineContext>, leased: &Arc<LeasedJob>) -> Settlement {
    if let Some(over) = attempt::over(ctx, leased).await {
        return over;
    }
    if let Some(ended) = unknown_create::ended(ctx, leased).await {
        return ended;
    }
    match leased.request() {
        Request::CreateMeeting(asked) => work(ctx, leased, CreateMeeting(asked)).await,
        Request::DeleteMeeting(asked) => {
            let spec = DeleteMeeting::new(asked, &leased.record);
            let settlement = work(ctx, leased, spec).await;
            unknown_create::marked(ctx, leased, settlement).await
        }
        Request::UpdateMeeting(asked) => {
            work(ctx, leased, UpdateMeeting::new(asked, &leased.record)).await
        }
        Request::EndMeeting(asked) => {
            work(ctx, leased, EndMeeting::new(asked, &leased.record)).await
        }
    }
}

async fn work<K: KindSpec>(
    ctx: &Arc<EngineContext>,
    leased: &Arc<LeasedJob>,
    spec: K,
) -> Settlement {
    if leased.is_attempt() {
        attempt::run(ctx, leased, spec).await
    } else {
        // A look is rare and its state is large: kept out of every job's own.
        Box::pin(reconcile::run(ctx, leased, spec)).await
    }
}
