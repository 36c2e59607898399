//! Sends the jobs of an input in batches, several under way, in order.
//!
//! Invariant: what is said of the progress counts lines of the input, so blank,
//! invalid and skipped lines shift nothing.

use std::path::Path;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use zoomd_store::{Store, StoreError, streams};

use super::found::{Found, open};
use super::read::{self, Batch, Reading, Sound};
use super::wait::Pending;
use crate::cli::ctx::Ctx;
use crate::error::CliError;

/// Batches under way to Redis at once.
const UNDER_WAY: usize = 3;

/// Sends what is valid, and knows how far it got.
pub(super) struct Sender<'a> {
    pub(super) ctx: &'a Ctx,
    pub(super) store: &'a Store,
    pub(super) reading: Reading,
    /// True where invalid lines are left out.
    pub(super) skip: bool,
    pub(super) pending: Option<Pending>,
    pub(super) sent: u64,
    /// Jobs that got an id of their line.
    pub(super) ids_made: u64,
    /// The first and the last entry.
    pub(super) ends: Option<(String, String)>,
    reached: Reached,
}

/// A job that Redis has, for a program that waits.
#[derive(serde::Serialize)]
struct Accepted<'a> {
    line: u64,
    job_id: &'a str,
    entry_id: &'a str,
}

/// Progress of the sending, in lines of the input.
#[derive(Debug, Default, Clone, Copy)]
struct Reached {
    /// Redis has every job up to this line.
    taken: u64,
    /// No job after this line was handed to Redis.
    handed: u64,
    /// True once a job without an id was handed to Redis.
    without_id: bool,
}

/// The reason why reading ended before the input did.
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
            Some(Stop::Invalid { line }) => Err(self.refused(line)),
            Some(Stop::Broken(error)) => {
                let reached = self.reached;
                let text = format!("cannot read {}: {error}; {}", file.display(), reached.so_far());
                Err(CliError::failed(text).hint(reached.how_to_go_on()))
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
            let text = format!("{}; {}", error.message, self.reached.so_far());
            let hint = self.reached.how_to_go_on();
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
        let Some(pending) = &mut self.pending else { return Ok(()) };
        for (job, entry) in jobs.into_iter().zip(entries) {
            let id = job.id.unwrap_or_else(|| entry.clone());
            if self.ctx.out.is_json() {
                let (line, job_id, entry_id) = (job.line, &*id, &*entry);
                self.ctx.out.json_line(&Accepted { line, job_id, entry_id })?;
            }
            pending.add(id, entry);
        }
        Ok(())
    }

    /// The input ends at an invalid line.
    fn refused(&self, line: u64) -> CliError {
        let sent = match self.sent {
            0 => "nothing was sent".to_owned(),
            _ => format!("everything before line {line} was sent, and nothing after it"),
        };
        let hint = format!(
            "correct line {line}, or skip invalid lines with --skip-invalid; then {}",
            self.reached.how_to_go_on()
        );
        CliError::usage(format!("line {line} is invalid; {sent}")).code("invalid_job").hint(hint)
    }
}

impl Reached {
    fn so_far(self) -> String {
        let taken = match self.taken {
            0 => "no line was confirmed by Redis".to_owned(),
            taken => format!("everything up to line {taken} is in Redis"),
        };
        format!("{taken}; nothing after line {} was sent", self.handed)
    }

    /// The way to send the rest, and no job a second time.
    fn how_to_go_on(self) -> String {
        let Self { taken, handed, without_id } = self;
        if !without_id {
            return "send the whole input again: each job has an id, so there will be no duplicates"
                .to_owned();
        }
        let (from, rest) = (taken + 1, handed + 1);
        if taken == handed {
            return format!(
                "send the input from line {rest} on: lines 1 to {taken} contain jobs without an id, which would create duplicates if sent again"
            );
        }
        format!(
            "send the input from line {rest} on; lines {from} to {handed} may or may not be in Redis: check zoomd job list and zoomd result tail before sending those again, since jobs without an id create duplicates"
        )
    }
}

async fn enqueue(store: &Store, jobs: Vec<Sound>) -> Result<(Vec<Sound>, Vec<String>), StoreError> {
    let texts: Vec<&str> = jobs.iter().map(|job| job.text.as_str()).collect();
    let entries = streams::enqueue(store, &texts).await?;
    Ok((jobs, entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_advice_sends_a_job_without_an_id_twice() {
        for (taken, handed, without_id, wanted) in [
            (0, 0, false, "send the whole input again"),
            (7, 9, false, "send the whole input again"),
            (5_000, 5_000, true, "send the input from line 5001 on"),
            (7, 9, true, "send the input from line 10 on; lines 8 to 9 may or may not be in Redis"),
        ] {
            let advice = Reached { taken, handed, without_id }.how_to_go_on();
            assert!(advice.starts_with(wanted), "{advice}");
        }
    }
}
