//! New runs of failed jobs.
//!
//! A retry is the same job again: its text, its id, its marker, the time of its first attempt. If
//! an earlier call is unresolved the run begins by asking Zoom if the meeting exists. Only attempts
//! are counted from zero.

use jiff::Timestamp;
use redis::from_redis_value;
use zoomd_wire::{EntryId, FailureCode, Job, MaxWait, Rules};

use crate::StoreError;
use crate::inspect::{FailureRecord, Ops};
use crate::limits::{Classes, Label};
use crate::queue::memory::Live;
use crate::queue::parse::host_name;
use crate::queue::{AdmitTarget, Purpose, QueueSettings, Record, Step, StepKind};
use crate::redis::scripts::{FAILURE_DISCARD, FAILURE_RETRY};

/// The record's field with the time of the retry: reconcile counts its patience
/// from it.
pub const RETRIED_AT: &str = "retried_ms";
/// The record's field with what a job's daemon knows of the meeting that it changes.
pub const MEETING_SEEN: &str = "meeting_seen";
/// Time limit of reconcile.
const RECONCILE_MS: i64 = crate::clock::DAY_MS;

/// Result of a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retried {
    /// A new run was started.
    Started {
        run: u32,
        /// True if it begins by asking Zoom.
        reconciles: bool,
    },
    /// It was retried before; nothing was done.
    Already {
        /// The run that was started then.
        run: u32,
    },
    /// There is no such failure.
    NotFound,
    /// Account is not connected.
    NoAccount,
    /// Another job has its id now.
    IdTaken,
    /// A delete of its meeting was done since the caller looked.
    Deleted {
        /// The delete.
        by: String,
    },
    /// It would fail again.
    Useless {
        /// Reason for the refusal.
        why: String,
    },
    /// A key of its account is of a wrong type.
    Broken,
}

impl Ops {
    /// Starts a new run of a failed job. `max_wait` is what a job without a
    /// deadline may wait.
    pub async fn retry(
        &self,
        failure: &FailureRecord,
        allow_past_start: bool,
        max_wait: &MaxWait,
    ) -> Result<Retried, StoreError> {
        if let Some(run) = failure.retried {
            return Ok(Retried::Already { run });
        }
        let now_ms = self.store.now_ms().await?;
        let classes = &self.budgets().classes;
        let plan = match plan(failure, classes, allow_past_start, max_wait, now_ms) {
            Ok(plan) => plan,
            Err(why) => return Ok(Retried::Useless { why }),
        };
        let call = FAILURE_RETRY.call().key(self.store.keys().prefix());
        let call = call.key(self.store.keys().jobs());
        let call = call
            .arg(self.store.clock().ms())
            .arg(&failure.line.id)
            .arg(&failure.line.job_id)
            .arg(plan.live.write())
            .arg(serde_json::to_string(&plan.record).unwrap_or_default())
            .arg(plan.not_before_ms)
            .arg(QueueSettings::default().remember.as_secs())
            .arg(plan.target)
            .arg(failure.deleted_by.as_deref().unwrap_or_default());
        let answer: (String, String) = from_redis_value(call.run(&self.store.connection()).await?)?;
        let run = plan.live.run;
        Ok(match answer.0.as_str() {
            "D" => Retried::Started { run, reconciles: plan.live.purpose == Purpose::Lookup },
            "R" => Retried::Already { run: answer.1.parse().unwrap_or(run) },
            "N" => Retried::NotFound,
            "A" => Retried::NoAccount,
            "T" => Retried::IdTaken,
            "G" => Retried::Deleted { by: answer.1 },
            "M" => Retried::Useless { why: "the create that it names made no meeting".to_owned() },
            _ => Retried::Broken,
        })
    }

    /// Takes a failure off the list; false if it was not on it.
    pub async fn discard(&self, failure_id: &str) -> Result<bool, StoreError> {
        let call = FAILURE_DISCARD.call().key(self.store.keys().prefix());
        let call = call.arg(self.store.clock().ms()).arg(failure_id);
        let done: u8 = from_redis_value(call.run(&self.store.connection()).await?)?;
        Ok(done == 1)
    }
}

struct Plan {
    live: Live,
    record: Record,
    not_before_ms: i64,
    /// As the script reads it; `""`: it is known, or there is none.
    target: String,
}

