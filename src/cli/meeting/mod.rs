//! `zoomd meeting …`: meetings at Zoom, and those that zoomd made.

mod known;
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
    /// Find the meeting of a job, or of a number, among those that zoomd made
    Find(FindArgs),
    /// Show one meeting
    Show(OneArgs),
    /// Print a new link for the host to start the meeting
    StartUrl(OneArgs),
}

/// `meeting list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    pub account: AccountName,
    /// Host of the meetings: me, a Zoom user id or an e-mail address
    #[arg(long, value_name = "USER", default_value = "me")]
    pub user: String,
    /// Only meetings that zoomd created, of any user, without contacting Zoom
    #[arg(long, conflicts_with = "user")]
    pub mine: bool,
    /// With --mine: also those that are over or deleted
    #[arg(long, requires = "mine")]
    pub past: bool,
    /// With --mine: the largest number of meetings listed
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "mine")]
    pub limit: usize,
}

/// `meeting find`.
#[derive(Debug, Args)]
pub struct FindArgs {
    /// A job's id, or a meeting's number
    #[arg(value_name = "JOB|ID")]
    pub what: String,
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
        Command::List(args) if args.mine => known::list(ctx, args).await,
        Command::List(args) => list::run(ctx, args).await,
        Command::Find(args) => known::find(ctx, args).await,
        Command::Show(args) => show::run(ctx, args).await,
        Command::StartUrl(args) => start_url::run(ctx, args).await,
    }
}
