//! Loops that must not end: whether one panicked.
//!
//! A handler's panic is its job's failure. A loop that panics is a defect of
//! zoomd, and what it did is done no more: the others would go on, and a settle
//! lane or a sweep would be missing without anybody's notice. So the engine is
//! broken, and its process ends and is started anew; leases do the rest.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Whether a loop panicked; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Broken(watch::Sender<bool>);

impl Broken {
    /// Spawns a loop.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let broken = self.clone();
        tokio::spawn(async move {
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                tracing::error!("a loop of the engine panicked; the engine cannot go on");
                broken.0.send_replace(true);
            }
        })
    }

    /// Waits until one panicked.
    pub async fn happened(self) {
        // Its own sender is held here: there is always one.
        let _ = self.0.subscribe().wait_for(|broken| *broken).await;
    }
}
