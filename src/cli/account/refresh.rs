//! `zoomd account refresh`: rotate now, by the same path as the daemon.

use clap::Args;
use serde::Serialize;
use std::time::Duration;
use zoomd_wire::AccountName;

use super::{open, token};
use crate::cli::ctx::Ctx;
use crate::cli::error::CliResult;
use crate::exit::Exit;

/// `account refresh`.
#[derive(Debug, Args)]
pub struct RefreshArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// How long to wait for it
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = token::time)]
    timeout: Duration,
}

#[derive(Debug, Serialize)]
struct Refreshed<'a> {
    account: &'a str,
    epoch: String,
    generation: u64,
}

/// Rotates the stored generation.
pub(super) async fn run(ctx: &Ctx, args: RefreshArgs) -> CliResult {
    let grants = open::grants(ctx).await?;
    let name = args.account.as_str();
    let kind = open::existing(&grants, &args.account).await?.kind;
    let tokens = token::tokens(ctx, &grants)?;
    let rotated = tokens.rotate(&args.account, args.timeout).await;
    tokens.shutdown().await;
    let version = rotated.map_err(|error| token::refused(name, kind, error))?.version;
    let refreshed = Refreshed {
        account: name,
        epoch: version.epoch.to_string(),
        generation: version.generation,
    };
    ctx.out.show(&refreshed, || format!("{name} has generation {} now\n", version.generation))?;
    Ok(Exit::Done)
}
