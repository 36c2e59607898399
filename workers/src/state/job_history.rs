//! Notes in a job's record between its leases, and its story.

use std::borrow::Cow;
use std::time::Instant;

use zoomd_store::clock::DAY_MS;
use zoomd_store::queue::{Next, Record, Step, StepKind, WaitReason};
use zoomd_wire::{EntryId, Job};

use crate::decide::Attempt;
use crate::state::leased_job::{LeasedJob, Made};

/// The record's field for a job whose fresh token was refused.
const REFUSED: &str = "refused";
/// The record's field for the moment by which its lost call must be over.
const QUIET: &str = "quiet_ms";
/// The record's field for calls that were lost while their host was out of
/// reach, and are not counted as attempts.
const UNCOUNTED: &str = "uncounted";
/// The record's field for a lost call during or after which Zoom was out of reach.
const AWAY: &str = "away";
/// The record's field for the times a handler of this job did not come back.
const CRASHES: &str = "crashes";
/// The record's field for when the job was first found to be unresolved for too long.
const OVERDUE: &str = "overdue_ms";

/// Attempts of a job so far.
#[must_use]
pub fn standing(leased: &LeasedJob) -> Attempt {
    Attempt {
        number: leased.attempt(),
        max: leased.job.max_attempts,
        refused_before: was_refused(&leased.record),
    }
}

/// True if a fresh token was refused in this run before.
#[must_use]
pub fn was_refused(record: &Record) -> bool {
    record.more.contains_key(REFUSED)
}

/// Notes that a fresh token was refused.
pub fn set_refused(record: &mut Record) {
    record.more.insert(REFUSED.to_owned(), true.into());
}

/// The lost call is known to have made nothing.
pub fn clear_quiet(record: &mut Record) {
    record.more.remove(QUIET);
}

/// A handler came back.
pub fn clear_crashes(record: &mut Record) {
    record.more.remove(CRASHES);
}

/// True if the job was sent before this lease's own call, counted or not.
#[must_use]
pub fn was_sent_before(leased: &LeasedJob) -> bool {
    leased.attempt() > 1 || leased.record.more.contains_key(UNCOUNTED)
}

/// True if Zoom was out of reach since the job's call was lost. Such a call is
/// no attempt: the job waited for Zoom.
#[must_use]
pub fn was_away(record: &Record) -> bool {
    record.more.contains_key(AWAY)
}

/// Notes that Zoom is out of reach while a call of the job is lost.
pub fn set_away(record: &mut Record) {
    record.more.insert(AWAY.to_owned(), true.into());
}

/// Takes the last call out of the count: it fell into a time without Zoom.
pub fn uncount(record: &mut Record) {
    let number = record.more.get(UNCOUNTED).and_then(serde_json::Value::as_u64).unwrap_or(0);
    record.more.insert(UNCOUNTED.to_owned(), (number + 1).into());
    record.attempts = record.attempts.saturating_sub(1);
    record.more.remove(AWAY);
}

/// Time by which the lost call of a job must be over, if that is known.
#[must_use]
pub fn quiet_ms(record: &Record) -> Option<i64> {
    record.more.get(QUIET).and_then(serde_json::Value::as_i64)
}

/// Notes when the lost call must be over.
pub fn set_quiet(record: &mut Record, ms: i64) {
    record.more.insert(QUIET.to_owned(), ms.into());
}

/// The time since the job was first found unresolved for too long, ms; 0 unless it `is`.
pub fn overdue_ms(record: &mut Record, is: bool, now_ms: i64) -> i64 {
    if !is {
        record.more.remove(OVERDUE);
        return 0;
    }
    let since = record.more.entry(OVERDUE.to_owned()).or_insert_with(|| now_ms.into());
    now_ms - since.as_i64().unwrap_or(now_ms)
}

/// Number of consecutive crashes of handlers of this job.
#[must_use]
pub fn crashes(record: &Record) -> u32 {
    let noted = record.more.get(CRASHES).and_then(serde_json::Value::as_u64).unwrap_or(0);
    u32::try_from(noted).unwrap_or(u32::MAX).saturating_add(record.sweeps)
}

