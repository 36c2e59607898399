//! `zoomd budget`: what is used and left of Zoom's limits.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use zoomd_store::ops::{BudgetLine, Ops};

use super::ctx::Ctx;
use super::error::{CliError, CliResult};
use super::table::Table;
use crate::exit::Exit;

/// Cells of a bar.
const BAR: u64 = 20;
/// Accounts read in one go.
const PAGE: usize = 500;

/// `zoomd budget`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd budget acme
  zoomd budget --json

Without an account only what is in use, or closed by Zoom, is listed.")]
pub struct BudgetArgs {
    /// One account only
    #[arg(value_name = "ACCOUNT")]
    pub account: Option<String>,
}

/// A limit as JSON. Fields are only ever added.
#[derive(Debug, Serialize)]
struct View<'a> {
    account: &'a str,
    zoom_account: Option<&'a str>,
    limit: &'a str,
    used: u64,
    most: Option<u64>,
    left: Option<u64>,
    resets_at: Option<Timestamp>,
    closed_until: Option<Timestamp>,
}

impl<'a> View<'a> {
    fn of(account: &'a str, line: &'a BudgetLine) -> Self {
        let time = |ms| Timestamp::from_millisecond(ms).ok();
        Self {
            account,
            zoom_account: Some(line.zoom_account.as_str()).filter(|z| !z.starts_with('~')),
            limit: &line.limit_name,
            used: line.used,
            most: line.most,
            left: line.most.map(|most| most.saturating_sub(line.used)),
            resets_at: time(line.resets_ms),
            closed_until: line.closed_until_ms.and_then(time),
        }
    }
}

/// Runs it.
pub async fn run(ctx: &Ctx, args: BudgetArgs) -> CliResult {
    let store = ctx.store().await?;
    let ops = ctx.ops(store);
    let lines = match &args.account {
        Some(account) => {
            let lines = ops.budget(account).await?.ok_or_else(|| {
                CliError::not_found(format!("no account named {account}"))
                    .code("unknown_account")
                    .hint("zoomd account list")
            })?;
            lines.into_iter().map(|line| (account.clone(), line)).collect()
        }
        None => all(&ops).await?,
    };
    let now = Timestamp::now();
    let views: Vec<_> = lines.iter().map(|(account, line)| View::of(account, line)).collect();
    let mut table = Table::new(["ACCOUNT", "LIMIT", "USED", "OF", "", "RESETS", "CLOSED"]);
    for view in &views {
        let moment = |at: Option<Timestamp>| at.map(|at| ctx.out.moment(at, now));
        table.row([
            view.account.to_owned(),
            view.limit.to_owned(),
            view.used.to_string(),
            view.most.map_or("no limit".to_owned(), |most| most.to_string()),
            view.most.map(|most| bar(view.used, most)).unwrap_or_default(),
            moment(view.resets_at.filter(|_| view.used > 0)).unwrap_or_default(),
            moment(view.closed_until).map(|at| format!("until {at}")).unwrap_or_default(),
        ]);
    }
    ctx.out.list(&views, &table, "nothing is in use")?;
    Ok(Exit::Done)
}

/// What is in use or closed, of all accounts; accounts that share a Zoom account
/// are listed once.
async fn all(ops: &Ops) -> Result<Vec<(String, BudgetLine)>, CliError> {
    let (mut found, mut seen) = (Vec::new(), std::collections::BTreeSet::new());
    let mut after: Option<String> = None;
    loop {
        let page = ops.account_names(after.as_deref(), PAGE).await?;
        for name in &page {
            let lines = ops.budget(name).await?.unwrap_or_default();
            if lines.first().is_some_and(|line| !seen.insert(line.zoom_account.clone())) {
                continue;
            }
            let busy = |line: &BudgetLine| line.used > 0 || line.closed_until_ms.is_some();
            found.extend(lines.into_iter().filter(busy).map(|line| (name.clone(), line)));
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.clone()),
            _ => return Ok(found),
        }
    }
}

/// Used of most, in plain characters: never the only sign, so no colour either.
fn bar(used: u64, most: u64) -> String {
    let full = if most == 0 { 0 } else { (used.min(most) * BAR).div_ceil(most) };
    let mut text = "#".repeat(usize::try_from(full).unwrap_or(0));
    text.push_str(&".".repeat(usize::try_from(BAR - full).unwrap_or(0)));
    text
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn a_bar_shows_the_least_use_and_is_never_longer_than_full() {
        let cases = [(0, 100, 0), (1, 100, 1), (50, 100, 10), (100, 100, 20), (130, 100, 20)];
        for (used, most, full) in cases {
            let text = bar(used, most);
            assert_eq!((text.len(), text.matches('#').count()), (20, full), "{used} of {most}");
        }
    }
}
