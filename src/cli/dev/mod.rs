//! `zoomd dev`: everything on this machine.

use clap::Args;

use crate::dev::{self, Play};
use crate::error::{CliError, CliResult};
use crate::output::Output;

/// Jobs a second, when they are counted and when they are not.
const RATE: (f64, f64) = (25.0, 2.0);

/// `zoomd dev`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd dev                       until Ctrl-C
  zoomd dev --jobs 200            stops with a summary
  zoomd dev --port 4400 --no-jobs    a Zoom to try one's own jobs with
  zoomd dev --jobs 500 --chaos    Zoom fails in every way it can

Needs redis-server or valkey-server on PATH. Neither reads nor changes any configuration.")]
pub struct DevArgs {
    /// Stop with a summary after this many sample jobs
    #[arg(long, value_name = "N")]
    pub jobs: Option<u64>,
    /// Sample jobs per second (default: 25 with --jobs, else 2)
    #[arg(long, value_name = "R")]
    pub rate: Option<f64>,
    /// Let the simulated Zoom fail in every way it can
    #[arg(long)]
    pub chaos: bool,
    /// The console's port; Redis takes the next, the simulated Zoom the one after (default: free ones)
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=65_533))]
    pub port: Option<u16>,
    /// The servers alone, without sample jobs
    #[arg(long, conflicts_with_all = ["jobs", "rate"])]
    pub no_jobs: bool,
}

/// Runs it.
pub async fn run(out: &Output, args: DevArgs) -> CliResult {
    let usual = if args.jobs.is_some() { RATE.0 } else { RATE.1 };
    let rate = args.rate.unwrap_or(usual);
    if !(rate > 0.0 && rate <= 100_000.0) {
        return Err(CliError::usage("--rate takes a number between 0 and 100000"));
    }
    dev::run(
        out,
        Play { jobs: args.jobs, rate, chaos: args.chaos, port: args.port, no_jobs: args.no_jobs },
    )
    .await
}
