//! `zoomd failure …`: the failed jobs of the last 30 days.

use clap::{Args, Subcommand};

use super::ctx::Ctx;
use super::error::{CliError, CliResult};

/// The verbs of `zoomd failure`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List failed jobs, newest first
    List,
    /// Show one failure in full
    Show(OneArgs),
    /// Print failures as JSON lines
    Export,
    /// Run failed jobs again
    Retry(ManyArgs),
    /// Take failures off the list
    Discard(ManyArgs),
}

/// One failure.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The failure's id, or its job's
    #[arg(value_name = "FAILURE")]
    pub id: String,
}

/// Some failures.
#[derive(Debug, Args)]
pub struct ManyArgs {
    /// The failures' ids, or their jobs'
    #[arg(value_name = "FAILURE")]
    pub ids: Vec<String>,
}

/// Runs one verb.
pub async fn run(_ctx: &Ctx, _command: Command) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
