//! Listens for wake-ups: published when a room gets a job that can run.
//!
//! A subscription mends itself and says so; then, as with each message, the
//! claim loop looks. It also looks now and then by itself.

use std::sync::Arc;

use zoomd_store::wake::Wake;

use crate::context::EngineContext;
use crate::supervisor::Beat;

/// Listens until the engine ends.
pub async fn serve(ctx: Arc<EngineContext>, beat: Beat) {
    let mut wakes = ctx.queue.store().wakes();
    loop {
        let wake = beat.waiting(wakes.next()).await;
        if matches!(wake, Wake::Ended | Wake::Missed) {
            ctx.expiry.now();
        }
        if wake != Wake::Ended {
            ctx.zoom.wake.notify_one();
        }
    }
}
