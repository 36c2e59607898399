//! Asking Zoom whether a lost call made its meeting.
//!
//! A create whose outcome is unknown comes here, and nowhere near a second
//! create before Zoom's list was looked at several times, the last time when
//! the call must long be over ([`patience`](crate::patience)). What is found by the marker is
//! adopted; what is not found in the whole list ([`look`]) is sent again; what
//! cannot be told apart ends as `outcome_unknown` with what was seen ([`sift`]).
//! Between two looks the job sleeps. A look that fails is made again: it costs
//! no attempt. What is assumed of Zoom is in docs/design/assumptions.md.
//!
//! Invariant: a job leaves here as a success, as `outcome_unknown`, or with its
//! last call known to have made nothing.

pub mod look;
pub mod search;
mod shown;
pub mod sift;
pub mod twins;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use zoomd_store::ops::{CANCEL_MARK, RETRIED_AT};
use zoomd_store::queue::{Next as Step, Purpose, Record, Settlement, Then};
use zoomd_wire::{FailureCode, MeetingReply};

use crate::attempt::lookup::{Found, Look, Nothing, Orders, Task};
use crate::attempt::spec::KindSpec;
use crate::attempt::{call, keep, outcome, settlement};
use crate::backoff;
use crate::context::EngineContext;
use crate::decide::{self, Decision, Verdict, Wait};
use crate::patience::Next;
use crate::seam;
use crate::state::circuits::Work;
use crate::state::flight::{Flight, Made};
use crate::state::notes;
use search::Search;

/// The record's field for looks that failed in a row.
const FAILED_LOOKS: &str = "failed_looks";
/// How long a job that is to be given up waits for a look that can be made, ms.
const LAST_WAIT_MS: i64 = 10 * 60_000;

/// Makes one look and settles what it shows.
pub async fn run<K: KindSpec>(
    ctx: &Arc<EngineContext>,
    flight: &Arc<Flight>,
    mut spec: K,
) -> Settlement {
    let mut settlement = look_once(ctx, flight, &mut spec).await;
    // The lease was charged for a list.
    settlement.unsent |= K::LOOKS_BY.is_some();
    keep(&spec, &mut settlement);
    settlement
}

async fn look_once<K: KindSpec>(
    ctx: &EngineContext,
    flight: &Arc<Flight>,
    spec: &mut K,
) -> Settlement {
    if !flight.ticket.recoverable {
        let text =
            "its call may have left, and zoom's list cannot tell whether such a meeting was made";
        return unknown(flight, text, &[]);
    }
    let mut record = flight.record.clone();
    let now_ms = flight.redis_ms(Instant::now());
    let last = now_ms - since_ms(flight) > millis(ctx.settings.reconcile.give_up);
    // A look that could not be made says nothing: for a while it is tried again.
    let over = notes::overdue_ms(&mut record, last, now_ms) > LAST_WAIT_MS;
    let (token, permit) = match call::prepare(ctx, flight, Work::Read).await {
        Ok(ready) => ready,
        Err(why) if over => return given_up(ctx, flight, why.words(), &[]),
        Err(why) => {
            let is_away = matches!(why, Wait::Unreachable | Wait::Asleep(_));
            if !last && (!is_away || notes::was_away(&record)) {
                return settlement::back(ctx, flight, why);
            }
            if is_away {
                notes::set_away(&mut record);
            }
            return settlement::back_with(flight, why, record);
        }
    };
    record.unresolved = true;
    notes::keep_crashes(&mut record, notes::crashes(&flight.record));
    if notes::quiet_ms(&record).is_none() {
        let over = ctx.queue.settings().request_timeout;
        notes::set_quiet(&mut record, now_ms + millis(over));
    }
    let marker = spec.marker(ctx, flight);
    record.marker = marker.map(|marker| marker.to_string());
    seam::at("looking");
    if ctx.circuits().was_open_since(token.client.api_host(), sent_at(flight)) {
        notes::set_away(&mut record);
    }
    let quiet_ms = notes::quiet_ms(&record).unwrap_or(now_ms);
    let whole = ctx.settings.reconcile.decides(record.looks, now_ms, quiet_ms);
    let orders = Orders { marker: marker.as_ref(), whole, last };
    let began = Instant::now();
    let task = Task { ctx, flight, token: &token, permit, orders };
    let look = spec.find(task, &mut record).await;
    flight.note_made(Made {
        endpoint: K::LOOKS_BY,
        at_ms: flight.redis_ms(began),
        ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        status: None,
        error: None,
    });
    seam::at("looked");
    if matches!(look, Look::Found(_)) {
        ctx.suspects.watch(flight, marker);
    }
    settle(ctx, flight, record, look, GiveUp { last, over })
}

