//! Many jobs, one JSON object a line.
//!
//! A file is read twice: nothing is sent before every line was found sound. A
//! pipe cannot be read twice: it is sent as it comes, up to the first line that
//! is not sound.

use std::path::Path;
use std::time::Instant;

use futures_util::StreamExt as _;
use serde_json::json;
use zoomd_store::{Store, StoreError, streams};

use super::plan::{Plan, Tally};
use super::read::{self, Bad, Sound};
use super::wait::{self, Pending};
use super::{EnqueueArgs, rules};
use crate::cli::ctx::Ctx;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::count;
use crate::exit::Exit;

/// Bad lines that are told one by one.
const TOLD: usize = 20;
/// Batches under way to Redis at once.
const UNDER_WAY: usize = 3;

/// What was found in the input.
#[derive(Default)]
struct Found {
    sound: u64,
    bad: u64,
    first: Vec<Bad>,
    tally: Tally,
}

impl Found {
    fn note(&mut self, bad: Vec<Bad>) {
        self.bad += bad.len() as u64;
        let room = TOLD.saturating_sub(self.first.len());
        self.first.extend(bad.into_iter().take(room));
    }

    fn tell(&self, ctx: &Ctx) {
        for bad in &self.first {
            ctx.out.note(format!("line {}: {}", bad.line, bad.message));
        }
        if self.bad > self.first.len() as u64 {
            ctx.out.note(format!("and {} more", self.bad - self.first.len() as u64));
        }
    }
}

