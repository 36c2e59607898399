//! `zoomd account set`: plan and cap.

use clap::{ArgGroup, Args};
use zoomd_store::grants::{Change, Plan};
use zoomd_wire::AccountName;

use super::{open, show};
use crate::cli::ctx::Ctx;
use crate::cli::error::CliResult;

/// `account set`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).multiple(true).args(["plan", "cap"])))]
pub struct SetArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// Zoom's plan, whose published limits are kept: free, pro, business or unlimited
    #[arg(long, value_name = "PLAN", value_parser = super::plan)]
    plan: Option<Plan>,
    /// Most requests to Zoom in flight at once for this account; 0 for no cap
    #[arg(long, value_name = "N")]
    cap: Option<u32>,
}

/// Changes the settings and shows the account.
pub(super) async fn run(ctx: &Ctx, args: SetArgs) -> CliResult {
    let grants = open::grants(ctx).await?;
    let change = Change { plan: args.plan, cap: args.cap };
    if !grants.set(&args.account, change).await? {
        return Err(open::missing(&args.account));
    }
    show::one(ctx, &grants, &args.account).await
}
