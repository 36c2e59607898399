//! `zoomd job …`: jobs that wait, run, or have run.

use clap::{Args, Subcommand};

use super::ctx::Ctx;
use super::error::{CliError, CliResult};

/// The verbs of `zoomd job`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the jobs that have no outcome yet
    List,
    /// Tell the story of one job
    Show(OneArgs),
    /// Follow one job until it has its outcome
    Watch(OneArgs),
    /// Cancel jobs that are not in flight
    Cancel(CancelArgs),
}

/// One job.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The job's id
    #[arg(value_name = "JOB")]
    pub id: String,
}

/// `job cancel`.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The jobs' ids
    #[arg(value_name = "JOB")]
    pub ids: Vec<String>,
}

/// Runs one verb.
pub async fn run(_ctx: &Ctx, _command: Command) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
