//! From a decision to the settlement that carries it out.
//!
//! Owns when a job's charges are given back: only where it is certain that no
//! byte left.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use zoom_api::{Limit, LimitKind, Listed};
use zoomd_store::inspect::LIMITED;
use zoomd_store::limits::Label;
use zoomd_store::queue::{
    Close, Event, Learnt, Next, Outcome, Purpose, Record, Settlement, Then, Ticket, WaitReason,
};
use zoomd_wire::{EventKind, FailureCode, Marker};

use super::outcome::{self, Ending};
use crate::context::EngineContext;
use crate::decide::{self, Verdict, Wait};
use crate::metric;
use crate::state::job_history::{
    self, clear_crashes, clear_quiet, crashes, keep_crashes, set_quiet, set_refused,
};
use crate::state::leased_job::LeasedJob;

/// A longer sleep is told by an event.
const TELL_OVER_MS: i64 = 60_000;
/// Pause of an account when this machine has no file left for its call.
const SHORTAGE: Duration = Duration::from_secs(1);

/// Settles a job that did what it was to do; `what` says how that is known, where it
/// was not the answer.
#[must_use]
pub fn succeeded(
    ctx: &EngineContext,
    leased: &LeasedJob,
    mut outcome: Outcome,
    learnt: Option<Learnt>,
    what: &'static str,
) -> Settlement {
    outcome.story = job_history::success(leased, what);
    ctx.zoom.meters.succeeded(leased.job.kind, leased.age());
    Settlement { learnt, ..Settlement::new(leased.ticket.clone(), Then::Done(outcome)) }
}

/// Settles a job that failed for good, and whose calls are all known to have
/// made no meeting.
#[must_use]
pub fn failed(leased: &LeasedJob, verdict: &Verdict, candidates: &[Listed]) -> Settlement {
    fail(leased, verdict, candidates, false, attempts(leased))
}

/// Settles a job whose last call may have made a meeting that cannot be told.
#[must_use]
pub fn unresolved(leased: &LeasedJob, verdict: &Verdict, candidates: &[Listed]) -> Settlement {
    fail(leased, verdict, candidates, true, attempts(leased))
}

fn attempts(leased: &LeasedJob) -> u32 {
    let called = leased.sent_ms().is_some() && leased.is_attempt();
    leased.record.attempts + u32::from(called)
}

/// Settles a job that failed after so many attempts.
pub(super) fn fail(
    leased: &LeasedJob,
    verdict: &Verdict,
    candidates: &[Listed],
    unresolved: bool,
    attempts: u32,
) -> Settlement {
    let outcome = outcome::failure(leased, ending(leased, attempts), verdict, candidates);
    let code = verdict.code.as_str();
    metric::finished(outcome.kind, code);
    metric::took(outcome.kind, code, leased.age());
    let holds_id = verdict.code == FailureCode::OutcomeUnknown;
    let unsent = leased.is_attempt() && leased.sent_ms().is_none();
    let record = kept(leased, attempts, unresolved, &verdict.message);
    let then = Then::Failed { code, holds_id, outcome, record: Some(record) };
    Settlement { unsent, ..Settlement::new(leased.ticket.clone(), then) }
}

/// Gives a job back to its room; no attempt is spent. A limit is one of the job's own
/// call: a look names the label it called ([`limited_with`]).
#[must_use]
pub fn back(ctx: &EngineContext, leased: &LeasedJob, wait: Wait) -> Settlement {
    let unsent = leased.sent_ms().is_none();
    match wait {
        Wait::Limited(limit) => {
            let label = ctx.class_of(leased);
            let mut record = leased.record.clone();
            let hostless = limit.kind == LimitKind::UserDay && !leased.ticket.charges_host();
            if limit.kind == LimitKind::Unknown || hostless {
                clear_crashes(&mut record);
                return stand_aside(leased, label, limit, record);
            }
            job_history::wait(
                &mut record,
                leased,
                limited(limit),
                Some(limit.until.as_millisecond()),
            );
            let closes = vec![close(label, limit)];
            Settlement { closes, unsent, ..room(leased, None, Some(record)) }
        }
        wait => Settlement { unsent, ..back_with(leased, wait, leased.record.clone()) },
    }
}

