//! Asking Zoom whether a lost call made its meeting.
//!
//! A create whose outcome is unknown comes here, and nowhere near a second
//! create before Zoom's list was looked at several times, the last time when
//! the call must long be over ([`patience`](crate::patience)). What is found by the marker is
//! adopted; what is not found in the whole list ([`look`]) is sent again; what
//! cannot be told apart ends as `outcome_unknown` with what was seen ([`matcher`]).
//! Between two looks the job sleeps. A look that fails is made again: it costs
//! no attempt. What is assumed of Zoom is in docs/design/assumptions.md.
//!
//! Invariant: a job leaves here as a success, as `outcome_unknown`, or with its
//! last call known to have made nothing.

pub mod duplicates;
pub mod look;
pub mod matcher;
pub mod search;
mod shown;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use zoomd_store::admin::{CANCEL_MARK, RETRIED_AT};
use zoomd_store::queue::{Next as Step, Purpose, Record, Settlement, Then};
use zoomd_wire::{FailureCode, MeetingReply};

use crate::attempt::lookup::{Found, Look, NotSo, Nothing, Orders, Task};
use crate::attempt::spec::KindSpec;
use crate::attempt::{call, keep, outcome, parts, settlement};
use crate::backoff;
use crate::context::EngineContext;
use crate::decide::{self, Decision, Verdict, Wait};
use crate::failpoints;
use crate::patience::Next;
use crate::state::circuits::Work;
use crate::state::job_history;
use crate::state::leased_job::{LeasedJob, Made};
use search::Search;

/// The record's field for looks that failed in a row.
const FAILED_LOOKS: &str = "failed_looks";
/// Longest wait of a job that is to be given up for a look that can be made, ms.
const LAST_WAIT_MS: i64 = 10 * 60_000;

/// Makes one look and settles what it shows.
pub async fn run<K: KindSpec>(
    ctx: &Arc<EngineContext>,
    leased: &Arc<LeasedJob>,
    mut spec: K,
) -> Settlement {
    let mut settlement = look_once(ctx, leased, &mut spec).await;
    // The lease was charged for a list.
    settlement.unsent |= K::LOOKS_BY.is_some();
    keep(&spec, &mut settlement);
    settlement
}

async fn look_once<K: KindSpec>(
    ctx: &EngineContext,
    leased: &Arc<LeasedJob>,
    spec: &mut K,
) -> Settlement {
    if !leased.ticket.recoverable {
        let text = "the call may have been sent, and Zoom's list cannot show whether the meeting was created";
        return unknown(leased, text, &[]);
    }
    let mut record = leased.record.clone();
    let now_ms = leased.redis_ms(Instant::now());
    let last = now_ms - since_ms(leased) > millis(ctx.settings.reconcile.give_up);
    // A look that could not be made says nothing: for a while it is tried again.
    let over = job_history::overdue_ms(&mut record, last, now_ms) > LAST_WAIT_MS;
    let (token, permit) = match call::prepare(ctx, leased, Work::Read).await {
        Ok(ready) => ready,
        Err(why) if over => return given_up(ctx, leased, why.words(), &[]),
        Err(why) => {
            let is_away = matches!(why, Wait::Unreachable | Wait::Asleep(_));
            if !last && (!is_away || job_history::was_away(&record)) {
                return settlement::back(ctx, leased, why);
            }
            if is_away {
                job_history::set_away(&mut record);
            }
            return settlement::back_with(leased, why, record);
        }
    };
    record.unresolved = true;
    job_history::keep_crashes(&mut record, job_history::crashes(&leased.record));
    if job_history::quiet_ms(&record).is_none() {
        let over = ctx.queue.settings().request_timeout;
        job_history::set_quiet(&mut record, now_ms + millis(over));
    }
    let marker = spec.marker(ctx, leased);
    record.marker = marker.map(|marker| marker.to_string());
    failpoints::at("looking");
    if ctx.circuits().was_open_since(token.client.api_host(), sent_at(leased)) {
        job_history::set_away(&mut record);
    }
    let quiet_ms = job_history::quiet_ms(&record).unwrap_or(now_ms);
    let whole = ctx.settings.reconcile.decides(record.looks, now_ms, quiet_ms);
    let orders = Orders { marker: marker.as_ref(), whole, last };
    let began = Instant::now();
    let task = Task { ctx, leased, token: &token, permit, orders };
    let look = spec.find(task, &mut record).await;
    leased.note_made(Made {
        endpoint: K::LOOKS_BY,
        at_ms: leased.redis_ms(began),
        ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        status: None,
        error: None,
    });
    failpoints::at("looked");
    if matches!(look, Look::Found(_)) {
        ctx.duplicates.watch(leased, marker);
    }
    settle(ctx, leased, spec, record, look, GiveUp { last, over })
}

/// The end of patience with a lost call.
struct GiveUp {
    /// If it showed nothing.
    last: bool,
    /// Even if it could not be made.
    over: bool,
}

