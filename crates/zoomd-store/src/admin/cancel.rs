//! Cancelling of jobs that are not in flight.
//!
//! Each job is read, its failure is written, and one script carries it out if the job has not
//! changed since it was read. A job whose last call is unresolved may have its meeting already: it
//! is only marked, and ends as cancelled when Zoom says that the meeting does not exist.

use redis::from_redis_value;

use zoomd_wire::Kind;

use super::cancelled_job::{self, CancelledJob, End};
use crate::StoreError;
use crate::clock::ms;
use crate::inspect::{JobView, Ops, Source, State};
use crate::queue::memory::Live;
use crate::queue::{Aim, Purpose, QueueSettings, Record, WaitReason};
use crate::redis::script::Call;
use crate::redis::scripts::JOB_CANCEL;

/// The record's field for a cancel that waits for reconcile.
pub const CANCEL_MARK: &str = "cancel";
/// Jobs cancelled by one script.
const BATCH: usize = 64;

/// A job to cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub id: String,
    /// The entry it was seen in, which spares a search through the stream.
    pub entry: Option<String>,
}

impl From<&str> for Target {
    fn from(id: &str) -> Self {
        Self { id: id.to_owned(), entry: None }
    }
}

/// Result of cancelling one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cancelled {
    Done,
    /// Zoom is checked first for the meeting of its last call; if there is none, it
    /// is cancelled then.
    AfterReconcile,
    /// It is in flight and cannot be cancelled.
    InFlight,
    /// It has its outcome already.
    Over,
    /// There is no such job.
    NotFound,
    /// The job moved repeatedly while it was read.
    Changed,
    /// A key of its account is of a wrong type.
    Broken,
}

impl Cancelled {
    /// One word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "cancelled",
            Self::AfterReconcile => "after_reconcile",
            Self::InFlight => "in_flight",
            Self::Over => "over",
            Self::NotFound => "not_found",
            Self::Changed => "changed",
            Self::Broken => "broken",
        }
    }
}

/// Next step for one job.
enum Plan {
    Answer(Cancelled),
    Act(Box<Act>),
}

struct Act {
    id: String,
    value: String,
    record: String,
    entry: String,
    account: String,
    step: Step,
}

enum Step {
    /// `kept`: the record of the failure.
    Fail {
        kind: String,
        json: String,
        reply: bool,
        run: u32,
        kept: String,
    },
    Mark {
        record: String,
    },
}

impl Ops {
    /// Cancels jobs; the answers are in their order.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached; some may be cancelled then.
    pub async fn cancel(
        &self,
        targets: &[Target],
        reason: &str,
    ) -> Result<Vec<Cancelled>, StoreError> {
        self.end(targets, End::Cancelled(reason)).await
    }

    /// Ends jobs of a removed account as `account_removed`; the answers are in
    /// their order. One whose last call is unresolved is left to a daemon.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached; some may be ended then.
    pub async fn end_removed(&self, targets: &[Target]) -> Result<Vec<Cancelled>, StoreError> {
        self.end(targets, End::AccountRemoved).await
    }

    async fn end(&self, targets: &[Target], end: End<'_>) -> Result<Vec<Cancelled>, StoreError> {
        let mut answers = Vec::with_capacity(targets.len());
        for batch in targets.chunks(BATCH) {
            let mut found = vec![Cancelled::Changed; batch.len()];
            // A job that moved meanwhile is read again.
            for _ in 0..3 {
                let left: Vec<usize> =
                    (0..batch.len()).filter(|at| found[*at] == Cancelled::Changed).collect();
                if left.is_empty() {
                    break;
                }
                self.cancel_some(batch, &left, end, &mut found).await?;
            }
            answers.extend(found);
        }
        Ok(answers)
    }

    async fn cancel_some(
        &self,
        batch: &[Target],
        left: &[usize],
        end: End<'_>,
        found: &mut [Cancelled],
    ) -> Result<(), StoreError> {
        let mut acts = Vec::new();
        let plans = left.iter().map(|&at| self.plan(&batch[at], end));
        let plans = futures_util::future::try_join_all(plans).await?;
        for (&at, plan) in left.iter().zip(plans) {
            match plan {
                Plan::Answer(answer) => found[at] = answer,
                Plan::Act(act) => acts.push((at, act)),
            }
        }
        if acts.is_empty() {
            return Ok(());
        }
        let mut call = self.cancel_call(end, acts.len());
        acts.iter().for_each(|(_, act)| push(&mut call, act));
        let letters: Vec<u8> = from_redis_value(call.run(&self.store.connection()).await?)?;
        for ((at, act), letter) in acts.iter().zip(letters) {
            found[*at] = match (letter, &act.step) {
                (b'D', Step::Fail { .. }) => Cancelled::Done,
                (b'D', Step::Mark { .. }) => Cancelled::AfterReconcile,
                (b'F', _) => Cancelled::InFlight,
                (b'C', _) => Cancelled::Changed,
                _ => Cancelled::Broken,
            };
        }
        Ok(())
    }