/// As [`back`] for a look that may have called, and keeps what was learnt on the way.
#[must_use]
pub fn back_with(leased: &LeasedJob, wait: Wait, mut record: Record) -> Settlement {
    job_history::wait(&mut record, leased, wait.word(), None);
    room(leased, nap(&wait), Some(record))
}

/// As [`back_with`] for a look whose call of `label` met a limit.
#[must_use]
pub fn limited_with(
    leased: &LeasedJob,
    label: Label,
    limit: Limit,
    mut record: Record,
) -> Settlement {
    // A host's gate holds back creates, not looks.
    if matches!(limit.kind, LimitKind::Unknown | LimitKind::UserDay) {
        let mut aside = stand_aside(leased, label, limit, record);
        if limit.kind == LimitKind::Unknown {
            aside.closes.clear();
        }
        return aside;
    }
    job_history::wait(&mut record, leased, limited(limit), Some(limit.until.as_millisecond()));
    Settlement { closes: vec![close(label, limit)], ..room(leased, None, Some(record)) }
}

/// The word for a wait until this limit ends.
fn limited(limit: Limit) -> &'static str {
    match limit.kind {
        LimitKind::LabelDay => WaitReason::LabelDay.as_str(),
        LimitKind::UserDay => WaitReason::HostDay.as_str(),
        LimitKind::PerSecond => WaitReason::Second.as_str(),
        LimitKind::Concurrent | LimitKind::Unknown => WaitReason::Limited.as_str(),
    }
}

/// Lets other jobs of the host meet an unknown limit first; no attempt is spent.
fn stand_aside(leased: &LeasedJob, label: Label, limit: Limit, mut record: Record) -> Settlement {
    let now = leased.redis_time(Instant::now());
    let until = decide::stand_aside(limit.until, now, rand::random());
    job_history::wait(
        &mut record,
        leased,
        WaitReason::Limited.as_str(),
        Some(until.as_millisecond()),
    );
    record.why = Some("zoom answered with an unknown rate limit".to_owned());
    // Of a change it may be its meeting's own, which holds back the line of that meeting alone.
    let hosted = leased.ticket.charges_host() && leased.job.target().is_none();
    let closes = hosted.then(|| close(label, limit)).into_iter().collect();
    record.more.insert(LIMITED.to_owned(), true.into());
    let purpose = leased.ticket.purpose;
    sleep_for(leased, WaitReason::Limited.as_str(), until.as_millisecond(), purpose, record, closes)
}

fn close(label: Label, limit: Limit) -> Close {
    decide::close(label.as_str(), limit)
}

fn nap(wait: &Wait) -> Option<Duration> {
    match wait {
        Wait::Asleep(nap) | Wait::Redis(nap) => Some(*nap),
        Wait::Local => Some(SHORTAGE),
        _ => None,
    }
}

fn room(leased: &LeasedJob, nap: Option<Duration>, record: Option<Record>) -> Settlement {
    let then = Then::Room { purpose: leased.ticket.purpose, record, nap };
    Settlement::new(leased.ticket.clone(), then)
}

/// The record that a retry of the failure needs.
fn kept(leased: &LeasedJob, attempts: u32, unresolved: bool, why: &str) -> Record {
    let mut record = Record {
        attempts,
        first_send_ms: leased.record.first_send_ms.or(leased.sent_ms()),
        last_send_ms: leased.sent_ms().or(leased.record.last_send_ms),
        unresolved,
        ..leased.record.clone()
    };
    if leased.made().is_some() {
        job_history::tell(&mut record, leased, Next::Failed, None, why.to_owned());
    }
    record
}

