//! `zoomd failure …`: the failed jobs of the last 30 days.
//!
//! They stand in an index of their own: nothing done here touches the public
//! stream of failures.

mod discard;
mod export;
mod list;
mod pick;
mod retry;
mod show;

use clap::{Args, Subcommand};
use zoomd_store::inspect::Ops;

use super::ctx::Ctx;
use crate::error::{CliError, CliResult};

/// The verbs of `zoomd failure`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List failed jobs, newest first
    List(list::ListArgs),
    /// Show one failure in full
    Show(OneArgs),
    /// Print failures as JSON lines
    Export(export::ExportArgs),
    /// Run failed jobs again
    Retry(retry::RetryArgs),
    /// Remove failures from the list
    Discard(discard::DiscardArgs),
}

/// One failure.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The failure's id, its job's, or its stream entry's
    #[arg(value_name = "FAILURE")]
    pub id: String,
}

/// Runs one verb.
pub async fn run(ctx: &Ctx, command: Command) -> CliResult {
    match command {
        Command::List(args) => list::run(ctx, args).await,
        Command::Show(args) => show::run(ctx, args).await,
        Command::Export(args) => export::run(ctx, args).await,
        Command::Retry(args) => retry::run(ctx, args).await,
        Command::Discard(args) => discard::run(ctx, args).await,
    }
}

async fn ops(ctx: &Ctx) -> Result<Ops, CliError> {
    Ok(Ops::new(ctx.store().await?))
}

fn missing(id: &str) -> CliError {
    CliError::not_found(format!("no failure {id}")).hint("zoomd failure list")
}
