//! `zoomd account remove`: the tokens are erased here and revoked at Zoom, the
//! account's jobs fail as `account_removed`.

use clap::Args;
use zoomd_store::grants::AccountState;
use zoomd_wire::AccountName;

use super::{open, purge};
use crate::acts::{RemovedAccount, Revoked};
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::text::count;

/// `account remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// Do not revoke the grant at Zoom
    #[arg(long)]
    keep_grant: bool,
    /// Delete all data of the account: waiting jobs, records, failures, timeline
    #[arg(long)]
    purge: bool,
    /// Reason, for the event and the timeline
    #[arg(long, value_name = "TEXT", default_value = "removed by an operator")]
    reason: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Removes the account.
pub(super) async fn run(ctx: &Ctx, args: RemoveArgs) -> CliResult {
    let grants = open::grants(ctx).await?;
    let name = &args.account;
    let account = grants.account(name).await?.ok_or_else(|| open::missing(name))?;
    if account.state == AccountState::Removed && !args.purge {
        return Err(open::missing(name));
    }
    if ctx.out.is_interactive() && !args.yes {
        let what = if args.purge { "and all its data " } else { "" };
        ctx.out.confirm(&format!("remove {name} {what}and fail its waiting jobs?"), false)?;
    }
    let how = (args.keep_grant, args.reason.as_str());
    let warn = |told: &str| ctx.out.warn(told);
    let hand = ctx.hand_on(&grants);
    let mut report = hand.remove_account(&ctx.config, &grants, name, how, warn).await?;
    if args.purge {
        purge::purge(ctx, &grants, name).await?;
        hand.record("account.purge", name.as_str(), &args.reason, "").await;
        report.purged = true;
    }
    match &report.trouble {
        Some(why) => {
            let text = format!(
                "{name} was removed here, but Zoom may still list the app as authorized: {why}"
            );
            Err(CliError::failed(text)
                .code("not_revoked")
                .hint("its user can remove the app at marketplace.zoom.us, under Installed apps"))
        }
        None => {
            ctx.out.show(&report, || people(&report))?;
            Ok(Exit::Done)
        }
    }
}

fn people(report: &RemovedAccount) -> String {
    let name = &report.account;
    let grant = match report.revoked {
        Revoked::Yes => "revoked at Zoom",
        Revoked::Kept => "not revoked at Zoom",
        Revoked::Shared => "not revoked at Zoom, since another account uses the grant",
        Revoked::Nothing | Revoked::Failed => "nothing to revoke at Zoom",
    };
    let jobs = match (report.purged, report.waiting) {
        (true, _) => "; all its data was deleted".to_owned(),
        (false, 0) => String::new(),
        (false, n) => format!("; {} waiting for it failed as account_removed", count(n, "job")),
    };
    format!("{name} was removed; {grant}{jobs}\n")
}
