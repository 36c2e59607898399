//! `zoomd account refresh`: rotate now, by the same path as the daemon.

use clap::Args;
use serde::Serialize;
use std::time::Duration;
use zoomd_wire::AccountName;

use super::{open, token};
use crate::cli::ctx::Ctx;
use crate::error::CliResult;
use crate::exit::Exit;

/// `account refresh`.
#[derive(Debug, Args)]
pub struct RefreshArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// Ask Zoom at once what became of a token exchange in doubt
    #[arg(long)]
    probe: bool,
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
    if args.probe
        && let Some((told, _)) = tokens.doubt(&args.account).await?
    {
        ctx.out.warn(format!(
            "{told}. The token is presented again now. If a stopped process holds the reply to \
             the first exchange, and Zoom ends all tokens of a grant when one is presented twice, \
             {name} needs a new consent afterwards"
        ));
    }
    let rotated = tokens.rotate(&args.account, args.probe, args.timeout).await;
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
