//! `zoomd dev`: everything on this machine.

use clap::Args;

use super::error::{CliError, CliResult};
use super::output::Output;

/// `zoomd dev`.
#[derive(Debug, Args)]
pub struct DevArgs {
    /// End with a summary when this many sample jobs have their outcome
    #[arg(long, value_name = "N")]
    pub jobs: Option<u64>,
    /// Sample jobs a second
    #[arg(long, value_name = "R")]
    pub rate: Option<f64>,
    /// Let the simulated Zoom fail in all the ways it can
    #[arg(long)]
    pub chaos: bool,
}

/// Runs it.
pub async fn run(_out: &Output, _args: DevArgs) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
