//! The JSON of outcomes, from what is known of a job.

use jiff::Timestamp;
use serde_json::value::RawValue;
use zoom_api::{FieldError, Listed, ZoomError};
use zoomd_store::queue::{Admission, AdmitTarget, Outcome, Record, Refusal, TargetOf, Ticket};
use zoomd_wire::{
    Effect, EntryId, Failure, FailureCode, InvalidJob, Job, JobId, Kind, MeetingReply, Success,
    ZoomAnswer,
};

use crate::decide::Verdict;
use crate::state::leased_job::LeasedJob;

/// Kind of a job whose kind cannot be read.
const NO_KIND: &str = "";

/// End of a job, with its time.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// Attempts made.
    pub attempts: u32,
    /// Start of the first attempt of this run.
    pub started: Option<Timestamp>,
    /// Time of the outcome.
    pub ended: Timestamp,
}

/// The outcome of a job that did what it was to do: `meeting` is there, or `effect`
/// tells what became of it.
#[must_use]
pub fn success(
    leased: &LeasedJob,
    ending: Ending,
    meeting: &MeetingReply<'_>,
    effect: Option<Effect>,
    reconciled: bool,
) -> Outcome {
    let (job, ticket) = (&leased.job, &leased.ticket);
    let entry_id = leased.entry;
    let json = Success {
        job_id: &ticket.job_id,
        run: ticket.run,
        entry_id,
        account: &ticket.account,
        kind: job.kind,
        user: &job.user,
        attempts: ending.attempts,
        reconciled,
        enqueued_at: entry_id.time(),
        started_at: ending.started.unwrap_or(ending.ended),
        finished_at: ending.ended,
        meeting,
        effect,
        of: job.of().map(JobId::as_str),
        changed: match effect {
            Some(Effect::Unchanged) => job.changed().map(|_| &[][..]),
            _ => job.changed(),
        },
        merged_into: leased.merged_into.as_deref(),
        warnings: &job.warnings,
        traceparent: leased.traceparent(),
        metadata: job.metadata.as_deref(),
    }
    .to_json();
    Outcome { kind: job.kind.as_str(), json: json.into(), reply: job.reply, story: None }
}

/// The outcome of a job that failed.
#[must_use]
pub fn failure(
    leased: &LeasedJob,
    ending: Ending,
    verdict: &Verdict,
    candidates: &[Listed],
) -> Outcome {
    let (job, ticket) = (&leased.job, &leased.ticket);
    let errors = verdict.zoom.as_ref().and_then(|error| fields(&error.errors));
    let told = || serde_json::from_str(verdict.candidates.as_deref()?).ok();
    let candidates = listed(candidates).or_else(told);
    let (what, why) = ((&*ticket.job_id, leased.entry), (verdict.code, &*verdict.message));
    let json = Failure {
        run: ticket.run,
        account: Some(&ticket.account),
        field: verdict.field,
        attempts: ending.attempts,
        zoom: verdict.zoom.as_ref().map(|error| answer(error, errors.as_deref())),
        candidates: candidates.as_deref(),
        cancelled_by: verdict.cancelled_by.as_deref(),
        started_at: ending.started,
        traceparent: leased.traceparent(),
        ..of_job(job, Failure::new(what, why, ending.ended, &leased.text))
    }
    .to_json();
    Outcome { kind: job.kind.as_str(), json: json.into(), reply: job.reply, story: None }
}

/// Says what is known of a job that could be read.
fn of_job<'a>(job: &'a Job, failure: Failure<'a>) -> Failure<'a> {
    Failure {
        kind: Some(job.kind.as_str()),
        user: Some(&job.user),
        traceparent: job.traceparent,
        metadata: job.metadata.as_deref(),
        ..failure
    }
}

/// The refusal of a sound job that was not admitted.
#[must_use]
pub fn refusal(
    admission: &Admission,
    job: &Job,
    text: &[u8],
    code: FailureCode,
    now: Timestamp,
    candidates: Option<&str>,
) -> Refusal {
    let entry_id = entry(&admission.entry);
    let candidates: Option<Box<RawValue>> = candidates.and_then(|it| serde_json::from_str(it).ok());
    // The id is another job's; this one goes by its entry.
    let conflict = code == FailureCode::IdConflict;
    let job_id = if conflict { &admission.entry } else { &admission.job_id };
    let message = refusal_text(code, admission);
    let failure = Failure::new((job_id, entry_id), (code, &message), now, text);
    let json = Failure {
        account: Some(&admission.account),
        candidates: candidates.as_deref(),
        ..of_job(job, failure)
    }
    .to_json();
    Refusal {
        entry: admission.entry.clone(),
        job_id: job_id.clone(),
        account: admission.account.clone(),
        code: code.as_str(),
        outcome: Outcome {
            kind: job.kind.as_str(),
            json: json.into(),
            reply: job.reply,
            story: None,
        },
    }
}

