//! `zoomd account …`: the Zoom accounts zoomd may act for, and their grants.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ctx::Ctx;
use super::error::{CliError, CliResult};

/// The verbs of `zoomd account`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add an account from a refresh token or server-to-server credentials
    Add(AddArgs),
    /// Add many accounts from a file of refresh tokens; presents nothing to Zoom
    Import(FileArgs),
    /// Connect an account in the browser
    Login(NameArgs),
    /// Print a link with which somebody else connects the account
    ConnectLink(NameArgs),
    /// List the accounts
    List,
    /// Show one account: state, scopes, expiry
    Show(NameArgs),
    /// Tell the story of an account's grant
    Explain(NameArgs),
    /// Rotate an account's token now
    Refresh(NameArgs),
    /// Change an account's settings
    Set(SetArgs),
    /// Hold an account's jobs back
    Pause(NameArgs),
    /// Let an account's jobs run again
    Resume(NameArgs),
    /// Print a valid access token for another program
    Token(NameArgs),
    /// Remove an account and revoke its grant
    Remove(NameArgs),
}

/// One account.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
}

/// One file.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `account add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
    /// A file with the refresh token, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub refresh_token_file: Option<PathBuf>,
}

/// `account set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
    /// Zoom's plan, which fixes its published limits
    #[arg(long, value_name = "PLAN")]
    pub plan: String,
}

/// Runs one verb.
pub async fn run(_ctx: &Ctx, _command: Command) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}
