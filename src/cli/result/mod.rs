//! `zoomd result …`: the stream of results.

use clap::{Args, Subcommand};

use super::ctx::Ctx;
use super::error::{CliError, CliResult};

/// The verbs of `zoomd result`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the latest results
    Tail(TailArgs),
}

/// `result tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// Go on printing results as they come
    #[arg(short, long)]
    pub follow: bool,
}

/// Runs one verb.
pub async fn run(_ctx: &Ctx, _command: Command) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
