//! Jobs that name a create whose outcome stayed unknown.
//!
//! A change or an end of it ends as unknown, too. A delete searches once more, by the
//! create's marker and as the create itself did: what is found is deleted; a complete search
//! that finds nothing, made when Zoom must show what that call made, proves that there is
//! nothing to delete. Either leaves a mark on the create's failure, so that no retry by
//! conditions makes the meeting after its delete.

use std::time::{Duration, Instant};

use serde_json::Value;
use zoom_api::Listed;
use zoomd_store::inspect::{FailureRecord, Ops};
use zoomd_store::queue::{Record, Settlement, Then};
use zoomd_wire::{Effect, EntryId, FailureCode, Job, JobId, MeetingReply, Request, Rules};

use super::create_meeting::marker_of;
use super::halts::{asleep, failed, halted};
use super::shown::recurs;
use super::target::{TargetMeeting, millis};
use crate::attempt::lookup::{Look, Nothing, Orders, Task};
use crate::attempt::{Halt, call, outcome, parts, settlement};
use crate::context::EngineContext;
use crate::decide::{Verdict, Wait};
use crate::reconcile::look::{self, Wanted};
use crate::state::circuits::Work;
use crate::state::leased_job::LeasedJob;
use crate::state::place::Place;

/// The record's field for the search for the create's meeting.
const SEARCH: &str = "create_search";
/// Before Redis is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// The id and the run of the create, where its outcome is unknown.
fn create_of(leased: &LeasedJob) -> Option<(&JobId, u32)> {
    let run = leased.record.meeting.as_ref()?.unknown?;
    Some((leased.job.of()?, run))
}

/// Ends a job that only a known meeting can be the target of.
pub(super) async fn ended(ctx: &EngineContext, leased: &LeasedJob) -> Option<Settlement> {
    let (id, run) = create_of(leased)?;
    if matches!(leased.job.request, Request::DeleteMeeting(_)) {
        return None;
    }
    Some(match Box::pin(ops(ctx).unknown_create(id.as_str(), run)).await {
        Ok(create) => {
            let candidates = create.as_ref().and_then(candidates_of);
            parts::refused(leased, &unknown(id, "nobody knows its meeting", candidates))
        }
        Err(_) => settlement::back(ctx, leased, Wait::Redis(PAUSE)),
    })
}

fn ops(ctx: &EngineContext) -> Ops {
    Ops::new(ctx.queue.store().clone())
}

/// The create, as it was accepted.
fn read(entry: &str, text: &[u8]) -> Option<(EntryId, Job)> {
    let entry: EntryId = entry.parse().ok()?;
    Some((entry, zoomd_wire::parse(text, &Rules::again(entry.time())).ok()?))
}

/// Meetings that may be its own: JSON, as its failure lists them.
fn candidates_of(create: &FailureRecord) -> Option<String> {
    let failure: Value = serde_json::from_str(&create.line.json).ok()?;
    failure.get("candidates").filter(|list| list.is_array()).map(Value::to_string)
}

fn unknown(id: &JobId, why: &str, candidates: Option<String>) -> Verdict {
    let text = format!("the create {id} ended as outcome_unknown: {why}");
    Verdict { candidates, ..Verdict::ours(FailureCode::OutcomeUnknown, text) }
}

/// Searches once more for the meeting of the create, if its outcome is unknown. The number
/// of one that is found is kept before the job continues.
pub(super) async fn find(
    ctx: &EngineContext,
    leased: &LeasedJob,
    target: &mut TargetMeeting,
) -> Result<(), Halt> {
    let Some((id, run)) = create_of(leased) else { return Ok(()) };
    let asked = ops(ctx).unknown_create(id.as_str(), run).await;
    let create = asked.map_err(|_| Halt::Wait(Wait::Redis(PAUSE)))?;
    let Some(create) = create else {
        return Err(failed(leased, &unknown(id, "its failure is not kept any more", None)));
    };
    let candidates = candidates_of(&create);
    let FailureRecord { entry, job, record, .. } = create;
    let end = |why: &str, alike: &[Listed]| {
        let verdict = unknown(id, why, candidates.clone());
        Err(halted(settlement::failed(leased, &verdict, alike)))
    };
    let Some((entry, job)) = read(&entry, &job) else {
        return end("its text is missing or damaged", &[]);
    };
    if !job.is_recoverable() {
        return end("Zoom's list cannot show whether its meeting was created", &[]);
    }
    let mut found = Record { more: kept(&leased.record), ..record };
    let (look, kept) = search(ctx, leased, (entry, &job), &mut found).await?;
    match look {
        Look::Found(found) if found.all.len() > 1 => {
            end(&format!("several meetings carry its marker: {:?}", found.all), &[])
        }
        Look::Found(found) => {
            target.facts.found = Some(found.id);
            target.facts.known = true;
            target.facts.single =
                job.meeting().is_some_and(|meeting| !recurs(meeting.meeting_type.into()));
            Err(target.kept_first(leased))
        }
        Look::Nothing(Nothing { enough: true, doubt: None, .. }) => Err(halted(none(ctx, leased))),
        Look::Nothing(Nothing { enough: true, doubt: Some(why), alike }) => end(&why, &alike),
        Look::Nothing(Nothing { enough: false, .. }) => {
            Err(asleep(leased, leased.redis_ms(Instant::now()), "backoff", kept))
        }
        Look::Unclear { why, alike } => end(&why, &alike),
        Look::Failed { why, lasting: true, alike } => end(&why, &alike),
        Look::Failed { why, .. } => Err(target.later(leased, &why)),
        Look::Wait(why) => Err(halted(settlement::back_with(leased, why, kept))),
        Look::Later(until_ms) => Err(asleep(leased, until_ms, "limited", kept)),
        Look::Limited(label, limit) => {
            Err(halted(settlement::limited_with(leased, label, limit, kept)))
        }
        // Not said by a look at lists.
        Look::NotDone(_) | Look::NotSo(_) | Look::Refused(_) | Look::Again { .. } => {
            Err(target.later(leased, "the search for the meeting of the create gave no answer"))
        }
    }
}

