//! `zoomd failure discard`: off the list, for good.

use clap::Args;
use serde::Serialize;

use super::pick::Pick;
use super::writable_ops;
use crate::cli::ctx::Ctx;
use crate::error::CliResult;
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
    /// Whether nothing is to be changed.
    pub fn is_dry_run(&self) -> bool {
        self.pick.dry_run
    }
}

/// What became of one.
#[derive(Debug, Serialize)]
struct Line {
    id: String,
    result: &'static str,
}

/// Takes failures off the list.
pub(super) async fn run(ctx: &Ctx, args: DiscardArgs) -> CliResult {
    let ops = writable_ops(ctx).await?;
    let (ids, more) = args.pick.ids(&ops).await?;
    let mut lines = Vec::with_capacity(ids.len());
    if !args.pick.dry_run && !args.pick.is_named() && !ids.is_empty() {
        ctx.out.confirm(&format!("discard {} failures?", ids.len()), args.pick.yes)?;
    }
    for id in ids {
        let result = match ops.failure(&id).await? {
            None => "not_found",
            Some(_) if args.pick.dry_run => "would_discard",
            Some(failure) if ops.discard(&failure.line.id).await? => "discarded",
            Some(_) => "not_found",
        };
        lines.push(Line { id, result });
    }
    let bulk = !args.pick.is_named() && !args.pick.dry_run;
    let mut table = Table::new(["FAILURE", "RESULT"]).flexible(["FAILURE"]);
    for line in lines.iter().filter(|line| !bulk || line.result == "not_found") {
        table.row([line.id.as_str(), line.result]);
    }
    ctx.out.list(&lines, &table, &format!("discarded {} failures", lines.len()))?;
    if more {
        ctx.out.note("there are more; --limit takes more at once");
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
