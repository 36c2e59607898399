//! `zoomd run`: the daemon.

use std::path::PathBuf;

use clap::Args;
use zoomd_workers::supervisor::Supervisor;

use super::Command;
use super::ctx::Ctx;
use crate::daemon::{self, OpsServer, stop::Stop};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::telemetry;

/// `zoomd run`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd run
  ZOOMD_LOG=debug zoomd run --listen 0.0.0.0:9464

SIGTERM or Ctrl-C lets running jobs finish (see `grace`); a second one stops immediately.")]
pub struct RunArgs {
    /// Address of the operations endpoint (HTTP), or off
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Maximum concurrent requests to Zoom
    #[arg(long, value_name = "N")]
    pub concurrency: Option<u32>,
    /// Directory of the rotation journal
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
}

/// The settings that flags of a command override.
pub(super) fn flags(command: &Command) -> Vec<(&'static str, String, &'static str)> {
    let Command::Run(args) = command else {
        return Vec::new();
    };
    let mut flags = Vec::new();
    if let Some(listen) = &args.listen {
        flags.push(("listen", listen.clone(), "--listen"));
    }
    if let Some(n) = args.concurrency {
        flags.push(("concurrency", n.to_string(), "--concurrency"));
    }
    if let Some(dir) = &args.data_dir {
        flags.push(("data_dir", dir.display().to_string(), "--data-dir"));
    }
    flags
}

/// Runs the daemon until it is told to stop.
pub async fn run(ctx: &Ctx) -> CliResult {
    telemetry::log(&ctx.config.log)?;
    let supervisor = Supervisor::default();
    let metrics = telemetry::metrics::install(&supervisor)?;
    let stop = Stop::listen(&supervisor);
    let stop = stop.map_err(|e| CliError::failed(format!("signals: {e}")))?;
    let ops_server = OpsServer::open(&ctx.config, metrics).await?;
    daemon::run(&ctx.config, ops_server, stop, supervisor).await?;
    Ok(Exit::Done)
}
