//! Time of the next look at deadlines: earlier if a job came that ends before.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

/// The time of the next look, by the clock of Redis.
#[derive(Debug, Default)]
pub struct Expiry {
    next_ms: AtomicI64,
    sooner: Notify,
}

impl Expiry {
    /// The next look is planned for then.
    pub fn plan(&self, next_ms: i64) {
        self.next_ms.store(next_ms, Ordering::Relaxed);
    }

    /// A job waits that is not sent after `deadline_ms`.
    pub fn waits(&self, deadline_ms: i64) {
        if deadline_ms < self.next_ms.load(Ordering::Relaxed) {
            self.sooner.notify_one();
        }
    }

    /// Jobs are to be ended now.
    pub fn now(&self) {
        self.sooner.notify_one();
    }

    /// Waits for a job that ends before the next look.
    pub async fn sooner(&self) {
        self.sooner.notified().await;
    }
}
