//! `zoomd meeting …`: looking at meetings at Zoom.

mod list;
mod look;
mod show;
mod start_url;

use clap::{Args, Subcommand};
use zoom_api::MeetingRef;
use zoomd_wire::AccountName;

use super::ctx::Ctx;
use crate::error::CliResult;

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
    pub account: AccountName,
    /// Whose meetings: me, a Zoom user id, or an e-mail address
    #[arg(long, value_name = "USER", default_value = "me")]
    pub user: String,
}

/// One meeting.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    pub account: AccountName,
    /// The meeting's number, or the UUID of one occurrence
    #[arg(value_name = "MEETING")]
    pub id: MeetingRef,
}

/// Runs one verb.
pub async fn run(ctx: &Ctx, command: Command) -> CliResult {
    match command {
        Command::List(args) => list::run(ctx, args).await,
        Command::Show(args) => show::run(ctx, args).await,
        Command::StartUrl(args) => start_url::run(ctx, args).await,
    }
}
