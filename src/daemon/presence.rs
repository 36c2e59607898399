//! Heartbeat: says every second that this daemon is there and what keeps it from
//! running jobs, so that one that died is missed within five; and at its end that it
//! is gone.

use std::sync::Arc;
use std::time::Duration;

use zoomd_store::Store;
use zoomd_store::inspect::{Ops, Presence};
use zoomd_workers::supervisor::{Part, Supervisor};

use crate::http::Health;
use crate::identity;

const EVERY: Duration = zoomd_store::inspect::HEARTBEAT;
/// Longest time to report our start, or our end, to Redis.
const GOODBYE: Duration = Duration::from_secs(1);

/// A daemon that says so.
pub(super) struct Announced {
    ops: Ops,
    id: String,
    host: String,
    part: Part,
}

/// Begins to say so.
pub(super) async fn announce(
    store: Store,
    id: &str,
    health: Arc<Health>,
    supervisor: &Supervisor,
) -> Announced {
    let ops = Ops::new(store);
    let mut presence = Presence {
        id: id.to_owned(),
        host: identity::host(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_ms: jiff::Timestamp::now().as_millisecond(),
        problems: Vec::new(),
    };
    // A daemon that is ready is one that `zoomd status` knows of.
    let hello = async {
        ops.announce(&presence).await?;
        ops.started(&presence).await
    };
    if let Ok(Err(error)) = tokio::time::timeout(GOODBYE, hello).await {
        tracing::debug!(%error, "redis: could not announce this daemon");
    }
    let (announcer, host) = (ops.clone(), presence.host.clone());
    let part = supervisor.spawn("presence", |beat| async move {
        let mut turns = beat.every(EVERY);
        loop {
            turns.next().await;
            presence.problems = health.told();
            // The engine warns of a Redis that is away; this is said again soon.
            if let Err(error) = announcer.announce(&presence).await {
                tracing::debug!(%error, "redis: could not announce this daemon");
            }
        }
    });
    Announced { ops, id: id.to_owned(), host, part }
}

impl Announced {
    /// Says that it is not there any more.
    pub(super) async fn leave(self) {
        self.part.abort();
        let leaving = self.ops.leave(&self.id, &self.host);
        if let Ok(Err(error)) = tokio::time::timeout(GOODBYE, leaving).await {
            tracing::debug!(%error, "redis: could not record that this daemon has stopped");
        }
    }
}
