//! `zoomd init`: from nothing to a configuration.

use clap::Args;

use super::Global;
use super::error::{CliError, CliResult};
use super::output::Output;

/// `zoomd init`.
#[derive(Debug, Args)]
pub struct InitArgs {}

/// Runs it.
pub async fn run(_out: &Output, _global: &Global, _args: InitArgs) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
