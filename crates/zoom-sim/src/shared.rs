//! State shared by the server's thread and its owners: the world behind its lock, a notification of
//! every change, and the way to the server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

use crate::endpoint::Endpoint;
use crate::world::World;

/// The time after which waits give up.
pub const WAIT: Duration = Duration::from_secs(30);

pub(crate) enum Command {
    /// Closes every connection and the port.
    Down(oneshot::Sender<()>),
    /// Opens the port again.
    Up(oneshot::Sender<()>),
    /// Sends the events that wait.
    Tell,
    Stop,
}

pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) changed: Notify,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
}

/// Stage of a request to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Arrived,
    Answered,
}

/// Timeout of a wait.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("waited {waited_ms} ms for {what}, saw {seen}")]
pub struct TimedOut {
    /// Description of the awaited condition.
    pub what: String,
    /// Progress.
    pub seen: u64,
    /// Time waited, ms.
    pub waited_ms: u64,
}

impl Shared {
    pub(crate) fn new(world: World, commands: mpsc::UnboundedSender<Command>) -> Self {
        Self { world: Mutex::new(world), changed: Notify::new(), commands }
    }

    /// The world; usable even after a panic under the lock, for it is a test's.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `count` reaches `n`.
    pub(crate) async fn wait(
        &self,
        what: String,
        n: u64,
        limit: Duration,
        count: impl Fn(&World) -> u64,
    ) -> Result<u64, TimedOut> {
        let reached = async {
            loop {
                let changed = self.changed.notified();
                let seen = count(&self.world());
                if seen >= n {
                    return seen;
                }
                changed.await;
            }
        };
        match tokio::time::timeout(limit, reached).await {
            Ok(seen) => Ok(seen),
            Err(_) => {
                let seen = count(&self.world());
                Err(TimedOut { what, seen, waited_ms: limit.as_millis() as u64 })
            }
        }
    }

    pub(crate) async fn wait_requests(
        &self,
        endpoint: Endpoint,
        stage: Stage,
        n: u64,
        limit: Duration,
    ) -> Result<u64, TimedOut> {
        let what = format!("{n} of {endpoint:?} {stage:?}");
        self.wait(what, n, limit, |world| match stage {
            Stage::Arrived => world.counters.arrived.of(endpoint),
            Stage::Answered => world.counters.answered.of(endpoint),
        })
        .await
    }

    pub(crate) async fn switch(&self, up: bool) {
        let (done, waits) = oneshot::channel();
        let command = if up { Command::Up(done) } else { Command::Down(done) };
        let _ = self.commands.send(command);
        let _ = waits.await;
    }
}
