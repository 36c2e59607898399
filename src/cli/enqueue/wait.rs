//! Waiting for outcomes: they are read from the public streams, from the
//! moment before the first job was sent.
//!
//! A job that repeats one which is done has no outcome of its own; so when
//! nothing comes for a while, zoomd's memory is asked about what is missing.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::Value;
use zoomd_store::Store;
use zoomd_store::inspect::{JobView, Ops, State};
use zoomd_store::streams::{Item, Stream, Tail};

use super::standing::{Standing, Teller};
use crate::cli::ctx::Ctx;
use crate::cli::job::story;
use crate::error::CliError;
use crate::output::Format;
use crate::text::count;
use crate::views::reason;

/// Time that one read waits.
const BLOCK: Duration = Duration::from_secs(2);
/// A single job is asked about sooner: it may have been done before.
const FIRST: Duration = Duration::from_millis(300);
/// Jobs that are looked at to say what a batch waits for.
const LOOKED_AT: usize = 2_000;
/// Missing jobs asked about at once when nothing comes.
const ASKED: usize = 50;

/// Jobs whose outcomes are waited for.
#[derive(Debug)]
pub(super) struct Pending {
    tail: Tail,
    /// Job id → the entry it was sent in last.
    jobs: HashMap<String, String>,
    /// Entry → job id, where they differ: a job under another's id fails under
    /// its entry's.
    entries: HashMap<String, String>,
}

/// Numbers of jobs by how they ended.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) codes: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn lines(&self) -> String {
        let mut text = format!("{} succeeded, {} failed\n", self.succeeded, self.failed);
        for (code, count) in &self.codes {
            let _ = writeln!(text, "  {code} {count}");
        }
        text
    }

    fn count(&mut self, outcome: &Value) {
        match outcome["code"].as_str() {
            None => self.succeeded += 1,
            Some(code) => {
                self.failed += 1;
                *self.codes.entry(code.to_owned()).or_default() += 1;
            }
        }
    }
}

impl Pending {
    /// To be called before the first job is sent.
    pub(super) async fn start(store: &Store) -> Result<Self, CliError> {
        let tail = Tail::from_now(store, &[Stream::Results, Stream::Failures]).await?;
        Ok(Self { tail, jobs: HashMap::new(), entries: HashMap::new() })
    }

    /// One more to wait for.
    pub(super) fn add(&mut self, id: String, entry: String) {
        if id != entry {
            self.entries.insert(entry.clone(), id.clone());
        }
        self.jobs.insert(id, entry);
    }

    fn remove(&mut self, id: &str) -> bool {
        let id = self.entries.remove(id).unwrap_or_else(|| id.to_owned());
        match self.jobs.remove(&id) {
            Some(entry) => {
                self.entries.remove(&entry);
                true
            }
            None => false,
        }
    }

    fn len(&self) -> u64 {
        self.jobs.len() as u64
    }

    /// The outcomes of ours that came.
    async fn next(&mut self, block: Duration) -> Result<Vec<String>, CliError> {
        let items = match self.tail.next(block, 1_000).await {
            Ok(items) => items,
            // Redis may be away for a moment; the place in the streams is kept.
            Err(error) if error.is_transient() => {
                tokio::time::sleep(Duration::from_millis(500)).await;
                return Ok(Vec::new());
            }
            Err(error) => return Err(error.into()),
        };
        Ok(items.into_iter().filter_map(|item| self.take(item)).collect())
    }

    fn take(&mut self, item: Item) -> Option<String> {
        let id = item.field("job_id");
        let field = if item.stream == Stream::Results { "result" } else { "failure" };
        self.remove(id).then(|| item.field(field).to_owned())
    }