/// The end of patience with a lost call.
struct GiveUp {
    /// If it showed nothing.
    last: bool,
    /// Even if it could not be made.
    over: bool,
}

/// The settlement of a job after a look.
fn settle(
    ctx: &EngineContext,
    flight: &Arc<Flight>,
    mut record: Record,
    look: Look,
    GiveUp { last, over }: GiveUp,
) -> Settlement {
    let alike = Search::of(&record).alike().to_vec();
    match look {
        Look::Found(found) => adopt(ctx, flight, &found),
        Look::NotDone(why) => absent(ctx, flight, &record, why),
        Look::Again { at_ms, what } => {
            notes::tell(&mut record, flight, Step::Look, Some(at_ms), what);
            settlement::sleep(flight, at_ms, Purpose::Lookup, record, Vec::new())
        }
        Look::Nothing(found) => nothing(ctx, flight, record, &found),
        Look::Unclear { why, alike } => unknown(flight, &why, &alike),
        Look::Wait(why) if over => given_up(ctx, flight, why.words(), &alike),
        Look::Limited(..) | Look::Later(_) if over => {
            given_up(ctx, flight, "a rate limit is used up", &alike)
        }
        Look::Wait(why) => settlement::back_with(flight, why, record),
        Look::Later(until_ms) => {
            let what = "the search goes on when a rate limit allows it";
            notes::tell(&mut record, flight, Step::Look, Some(until_ms), what);
            settlement::sleep(flight, until_ms, Purpose::Lookup, record, Vec::new())
        }
        Look::Limited(label, limit) => settlement::limited_with(flight, label, limit, record),
        Look::Failed { why, alike, .. } if last => given_up(ctx, flight, &why, &alike),
        Look::Failed { why, lasting, alike } => again(ctx, flight, record, lasting, &why, &alike),
    }
}

/// When the lost call left, by this process' clock.
fn sent_at(flight: &Flight) -> Instant {
    let now = Instant::now();
    let sent_ms = flight.record.last_send_ms.unwrap_or(flight.ticket.granted_ms);
    let ago = u64::try_from(flight.redis_ms(now) - sent_ms).unwrap_or(0);
    now.checked_sub(Duration::from_millis(ago)).unwrap_or(now)
}

/// Patience begins with the first call, or anew with the retry of a failure.
fn since_ms(flight: &Flight) -> i64 {
    let retried = flight.record.more.get(RETRIED_AT).and_then(serde_json::Value::as_i64);
    let first = flight.record.first_send_ms.unwrap_or(flight.ticket.granted_ms);
    retried.map_or(first, |retried| retried.max(first))
}

