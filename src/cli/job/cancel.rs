//! `zoomd job cancel`.

use clap::Args;
use serde::Serialize;
use zoomd_store::admin::Cancelled;

use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::table::Table;
use crate::text::count as counted;

/// Jobs of an account cancelled in one go, where no --limit says otherwise.
const MOST: usize = 1_000_000;

/// `job cancel`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd job cancel order-1234 order-1235 --reason 'customer left'
  zoomd job cancel --account acme --limit 100 --dry-run

A job in flight cannot be cancelled. One whose last call is unresolved is looked up at Zoom
first, and cancelled if its meeting is not there.")]
pub struct CancelArgs {
    /// The jobs' ids
    #[arg(value_name = "JOB", required_unless_present = "account")]
    ids: Vec<String>,
    /// All waiting jobs of this account
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "ids")]
    account: Option<String>,
    /// With --account: maximum number of jobs
    #[arg(long, value_name = "N", requires = "account")]
    limit: Option<usize>,
    /// Show what would be cancelled
    #[arg(long)]
    dry_run: bool,
    /// Reason, returned in the failures
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl CancelArgs {
    /// True if nothing is to be changed.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }
}

/// Result for one job.
#[derive(Debug, Serialize)]
struct Line<'a> {
    job_id: &'a str,
    result: &'static str,
}

/// Cancels jobs.
pub(super) async fn run(ctx: &Ctx, args: CancelArgs) -> CliResult {
    let hand = ctx.hand().await?;
    let targets = match &args.account {
        Some(account) => hand.ops().cancellable(account, args.limit.unwrap_or(MOST)).await?,
        None => args.ids.iter().map(|id| id.as_str().into()).collect(),
    };
    let ids: Vec<&str> = targets.iter().map(|target| target.id.as_str()).collect();
    if args.dry_run {
        return dry(ctx, &ids);
    }
    if let Some(account) = &args.account {
        if ids.is_empty() {
            ctx.out.note(format!("no jobs of {account} are waiting"));
        } else {
            ctx.out.confirm(
                &format!("cancel {} of {account}?", counted(ids.len() as u64, "job")),
                args.yes,
            )?;
        }
    }
    let bar = ctx.out.progress(ids.len() as u64, "jobs");
    let found = hand.cancel(&targets, &args.reason, |more| bar.inc(more as u64)).await?;
    bar.finish_and_clear();
    report(ctx, &ids, &found, args.account.is_some())
}

fn dry(ctx: &Ctx, ids: &[&str]) -> CliResult {
    let mut table = Table::new(["JOB"]).flexible(["JOB"]);
    for id in ids {
        table.row([*id]);
    }
    let lines: Vec<_> = ids.iter().map(|id| Line { job_id: id, result: "would_cancel" }).collect();
    ctx.out.list(&lines, &table, "nothing would be cancelled")?;
    ctx.out.note("nothing was changed");
    Ok(Exit::Done)
}

fn report(ctx: &Ctx, ids: &[&str], found: &[Cancelled], bulk: bool) -> CliResult {
    let lines: Vec<_> = ids
        .iter()
        .zip(found)
        .map(|(id, result)| Line { job_id: id, result: result.as_str() })
        .collect();
    let mut table = Table::new(["JOB", "RESULT"]).flexible(["JOB"]);
    let count = |wanted: Cancelled| found.iter().filter(|result| **result == wanted).count();
    // Of many only those are shown that were not cancelled.
    for line in lines.iter().filter(|line| !bulk || line.result != Cancelled::Done.as_str()) {
        table.row([line.job_id, line.result]);
    }
    let done = count(Cancelled::Done);
    ctx.out.list(&lines, &table, &format!("cancelled {}", counted(done as u64, "job")))?;
    if count(Cancelled::InFlight) > 0 {
        ctx.out.hint("running jobs finish shortly; follow one with: zoomd job watch JOB");
    }
    if done > 0 {
        ctx.out.hint("zoomd failure retry JOB runs a cancelled job anyway");
    }
    let settled = done + count(Cancelled::AfterReconcile);
    if settled == found.len() {
        return Ok(Exit::Done);
    }
    let missing = count(Cancelled::NotFound);
    if missing == found.len() {
        return Err(CliError::not_found("no such job").hint("zoomd job list"));
    }
    Ok(Exit::Failed)
}
