//! `zoomd enqueue`: one job from flags, or many from a file.

use clap::Args;

use super::ctx::Ctx;
use super::error::{CliError, CliResult};

/// `zoomd enqueue`.
#[derive(Debug, Args)]
pub struct EnqueueArgs {
    /// The account that hosts the meeting
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
}

/// Runs it.
pub async fn run(_ctx: &Ctx, _args: EnqueueArgs) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
