//! `zoomd account set`: plan, cap, and the Zoom account.

use clap::{ArgGroup, Args};
use zoomd_store::grants::{Change, Plan};
use zoomd_wire::AccountName;

use super::{open, show};
use crate::cli::ctx::Ctx;
use crate::error::CliResult;

/// `account set`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).multiple(true).args(["plan", "cap", "zoom_account"])))]
pub struct SetArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// Zoom's plan, whose limits apply: free, pro, business or unlimited
    #[arg(long, value_name = "PLAN", value_parser = super::plan)]
    plan: Option<Plan>,
    /// Maximum concurrent requests to Zoom for this account; 0 for no limit
    #[arg(long, value_name = "N")]
    cap: Option<u32>,
    /// The id of the Zoom account it belongs to, where Zoom does not tell it: accounts of
    /// one Zoom account share its limits
    #[arg(long, value_name = "ID", value_parser = zoom_account)]
    zoom_account: Option<String>,
}

fn zoom_account(text: &str) -> Result<String, String> {
    let good = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    good.then(|| text.to_owned()).ok_or_else(|| "expected a Zoom account id".to_owned())
}

/// The settings that are changed, as the audit shows them.
fn said(args: &SetArgs) -> String {
    let plan = args.plan.map(|plan| format!("plan {}", plan.as_str()));
    let cap = args.cap.map(|cap| format!("cap {cap}"));
    let zoom_account = args.zoom_account.as_ref().map(|id| format!("zoom_account {id}"));
    [plan, cap, zoom_account].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Changes the settings and shows the account.
pub(super) async fn run(ctx: &Ctx, args: SetArgs) -> CliResult {
    let grants = open::grants(ctx).await?;
    let said = said(&args);
    let change = Change { plan: args.plan, cap: args.cap, zoom_account: args.zoom_account };
    if !grants.set(&args.account, change).await? {
        return Err(open::missing(&args.account));
    }
    ctx.hand_on(&grants).record("account.set", args.account.as_str(), "", &said).await;
    show::one(ctx, &grants, &args.account).await
}