/// Keeps that number through a settle, which ends the scripts' own count.
pub fn keep_crashes(record: &mut Record, number: u32) {
    if number > 0 {
        record.more.insert(CRASHES.to_owned(), number.into());
    }
}

/// Tells what a job that was claimed is known to have waited for; `expired`: its deadline
/// passed, and it waits no longer.
pub fn open(
    record: &mut Record,
    job: &Job,
    entry: &str,
    (full_day, expired): (Option<WaitReason>, bool),
    now_ms: i64,
) {
    // A call that no daemon came back from was written down by a script.
    for step in record.story.timeline.iter_mut().filter(|step| step.kind == StepKind::Call) {
        step.endpoint.get_or_insert(Cow::Borrowed(job.kind.as_str()));
    }
    if job.not_before.is_none() && full_day.is_none() {
        return;
    }
    let came_ms = entry.parse::<EntryId>().ok().and_then(|id| i64::try_from(id.ms).ok());
    let came_ms = came_ms.unwrap_or(now_ms);
    if let (true, Some(time)) = (record.story.is_empty(), job.not_before) {
        record.story.waited(
            WaitReason::NotBefore.as_str(),
            came_ms,
            time.as_millisecond().min(now_ms),
        );
    }
    if let Some(why) = full_day {
        let until_ms = if expired { now_ms } else { now_ms - now_ms.rem_euclid(DAY_MS) };
        record.story.waited(why.as_str(), came_ms, until_ms);
    }
}

/// Tells what was done under this lease: its call or look, and what follows. A
/// lease that made none leaves the words alone.
pub fn tell(
    record: &mut Record,
    leased: &LeasedJob,
    next: Next,
    until_ms: Option<i64>,
    what: impl Into<Cow<'static, str>>,
) {
    let what = what.into();
    if !what.is_empty() {
        record.why = Some(what.clone().into_owned());
    }
    match leased.made() {
        Some(made) => record.story.push(step(leased, made, next, until_ms, what)),
        None if what.is_empty() => {}
        None => record.story.push(Step::note(leased.redis_ms(Instant::now()), what)),
    }
}

fn step(
    leased: &LeasedJob,
    made: &Made,
    next: Next,
    until_ms: Option<i64>,
    what: Cow<'static, str>,
) -> Step {
    let counts = leased.is_attempt() && next != Next::Wait;
    Step {
        at_ms: made.at_ms,
        what,
        kind: if leased.is_attempt() { StepKind::Call } else { StepKind::Look },
        endpoint: made.endpoint.map(Cow::Borrowed),
        attempt: counts.then(|| leased.attempt().into()),
        status: made.status,
        error: made.error.map(Cow::Borrowed),
        ms: Some(made.ms),
        next: Some(next),
        until_ms,
        ..Step::default()
    }
}

/// Tells that the job waits from now on, and what it called before that.
pub fn wait(record: &mut Record, leased: &LeasedJob, reason: &'static str, until_ms: Option<i64>) {
    if let Some(made) = leased.made() {
        record.story.push(step(leased, made, Next::Wait, None, Cow::Borrowed("")));
    }
    if let Some(trace) = leased.trace() {
        trace.waits(reason);
    }
    let now_ms = leased.redis_ms(Instant::now());
    record.story.push(Step { until_ms, ..Step::wait(now_ms, reason) });
}

/// The story of a job that succeeds. None where its outcome says all: it was
/// sent at once, and that call made the meeting.
pub fn success(leased: &LeasedJob, what: &'static str) -> Option<Box<str>> {
    if leased.is_attempt() && leased.record.story.is_empty() {
        return None;
    }
    let mut story = leased.record.story.clone();
    if let Some(made) = leased.made() {
        story.push(step(leased, made, Next::Done, None, Cow::Borrowed(what)));
    }
    story.to_json()
}
