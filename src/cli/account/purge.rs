//! Leaving nothing of a removed account behind: its jobs get their outcomes
//! first, from a daemon where one runs, else from here.

use std::time::{Duration, Instant};

use zoomd_store::grants::{Grants, Purged};
use zoomd_store::inspect::Ops;
use zoomd_wire::AccountName;

use crate::cli::ctx::Ctx;
use crate::error::CliError;

/// Longest wait of a purge for jobs and calls in flight.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// Jobs ended in one step.
const STEP: usize = 500;

/// Purges the account, which is removed already.
pub(super) async fn purge(ctx: &Ctx, grants: &Grants, name: &AccountName) -> Result<(), CliError> {
    let ops = Ops::new(grants.store().clone());
    let start = Instant::now();
    let mut told = false;
    loop {
        let left = match grants.purge(name).await? {
            Purged::Done | Purged::NoAccount => return Ok(()),
            Purged::Live => {
                let text =
                    format!("{name} was connected again in the meantime, so it is not purged");
                return Err(CliError::failed(text).code("connected"));
            }
            Purged::Jobs(count) => {
                let ids = ops.cancellable(name.as_str(), STEP).await?;
                ops.end_removed(&ids).await?;
                format!("{count} jobs are not finished yet")
            }
            Purged::InFlight(count) => format!("{count} calls are in flight"),
        };
        if start.elapsed() > PATIENCE {
            let text = format!("{name} was removed but not purged: {left}");
            return Err(CliError::failed(text).code("not_purged").hint(format!(
                "zoomd account remove {name} --purge continues where it stopped; an unresolved call needs a running daemon"
            )));
        }
        if !told && start.elapsed() > PAUSE * 5 {
            ctx.out.note(format!("{left}; waiting for them …"));
            told = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
