//! `zoomd account pause` and `resume`: one account's jobs held back.

use clap::Args;
use zoomd_wire::AccountName;

use super::{NameArgs, open, show};
use crate::cli::ctx::Ctx;
use crate::error::CliResult;

/// `account pause`.
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// Reason, shown with the account
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// Holds the account's jobs back.
pub(super) async fn pause(ctx: &Ctx, args: PauseArgs) -> CliResult {
    let grants = open::grants(ctx).await?;
    if !ctx.hand_on(&grants).pause_account(&grants, &args.account, &args.reason).await? {
        return Err(open::missing(&args.account));
    }
    let shown = show::one(ctx, &grants, &args.account).await;
    ctx.out.hint(format!("run `zoomd account resume {}` to start its jobs again", args.account));
    shown
}

/// Lets them go on.
pub(super) async fn resume(ctx: &Ctx, args: NameArgs) -> CliResult {
    let grants = open::grants(ctx).await?;
    if !ctx.hand_on(&grants).resume_account(&grants, &args.account).await? {
        return Err(open::missing(&args.account));
    }
    show::one(ctx, &grants, &args.account).await
}
