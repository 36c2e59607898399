//! `zoomd failure retry`: a new run of failed jobs.

use clap::Args;
use serde::Serialize;
use zoomd_store::admin::Retried;
use zoomd_store::inspect::Ops;

use super::pick::Pick;
use super::writable_ops;
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
}

impl RetryArgs {
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
    run: Option<u32>,
    why: Option<String>,
}

impl Line {
    fn of(id: &str, retried: Retried) -> Self {
        let (result, run, why) = match retried {
            Retried::Started { run, reconciles: false } => ("started", Some(run), None),
            Retried::Started { run, reconciles: true } => {
                ("started", Some(run), Some("Zoom is asked first".to_owned()))
            }
            Retried::Already { run } => ("already_retried", Some(run), None),
            Retried::NotFound => ("not_found", None, None),
            Retried::NoAccount => {
                ("no_account", None, Some("zoomd account login connects the account".to_owned()))
            }
            Retried::IdTaken => {
                ("id_taken", None, Some("a job of this id waits, runs, or is done".to_owned()))
            }
            Retried::Useless { why } => ("useless", None, Some(why)),
            _ => ("broken", None, Some("a key of the account is of a wrong type".to_owned())),
        };
        Self { id: id.to_owned(), result, run, why }
    }

    fn is_well(&self) -> bool {
        matches!(self.result, "started" | "already_retried" | "would_retry")
    }
}

/// Starts new runs.
pub(super) async fn run(ctx: &Ctx, args: RetryArgs) -> CliResult {
    let ops = writable_ops(ctx).await?;
    let (ids, more) = args.pick.ids(&ops).await?;
    if args.pick.dry_run {
        let would =
            |id: &String| Line { id: id.clone(), result: "would_retry", run: None, why: None };
        report(ctx, &ids.iter().map(would).collect::<Vec<_>>(), false)?;
        ctx.out.note("nothing was changed");
        return Ok(Exit::Done);
    }
    if !args.pick.is_named() && !ids.is_empty() {
        ctx.out
            .confirm(&format!("retry {}?", count(ids.len() as u64, "failed job")), args.pick.yes)?;
    }
    let bar = ctx.out.progress(ids.len() as u64, "failures");
    let mut lines = Vec::with_capacity(ids.len());
    for id in &ids {
        lines.push(one(ctx, &ops, id).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    report(ctx, &lines, !args.pick.is_named())?;
    if more {
        ctx.out.note("there are more; --limit takes more at once");
    }
    end(ctx, &lines)
}

async fn one(ctx: &Ctx, ops: &Ops, id: &str) -> Result<Line, CliError> {
    let Some(failure) = ops.failure(id).await? else {
        // A retried failure is off the list.
        let retried = ops.retried(id).await?;
        return Ok(Line::of(id, retried.map_or(Retried::NotFound, |run| Retried::Already { run })));
    };
    let jobs = &ctx.config.jobs;
    let retried = ops.retry(&failure, jobs.allow_past_start, jobs.max_wait).await?;
    Ok(Line::of(id, retried))
}

/// Of many only those are shown that were not started.
fn report(ctx: &Ctx, lines: &[Line], bulk: bool) -> Result<(), CliError> {
    let mut table = Table::new(["FAILURE", "RESULT", "RUN", "WHY"]).flexible(["FAILURE", "WHY"]);
    for line in lines.iter().filter(|line| !bulk || !line.is_well()) {
        let run = line.run.map(|run| run.to_string()).unwrap_or_default();
        let why = line.why.clone().unwrap_or_default();
        table.row([line.id.clone(), line.result.to_owned(), run, why]);
    }
    let well = lines.iter().filter(|line| line.is_well()).count();
    ctx.out.list(lines, &table, &format!("{well} of {} retried", lines.len()))
}

fn end(ctx: &Ctx, lines: &[Line]) -> CliResult {
    if let [line] = lines
        && line.result == "started"
    {
        let job = line.id.rsplit_once('#').map_or(line.id.as_str(), |(job, _)| job);
        ctx.out.hint(format!("zoomd job watch {job}"));
    }
    if lines.iter().all(Line::is_well) {
        return Ok(Exit::Done);
    }
    if lines.iter().all(|line| line.result == "not_found") {
        ctx.out.hint("zoomd failure list");
        return Ok(Exit::NotFound);
    }
    Ok(Exit::Failed)
}