    /// Asks about some that are missing: those that were over before they were
    /// sent.
    async fn ask(&mut self, ops: &Ops) -> Result<Vec<String>, CliError> {
        let some = self.jobs.iter().take(ASKED);
        let some: Vec<_> = some.map(|(id, entry)| (id.clone(), entry.clone())).collect();
        let mut found = Vec::new();
        for (id, entry) in some {
            let Ok(Some(view)) = ops.job_near(&id, Some(&entry)).await else { continue };
            if view.state == State::Succeeded {
                self.remove(&id);
                let bare = || format!(r#"{{"job_id":"{id}","status":"succeeded"}}"#);
                found.push(view.outcome.unwrap_or_else(bare));
            }
        }
        Ok(found)
    }
}

fn left(began: Instant, timeout: Option<Duration>) -> Result<Duration, CliError> {
    let Some(timeout) = timeout else { return Ok(BLOCK) };
    match timeout.checked_sub(began.elapsed()) {
        Some(left) if !left.is_zero() => Ok(left.min(BLOCK)),
        _ => Err(CliError::failed("timed out waiting; the jobs are still queued").code("timeout")),
    }
}

/// Waits for the outcome of one job. Its id is told at once, so that it can be looked
/// up from elsewhere, and what it waits for each time that changes.
pub(super) async fn one(
    ctx: &Ctx,
    store: &Store,
    pending: &mut Pending,
    id: &str,
    timeout: Option<Duration>,
) -> Result<String, CliError> {
    let (began, ops) = (Instant::now(), ctx.ops(store.clone()));
    ctx.out.note(format!("job {id} is queued; follow it with zoomd job show {id}"));
    let (mut said, mut told) = (String::new(), String::new());
    let mut patience = FIRST;
    loop {
        let block = left(began, timeout).map_err(|error| {
            let standing = if said.is_empty() { "queued" } else { &said };
            let message = format!("timed out waiting; the job is still {standing}");
            CliError { message, ..error }.hint(format!("zoomd job watch {id}"))
        })?;
        let block = block.min(std::mem::replace(&mut patience, BLOCK));
        if let Some(outcome) = pending.next(block).await?.pop() {
            return Ok(outcome);
        }
        if let Some(outcome) = pending.ask(&ops).await?.pop() {
            return Ok(outcome);
        }
        let entry = pending.jobs.get(id).map(String::as_str);
        if let Ok(Some(view)) = ops.job_near(id, entry).await {
            said = story::place(&view);
            // More words for the same reason are no news.
            let news = story::place(&JobView { detail: None, ..view.clone() });
            if news != told {
                ctx.out.note(story::standing(ctx, &view));
                if let Some(next) = reason::next(&view) {
                    ctx.out.hint(next);
                }
                told = news;
            }
        }
    }
}

/// Waits for all outcomes.
pub(super) async fn all(
    ctx: &Ctx,
    store: &Store,
    pending: &mut Pending,
    timeout: Option<Duration>,
) -> Result<Tally, CliError> {
    let (began, mut tally) = (Instant::now(), Tally::default());
    let ops = ctx.ops(store.clone());
    let bar = ctx.out.progress(pending.len(), "outcomes");
    let mut teller = Teller::new();
    let mut patience = FIRST;
    while !pending.jobs.is_empty() {
        let block = left(began, timeout).map_err(|error| {
            let jobs = count(pending.len(), "job");
            let message = format!("timed out waiting; {jobs} are not finished{}", teller.last());
            CliError { message, ..error }.hint("zoomd job list")
        })?;
        let mut outcomes = pending.next(block.min(std::mem::replace(&mut patience, BLOCK))).await?;
        if outcomes.is_empty() {
            outcomes = pending.ask(&ops).await?;
        }
        if outcomes.is_empty() || teller.is_due() {
            let jobs = pending.jobs.iter().take(LOOKED_AT);
            let jobs: Vec<_> = jobs.map(|(id, entry)| (id.clone(), entry.clone())).collect();
            // A Redis that cannot be asked now is asked again.
            if let Ok(batch) = ops.waiting_of(&jobs).await {
                let more = pending.jobs.len().saturating_sub(jobs.len());
                teller.hear(ctx, &bar, Standing::of(&batch, more))?;
            }
        }
        for outcome in outcomes {
            bar.inc(1);
            let value: Value = serde_json::from_str(&outcome).unwrap_or_default();
            tally.count(&value);
            if ctx.out.format() == Format::Jsonl {
                ctx.out.data(&(outcome + "\n"))?;
            }
        }
    }
    bar.finish_and_clear();
    Ok(tally)
}
