//! Cancelling jobs.

use zoomd_store::admin::{Cancelled, Target};

use super::{Hand, named, tally};
use crate::error::CliError;

/// Jobs cancelled in one step.
const STEP: usize = 64;

/// True if anything came of it.
fn is_change(cancelled: &Cancelled) -> bool {
    matches!(cancelled, Cancelled::Done | Cancelled::AfterReconcile)
}

impl Hand {
    /// Cancels jobs that are not in flight; the answers are in their order. `each` hears
    /// how many more are done.
    pub async fn cancel(
        &self,
        targets: &[Target],
        reason: &str,
        mut each: impl FnMut(usize),
    ) -> Result<Vec<Cancelled>, CliError> {
        let mut found = Vec::with_capacity(targets.len());
        let mut ended = Ok(());
        for some in targets.chunks(STEP) {
            match self.ops.cancel(some, reason).await {
                Ok(done) => found.extend(done),
                Err(error) => ended = Err(error),
            }
            if ended.is_err() {
                break;
            }
            each(some.len());
        }
        if found.iter().any(is_change) {
            let of = named(targets.iter().map(|target| target.id.as_str()));
            let outcome = tally(found.iter().map(|cancelled| cancelled.as_str()));
            self.record("job.cancel", &of, reason, &outcome).await;
        }
        ended?;
        Ok(found)
    }
}
