//! `zoomd account token`: a valid access token for another program, by the same
//! path as the daemon's jobs, since nobody but zoomd may rotate.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use zoomd_wire::AccountName;

use super::open;
use crate::cli::ctx::Ctx;
use crate::error::CliResult;
use crate::exit::Exit;

/// `account token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// Minimum remaining lifetime of the token
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = time)]
    min_life: Duration,
    /// Maximum time to wait
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = time)]
    timeout: Duration,
}

/// A length of time on the command line.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    crate::config::units::time(text).ok_or_else(|| "expected a time like 90s or 10m".to_owned())
}

#[derive(Debug, Serialize)]
struct Printed<'a> {
    account: &'a str,
    access_token: &'a str,
    epoch: String,
    generation: u64,
}

/// Prints the token, and nothing else, on stdout.
pub(super) async fn run(ctx: &Ctx, args: TokenArgs) -> CliResult {
    let grants = open::grants(ctx).await?;
    let (name, how) = (args.account.as_str(), (args.min_life, args.timeout));
    let hand = ctx.hand_on(&grants);
    let token = hand.token(&ctx.config, &grants, &args.account, how).await?;
    let printed = Printed {
        account: name,
        access_token: token.access.expose(),
        epoch: token.version.epoch.to_string(),
        generation: token.version.generation,
    };
    ctx.out.show(&printed, || format!("{}\n", token.access.expose()))?;
    Ok(Exit::Done)
}
