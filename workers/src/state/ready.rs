//! A job on its way to a worker.

use tokio::sync::OwnedSemaphorePermit;

use super::leased_job::InHand;

/// A job on its way to a worker, and its right to a lease.
#[derive(Debug)]
pub struct Ready {
    /// The job.
    pub leased: InHand,
    /// Held until the outcome is with the settler.
    pub permit: OwnedSemaphorePermit,
}
