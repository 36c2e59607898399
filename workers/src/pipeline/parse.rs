//! From the text of an entry to an admission, or to the refusal of it.
//!
//! An entry is judged against the time at which it was written, so that reading
//! it again, here or in another daemon, gives the same answer.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use zoomd_store::limits::Classes;
use zoomd_store::queue::{Admission, AdmitTarget, Entry};
use zoomd_wire::{EntryId, InvalidJob, Job, Rules};

use crate::Settings;

/// Result of parsing an entry.
#[derive(Debug)]
pub enum Parsed {
    /// A job that asks to be admitted.
    Job {
        /// The request.
        admission: Admission,
        job: Box<Job>,
        text: Bytes,
    },
    /// No job; it becomes a failure.
    Bad {
        entry: Arc<str>,
        text: Bytes,
        /// Problem with it.
        why: Box<InvalidJob>,
    },
}

/// Parses an entry of the stream.
#[must_use]
pub fn fresh(settings: &Settings, classes: &Classes, entry: Entry) -> Parsed {
    let written = time_of(&entry.id);
    let (text, parsed) = match entry.body {
        Ok(text) => {
            let allow_past_start = settings.allow_past_start;
            let rules = Rules { allow_past_start, ..Rules::at(written) };
            let parsed = zoomd_wire::parse(&text, &rules);
            (text, parsed)
        }
        Err(text) => {
            let why = malformed(&text);
            (text, Err(why))
        }
    };
    match parsed {
        Ok(job) => {
            let admission = admission(settings, classes, &entry.id, &job, written);
            Parsed::Job { admission, job: Box::new(job), text }
        }
        Err(why) => Parsed::Bad { entry: entry.id, text, why: Box::new(why) },
    }
}

/// Problem with an entry that is not one field `job`; `text` has a line
/// for each field.
fn malformed(text: &[u8]) -> InvalidJob {
    let names = || text.split(|byte| *byte == b'\n').map(|line| line.split(|b| *b == b':').next());
    let job = Some(&b"job"[..]);
    match names().find(|name| *name != job).flatten() {
        Some(other) if names().any(|name| name == job) && !other.is_empty() => {
            InvalidJob::extra_field(other)
        }
        _ => InvalidJob::no_job_field(),
    }
}

/// Parses a job that was admitted before: its text was sound then.
///
/// # Errors
/// Fails if the text is missing or damaged.
pub fn again(entry: &str, text: &[u8]) -> Result<Job, InvalidJob> {
    zoomd_wire::parse(text, &Rules::again(time_of(entry)))
}

/// Time at which an entry was written, by the time of Redis.
pub(super) fn time_of(entry: &str) -> Timestamp {
    entry.parse::<EntryId>().map_or(Timestamp::UNIX_EPOCH, |id| id.time())
}

fn admission(
    settings: &Settings,
    classes: &Classes,
    entry: &Arc<str>,
    job: &Job,
    written: Timestamp,
) -> Admission {
    let longest = || job.last_moment(written, &settings.max_wait);
    let [host, other] = job.charged_hosts();
    let deadline = job.must_start_by().unwrap_or_else(longest);
    Admission {
        entry: Arc::clone(entry),
        job_id: job.id.as_ref().map_or_else(|| Arc::clone(entry), |id| id.as_str().into()),
        id_given: job.id.is_some(),
        account: job.account.as_str().into(),
        class: classes.of(job.kind.operation()),
        host: host.map(host_key),
        other_host: other.map(host_key),
        priority: job.priority.rank(),
        digest: job.digest(),
        not_before_ms: job.not_before.map(Timestamp::as_millisecond),
        deadline_ms: deadline.as_millisecond(),
        recoverable: job.is_recoverable(),
        target: AdmitTarget::of(job),
    }
}

/// A host as budgets know it: e-mail addresses do not tell cases apart.
fn host_key(user: &str) -> Arc<str> {
    if user.contains('@') && user.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return user.to_lowercase().into();
    }
    user.into()
}