/// State of the search, in the record of the job that searches.
fn kept(record: &Record) -> std::collections::BTreeMap<String, Value> {
    let known = record.more.get(SEARCH).cloned();
    known.and_then(|known| serde_json::from_value(known).ok()).unwrap_or_default()
}

/// Makes one look, not before Zoom must show what the create's last call made. Answers also
/// the record of this job with what was learnt for the next look.
async fn search(
    ctx: &EngineContext,
    leased: &LeasedJob,
    (entry, job): (EntryId, &Job),
    record: &mut Record,
) -> Result<(Look, Record), Halt> {
    let now = leased.redis_time(Instant::now());
    let patience = &ctx.settings.reconcile;
    let windows = ctx.queue.settings().request_timeout + patience.delays.iter().sum::<Duration>();
    let clear_ms = record.last_send_ms.unwrap_or_default() + millis(windows);
    if now.as_millisecond() < clear_ms {
        return Err(asleep(leased, clear_ms, "backoff", leased.record.clone()));
    }
    let Some(meeting) = job.meeting() else {
        let why = "the job that it names creates no meeting";
        return Err(failed(leased, &Verdict::ours(FailureCode::NoMeeting, why)));
    };
    let marker = marker_of(ctx, meeting, record, entry);
    let prepared = call::prepare(ctx, leased, Work::Read).await;
    let (token, permit) = prepared.map_err(Halt::Wait)?;
    let orders = Orders { marker: marker.as_ref(), whole: true, last: false };
    let task = Task { ctx, leased, token: &token, permit, orders };
    let place = Place::of_job(&leased.ticket.account, job, now);
    let look = look::look_for(task, Wanted { place, meeting, paid: None }, record).await;
    let mut own = leased.record.clone();
    let learnt = serde_json::to_value(&record.more).unwrap_or_default();
    own.more.insert(SEARCH.to_owned(), learnt);
    Ok((look, own))
}

/// The create made no meeting.
fn none(ctx: &EngineContext, leased: &LeasedJob) -> Settlement {
    let ending = settlement::ending(leased, leased.record.attempts);
    let meeting = MeetingReply::new("{}", &[], &[]);
    let effect = Some(Effect::AlreadyGone);
    let outcome = outcome::success(leased, ending, &meeting, effect, true);
    let how = "Zoom's whole list was searched: the create made no meeting";
    settlement::succeeded(ctx, leased, outcome, None, how)
}

/// Leaves the mark on the create's failure before the delete of its meeting is told.
pub(super) async fn marked(
    ctx: &EngineContext,
    leased: &LeasedJob,
    settlement: Settlement,
) -> Settlement {
    let whole = leased.job.part() == Some(zoomd_wire::kind::Part::Ends);
    let create = create_of(leased).filter(|_| whole && matches!(settlement.then, Then::Done(_)));
    let Some((id, run)) = create else { return settlement };
    let by = &leased.ticket.job_id;
    let what = format!("job {by} deleted its meeting, or found that there is none");
    match Box::pin(ops(ctx).mark_deleted(id.as_str(), run, by, what)).await {
        Ok(()) => settlement,
        Err(_) if leased.sent_ms().is_some() || leased.record.unresolved => {
            let why = "the delete could not be noted at its create; it is looked at again";
            settlement::lost(ctx, leased, why, None)
        }
        Err(_) => settlement::back(ctx, leased, Wait::Redis(PAUSE)),
    }
}