/// The deadline passed before the job was sent.
#[must_use]
pub fn expired(leased: &LeasedJob) -> Settlement {
    let ticket = &leased.ticket;
    let verdict = if leased.no_consent {
        let text = format!("the account {} was not authorized in time", ticket.account);
        Verdict::ours(FailureCode::NeedsReauth, text)
    } else {
        let by = Timestamp::from_millisecond(ticket.deadline_ms).unwrap_or(Timestamp::MAX);
        Verdict::ours(FailureCode::DeadlineExceeded, format!("it had to be sent by {by}"))
    };
    failed(leased, &verdict, &[])
}

/// The account was removed while the job waited.
#[must_use]
pub fn removed(leased: &LeasedJob) -> Settlement {
    let text = format!("the account {} was removed", leased.ticket.account);
    failed(leased, &Verdict::ours(FailureCode::AccountRemoved, text), &[])
}

/// Too many daemons died with the job in hand.
#[must_use]
pub fn poisoned(leased: &LeasedJob) -> Settlement {
    let times = crashes(&leased.record);
    if leased.record.unresolved && !leased.is_attempt() {
        let text = format!("the daemon crashed {times} times in this job; its call may have left");
        return unresolved(leased, &Verdict::ours(FailureCode::OutcomeUnknown, text), &[]);
    }
    made_nothing_and_poisoned(leased)
}

/// Fails a job after too many crashes; its last call is known to have made nothing.
#[must_use]
pub fn made_nothing_and_poisoned(leased: &LeasedJob) -> Settlement {
    let text = format!("the daemon crashed {} times running this job", crashes(&leased.record));
    failed(leased, &Verdict::ours(FailureCode::InternalError, text), &[])
}

/// Handler panicked. If the call had left, Zoom is checked first.
#[must_use]
pub fn panicked(ctx: &EngineContext, leased: &LeasedJob) -> Settlement {
    let may_have_left = leased.sent_ms().is_some() || leased.record.unresolved;
    if !may_have_left {
        let text = "the handler panicked; this is a defect of zoomd";
        return failed(leased, &Verdict::ours(FailureCode::InternalError, text), &[]);
    }
    let times = crashes(&leased.record) + 1;
    if !leased.is_attempt() && times >= ctx.queue.settings().poison_sweeps {
        return poisoned(leased);
    }
    let why = "the handler panicked after the call was sent";
    let mut settlement = lost(ctx, leased, why, None);
    if let Then::Sleep { record, .. } = &mut settlement.then {
        keep_crashes(record, times);
    }
    settlement
}

/// A job that waited and whose text is damaged, or is `odd`: of a kind that is not known here.
#[must_use]
pub fn unreadable(ticket: Ticket, text: &[u8], record: &Record, odd: Option<&str>) -> Settlement {
    let outcome = outcome::unreadable(&ticket, text, record, odd);
    let (code, holds_id) = outcome::unreadable_code(record, odd.is_some());
    let code = code.as_str();
    metric::finished(outcome.kind, code);
    let then = Then::Failed { code, holds_id, outcome, record: Some(record.clone()) };
    Settlement { unsent: true, ..Settlement::new(ticket, then) }
}

/// The daemon ends with the job in hand.
#[must_use]
pub fn left_behind(ctx: &EngineContext, leased: &LeasedJob) -> Settlement {
    if leased.sent_ms().is_some() {
        return lost(ctx, leased, "the daemon stopped during the call", None);
    }
    let mut record = leased.record.clone();
    job_history::wait(&mut record, leased, "shutdown", None);
    // A look may have called.
    Settlement { unsent: leased.is_attempt(), ..room(leased, None, Some(record)) }
}

/// Another attempt, later. The one just made is spent.
#[must_use]
pub fn retry(leased: &LeasedJob, at: Timestamp, why: &str, marker: Option<Marker>) -> Settlement {
    let at_ms = at.as_millisecond();
    let mut record = after_call(leased, why.to_owned(), marker, Next::Retry, at_ms);
    record.unresolved = false;
    record.looks = 0;
    clear_quiet(&mut record);
    if leased.is_attempt() {
        set_refused(&mut record);
    }
    sleep(leased, at_ms, Purpose::Attempt, record, Vec::new())
}