    fn cancel_call(&self, end: End<'_>, count: usize) -> Call<'static> {
        let (keys, settings) = (self.store.keys(), QueueSettings::default());
        let call = JOB_CANCEL.call().key(keys.prefix()).key(keys.jobs()).key(keys.failures());
        call.arg(self.store.clock().ms())
            .arg(keys.reply(""))
            .arg(ms(settings.reply_kept))
            .arg(settings.failures_kept.as_secs())
            .arg(end.code().as_str())
            .arg(count)
    }

    async fn plan(&self, target: &Target, end: End<'_>) -> Result<Plan, StoreError> {
        let found = self.job_near(&target.id, target.entry.as_deref()).await?;
        let Some(view) = found else { return Ok(Plan::Answer(Cancelled::NotFound)) };
        if view.state.is_over() {
            return Ok(Plan::Answer(Cancelled::Over));
        }
        if view.daemon.is_some() {
            return Ok(Plan::Answer(Cancelled::InFlight));
        }
        match view.source {
            Source::JobsStream => self.plan_queued(&view, end).await,
            _ => self.plan_live(&view, end).await,
        }
    }

    async fn plan_queued(&self, view: &JobView, end: End<'_>) -> Result<Plan, StoreError> {
        let (entry, text) = (view.entry.clone().unwrap_or_default(), view.job.as_deref());
        let account = view.account.clone().unwrap_or_default();
        let now_ms = self.store.now_ms().await?;
        let record = Record::default();
        let text = text.unwrap_or_default();
        let job = cancelled_job::read(&entry, text);
        // An invalid entry takes no job id, so its entry id is used.
        let id = job.as_ref().map_or(&entry, |_| &view.id);
        let cancelled = CancelledJob {
            id,
            run: 1,
            entry: &entry,
            account: &account,
            text,
            record: &record,
            end,
            now_ms,
        };
        let step = Step::Fail {
            kind: job.as_ref().map_or("", |job| job.kind.as_str()).to_owned(),
            json: cancelled.json(job.as_ref()),
            reply: job.as_ref().is_some_and(|job| job.reply),
            run: 1,
            kept: String::new(),
        };
        let (value, record) = (String::new(), String::new());
        let id = id.clone();
        Ok(Plan::Act(Box::new(Act { id, value, record, entry, account, step })))
    }

    async fn plan_live(&self, view: &JobView, end: End<'_>) -> Result<Plan, StoreError> {
        let keys = self.store.keys();
        let account = view.account.clone().unwrap_or_default();
        let mut reads = redis::pipe();
        reads.cmd("HGET").arg(keys.ids()).arg(&view.id);
        reads.cmd("HGET").arg(keys.records(&account)).arg(&view.id);
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let value: Option<String> = from_redis_value(next())?;
        let stored: Option<String> = from_redis_value(next())?;
        let Some(live) = value.as_deref().and_then(Live::read) else {
            return Ok(Plan::Answer(Cancelled::Changed));
        };
        let stored = stored.unwrap_or_default();
        let mut record: Record = serde_json::from_str(&stored).unwrap_or_default();
        record.aim = live.aim.as_deref().and_then(Aim::again);
        let unresolved = live.purpose == Purpose::Lookup || live.sent_ms > 0 || record.unresolved;
        let entry = live.entry.to_string();
        let step = if unresolved {
            let End::Cancelled(reason) = end else {
                return Ok(Plan::Answer(Cancelled::AfterReconcile));
            };
            if record.more.contains_key(CANCEL_MARK) {
                return Ok(Plan::Answer(Cancelled::AfterReconcile));
            }
            record.more.insert(CANCEL_MARK.to_owned(), reason.into());
            Step::Mark { record: serde_json::to_string(&record).unwrap_or_default() }
        } else {
            let text = view.job.as_deref().unwrap_or_default();
            let job = cancelled_job::read(&entry, text);
            let now_ms = self.store.now_ms().await?;
            let kept = with_last_wait(&record, &stored, view, now_ms);
            let cancelled = CancelledJob {
                id: &view.id,
                run: live.run,
                entry: &entry,
                account: &account,
                text,
                record: &record,
                end,
                now_ms,
            };
            Step::Fail {
                kind: job.as_ref().map_or(Kind::default(), |job| job.kind).as_str().to_owned(),
                json: cancelled.json(job.as_ref()),
                reply: job.as_ref().is_some_and(|job| job.reply),
                run: live.run,
                kept,
            }
        };
        let (id, value) = (view.id.clone(), value.unwrap_or_default());
        Ok(Plan::Act(Box::new(Act { id, value, record: stored, entry, account, step })))
    }

    /// An account's jobs that may be cancelled: those that wait or sleep, then
    /// those still in the stream. At most `most`.
    pub async fn cancellable(&self, account: &str, most: usize) -> Result<Vec<Target>, StoreError> {
        let filter = crate::inspect::JobFilter { account: Some(account.to_owned()), state: None };
        let (lines, _) = self.jobs(&filter, most).await?;
        let mine = lines.into_iter().filter(|line| line.state != State::Running);
        Ok(mine.map(|line| Target { id: line.id, entry: line.entry }).collect())
    }
}

/// The record as it is stored, with the limit of the day that the job waits for: nobody
/// could tell it later.
fn with_last_wait(record: &Record, stored: &str, view: &JobView, now_ms: i64) -> String {
    let day = view.why.filter(|why| matches!(why, WaitReason::HostDay | WaitReason::LabelDay));
    if day.is_none() && record.aim.is_none() {
        return stored.to_owned();
    }
    let came = view.entry.as_deref().and_then(|entry| entry.split('-').next()?.parse().ok());
    let mut record = record.clone();
    if let Some(why) = day {
        record.story.waited(why.as_str(), came.unwrap_or(now_ms), now_ms);
    }
    serde_json::to_string(&record).unwrap_or_else(|_| stored.to_owned())
}

fn push(call: &mut Call<'_>, act: &Act) {
    call.push(&act.id).push(&act.value).push(&act.record).push(&act.entry).push(&act.account);
    match &act.step {
        Step::Fail { kind, json, reply, run, kept } => {
            // An entry that was never taken in is known by its entry, like a refusal.
            let known_by = if act.value.is_empty() { &act.entry } else { &act.id };
            call.push("F").push(kind).push(json).push(u8::from(*reply));
            call.push(format!("{known_by}#{run}")).push(kept);
        }
        Step::Mark { record } => {
            call.push("M").push(record);
        }
    }
}
