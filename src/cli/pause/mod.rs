//! `zoomd pause` and `zoomd resume`: holding everything back.

use clap::Args;

use super::ctx::Ctx;
use super::error::{CliError, CliResult};

/// `zoomd pause`.
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// Why, for whoever looks
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Holds everything back.
pub async fn pause(_ctx: &Ctx, _args: PauseArgs) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}

/// Lets everything run again.
pub async fn resume(_ctx: &Ctx) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
