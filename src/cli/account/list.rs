//! `zoomd account list`.

use clap::Args;
use jiff::Timestamp;
use zoomd_store::grants::{AccountState, AccountSummary};

use super::open;
use crate::cli::ctx::Ctx;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::output::Format;
use crate::output::table::Table;
use crate::queries::accounts::{Wanted, page};
use crate::views::account::{View, timestamp};

/// `account list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Show only accounts in this state: active, needs_reauth, superseded, wrong_app or removed
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<AccountState>,
    /// Include removed accounts
    #[arg(long)]
    all: bool,
    /// Maximum number of entries to show
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Start after this account name (for paging)
    #[arg(long, value_name = "ACCOUNT")]
    after: Option<String>,
}

fn state(text: &str) -> Result<AccountState, String> {
    text.parse()
}

/// Lists the accounts in the order of their names.
pub(super) async fn run(ctx: &Ctx, args: ListArgs) -> CliResult {
    let grants = open::readable(ctx).await?;
    let limit = args.limit.unwrap_or(usize::MAX);
    let now = Timestamp::now();
    let wanted = Wanted { state: args.state, all: args.all };
    let all = page(&grants, &wanted, args.after, limit, usize::MAX).await?.accounts;
    let shown: Vec<_> = all.iter().map(View::of).collect();
    let mut table =
        Table::new(["ACCOUNT", "STATE", "PLAN", "KIND", "WAITING", "TOKEN EXPIRES", "AGE"])
            .flexible(["ACCOUNT", "STATE"])
            .optional(["KIND", "PLAN", "AGE"]);
    if matches!(ctx.out.format(), Format::Table | Format::Quiet) {
        for account in &all {
            table.row(row(ctx, account, now));
        }
    }
    ctx.out.list(&shown, &table, "no accounts yet; zoomd account login NAME connects one")?;
    Ok(Exit::Done)
}

fn row(ctx: &Ctx, summary: &AccountSummary, now: Timestamp) -> [String; 7] {
    let account = &summary.account;
    let moment = |ms| timestamp(ms).map(|at| ctx.out.moment(at, now)).unwrap_or_default();
    let token = match timestamp(summary.access_expires_ms) {
        Some(at) if at <= now => "expired".to_owned(),
        Some(at) => ctx.out.moment(at, now),
        None => String::new(),
    };
    let state = match (&account.paused, &account.why) {
        (Some(_), _) if account.state == AccountState::Active => "paused".to_owned(),
        (_, Some(why)) if account.state != AccountState::Active => {
            format!("{}:{}", account.state, why.replace(' ', "_"))
        }
        _ => account.state.to_string(),
    };
    [
        account.name.to_string(),
        state,
        account.plan.to_string(),
        account.kind.to_string(),
        summary.waiting.to_string(),
        token,
        moment(account.created_ms),
    ]
}
