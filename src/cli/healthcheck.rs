//! `zoomd healthcheck`: for images without a shell.

use clap::Args;

use super::ctx::Ctx;
use super::error::{CliError, CliResult};

/// `zoomd healthcheck`.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {}

/// Runs it.
pub async fn run(_ctx: &Ctx, _args: HealthcheckArgs) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
