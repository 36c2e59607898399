//! `zoomd doctor`: what is wrong, and the next command to type.

use clap::Args;

use super::Global;
use super::error::{CliError, CliResult};
use super::output::Output;

/// `zoomd doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {}

/// Runs it.
pub async fn run(_out: &Output, _global: &Global, _args: DoctorArgs) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
