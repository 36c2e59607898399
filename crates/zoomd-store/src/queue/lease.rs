//! Leases outside of handlers: renewed, marked, taken back.

use std::time::Duration;

use super::{Fence, Queue, Ticket};
use crate::StoreError;
use crate::clock::ms;
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::{MARK_SENT, RENEW, SWEEP};

/// Leases one call renews.
const RENEWED_AT_ONCE: usize = 1000;
/// Maximum time of the search for an unresolved call.
const LOOK_FOR: Duration = Duration::from_secs(24 * 3600);

/// Result of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Jobs that had not been sent: back in their rooms.
    pub unsent: u64,
    /// Jobs that may have been sent: reconcile searches for them.
    pub sent: u64,
    /// Leases of which nothing else was known.
    pub lost: u64,
    /// True if there is more to take back immediately.
    pub more: bool,
}

impl Swept {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.unsent + self.sent + self.lost
    }
}

impl Queue {
    /// Prolongs leases from now; answers the places in `leases` of those that
    /// are not held any more.
    ///
    /// # Errors
    /// On an error no lease was renewed, or the answer was lost; calling again is safe.
    pub async fn renew(&self, leases: &[(&str, &Fence)]) -> Result<Vec<usize>, StoreError> {
        let mut lost = Vec::new();
        for (nth, chunk) in leases.chunks(RENEWED_AT_ONCE).enumerate() {
            let mut call = RENEW.call().key(self.store.keys().prefix());
            call.push(self.store.clock().ms()).push(ms(self.settings.lease));
            for (job_id, fence) in chunk {
                call.push(*job_id).push(fence.as_str());
            }
            let mut parts = ScriptReply::new(self.ask(call).await?, "lease")?;
            parts.number()?;
            for _ in 0..parts.len() {
                let place = usize::try_from(parts.number()?).unwrap_or(1);
                lost.push(nth * RENEWED_AT_ONCE + place - 1);
            }
        }
        Ok(lost)
    }

    /// Notes, just before the send, that the call of a job reconcile cannot
    /// judge may leave, and waits until a replica and the disk have it, where there
    /// are such and the server can say so. `false`: the lease is lost, nothing may
    /// be sent.
    ///
    /// # Errors
    /// On an error the record may be missing, or no replica confirmed it: nothing may be sent.
    pub async fn mark_sent(&self, ticket: &Ticket) -> Result<bool, StoreError> {
        let call = MARK_SENT
            .call()
            .key(self.store.keys().prefix())
            .arg(self.store.clock().ms())
            .arg(&*ticket.job_id)
            .arg(ticket.fence.as_str());
        let (answer, written) = match self.durable.write(call).await {
            Err(error) => return Err(self.store.explained(error).await),
            Ok(done) => done,
        };
        let marked: bool = redis::from_redis_value(answer)?;
        if marked {
            self.durable.confirm(written).await?;
        }
        Ok(marked)
    }

    /// Takes back about `most` jobs whose leases have ended.
    pub async fn sweep(&self, most: usize) -> Result<Swept, StoreError> {
        let keys = self.store.keys();
        let call = SWEEP
            .call()
            .key(keys.prefix())
            .key(keys.jobs())
            .arg(self.store.clock().ms())
            .arg(most.clamp(1, 1000))
            .arg(ms(LOOK_FOR));
        let mut parts = ScriptReply::new(self.ask(call).await?, "lease")?;
        parts.number()?;
        let mut count = || parts.number().map(|n| u64::try_from(n).unwrap_or(0));
        Ok(Swept { unsent: count()?, sent: count()?, lost: count()?, more: count()? > 0 })
    }
}
