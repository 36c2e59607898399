//! `zoomd failure retry`: a new run of failed jobs.

use clap::Args;

use super::pick::Pick;
use crate::acts::{RetryLine, Rules};
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::table::Table;
use crate::text::count;

/// `failure retry`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd failure retry order-1234
  zoomd failure retry --code retries_exhausted --since 2h --limit 500
  zoomd failure retry --all --dry-run

A retry is the same job again, under the same id. If an earlier call is unresolved it begins by
asking Zoom whether the meeting exists. Two retries of one failure are one.")]
pub struct RetryArgs {
    #[command(flatten)]
    pick: Pick,
    /// Also those that a delete of their meeting cancelled, and updates that a later one superseded
    #[arg(long)]
    force: bool,
}

impl RetryArgs {
    /// True if nothing is to be changed.
    pub fn is_dry_run(&self) -> bool {
        self.pick.dry_run
    }
}

/// Starts new runs.
pub(super) async fn run(ctx: &Ctx, args: RetryArgs) -> CliResult {
    let hand = ctx.hand().await?;
    let (ids, more) = args.pick.ids(hand.ops()).await?;
    if args.pick.dry_run {
        let would: Vec<_> = ids.iter().map(|id| RetryLine::would(id)).collect();
        report(ctx, &would, false)?;
        ctx.out.note("nothing was changed");
        return Ok(Exit::Done);
    }
    if !args.pick.is_named() && !ids.is_empty() {
        ctx.out
            .confirm(&format!("retry {}?", count(ids.len() as u64, "failed job")), args.pick.yes)?;
    }
    let bar = ctx.out.progress(ids.len() as u64, "failures");
    let rules = Rules::of(&ctx.config).forced(args.force);
    let lines = hand.retry(&ids, rules, "", || bar.inc(1)).await?;
    bar.finish_and_clear();
    report(ctx, &lines, !args.pick.is_named())?;
    if more {
        ctx.out.note("more remain; raise --limit to process more per run");
    }
    let bulk = !args.pick.is_named();
    end(ctx, &lines, bulk)
}

/// Of many only those are shown that were not started.
fn report(ctx: &Ctx, lines: &[RetryLine], bulk: bool) -> Result<(), CliError> {
    let mut table = Table::new(["FAILURE", "RESULT", "RUN", "WHY"]).flexible(["FAILURE", "WHY"]);
    for line in lines.iter().filter(|line| !bulk || !line.is_well()) {
        let run = line.run.map(|run| run.to_string()).unwrap_or_default();
        let why = line.why.clone().unwrap_or_default();
        table.row([line.id.clone(), line.result.to_owned(), run, why]);
    }
    let well = lines.iter().filter(|line| line.is_well()).count();
    ctx.out.list(lines, &table, &format!("retried {well} of {}", lines.len()))
}

fn end(ctx: &Ctx, lines: &[RetryLine], bulk: bool) -> CliResult {
    if let [line] = lines
        && line.result == "started"
    {
        let job = line.id.rsplit_once('#').map_or(line.id.as_str(), |(job, _)| job);
        ctx.out.hint(format!("zoomd job watch {job}"));
    }
    // Failures that a filter found and that are left alone are no error.
    if lines.iter().all(|line| line.is_well() || bulk && line.is_left()) {
        return Ok(Exit::Done);
    }
    if lines.iter().all(|line| line.result == "not_found") {
        ctx.out.hint("zoomd failure list");
        return Ok(Exit::NotFound);
    }
    Ok(Exit::Failed)
}
