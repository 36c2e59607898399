//! Order of work: new jobs of the stream, or waiting jobs that may run.
//!
//! While jobs of an account wait, its newer ones must stand behind them, and a
//! job that passes through a room costs twice. So while rooms hold more that may
//! go than there are slots, the intake lets several claims pass for each batch
//! of its own. Rooms then drain, and jobs take the short way again. It never
//! stops: behind one tenant's jobs in the stream stand those of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// Claims that pass for one batch of the intake.
const CLAIMS: u32 = 4;
/// The longest the intake waits for each.
const LONGEST: Duration = Duration::from_millis(20);

/// Signal that rooms hold more jobs that can run than could be claimed.
#[derive(Debug, Clone, Default)]
pub struct Backlog(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    more: AtomicBool,
    claimed: Notify,
}

impl Backlog {
    /// A claim was made; whether it left any that may go.
    pub fn claimed(&self, more: bool) {
        self.0.more.store(more, Ordering::Relaxed);
        self.0.claimed.notify_waiters();
    }

    /// Lets claims pass while there is a backlog.
    pub async fn let_pass(&self) {
        for _ in 0..CLAIMS {
            if !self.0.more.load(Ordering::Relaxed) {
                return;
            }
            let _ = tokio::time::timeout(LONGEST, self.0.claimed.notified()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn the_intake_waits_for_claims_but_not_for_ever() {
        let backlog = Backlog::default();
        let began = Instant::now();
        backlog.let_pass().await;
        assert!(began.elapsed() < LONGEST);
        backlog.claimed(true);
        let began = Instant::now();
        backlog.let_pass().await;
        let waited = began.elapsed();
        assert!(waited >= LONGEST * CLAIMS && waited < LONGEST * CLAIMS * 10, "{waited:?}");
        let claims = async {
            for left in (0..3).rev() {
                tokio::task::yield_now().await;
                backlog.claimed(left > 0);
            }
        };
        let began = Instant::now();
        tokio::join!(backlog.let_pass(), claims);
        assert!(began.elapsed() < LONGEST, "the last claim left nothing");
    }
}