fn refusal_text(code: FailureCode, admission: &Admission) -> String {
    match code {
        FailureCode::UnknownAccount => {
            format!("no account named {} is connected", admission.account)
        }
        FailureCode::AccountRemoved => format!("the account {} was removed", admission.account),
        FailureCode::IdConflict => {
            format!("id {} is already used by a different job", admission.job_id)
        }
        FailureCode::DeadlineExceeded => "the deadline had passed when the job was read".to_owned(),
        FailureCode::NoMeeting => match &admission.target {
            Some(AdmitTarget { of: TargetOf::Create(id), .. }) => {
                format!("the create {id} made no meeting, or is not known")
            }
            _ => code.meaning().to_owned(),
        },
        _ => code.meaning().to_owned(),
    }
}

/// The refusal of an entry that holds no sound job.
#[must_use]
pub fn invalid(entry_text: &str, text: &[u8], why: &InvalidJob, now: Timestamp) -> Refusal {
    let entry_id = entry(entry_text);
    let claims = &*why.claims;
    let job_id = claims.id.as_ref().map_or(entry_text, |id| id.as_str());
    let json = Failure {
        account: claims.account.as_deref(),
        kind: claims.kind.as_deref(),
        user: claims.user.as_deref(),
        field: Some(&why.field),
        traceparent: claims.traceparent,
        metadata: claims.metadata.as_deref(),
        ..Failure::new((job_id, entry_id), (FailureCode::InvalidJob, &why.message), now, text)
    }
    .to_json();
    let known = Kind::ALL.iter().find(|kind| claims.kind.as_deref() == Some(kind.as_str()));
    Refusal {
        entry: entry_text.into(),
        job_id: job_id.into(),
        account: claims.account.as_deref().unwrap_or_default().into(),
        code: FailureCode::InvalidJob.as_str(),
        outcome: Outcome {
            kind: known.map_or(NO_KIND, |kind| kind.as_str()),
            json: json.into(),
            reply: claims.reply,
            story: None,
        },
    }
}

/// Failure code of a job whose text cannot be read, and whether its id stays taken.
#[must_use]
pub fn unreadable_code(record: &Record, is_unknown: bool) -> (FailureCode, bool) {
    match record.unresolved {
        true => (FailureCode::OutcomeUnknown, true),
        false if is_unknown => (FailureCode::InvalidJob, false),
        false => (FailureCode::InternalError, false),
    }
}

/// The outcome of a job whose text is gone, or whose kind is `unknown`, in these words.
#[must_use]
pub fn unreadable(ticket: &Ticket, text: &[u8], record: &Record, unknown: Option<&str>) -> Outcome {
    // A job whose text is gone counts as the default kind.
    let kind = Kind::default().as_str();
    let message = unknown.unwrap_or("redis: the text of the job is missing or damaged");
    let code = unreadable_code(record, unknown.is_some()).0;
    let (what, why) = ((&*ticket.job_id, entry(&ticket.entry)), (code, message));
    let at = Timestamp::from_millisecond(ticket.granted_ms).unwrap_or(Timestamp::MAX);
    let json = Failure {
        run: ticket.run,
        account: Some(&ticket.account),
        kind: Some(kind),
        attempts: record.attempts,
        started_at: record.first_send_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        ..Failure::new(what, why, at, text)
    }
    .to_json();
    Outcome { kind, json: json.into(), reply: false, story: None }
}

fn entry(text: &str) -> EntryId {
    text.parse().unwrap_or(EntryId { ms: 0, seq: 0 })
}

fn answer<'a>(error: &'a ZoomError, errors: Option<&'a RawValue>) -> ZoomAnswer<'a> {
    ZoomAnswer { status: error.status, code: error.code, message: &error.message, errors }
}

fn fields(errors: &[FieldError]) -> Option<Box<RawValue>> {
    let list: Vec<_> = errors
        .iter()
        .map(|error| serde_json::json!({"field": error.field, "message": error.message}))
        .collect();
    (!list.is_empty()).then(|| serde_json::value::to_raw_value(&list).ok()).flatten()
}

fn listed(meetings: &[Listed]) -> Option<Box<RawValue>> {
    let list: Vec<_> = meetings
        .iter()
        .map(|one| {
            serde_json::json!({
                "id": (one.id > 0).then_some(one.id), "uuid": one.uuid, "topic": one.topic, "type": one.meeting_type,
                "start_time": one.start_time, "created_at": one.created_at, "join_url": one.join_url,
            })
        })
        .collect();
    (!list.is_empty()).then(|| serde_json::value::to_raw_value(&list).ok()).flatten()
}
