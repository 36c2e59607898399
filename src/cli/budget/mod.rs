//! `zoomd budget`: what is left of Zoom's limits.

use clap::Args;

use super::ctx::Ctx;
use super::error::{CliError, CliResult};

/// `zoomd budget`.
#[derive(Debug, Args)]
pub struct BudgetArgs {
    /// One account only
    #[arg(value_name = "ACCOUNT")]
    pub account: Option<String>,
}

/// Runs it.
pub async fn run(_ctx: &Ctx, _args: BudgetArgs) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
