//! `zoomd config …`: the configuration and the encryption key.

mod acl;
mod rekey;
pub(crate) mod show;
mod token;

use clap::Subcommand;
use secrecy::ExposeSecret as _;

use super::ctx::Ctx;
use crate::config::{DEFAULT_FILE, strange_variables};
use crate::error::CliResult;
use crate::exit::Exit;
use crate::output::Output;

/// The verbs of `zoomd config`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every value and its source; secrets are masked
    Show,
    /// Check the configuration; exit 2 if it is invalid
    Check,
    /// Print the reference: every key, its default, its meaning
    #[command(after_help = "Example:\n  zoomd config default > zoomd.toml")]
    Default,
    /// Make an encryption key
    #[command(
        after_help = "Example:\n  (umask 077; set -C; zoomd config key > encryption_key)\n  \
        export ZOOMD_ENCRYPTION_KEY_FILE=encryption_key"
    )]
    Key,
    /// Make a token for the API and the console
    Token(token::TokenArgs),
    /// Re-encrypt every stored token with the newest key
    #[command(after_help = "To change the key: put the new one into ZOOMD_ENCRYPTION_KEY and the \
        old one into\nZOOMD_ENCRYPTION_KEYS_OLD everywhere, restart, rekey, then drop the old one.")]
    Rekey,
    /// Print the Redis users (ACL SETUSER) for zoomd, producers, consumers and readers
    #[command(after_help = "Replace PASSWORD and run each line as an \
        administrator of Redis.")]
    Acl,
}

/// Runs a verb that needs the configuration.
pub async fn run(ctx: &Ctx, command: Command) -> CliResult {
    match command {
        Command::Show => show::run(ctx),
        Command::Check => check(ctx),
        Command::Token(args) => token::run(ctx, &args),
        Command::Rekey => rekey::run(ctx).await,
        Command::Acl => acl::run(ctx),
        Command::Default => default(&ctx.out),
        Command::Key => key(&ctx.out),
    }
}

/// The configuration was read to get here, so it can be used.
fn check(ctx: &Ctx) -> CliResult {
    crate::telemetry::check(&ctx.config.log)?;
    let env = crate::config::environment()?;
    for (name, near) in strange_variables(&env) {
        let near = near.map(|n| format!("; did you mean {n}?")).unwrap_or_default();
        ctx.out.warn(format!("{name} is set but is not a known setting{near}"));
    }
    ctx.out.show(&serde_json::json!({"ok": true}), || "configuration OK\n".into())?;
    Ok(Exit::Done)
}

/// Prints the reference.
pub fn default(out: &Output) -> CliResult {
    out.data(DEFAULT_FILE)?;
    Ok(Exit::Done)
}

/// Prints a new key.
pub fn key(out: &Output) -> CliResult {
    let key = zoomd_store::encryption::KeyRing::generate_key();
    out.show(&serde_json::json!({"key": key.expose_secret()}), || {
        format!("{}\n", key.expose_secret())
    })?;
    Ok(Exit::Done)
}
