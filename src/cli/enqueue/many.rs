//! Many jobs, one JSON object a line.
//!
//! A file is read twice: nothing is sent before every line was found valid. A
//! pipe cannot be read twice: it is sent as it comes, up to the first line that
//! is not valid.

use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::found::{Found, open};
use super::plan::Plan;
use super::read::{self, Reading};
use super::send::Sender;
use super::wait::{self, Pending};
use super::{EnqueueArgs, rules};
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::text::count;

pub(super) async fn run(ctx: &Ctx, args: &EnqueueArgs, file: &Path) -> CliResult {
    let piped = file == Path::new("-");
    let reading = Reading { rules: rules(ctx), make_ids: !args.no_ids };
    let listed = args.dry_run && ctx.out.is_json();
    let mut found = Found { listed, ..Found::default() };
    if !piped || args.dry_run {
        check(ctx, file, reading, &mut found).await?;
        found.tell_rest(ctx);
        if args.dry_run {
            return dry(ctx, &found).await;
        }
        if found.bad > 0 && !args.skip_invalid {
            return Err(refused(found.bad));
        }
    }
    let expected = if piped { None } else { plan(ctx, &found).await? };
    let store = ctx.store().await?;
    let mut sender = Sender::new(ctx, &store, reading, args.skip_invalid);
    sender.pending = if args.wait { Some(Pending::start(&store).await?) } else { None };
    let began = Instant::now();
    let bar = if piped {
        ctx.out.progress(0, "jobs sent")
    } else {
        ctx.out.progress(found.sound, "jobs sent")
    };
    let result = sender.send(file, &bar, piped.then_some(&mut found)).await;
    bar.finish_and_clear();
    if piped {
        found.tell_rest(ctx);
    }
    result?;
    let (sent, ends) = (sender.sent, sender.ends.clone());
    let seconds = began.elapsed().as_secs_f64();
    let mut summary = json!({"enqueued": sent, "invalid": found.bad, "seconds": round(seconds)});
    if let Some((first, last)) = ends {
        summary["first_entry_id"] = first.into();
        summary["last_entry_id"] = last.into();
    }
    ctx.out.note(format!("enqueued {} in {seconds:.1} s", count(sent, "job")));
    if sender.ids_made > 0 {
        summary["ids_made"] = sender.ids_made.into();
        ctx.out.note(format!(
            "{} had no id and got one derived from the line: sending the same line again within jobs.remember creates no second meeting (--no-ids turns this off)",
            count(sender.ids_made, "job")
        ));
    }
    if let Some(plan) = expected {
        summary["not_today"] = plan.not_today.into();
        summary["days"] = plan.days.into();
        if plan.not_today > 0 {
            let (late, days) = (count(plan.not_today, "job"), count(plan.days, "day"));
            ctx.out.note(format!("{late} are over today's limit; the batch takes {days}"));
        }
    }
    let Some(mut pending) = sender.pending else {
        if ctx.out.is_json() {
            ctx.out.json(&summary)?;
        } else {
            ctx.out.hint("zoomd status -w, zoomd result tail -f");
        }
        return Ok(Exit::Done);
    };
    let tally = wait::all(ctx, &store, &mut pending, args.timeout).await?;
    summary["succeeded"] = tally.succeeded.into();
    summary["failed"] = tally.failed.into();
    summary["codes"] = json!(tally.codes);
    match ctx.out.is_json() {
        // The last of many lines.
        true => ctx.out.json_line(&summary)?,
        false => ctx.out.data(&tally.lines())?,
    }
    Ok(if tally.failed == 0 { Exit::Done } else { Exit::Failed })
}

async fn dry(ctx: &Ctx, found: &Found) -> CliResult {
    let mut summary =
        json!({"valid": found.sound, "invalid": found.bad, "warnings": found.warnings});
    let plan = match plan(ctx, found).await {
        Ok(plan) => plan,
        Err(error) => {
            ctx.out.warn(format!("cannot estimate the duration: {}", error.message));
            None
        }
    };
    summary["plan"] = json!(plan);
    if found.listed {
        ctx.out.json_line(&summary)?;
        return Ok(if found.bad == 0 { Exit::Done } else { Exit::Usage });
    }
    ctx.out.show(&summary, || {
        let plan = plan.as_ref().map(Plan::text).unwrap_or_default();
        format!("{} valid, {} invalid\n{plan}", found.sound, found.bad)
    })?;
    Ok(if found.bad == 0 { Exit::Done } else { Exit::Usage })
}

/// The days that the valid lines take, with the budgets as they are now.
async fn plan(ctx: &Ctx, found: &Found) -> Result<Option<Plan>, CliError> {
    if found.sound == 0 {
        return Ok(None);
    }
    let ops = ctx.ops(ctx.store().await?);
    Plan::of(&ops, &found.tally).await.map(Some)
}

/// A file with invalid lines.
fn refused(bad: u64) -> CliError {
    let lines = if bad == 1 { "1 line is".to_owned() } else { format!("{bad} lines are") };
    CliError::usage(format!("{lines} invalid; nothing was sent"))
        .code("invalid_job")
        .hint("correct the input, or skip such lines with --skip-invalid")
}

/// Reads the whole input and sends nothing.
async fn check(
    ctx: &Ctx,
    file: &Path,
    reading: Reading,
    found: &mut Found,
) -> Result<(), CliError> {
    let mut batches = read::spawn(open(file)?, reading);
    while let Some(batch) = batches.recv().await {
        found.sound += batch.jobs.len() as u64;
        batch.jobs.iter().for_each(|job| found.tally.add(job));
        found.note(ctx, &batch)?;
        if let Some(error) = batch.broken {
            return Err(CliError::failed(format!("cannot read {}: {error}", file.display())));
        }
    }
    Ok(())
}

fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
