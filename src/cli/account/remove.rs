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
    /// Leave the grant at Zoom alive
    #[arg(long)]
    keep_grant: bool,
    /// Leave nothing of the account behind: waiting jobs, records, failures, timeline
    #[arg(long)]
    purge: bool,
    /// Why, for the event and the timeline
    #[arg(long, value_name = "TEXT", default_value = "removed by hand")]
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
        let what = if args.purge { "and all that is known of it " } else { "" };
        ctx.out.confirm(&format!("remove {name} {what}and fail its waiting jobs?"), false)?;
    }
    let how = (args.keep_grant, args.reason.as_str());
    let warn = |told: &str| ctx.out.warn(told);
    let hand = ctx.hand_on(&grants);
    let mut report = hand.remove_account(&ctx.config, &grants, name, how, warn).await?;
    if args.purge {
        purge::purge(ctx, &grants, name).await?;
        report.purged = true;
    }
    match &report.trouble {
        Some(why) => {
            let text = format!("{name} is removed here, but its grant at Zoom may live on: {why}");
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
        Revoked::Yes => "its grant is revoked at Zoom",
        Revoked::Kept => "its grant at Zoom is kept",
        Revoked::Shared => "its grant at Zoom is kept: another account uses it",
        Revoked::Nothing | Revoked::Failed => "there was nothing to revoke at Zoom",
    };
    let jobs = match (report.purged, report.waiting) {
        (true, _) => "; nothing of it is left".to_owned(),
        (false, 0) => String::new(),
        (false, n) => format!("; {} that waited: failed as account_removed", count(n, "job")),
    };
    format!("{name} is removed; {grant}{jobs}\n")
}
