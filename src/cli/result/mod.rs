//! `zoomd result …`: the stream of results.

mod tail;

use clap::Subcommand;

use super::ctx::Ctx;
use crate::error::CliResult;

/// The verbs of `zoomd result`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the latest results
    Tail(tail::TailArgs),
}

/// Runs one verb.
pub async fn run(ctx: &Ctx, command: Command) -> CliResult {
    match command {
        Command::Tail(args) => tail::run(ctx, args).await,
    }
}