/// The outcome of the call is not known: Zoom is asked, a little later.
#[must_use]
pub fn lost(
    ctx: &EngineContext,
    leased: &LeasedJob,
    why: &str,
    marker: Option<Marker>,
) -> Settlement {
    if !leased.ticket.recoverable {
        let text = format!("{why}; Zoom's list cannot show whether the meeting was created");
        return unresolved(leased, &Verdict::ours(FailureCode::OutcomeUnknown, text), &[]);
    }
    let now_ms = leased.redis_ms(Instant::now());
    let until = ctx.settings.reconcile.first_look_ms(now_ms);
    let mut record = after_call(leased, why.to_owned(), marker, Next::Look, until);
    record.unresolved = true;
    record.looks = 0;
    let over = ctx.queue.settings().request_timeout;
    set_quiet(&mut record, now_ms + i64::try_from(over.as_millis()).unwrap_or(i64::MAX));
    metrics::counter!("zoomd_outcomes_lost_total").increment(1);
    let ticket = &leased.ticket;
    tracing::info!(
        job.id = %ticket.job_id, account = %ticket.account, why,
        "reply lost; checking Zoom before retrying: {why}"
    );
    sleep(leased, until, Purpose::Lookup, record, Vec::new())
}

/// Puts a job to sleep, and says so where it will be long.
#[must_use]
pub fn sleep(
    leased: &LeasedJob,
    until_ms: i64,
    purpose: Purpose,
    mut record: Record,
    closes: Vec<Close>,
) -> Settlement {
    record.more.remove(LIMITED);
    let why = if purpose == Purpose::Lookup { "reconcile" } else { WaitReason::Backoff.as_str() };
    sleep_for(leased, why, until_ms, purpose, record, closes)
}

fn sleep_for(
    leased: &LeasedJob,
    why: &str,
    until_ms: i64,
    purpose: Purpose,
    mut record: Record,
    closes: Vec<Close>,
) -> Settlement {
    let now_ms = leased.redis_ms(Instant::now());
    record.until_ms = Some(until_ms);
    let event = (until_ms - now_ms > TELL_OVER_MS).then(|| event(leased, why, now_ms, until_ms));
    let then = Then::Sleep { until_ms, purpose, record, event };
    Settlement { closes, ..Settlement::new(leased.ticket.clone(), then) }
}

fn event(leased: &LeasedJob, why: &str, now_ms: i64, until_ms: i64) -> Event {
    let time = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    let event = zoomd_wire::Event {
        at: time(now_ms),
        account: &leased.ticket.account,
        kind: EventKind::JobWaiting {
            job_id: &leased.ticket.job_id,
            why,
            until: Some(time(until_ms)),
        },
    };
    Event { name: event.name(), json: event.to_json() }
}

/// The record after the call that was just made, if one was.
fn after_call(
    leased: &LeasedJob,
    why: String,
    marker: Option<Marker>,
    next: Next,
    until_ms: i64,
) -> Record {
    let mut record = leased.record.clone();
    if leased.is_attempt() {
        record.attempts += 1;
        let sent_ms = leased.sent_ms().unwrap_or(leased.ticket.granted_ms);
        record.first_send_ms.get_or_insert(sent_ms);
        record.last_send_ms = Some(sent_ms);
        // This handler came back.
        clear_crashes(&mut record);
    } else {
        keep_crashes(&mut record, crashes(&leased.record));
    }
    if let Some(marker) = marker {
        record.marker = Some(marker.to_string());
    }
    job_history::tell(&mut record, leased, next, Some(until_ms), why);
    record
}

/// Times at which a job began and ended, and its attempts.
#[must_use]
pub fn ending(leased: &LeasedJob, attempts: u32) -> Ending {
    let time = |ms| Timestamp::from_millisecond(ms).ok();
    let started = leased.record.first_send_ms.or(leased.sent_ms());
    Ending { attempts, started: started.and_then(time), ended: leased.redis_time(Instant::now()) }
}
