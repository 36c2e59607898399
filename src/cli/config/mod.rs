//! `zoomd config …`: the configuration and the encryption key.

use clap::Subcommand;
use secrecy::ExposeSecret as _;

use super::ctx::Ctx;
use super::error::{CliError, CliResult};
use super::output::Output;
use crate::config::DEFAULT_FILE;
use crate::exit::Exit;

/// The verbs of `zoomd config`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every value and where it was given
    Show,
    /// Check the configuration; prints nothing but what is wrong
    Check,
    /// Print the reference: every key, its default, its meaning
    Default,
    /// Make an encryption key
    Key,
    /// Seal every stored token under the newest key
    Rekey,
}

/// Runs a verb that needs the configuration.
pub async fn run(_ctx: &Ctx, _command: Command) -> CliResult {
    Err(CliError::failed("this command is not there yet"))
}

/// Prints the reference.
pub fn default(out: &Output) -> CliResult {
    out.data(DEFAULT_FILE)?;
    Ok(Exit::Done)
}

/// Prints a new key.
pub fn key(out: &Output) -> CliResult {
    let key = zoomd_store::seal::KeyRing::generate_key();
    out.show(&serde_json::json!({"key": key.expose_secret()}), || {
        format!("{}\n", key.expose_secret())
    })?;
    Ok(Exit::Done)
}
