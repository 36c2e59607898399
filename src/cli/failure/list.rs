//! `zoomd failure list`.

use clap::Args;
use jiff::Timestamp;

use super::ops;
use super::pick::Match;
use crate::cli::ctx::Ctx;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::output::table::Table;
use crate::views::failure::View;

/// `failure list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd failure list
  zoomd failure list --code outcome_unknown --since 1d --json")]
pub struct ListArgs {
    #[command(flatten)]
    conditions: Match,
    /// Maximum number of entries to show
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

/// Lists failures, newest first.
pub(super) async fn run(ctx: &Ctx, args: ListArgs) -> CliResult {
    let ops = ops(ctx).await?;
    let mut views = Vec::new();
    let more = args
        .conditions
        .walk(&ops, args.limit, |lines| {
            views.extend(lines.iter().map(View::of));
            Ok(())
        })
        .await?;
    let mut table = Table::new(["FAILURE", "ACCOUNT", "CODE", "MESSAGE", "AGE"])
        .flexible(["FAILURE", "ACCOUNT", "MESSAGE"]);
    let now = Timestamp::now();
    for view in &views {
        table.row([
            view.id.clone(),
            view.account.clone(),
            view.code.clone(),
            view.message.clone(),
            view.failed_at.map(|at| ctx.out.moment(at, now)).unwrap_or_default(),
        ]);
    }
    ctx.out.list(&views, &table, "no failures")?;
    if more {
        ctx.out.note(format!("the newest {}; --limit shows more", args.limit));
    }
    if !views.is_empty() {
        ctx.out.hint("zoomd failure show FAILURE explains what to do");
    }
    Ok(Exit::Done)
}
