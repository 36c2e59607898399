//! Sends the jobs of an input in batches, several under way, in order.
//!
//! Invariant: what is said of the progress counts lines of the input, so blank,
//! invalid and skipped lines shift nothing.

use std::path::Path;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use zoomd_store::{Store, StoreError, streams};

use super::many::{Found, open};
use super::read::{self, Batch, Reading, Sound};
use super::wait::Pending;
use crate::cli::ctx::Ctx;
use crate::cli::error::CliError;

/// Batches under way to Redis at once.
const UNDER_WAY: usize = 3;

/// Sends what is valid, and knows how far it got.
pub(super) struct Sender<'a> {
    pub(super) ctx: &'a Ctx,
    pub(super) store: &'a Store,
    pub(super) reading: Reading,
    /// Whether invalid lines are left out.
    pub(super) skip: bool,
    pub(super) pending: Option<Pending>,
    pub(super) sent: u64,
    /// Jobs that got an id of their line.
    pub(super) ids_made: u64,
    /// The first and the last entry.
    pub(super) ends: Option<(String, String)>,
    reached: Reached,
}

/// How far the sending got, in lines of the input.
#[derive(Debug, Default, Clone, Copy)]
struct Reached {
    /// Redis has every job up to this line.
    taken: u64,
    /// No job after this line was handed to Redis.
    handed: u64,
    /// Whether a job without an id was handed over.
    without_id: bool,
}

/// Why the reading ended before the input did.
enum Stop {
    Invalid { line: u64 },
    Broken(String),
}

impl<'a> Sender<'a> {
    pub(super) fn new(ctx: &'a Ctx, store: &'a Store, reading: Reading, skip: bool) -> Self {
        let reached = Reached::default();
        Self { ctx, store, reading, skip, pending: None, sent: 0, ids_made: 0, ends: None, reached }
    }

    /// Sends the input. For a pipe, which was not checked before, `found` is
    /// filled on the way.
    pub(super) async fn send(
        &mut self,
        file: &Path,
        bar: &indicatif::ProgressBar,
        mut found: Option<&mut Found>,
    ) -> Result<(), CliError> {
        let mut batches = read::spawn(open(file)?, self.reading);
        let (mut stop, mut ended) = (None, false);
        let store = self.store;
        let mut under_way = FuturesOrdered::new();
        loop {
            let room = under_way.len() < UNDER_WAY && !ended;
            tokio::select! {
                Some(answer) = under_way.next(), if !under_way.is_empty() => {
                    self.taken(answer, bar)?;
                }
                batch = batches.recv(), if room => {
                    let Some(mut batch) = batch else {
                        ended = true;
                        continue;
                    };
                    stop = self.judge(&mut batch, found.as_deref_mut())?;
                    ended = stop.is_some();
                    if let Some(last) = batch.jobs.last() {
                        self.reached.handed = last.line;
                        self.reached.without_id |= batch.jobs.iter().any(|job| job.id.is_none());
                        under_way.push_back(enqueue(store, batch.jobs));
                    }
                }
                else => break,
            }
        }
        match stop {
            None => Ok(()),
            Some(Stop::Invalid { line }) => Err(refused(line, self.sent)),
            Some(Stop::Broken(error)) => {
                let text = format!("cannot read {}: {error}; {}", file.display(), self.so_far());
                Err(CliError::failed(text))
            }
        }
    }

    /// Notes what is wrong with a batch. Nothing after an invalid line is sent
    /// unless such lines are left out.
    fn judge(
        &self,
        batch: &mut Batch,
        found: Option<&mut Found>,
    ) -> Result<Option<Stop>, CliError> {
        let first_bad = batch.bad.first().map(|bad| bad.line);
        if let Some(found) = found {
            found.note(self.ctx, batch)?;
        }
        Ok(match first_bad {
            Some(line) if !self.skip => {
                batch.jobs.retain(|job| job.line < line);
                Some(Stop::Invalid { line })
            }
            _ => batch.broken.take().map(Stop::Broken),
        })
    }

    fn taken(
        &mut self,
        answer: Result<(Vec<Sound>, Vec<String>), StoreError>,
        bar: &indicatif::ProgressBar,
    ) -> Result<(), CliError> {
        let (jobs, entries) = answer.map_err(|error| {
            let error = CliError::from(error);
            let text = format!("{}; {}", error.message, self.so_far());
            let hint = self.how_to_go_on();
            CliError { message: text, ..error }.hint(hint)
        })?;
        self.sent += entries.len() as u64;
        self.ids_made += jobs.iter().filter(|job| job.id_made).count() as u64;
        self.reached.taken = jobs.last().map_or(self.reached.taken, |job| job.line);
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

    fn so_far(&self) -> String {
        let Reached { taken, handed, .. } = self.reached;
        let taken = match taken {
            0 => "no line is known to be in Redis".to_owned(),
            taken => format!("everything up to line {taken} is in Redis"),
        };
        format!("{taken}; nothing after line {handed} was sent")
    }

    fn how_to_go_on(&self) -> String {
        let Reached { taken, handed, without_id } = self.reached;
        if !without_id {
            return "send the whole input again: each job has an id, so none makes a second meeting"
                .to_owned();
        }
        let from = taken + 1;
        format!(
            "lines {from} to {handed} may be in Redis or not: see zoomd job list and zoomd result \
             tail before you send those again, since a job without an id makes a second meeting"
        )
    }
}

/// The input ends at an invalid line.
fn refused(line: u64, sent: u64) -> CliError {
    let sent = match sent {
        0 => "nothing was sent".to_owned(),
        _ => format!("everything before line {line} was sent, and nothing after it"),
    };
    CliError::usage(format!("line {line} is invalid; {sent}"))
        .code("invalid_job")
        .hint("correct the input, or leave such lines out with --skip-invalid")
}

async fn enqueue(store: &Store, jobs: Vec<Sound>) -> Result<(Vec<Sound>, Vec<String>), StoreError> {
    let texts: Vec<&str> = jobs.iter().map(|job| job.text.as_str()).collect();
    let entries = streams::enqueue(store, &texts).await?;
    Ok((jobs, entries))
}
