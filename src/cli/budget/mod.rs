//! `zoomd budget`: what is used and left of Zoom's limits.

use clap::Args;
use jiff::Timestamp;

use super::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::table::Table;
use crate::queries::budget::Walk;
use crate::text::count;
use crate::views::budget::View;

/// Cells of a bar.
const BAR: u64 = 20;
/// Accounts read in one go.
const PAGE: usize = 500;

/// `zoomd budget`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd budget acme
  zoomd budget --json

Without an account, only limits in use or blocked by Zoom are listed.")]
pub struct BudgetArgs {
    /// One account only
    #[arg(value_name = "ACCOUNT")]
    pub account: Option<String>,
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
        None => {
            let mut walk = Walk::default();
            let mut lines = walk.next(&ops, PAGE).await?;
            while walk.place().is_some() {
                lines.extend(walk.next(&ops, PAGE).await?);
            }
            lines
        }
    };
    let now = Timestamp::now();
    let views: Vec<_> = lines.iter().map(|(account, line)| View::of(account, line)).collect();
    let heads =
        ["ACCOUNT", "LIMIT", "USED", "ELSEWHERE", "OF", "", "LEFT", "RESETS", "CLOSED", "WAITING"];
    let mut table = Table::new(heads).flexible(["ACCOUNT", "LIMIT"]).optional([
        "",
        "ELSEWHERE",
        "LEFT",
        "CLOSED",
        "RESETS",
    ]);
    for view in &views {
        let moment = |at: Option<Timestamp>| at.map(|at| ctx.out.moment(at, now));
        table.row([
            view.account.to_owned(),
            view.limit.to_owned(),
            view.used.to_string(),
            Some(view.elsewhere).filter(|n| *n > 0).map(|n| n.to_string()).unwrap_or_default(),
            view.most.map_or("no limit".to_owned(), |most| most.to_string()),
            view.most.map(|most| bar(view.used, view.elsewhere, most)).unwrap_or_default(),
            view.left.map(|left| left.to_string()).unwrap_or_default(),
            moment(view.resets_at.filter(|_| view.used > 0)).unwrap_or_default(),
            moment(view.closed_until).map(|at| format!("until {at}")).unwrap_or_default(),
            Some(view.waiting).filter(|n| *n > 0).map(|n| n.to_string()).unwrap_or_default(),
        ]);
    }
    ctx.out.list(&views, &table, "no limit is in use")?;
    for view in &views {
        if let Some(because) = view.because.as_ref().filter(|_| !ctx.out.is_json()) {
            let jobs = count(view.waiting, "job");
            let until = match (view.first_expected_at, view.last_expected_at) {
                (Some(first), Some(last)) => {
                    let (first, last) = (ctx.out.moment(first, now), ctx.out.moment(last, now));
                    format!("first {first}, last {last}")
                }
                _ => "until an operator acts".to_owned(),
            };
            ctx.out.note(format!(
                "{}, {}: {jobs} waiting, {until}: {because}",
                view.account, view.limit
            ));
        }
    }
    Ok(Exit::Done)
}

/// Used of most by us and by others, in plain characters: never the only sign, so
/// no colour either.
fn bar(used: u64, elsewhere: u64, most: u64) -> String {
    let cells = |n: u64| if most == 0 { 0 } else { (n.min(most) * BAR).div_ceil(most) };
    let (ours, all) = (cells(used), cells(used.saturating_add(elsewhere)));
    let part = |sign: &str, n: u64| sign.repeat(usize::try_from(n).unwrap_or(0));
    [part("#", ours), part("+", all - ours), part(".", BAR - all)].concat()
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn a_bar_shows_the_least_use_and_is_never_longer_than_full() {
        for (used, elsewhere, most, expected) in [
            (0, 0, 100, "...................."),
            (1, 0, 100, "#..................."),
            (50, 0, 100, "##########.........."),
            (50, 25, 100, "##########+++++....."),
            (0, 100, 100, "++++++++++++++++++++"),
            (100, 100, 100, "####################"),
            (130, 0, 100, "####################"),
            (0, 0, 0, "...................."),
        ] {
            assert_eq!(bar(used, elsewhere, most), expected, "{used} and {elsewhere} of {most}");
        }
    }
}
