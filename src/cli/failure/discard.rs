//! `zoomd failure discard`: off the list, for good.

use clap::Args;

use super::pick::Pick;
use crate::acts::{Discarded, Hand};
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::table::Table;

/// `failure discard`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd failure discard order-1234
  zoomd failure discard --code invalid_job --since 1d --yes

The failures stay in the public stream. An id that an unknown outcome held is free again: the
same job sent once more would be sent to Zoom.")]
pub struct DiscardArgs {
    #[command(flatten)]
    pick: Pick,
}

impl DiscardArgs {
    /// True if nothing is to be changed.
    pub fn is_dry_run(&self) -> bool {
        self.pick.dry_run
    }
}

/// Takes failures off the list.
pub(super) async fn run(ctx: &Ctx, args: DiscardArgs) -> CliResult {
    let hand = ctx.hand().await?;
    let (ids, more) = args.pick.ids(hand.ops()).await?;
    if !args.pick.dry_run && !args.pick.is_named() && !ids.is_empty() {
        ctx.out.confirm(&format!("discard {} failures?", ids.len()), args.pick.yes)?;
    }
    let lines =
        if args.pick.dry_run { would(&hand, ids).await? } else { hand.discard(&ids, "").await? };
    let bulk = !args.pick.is_named() && !args.pick.dry_run;
    let mut table = Table::new(["FAILURE", "RESULT"]).flexible(["FAILURE"]);
    for line in lines.iter().filter(|line| !bulk || line.result == "not_found") {
        table.row([line.id.as_str(), line.result]);
    }
    ctx.out.list(&lines, &table, &format!("discarded {} failures", lines.len()))?;
    if more {
        ctx.out.note("more remain; raise --limit to process more per run");
    }
    if args.pick.dry_run {
        ctx.out.note("nothing was changed");
    }
    let missing = lines.iter().filter(|line| line.result == "not_found").count();
    Ok(match missing {
        0 => Exit::Done,
        n if n == lines.len() => Exit::NotFound,
        _ => Exit::Failed,
    })
}

/// Results that a real run would have, for `--dry-run`.
async fn would(hand: &Hand, ids: Vec<String>) -> Result<Vec<Discarded>, CliError> {
    let mut lines = Vec::with_capacity(ids.len());
    for id in ids {
        let found = hand.ops().failure(&id).await?.is_some();
        lines.push(Discarded { id, result: if found { "would_discard" } else { "not_found" } });
    }
    Ok(lines)
}
