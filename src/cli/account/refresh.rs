//! `zoomd account refresh`: rotate now, by the same path as the daemon.

use clap::Args;
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
    /// Ask Zoom immediately about an unresolved token exchange
    #[arg(long)]
    probe: bool,
    /// Maximum time to wait
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = token::time)]
    timeout: Duration,
}

/// Rotates the stored generation.
pub(super) async fn run(ctx: &Ctx, args: RefreshArgs) -> CliResult {
    let grants = open::grants(ctx).await?;
    let (name, how) = (args.account.as_str(), (args.probe, args.timeout));
    let warn = |told: &str| {
        ctx.out.warn(format!(
            "{told}. The token is sent again now. If a stopped process holds the reply to the first exchange, and Zoom revokes a grant whose token is sent twice, {name} must be authorized again afterwards"
        ));
    };
    let hand = ctx.hand_on(&grants);
    let refreshed = hand.refresh(&ctx.config, &grants, &args.account, how, warn).await?;
    ctx.out.show(&refreshed, || {
        format!("refreshed the token of {name} (generation {})\n", refreshed.generation)
    })?;
    Ok(Exit::Done)
}