/// The settlement of a job after a look.
fn settle<K: KindSpec>(
    ctx: &EngineContext,
    leased: &Arc<LeasedJob>,
    spec: &K,
    mut record: Record,
    look: Look,
    GiveUp { last, over }: GiveUp,
) -> Settlement {
    let alike = Search::of(&record).alike().to_vec();
    match look {
        Look::Found(found) => adopt(ctx, leased, spec, &found),
        Look::NotDone(why) => absent(ctx, leased, &record, why),
        Look::NotSo(words) => not_so(ctx, leased, record, words),
        Look::Refused(verdict) => parts::refused(leased, &verdict),
        Look::Again { at_ms, what } => {
            job_history::tell(&mut record, leased, Step::Look, Some(at_ms), what);
            settlement::sleep(leased, at_ms, Purpose::Lookup, record, Vec::new())
        }
        Look::Nothing(found) => nothing(ctx, leased, record, &found),
        Look::Unclear { why, alike } => unknown(leased, &why, &alike),
        Look::Wait(why) if over => given_up(ctx, leased, why.words(), &alike),
        Look::Limited(..) | Look::Later(_) if over => {
            given_up(ctx, leased, "a rate limit is used up", &alike)
        }
        Look::Wait(why) => settlement::back_with(leased, why, record),
        Look::Later(until_ms) => {
            let what = "the search continues when the rate limit allows it";
            job_history::tell(&mut record, leased, Step::Look, Some(until_ms), what);
            settlement::sleep(leased, until_ms, Purpose::Lookup, record, Vec::new())
        }
        Look::Limited(label, limit) => settlement::limited_with(leased, label, limit, record),
        Look::Failed { why, alike, .. } if last => given_up(ctx, leased, &why, &alike),
        Look::Failed { why, lasting, alike } => again(ctx, leased, record, lasting, &why, &alike),
    }
}

/// Time at which the lost call left, by this process' clock.
fn sent_at(leased: &LeasedJob) -> Instant {
    let now = Instant::now();
    let sent_ms = leased.record.last_send_ms.unwrap_or(leased.ticket.granted_ms);
    let ago = u64::try_from(leased.redis_ms(now) - sent_ms).unwrap_or(0);
    now.checked_sub(Duration::from_millis(ago)).unwrap_or(now)
}

/// Patience begins with the first call, or again with the retry of a failure.
fn since_ms(leased: &LeasedJob) -> i64 {
    let retried = leased.record.more.get(RETRIED_AT).and_then(serde_json::Value::as_i64);
    let first = leased.record.first_send_ms.unwrap_or(leased.ticket.granted_ms);
    retried.map_or(first, |retried| retried.max(first))
}

/// The meeting is there: the job succeeded after all.
fn adopt<K: KindSpec>(
    ctx: &EngineContext,
    leased: &LeasedJob,
    spec: &K,
    found: &Found,
) -> Settlement {
    let ending = settlement::ending(leased, leased.record.attempts.max(1));
    match zoomd_wire::reply_fields(&found.json) {
        Ok(fields) => {
            metrics::counter!("zoomd_reconciled_total", "outcome" => "adopted").increment(1);
            tracing::debug!(job.id = %leased.ticket.job_id, meeting.id = found.id, "reply lost: the meeting was found at Zoom and adopted");
            if found.all.len() > 1 {
                ctx.duplicates.found(leased, &found.all);
            }
            let fields: Vec<_> =
                fields.into_iter().map(|(name, raw)| plain_id(name, raw)).collect();
            let meeting = MeetingReply::new(&found.json, &fields, &ctx.settings.include);
            let outcome = outcome::success(leased, ending, &meeting, found.effect, true);
            let settlement = settlement::succeeded(ctx, leased, outcome, None, found.how);
            Settlement { meeting: spec.registered(ctx, leased, found.id), ..settlement }
        }
        Err(error) => again(ctx, leased, leased.record.clone(), false, &error.to_string(), &[]),
    }
}

/// A result tells the number of a meeting as a number.
fn plain_id<'a>(name: Cow<'a, str>, raw: &'a str) -> (Cow<'a, str>, &'a str) {
    let digits = zoom_api::id_digits(raw).filter(|_| name == "id");
    (name, digits.unwrap_or(raw))
}

/// This look found nothing: another one, or the call made no meeting.
fn nothing(
    ctx: &EngineContext,
    leased: &LeasedJob,
    mut record: Record,
    found: &Nothing,
) -> Settlement {
    record.looks += 1;
    record.more.remove(FAILED_LOOKS);
    let now_ms = leased.redis_ms(Instant::now());
    let quiet = job_history::quiet_ms(&record).unwrap_or(now_ms);
    match ctx.settings.reconcile.after_look(record.looks, now_ms, quiet) {
        Next::LookAt(at) => {
            let what = "Zoom's list does not show the meeting yet";
            job_history::tell(&mut record, leased, Step::Look, Some(at), what);
            settlement::sleep(leased, at, Purpose::Lookup, record, Vec::new())
        }
        Next::Absent if !found.enough => {
            let what = "Zoom's whole list is searched once more";
            job_history::tell(&mut record, leased, Step::Look, Some(now_ms), what);
            settlement::sleep(leased, now_ms, Purpose::Lookup, record, Vec::new())
        }
        Next::Absent => match &found.doubt {
            Some(why) => unknown(
                leased,
                &format!("zoom's list does not show the meeting, but it may exist: {why}"),
                &found.alike,
            ),
            None => absent(ctx, leased, &record, "the last call created no meeting"),
        },
    }
}

