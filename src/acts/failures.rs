//! Retrying failures, and taking them off the list.

use serde::Serialize;
use zoomd_store::StoreError;
use zoomd_store::admin::Retried;
use zoomd_wire::MaxWait;

use super::{Hand, named, tally};
use crate::config::Config;
use crate::error::CliError;

/// Rules for the new run of a failed job.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    allow_past_start: bool,
    max_wait: MaxWait,
    force: bool,
}

impl Rules {
    /// The rules that the configuration sets.
    pub fn of(config: &Config) -> Self {
        let jobs = &config.jobs;
        Self { allow_past_start: jobs.allow_past_start, max_wait: jobs.max_wait, force: false }
    }
}

impl Rules {
    /// These rules with `force`: with it, failures caused by a delete of their meeting are
    /// retried, too, and updates that a later one superseded.
    pub fn forced(self, force: bool) -> Self {
        Self { force, ..self }
    }
}

/// Result for one retry.
#[derive(Debug, Serialize)]
pub struct RetryLine {
    /// The failure, as it was named.
    pub id: String,
    /// `started`, or why not.
    pub result: &'static str,
    pub run: Option<u32>,
    /// More words.
    pub why: Option<String>,
}

impl RetryLine {
    fn of(id: &str, retried: Retried) -> Self {
        let (result, run, why) = match retried {
            Retried::Started { run, reconciles: false } => ("started", Some(run), None),
            Retried::Started { run, reconciles: true } => {
                ("started", Some(run), Some("checks with Zoom first".to_owned()))
            }
            Retried::Already { run } => ("already_retried", Some(run), None),
            Retried::NotFound => ("not_found", None, None),
            Retried::NoAccount => {
                ("no_account", None, Some("zoomd account login connects the account".to_owned()))
            }
            Retried::IdTaken => (
                "id_taken",
                None,
                Some("a job with this id is already queued, running or finished".to_owned()),
            ),
            Retried::Deleted { by } => return Self::skipped(id, &by),
            Retried::Useless { why } => ("useless", None, Some(why)),
            _ => (
                "broken",
                None,
                Some("a key of the account has an unexpected Redis type".to_owned()),
            ),
        };
        Self { id: id.to_owned(), result, run, why }
    }

    /// A failure that is not retried, because job `by` deleted its meeting.
    fn skipped(id: &str, by: &str) -> Self {
        let why = format!("job {by} deletes its meeting; --force retries it");
        Self { id: id.to_owned(), result: "skipped", run: None, why: Some(why) }
    }

    /// A failed update that is not retried, because a later one of its meeting succeeded.
    fn superseded(id: &str) -> Self {
        let why = "a later update of its meeting succeeded; --force retries it".to_owned();
        Self { id: id.to_owned(), result: "superseded", run: None, why: Some(why) }
    }

    /// True if it was left alone for what became of its meeting.
    pub fn is_left(&self) -> bool {
        matches!(self.result, "skipped" | "superseded")
    }

    /// A failure that would be retried.
    pub fn would(id: &str) -> Self {
        Self { id: id.to_owned(), result: "would_retry", run: None, why: None }
    }

    /// True if nothing is left to do.
    pub fn is_well(&self) -> bool {
        matches!(self.result, "started" | "already_retried" | "would_retry")
    }
}

/// Result for one failure that was to be taken off the list.
#[derive(Debug, Serialize)]
pub struct Discarded {
    /// The failure, as it was named.
    pub id: String,
    /// `discarded` or `not_found`.
    pub result: &'static str,
}

impl Hand {
    /// Starts new runs of failed jobs; the lines are in the order of `ids`. `each` hears of
    /// each one.
    pub async fn retry(
        &self,
        ids: &[String],
        rules: Rules,
        reason: &str,
        mut each: impl FnMut(),
    ) -> Result<Vec<RetryLine>, CliError> {
        let mut lines = Vec::with_capacity(ids.len());
        let mut ended = Ok(());
        for id in ids {
            match self.retry_one(id, rules).await {
                Ok(line) => lines.push(line),
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            }
            each();
        }
        if lines.iter().any(|line| line.result == "started") {
            let of = named(ids.iter().map(String::as_str));
            let outcome = tally(lines.iter().map(|line| line.result));
            self.record("failure.retry", &of, reason, &outcome).await;
        }
        ended?;
        Ok(lines)
    }

    async fn retry_one(&self, id: &str, rules: Rules) -> Result<RetryLine, StoreError> {
        let Some(failure) = self.ops.failure(id).await? else {
            // A retried failure is off the list.
            let retried = self.ops.retried(id).await?;
            let retried = retried.map_or(Retried::NotFound, |run| Retried::Already { run });
            return Ok(RetryLine::of(id, retried));
        };
        let ended_by = failure.line.cancelled_by().or_else(|| failure.deleted_by.clone());
        if let Some(by) = ended_by.filter(|_| !rules.force) {
            return Ok(RetryLine::skipped(id, &by));
        }
        if !rules.force && failure.retried.is_none() && self.ops.is_superseded(&failure).await? {
            return Ok(RetryLine::superseded(id));
        }
        let retried = self.ops.retry(&failure, rules.allow_past_start, &rules.max_wait).await?;
        Ok(RetryLine::of(id, retried))
    }

    /// Takes failures off the list for good.
    pub async fn discard(&self, ids: &[String], reason: &str) -> Result<Vec<Discarded>, CliError> {
        let mut lines = Vec::with_capacity(ids.len());
        let mut ended = Ok(());
        for id in ids {
            match self.discard_one(id).await {
                Ok(result) => lines.push(Discarded { id: id.clone(), result }),
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            }
        }
        if lines.iter().any(|line| line.result == "discarded") {
            let of = named(ids.iter().map(String::as_str));
            let outcome = tally(lines.iter().map(|line| line.result));
            self.record("failure.discard", &of, reason, &outcome).await;
        }
        ended?;
        Ok(lines)
    }

    async fn discard_one(&self, id: &str) -> Result<&'static str, StoreError> {
        Ok(match self.ops.failure(id).await? {
            Some(failure) if self.ops.discard(&failure.line.id).await? => "discarded",
            _ => "not_found",
        })
    }
}
