//! `zoomd meeting …`: looking at meetings at Zoom.

use clap::{Args, Subcommand};

use super::ctx::Ctx;
use super::error::{CliError, CliResult};

/// The verbs of `zoomd meeting`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List a user's scheduled meetings
    List(ListArgs),
    /// Show one meeting
    Show(OneArgs),
    /// Print a fresh link with which the host starts the meeting
    StartUrl(OneArgs),
}

/// `meeting list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
    /// Whose meetings
    #[arg(long, value_name = "USER", default_value = "me")]
    pub user: String,
}

/// One meeting.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
    /// The meeting's number
    #[arg(value_name = "MEETING")]
    pub id: u64,
}

/// Runs one verb.
pub async fn run(_ctx: &Ctx, _command: Command) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
