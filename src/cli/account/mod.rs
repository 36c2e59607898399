//! `zoomd account …`: the Zoom accounts zoomd may act for, and their grants.
//!
//! One file a verb. None of them spends a refresh token: `token` and `refresh`
//! go through the same rotation as the daemon does, all others only read and
//! write what is stored. No secret is ever a flag or printed, but for `token`,
//! whose output is one.

mod add;
mod connect_link;
mod endpoint;
mod explain;
mod import;
mod list;
mod login;
mod open;
mod paste;
mod pause;
mod purge;
mod redirect;
mod refresh;
mod remove;
mod set;
mod show;
mod token;

use clap::{Args, Subcommand};
use zoomd_store::grants::Plan;
use zoomd_wire::AccountName;

use super::ctx::Ctx;
use crate::error::CliResult;

pub use open::{app, grants};

/// The verbs of `zoomd account`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add an account from a refresh token or server-to-server credentials
    Add(add::AddArgs),
    /// Import accounts from a file of refresh tokens (without contacting Zoom)
    Import(import::ImportArgs),
    /// Connect an account in the browser
    Login(login::LoginArgs),
    /// Print a link for someone else to connect the account
    ConnectLink(connect_link::ConnectLinkArgs),
    /// List the accounts
    List(list::ListArgs),
    /// Show one account: state, scopes, expiry
    Show(NameArgs),
    /// Show the history of an account's token and what happens next
    Explain(explain::ExplainArgs),
    /// Refresh an account's token now
    Refresh(refresh::RefreshArgs),
    /// Change an account's settings
    Set(set::SetArgs),
    /// Pause an account's jobs
    Pause(pause::PauseArgs),
    /// Resume an account's jobs
    Resume(NameArgs),
    /// Print a valid access token for another program
    Token(token::TokenArgs),
    /// Remove an account and revoke its grant
    Remove(remove::RemoveArgs),
}

/// One account.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    pub account: AccountName,
}

/// Parses the plan, which decides the published limits of an account.
fn plan(text: &str) -> Result<Plan, String> {
    text.parse()
}

/// Runs one verb.
pub async fn run(ctx: &Ctx, command: Command) -> CliResult {
    match command {
        Command::Add(args) => add::run(ctx, args).await,
        Command::Import(args) => import::run(ctx, args).await,
        Command::Login(args) => login::run(ctx, args).await,
        Command::ConnectLink(args) => connect_link::run(ctx, args).await,
        Command::List(args) => list::run(ctx, args).await,
        Command::Show(args) => show::run(ctx, args).await,
        Command::Explain(args) => explain::run(ctx, args).await,
        Command::Refresh(args) => refresh::run(ctx, args).await,
        Command::Set(args) => set::run(ctx, args).await,
        Command::Pause(args) => pause::pause(ctx, args).await,
        Command::Resume(args) => pause::resume(ctx, args).await,
        Command::Token(args) => token::run(ctx, args).await,
        Command::Remove(args) => remove::run(ctx, args).await,
    }
}