/// This look shows a meeting that is not as it was to be: another one, or the call did
/// nothing.
fn not_so(ctx: &EngineContext, leased: &LeasedJob, mut record: Record, words: NotSo) -> Settlement {
    record.looks += 1;
    let now_ms = leased.redis_ms(Instant::now());
    let quiet = job_history::quiet_ms(&record).unwrap_or(now_ms);
    match ctx.settings.reconcile.after_look(record.looks, now_ms, quiet) {
        Next::LookAt(at) => {
            job_history::tell(&mut record, leased, Step::Look, Some(at), words.what);
            settlement::sleep(leased, at, Purpose::Lookup, record, Vec::new())
        }
        Next::Absent => absent(ctx, leased, &record, words.why),
    }
}

/// The last call did nothing, and `why` says so: the job is as if it had not been made.
fn absent(
    ctx: &EngineContext,
    leased: &LeasedJob,
    record: &Record,
    why: &'static str,
) -> Settlement {
    metrics::counter!("zoomd_reconciled_total", "outcome" => "absent").increment(1);
    let now = leased.redis_time(Instant::now());
    if leased.removed {
        return settlement::removed(leased);
    }
    if let Some(reason) = leased.record.more.get(CANCEL_MARK) {
        let reason = reason.as_str().filter(|reason| !reason.is_empty());
        let text = match reason {
            Some(reason) => format!("the job was cancelled by an operator: {reason}"),
            None => "the job was cancelled by an operator".to_owned(),
        };
        return settlement::failed(leased, &Verdict::ours(FailureCode::Cancelled, text), &[]);
    }
    if job_history::crashes(&leased.record) >= ctx.queue.settings().poison_sweeps {
        return settlement::made_nothing_and_poisoned(leased);
    }
    let last_ms = leased.last_send_ms(ctx.settings.allow_past_start);
    if leased.expired || now.as_millisecond() >= last_ms {
        return settlement::expired(leased);
    }
    let mut attempt = job_history::standing(leased);
    let away = job_history::was_away(record);
    attempt.number -= u8::from(away && attempt.number > 0);
    match decide::again::<()>(attempt, now, rand::random(), why) {
        Decision::Retry { at, why } => {
            let mut settlement = settlement::retry(leased, at, why, None);
            if let (true, Then::Sleep { record, .. }) = (away, &mut settlement.then) {
                job_history::uncount(record);
            }
            settlement
        }
        Decision::Fail(verdict) => settlement::failed(leased, &verdict, &[]),
        _ => settlement::expired(leased),
    }
}

/// The look itself failed: again, later each time.
fn again(
    ctx: &EngineContext,
    leased: &LeasedJob,
    mut record: Record,
    lasting: bool,
    why: &str,
    alike: &[zoom_api::Listed],
) -> Settlement {
    let failed = record.more.get(FAILED_LOOKS).and_then(serde_json::Value::as_u64).unwrap_or(0) + 1;
    record.more.insert(FAILED_LOOKS.to_owned(), failed.into());
    let now_ms = leased.redis_ms(Instant::now());
    let mut search = Search::of(&record);
    search.refused = if lasting { search.refused + 1 } else { 0 };
    let quiet = job_history::quiet_ms(&record).unwrap_or(now_ms);
    if ctx.settings.reconcile.is_refused(search.refused, now_ms, quiet) {
        return unknown(
            leased,
            &format!("the result of the call cannot be determined: {why}"),
            alike,
        );
    }
    search.keep(&mut record);
    let wait = backoff::after(u8::try_from(failed).unwrap_or(u8::MAX), rand::random());
    let at = now_ms + millis(wait);
    job_history::tell(&mut record, leased, Step::Look, Some(at), why.to_owned());
    settlement::sleep(leased, at, Purpose::Lookup, record, Vec::new())
}

/// The call stayed unresolved for too long.
fn given_up(
    ctx: &EngineContext,
    leased: &LeasedJob,
    why: &str,
    alike: &[zoom_api::Listed],
) -> Settlement {
    let time = SignedDuration::try_from(ctx.settings.reconcile.give_up).unwrap_or_default();
    let text = format!("the result of the call could not be determined for {time:#}: {why}");
    unknown(leased, &text, alike)
}

fn unknown(leased: &LeasedJob, why: &str, alike: &[zoom_api::Listed]) -> Settlement {
    metrics::counter!("zoomd_reconciled_total", "outcome" => "unknown").increment(1);
    settlement::unresolved(leased, &Verdict::ours(FailureCode::OutcomeUnknown, why), alike)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
