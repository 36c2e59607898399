//! `zoomd status`: is it fine? One screen.

use clap::Args;

use super::ctx::Ctx;
use super::error::{CliError, CliResult};

/// `zoomd status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Look again every two seconds
    #[arg(short, long)]
    pub watch: bool,
}

/// Runs it.
pub async fn run(_ctx: &Ctx, _args: StatusArgs) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