pub(super) async fn run(ctx: &Ctx, args: &EnqueueArgs, file: &Path) -> CliResult {
    let piped = file == Path::new("-");
    let mut found = Found::default();
    if !piped || args.dry_run {
        found = check(ctx, file).await?;
        found.tell(ctx);
        if args.dry_run {
            return dry(ctx, &found).await;
        }
        if found.bad > 0 && !args.skip_invalid {
            return Err(refused(found.bad, 0));
        }
    }
    let expected = if piped { None } else { plan(ctx, &found).await? };
    let store = ctx.store().await?;
    let pending = if args.wait { Some(Pending::start(&store).await?) } else { None };
    let began = Instant::now();
    let bar = if piped {
        ctx.out.progress(0, "jobs sent")
    } else {
        ctx.out.progress(found.sound, "jobs sent")
    };
    let mut sender =
        Sender { ctx, store: &store, skip: args.skip_invalid, pending, sent: 0, ends: None };
    let result = sender.send(file, &bar, piped.then_some(&mut found)).await;
    bar.finish_and_clear();
    let (sent, ends) = (sender.sent, sender.ends.clone());
    result?;
    let seconds = began.elapsed().as_secs_f64();
    let mut summary = json!({"enqueued": sent, "invalid": found.bad, "seconds": round(seconds)});
    if let Some((first, last)) = ends {
        summary["first_entry_id"] = first.into();
        summary["last_entry_id"] = last.into();
    }
    ctx.out.note(format!("enqueued {} in {seconds:.1} s", count(sent, "job")));
    if let Some(plan) = expected {
        summary["not_today"] = plan.not_today.into();
        summary["days"] = plan.days.into();
        if plan.not_today > 0 {
            let (late, days) = (count(plan.not_today, "job"), count(plan.days, "day"));
            ctx.out.note(format!("{late} will not fit today; all of it takes {days}"));
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
    ctx.out.show(&summary, || tally.lines())?;
    Ok(if tally.failed == 0 { Exit::Done } else { Exit::Failed })
}

async fn dry(ctx: &Ctx, found: &Found) -> CliResult {
    let mut summary = json!({"valid": found.sound, "invalid": found.bad, "lines": found.first});
    let plan = match plan(ctx, found).await {
        Ok(plan) => plan,
        Err(error) => {
            ctx.out.warn(format!("how many days it takes cannot be told: {}", error.message));
            None
        }
    };
    summary["plan"] = json!(plan);
    ctx.out.show(&summary, || {
        let plan = plan.as_ref().map(Plan::text).unwrap_or_default();
        format!("{} sound, {} not\n{plan}", found.sound, found.bad)
    })?;
    Ok(if found.bad == 0 { Exit::Done } else { Exit::Usage })
}

/// What the sound lines take, with the budgets as they stand.
async fn plan(ctx: &Ctx, found: &Found) -> Result<Option<Plan>, CliError> {
    if found.sound == 0 {
        return Ok(None);
    }
    let ops = ctx.ops(ctx.store().await?);
    Plan::of(&ops, &found.tally).await.map(Some)
}

fn refused(bad: u64, sent: u64) -> CliError {
    let lines = if bad == 1 { "one line is".to_owned() } else { format!("{bad} lines are") };
    let sent = match sent {
        0 => "nothing was sent".to_owned(),
        sent => format!("the {sent} jobs before it were sent"),
    };
    CliError::usage(format!("{lines} no sound job; {sent}"))
        .code("invalid_job")
        .hint("correct the input, or leave such lines out with --skip-invalid")
}

/// Reads the whole input and sends nothing.
async fn check(ctx: &Ctx, file: &Path) -> Result<Found, CliError> {
    let mut found = Found::default();
    let mut batches = read::spawn(open(file)?, rules(ctx));
    while let Some(batch) = batches.recv().await {
        found.sound += batch.jobs.len() as u64;
        batch.jobs.iter().for_each(|job| found.tally.add(job));
        found.note(batch.bad);
        if let Some(error) = batch.broken {
            return Err(CliError::failed(format!("cannot read {}: {error}", file.display())));
        }
    }
    Ok(found)
}

fn open(file: &Path) -> Result<Box<dyn std::io::Read + Send>, CliError> {
    read::open(file)
        .map_err(|error| CliError::usage(format!("cannot open {}: {error}", file.display())))
}

struct Sender<'a> {
    ctx: &'a Ctx,
    store: &'a Store,
    skip: bool,
    pending: Option<Pending>,
    sent: u64,
    ends: Option<(String, String)>,
}

impl Sender<'_> {
    /// Sends what is sound. For a pipe, `found` is filled on the way.
    async fn send(
        &mut self,
        file: &Path,
        bar: &indicatif::ProgressBar,
        mut found: Option<&mut Found>,
    ) -> Result<(), CliError> {
        let mut batches = read::spawn(open(file)?, rules(self.ctx));
        let mut stop = None;
        let store = self.store;
        let mut under_way = futures_util::stream::FuturesOrdered::new();
        loop {
            let room = under_way.len() < UNDER_WAY && stop.is_none();
            tokio::select! {
                Some(answer) = under_way.next(), if !under_way.is_empty() => {
                    self.sent(answer, bar)?;
                }
                batch = batches.recv(), if room => {
                    let Some(batch) = batch else {
                        stop = Some(Ok(()));
                        continue;
                    };
                    let mut jobs = batch.jobs;
                    if let Some(found) = found.as_deref_mut() && !batch.bad.is_empty() {
                        let bad = batch.bad.first().map_or(0, |bad| bad.line);
                        found.note(batch.bad);
                        if !self.skip {
                            found.tell(self.ctx);
                            jobs.clear();
                            stop = Some(Err(bad));
                        }
                    }
                    if let Some(error) = batch.broken {
                        return Err(CliError::failed(format!("cannot read {}: {error}", file.display())));
                    }
                    if !jobs.is_empty() {
                        under_way.push_back(enqueue(store, jobs));
                    }
                }
                else => break,
            }
        }
        match stop {
            Some(Err(_)) => Err(refused(found.map_or(1, |found| found.bad), self.sent)),
            _ => Ok(()),
        }
    }

    fn sent(
        &mut self,
        answer: Result<(Vec<Sound>, Vec<String>), StoreError>,
        bar: &indicatif::ProgressBar,
    ) -> Result<(), CliError> {
        let (jobs, entries) = answer.map_err(|error| {
            let sent = self.sent;
            let mut error = CliError::from(error);
            error.message = format!("{} (after {sent} jobs that Redis took)", error.message);
            error.hint(format!(
                "go on behind line {sent}; some after it may have been taken too, and jobs with an \
                 id can be sent again without harm"
            ))
        })?;
        self.sent += entries.len() as u64;
        bar.inc(entries.len() as u64);
        if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
            let first = self.ends.take().map_or_else(|| first.clone(), |(first, _)| first);
            self.ends = Some((first, last.clone()));
        }
        if let Some(pending) = &mut self.pending {
            for (job, entry) in jobs.into_iter().zip(entries) {
                pending.add(job.id.unwrap_or_else(|| entry.clone()), entry);
            }
        }
        Ok(())
    }
}

async fn enqueue(store: &Store, jobs: Vec<Sound>) -> Result<(Vec<Sound>, Vec<String>), StoreError> {
    let texts: Vec<&str> = jobs.iter().map(|job| job.text.as_str()).collect();
    let entries = streams::enqueue(store, &texts).await?;
    Ok((jobs, entries))
}

fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