/// The meeting is there: the job succeeded after all.
fn adopt(ctx: &EngineContext, flight: &Flight, found: &Found) -> Settlement {
    let ending = settlement::ending(flight, flight.record.attempts.max(1));
    match zoomd_wire::reply_fields(&found.json) {
        Ok(fields) => {
            metrics::counter!("zoomd_reconciled_total", "outcome" => "adopted").increment(1);
            tracing::debug!(job.id = %flight.ticket.job_id, meeting.id = found.id, "the meeting of a lost call was found and adopted");
            if found.all.len() > 1 {
                ctx.suspects.found(flight, &found.all);
            }
            let fields: Vec<_> =
                fields.into_iter().map(|(name, raw)| plain_id(name, raw)).collect();
            let meeting = MeetingReply::new(&found.json, &fields, &ctx.settings.include);
            let outcome = outcome::success(flight, ending, &meeting, found.effect, true);
            settlement::succeeded(ctx, flight, outcome, None, found.how)
        }
        Err(error) => again(ctx, flight, flight.record.clone(), false, &error.to_string(), &[]),
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
    flight: &Flight,
    mut record: Record,
    found: &Nothing,
) -> Settlement {
    record.looks += 1;
    record.more.remove(FAILED_LOOKS);
    let now_ms = flight.redis_ms(Instant::now());
    let quiet = notes::quiet_ms(&record).unwrap_or(now_ms);
    match ctx.settings.reconcile.after_look(record.looks, now_ms, quiet) {
        Next::LookAt(at) => {
            let what = "Zoom's list does not show the meeting yet";
            notes::tell(&mut record, flight, Step::Look, Some(at), what);
            settlement::sleep(flight, at, Purpose::Lookup, record, Vec::new())
        }
        Next::Absent if !found.enough => {
            let what = "Zoom's whole list is read once more";
            notes::tell(&mut record, flight, Step::Look, Some(now_ms), what);
            settlement::sleep(flight, now_ms, Purpose::Lookup, record, Vec::new())
        }
        Next::Absent => match &found.doubt {
            Some(why) => unknown(
                flight,
                &format!("zoom's list does not show the meeting, but it may exist: {why}"),
                &found.alike,
            ),
            None => absent(ctx, flight, &record, "the last call made no meeting"),
        },
    }
}

/// The last call did nothing, and `why` says so: the job is as if it had not been made.
fn absent(ctx: &EngineContext, flight: &Flight, record: &Record, why: &'static str) -> Settlement {
    metrics::counter!("zoomd_reconciled_total", "outcome" => "absent").increment(1);
    let now = flight.redis_time(Instant::now());
    if flight.removed {
        return settlement::removed(flight);
    }
    if let Some(reason) = flight.record.more.get(CANCEL_MARK) {
        let reason = reason.as_str().filter(|reason| !reason.is_empty());
        let text = match reason {
            Some(reason) => format!("it was cancelled by an operator: {reason}"),
            None => "it was cancelled by an operator".to_owned(),
        };
        return settlement::failed(flight, &Verdict::ours(FailureCode::Cancelled, text), &[]);
    }
    if notes::crashes(&flight.record) >= ctx.queue.settings().poison_sweeps {
        return settlement::made_nothing_and_poisoned(flight);
    }
    let last_ms = flight.last_send_ms(ctx.settings.allow_past_start);
    if flight.expired || now.as_millisecond() >= last_ms {
        return settlement::expired(flight);
    }
    let mut attempt = notes::standing(flight);
    let away = notes::was_away(record);
    attempt.number -= u8::from(away && attempt.number > 0);
    match decide::again::<()>(attempt, now, rand::random(), why) {
        Decision::Retry { at, why } => {
            let mut settlement = settlement::retry(flight, at, why, None);
            if let (true, Then::Sleep { record, .. }) = (away, &mut settlement.then) {
                notes::uncount(record);
            }
            settlement
        }
        Decision::Fail(verdict) => settlement::failed(flight, &verdict, &[]),
        _ => settlement::expired(flight),
    }
}

/// The look itself failed: again, later each time.
fn again(
    ctx: &EngineContext,
    flight: &Flight,
    mut record: Record,
    lasting: bool,
    why: &str,
    alike: &[zoom_api::Listed],
) -> Settlement {
    let failed = record.more.get(FAILED_LOOKS).and_then(serde_json::Value::as_u64).unwrap_or(0) + 1;
    record.more.insert(FAILED_LOOKS.to_owned(), failed.into());
    let now_ms = flight.redis_ms(Instant::now());
    let mut search = Search::of(&record);
    search.refused = if lasting { search.refused + 1 } else { 0 };
    let quiet = notes::quiet_ms(&record).unwrap_or(now_ms);
    if ctx.settings.reconcile.is_refused(search.refused, now_ms, quiet) {
        return unknown(
            flight,
            &format!("it cannot be found out what the call made: {why}"),
            alike,
        );
    }
    search.keep(&mut record);
    let wait = backoff::after(u8::try_from(failed).unwrap_or(u8::MAX), rand::random());
    let at = now_ms + millis(wait);
    notes::tell(&mut record, flight, Step::Look, Some(at), why.to_owned());
    settlement::sleep(flight, at, Purpose::Lookup, record, Vec::new())
}

/// The call stayed unresolved for too long.
fn given_up(
    ctx: &EngineContext,
    flight: &Flight,
    why: &str,
    alike: &[zoom_api::Listed],
) -> Settlement {
    let time = SignedDuration::try_from(ctx.settings.reconcile.give_up).unwrap_or_default();
    let text = format!("for {time:#} it could not be found out what the call made: {why}");
    unknown(flight, &text, alike)
}

fn unknown(flight: &Flight, why: &str, alike: &[zoom_api::Listed]) -> Settlement {
    metrics::counter!("zoomd_reconciled_total", "outcome" => "unknown").increment(1);
    settlement::unresolved(flight, &Verdict::ours(FailureCode::OutcomeUnknown, why), alike)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
