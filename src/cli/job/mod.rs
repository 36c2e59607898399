//! `zoomd job …`: jobs that wait, run, or have run.
//!
//! All of it works without a daemon. What is shown says whether it comes from
//! zoomd's record of a live job or from one of the streams.

mod cancel;
mod list;
mod show;
pub mod story;
mod watch;

use clap::{Args, Subcommand};
use zoomd_store::inspect::{OUTCOMES_LOOK, Ops, QUEUED_LOOK};

use super::ctx::Ctx;
use crate::error::{CliError, CliResult};

/// The verbs of `zoomd job`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List jobs that are not finished
    List(list::ListArgs),
    /// Show the history of one job
    Show(OneArgs),
    /// Follow one job until it is finished
    Watch(OneArgs),
    /// Cancel jobs that are not in flight
    Cancel(cancel::CancelArgs),
}

/// One job.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The job's id, or that of its stream entry
    #[arg(value_name = "JOB")]
    pub id: String,
}

/// Runs one verb.
pub async fn run(ctx: &Ctx, command: Command) -> CliResult {
    match command {
        Command::List(args) => list::run(ctx, args).await,
        Command::Show(args) => show::run(ctx, args).await,
        Command::Watch(args) => watch::run(ctx, args).await,
        Command::Cancel(args) => cancel::run(ctx, args).await,
    }
}

pub(super) async fn ops(ctx: &Ctx) -> Result<Ops, CliError> {
    Ok(ctx.ops(ctx.store().await?))
}

fn missing(id: &str) -> CliError {
    CliError::not_found(format!(
        "no job {id}: it is neither queued nor running, nor among the oldest {QUEUED_LOOK} entries of the stream or the newest {OUTCOMES_LOOK} outcomes"
    ))
    .hint("zoomd job list, zoomd failure list")
}