fn plan(
    failure: &FailureRecord,
    classes: &Classes,
    allow_past_start: bool,
    max_wait: &MaxWait,
    now_ms: i64,
) -> Result<Plan, String> {
    if failure.line.code == FailureCode::IdConflict.as_str() {
        return Err("its id is another job's: send it again under an id of its own".to_owned());
    }
    let written = failure.entry.parse::<EntryId>().map_or(Timestamp::UNIX_EPOCH, |id| id.time());
    // A job that was accepted once is held to the rules of that time.
    let accepted = failure.line.code != FailureCode::InvalidJob.as_str();
    let rules = Rules { now: written, allow_past_start, accepted };
    let job = zoomd_wire::parse(&failure.job, &rules).map_err(|invalid| invalid.message)?;
    let unresolved =
        failure.record.unresolved || failure.line.code == FailureCode::OutcomeUnknown.as_str();
    let deadline_ms = deadline(&job, unresolved, max_wait, now_ms)?;
    let class = classes.of(job.kind.operation());
    let live = live(failure, &job, class, unresolved, deadline_ms);
    let not_before_ms = match unresolved {
        true => 0,
        false => job.not_before.map_or(0, Timestamp::as_millisecond),
    };
    // One that was refused before it stood in any line is given its target now.
    let target = AdmitTarget::of(&job).filter(|_| live.aim.is_none());
    let target = target.map_or_else(String::new, |target| target.to_string());
    Ok(Plan { live, record: record(failure, unresolved, now_ms), not_before_ms, target })
}

/// Deadline of the new run; an unresolved job is looked up whatever the time.
fn deadline(job: &Job, unresolved: bool, max_wait: &MaxWait, now_ms: i64) -> Result<i64, String> {
    let now = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::MAX);
    let last = job.must_start_by().unwrap_or_else(|| job.last_moment(now, max_wait));
    let last = last.as_millisecond();
    if unresolved {
        return Ok(last.max(now_ms + RECONCILE_MS));
    }
    if last <= now_ms {
        let by = Timestamp::from_millisecond(last).unwrap_or(Timestamp::MAX);
        return Err(format!("it had to be sent by {by}: send it again with a later time"));
    }
    Ok(last)
}

fn live(
    failure: &FailureRecord,
    job: &Job,
    class: Label,
    unresolved: bool,
    deadline_ms: i64,
) -> Live {
    let line = &failure.line;
    let id_given = job.id.as_ref().is_some_and(|id| id.as_str() == line.job_id);
    let [host, other] = job.charged_hosts();
    let lower = |user: &str| if user.contains('@') { user.to_lowercase() } else { user.to_owned() };
    Live {
        run: line.run() + 1,
        entry: failure.entry.as_str().into(),
        digest: id_given.then(|| job.digest()),
        purpose: if unresolved && job.is_recoverable() {
            Purpose::Lookup
        } else {
            Purpose::Attempt
        },
        priority: job.priority.rank(),
        sweeps: 0,
        recoverable: job.is_recoverable(),
        sent_ms: 0,
        deadline_ms,
        account: job.account.as_str().into(),
        host: host.map_or(class.room().into(), |host| host_name(host).into()),
        other_host: other.map(|user| host_name(&lower(user)).into()),
        aim: failure.record.aim.as_deref().map(Into::into),
    }
}

/// Record of the new run: the marker, and the time when the old run sent it.
fn record(failure: &FailureRecord, unresolved: bool, now_ms: i64) -> Record {
    let mut record = failure.record.clone();
    record.attempts = 0;
    record.looks = 0;
    record.unresolved = unresolved;
    // The date or the run of the meeting that an unresolved call was about.
    let mut seen = record.more.remove(MEETING_SEEN).filter(|_| unresolved);
    if let Some(facts) = seen.as_mut().and_then(|facts| facts.as_object_mut()) {
        facts.retain(|name, _| !["unreadable", "gone_ms", "failed_reads"].contains(&name.as_str()));
    }
    record.more.clear();
    record.more.extend(seen.map(|seen| (MEETING_SEEN.to_owned(), seen)));
    record.more.insert(RETRIED_AT.to_owned(), now_ms.into());
    (record.why, record.until_ms) = (None, None);
    let (code, run) = (&failure.line.code, failure.line.run() + 1);
    let what = format!("failed with {code}; run {run} was started by an operator");
    record.story.push(Step { kind: StepKind::Run, ..Step::note(now_ms, what) });
    record
}
