//! The ends of the leases on jobs that another's call carries: they are settled with the
//! carrier's, in one step, and each has an outcome of its own.

use std::sync::Arc;
use std::time::Instant;

use zoomd_store::meetings::MeetingEntry;
use zoomd_store::queue::{Next, Purpose, Record, Settlement, Step, Then, Ticket};
use zoomd_wire::kind::Target;
use zoomd_wire::{Effect, FailureCode, MeetingReply};

use super::{outcome, settlement};
use crate::decide::Verdict;
use crate::metric;
use crate::state::job_history;
use crate::state::leased_job::LeasedJob;
use crate::state::merge;

/// The meaning of a carrier's end for the jobs that its call carries.
enum End {
    /// The call did it, to the meeting with this number.
    Done(u64),
    /// The outcome of the call stays unknown.
    Unknown,
    /// The call is unresolved.
    Held,
    /// Zoom refused it: each is sent by itself.
    Apart,
    /// The call did nothing, and was an attempt of each; the reason in words.
    Tried(String),
    /// No call of theirs was made.
    Free,
}

impl End {
    fn of(carrier: &LeasedJob, settlement: &Settlement) -> Self {
        match &settlement.then {
            Then::Done(_) => Self::Done(number(carrier, settlement)),
            Then::Failed { holds_id: true, .. } => Self::Unknown,
            Then::Failed { code, record, .. } => {
                let tried = *code == FailureCode::RetriesExhausted.as_str();
                let why = record.as_ref().and_then(|record| record.why.clone());
                if tried { Self::Tried(why.unwrap_or_default()) } else { Self::Free }
            }
            Then::Sleep { purpose: Purpose::Lookup, .. }
            | Then::Room { purpose: Purpose::Lookup, .. } => Self::Held,
            Then::Room { purpose: Purpose::Alone, .. } => Self::Apart,
            Then::Sleep { record, .. } if was_attempt(carrier, record) => {
                Self::Tried(record.why.clone().unwrap_or_default())
            }
            Then::Sleep { .. } | Then::Room { .. } => Self::Free,
        }
    }
}

/// True if the call that came to nothing counts as one.
fn was_attempt(carrier: &LeasedJob, record: &Record) -> bool {
    record.attempts >= carrier.record.attempts + u32::from(carrier.is_attempt())
        && (carrier.sent_ms().is_some() || !carrier.is_attempt())
}

/// Zoom's number of the meeting that was made or changed.
fn number(carrier: &LeasedJob, settlement: &Settlement) -> u64 {
    let made = settlement.meeting.as_ref().map(MeetingEntry::number);
    let known = || carrier.record.meeting.as_ref().and_then(|meeting| meeting.number);
    let named = match carrier.job.target() {
        Some(Target::Meeting(number)) => Some(*number),
        _ => None,
    };
    made.or(named).or_else(known).unwrap_or_default()
}

/// Settles a job that failed with a call that another one's lease made: that is an attempt of
/// its own.
fn failed(part: &LeasedJob, verdict: &Verdict, unresolved: bool) -> Settlement {
    settlement::fail(part, verdict, &[], unresolved, part.record.attempts + 1)
}

/// Settles a job whose call was refused for good. A refused call that carried other jobs
/// says nothing of any of them: each is sent by itself, and no attempt is spent.
#[must_use]
pub fn refused(leased: &LeasedJob, verdict: &Verdict) -> Settlement {
    if !leased.is_merged() || verdict.code == FailureCode::RetriesExhausted {
        return settlement::failed(leased, verdict, &[]);
    }
    let mut record = leased.record.clone();
    (record.unresolved, record.looks) = (false, 0);
    job_history::clear_quiet(&mut record);
    job_history::clear_crashes(&mut record);
    let text = format!("{}; the updates that went together are sent one by one", verdict.message);
    job_history::tell(&mut record, leased, Next::Wait, None, text);
    let then = Then::Room { purpose: Purpose::Alone, record: Some(record), nap: None };
    Settlement::new(leased.ticket.clone(), then)
}

/// A job whose deadline passed goes on until this time: an update that it carries moves the
/// start.
#[must_use]
pub fn put_off(leased: &LeasedJob, until_ms: i64) -> Settlement {
    let ticket = Ticket { deadline_ms: until_ms, ..leased.ticket.clone() };
    let then = Then::Room { purpose: Purpose::Attempt, record: None, nap: None };
    Settlement { unsent: true, ..Settlement::new(ticket, then) }
}

/// Settles what was leased with `carrier` as its own settlement says.
#[must_use]
pub fn settle(
    carrier: &LeasedJob,
    settlement: &mut Settlement,
) -> Vec<(Arc<LeasedJob>, Settlement)> {
    let Some(carried) = carrier.carried.as_deref() else { return Vec::new() };
    let end = End::of(carrier, settlement);
    if let Then::Sleep { record, .. } | Then::Room { record: Some(record), .. } =
        &mut settlement.then
    {
        merge::keep_count(record, matches!(end, End::Held).then_some(carried.count));
    }
    let each = carried.parts.iter().enumerate().map(|(place, part)| {
        let settlement = if place < carried.count {
            part.ride(carrier);
            of_part(carrier, part, &end)
        } else {
            freed(part, Purpose::Attempt, None)
        };
        (Arc::clone(part), settlement)
    });
    each.collect()
}

fn of_part(carrier: &LeasedJob, part: &LeasedJob, end: &End) -> Settlement {
    match end {
        End::Done(number) => done(carrier, part, *number),
        End::Unknown => {
            let text = format!("job {} carried it, and its outcome is unknown", job(carrier));
            failed(part, &Verdict::ours(FailureCode::OutcomeUnknown, text), true)
        }
        End::Held => freed(part, Purpose::Carried, None),
        End::Apart => freed(part, Purpose::Alone, None),
        End::Tried(why) => tried(part, why),
        End::Free => freed(part, Purpose::Attempt, None),
    }
}

fn job(carrier: &LeasedJob) -> &str {
    &carrier.ticket.job_id
}

/// Back to its place in its line.
fn freed(part: &LeasedJob, purpose: Purpose, record: Option<Record>) -> Settlement {
    Settlement::new(part.ticket.clone(), Then::Room { purpose, record, nap: None })
}

fn done(carrier: &LeasedJob, part: &LeasedJob, number: u64) -> Settlement {
    let lost = !carrier.is_attempt();
    // A look sees how it is, not what made it so.
    let unchanged = lost && carrier.job.meeting().is_none();
    let effect = if unchanged { Effect::Unchanged } else { Effect::Updated };
    let ending = settlement::ending(part, part.record.attempts + 1);
    let json = format!(r#"{{"id":{number}}}"#);
    let fields = zoomd_wire::reply_fields(&json).unwrap_or_default();
    let reply = MeetingReply::new(&json, &fields, &[]);
    let mut outcome = outcome::success(part, ending, &reply, Some(effect), lost);
    outcome.story = job_history::success(part, "its changes were sent with another job's");
    metric::finished(outcome.kind, metric::SUCCEEDED);
    metric::took(outcome.kind, metric::SUCCEEDED, part.age());
    Settlement::new(part.ticket.clone(), Then::Done(outcome))
}

fn tried(part: &LeasedJob, why: &str) -> Settlement {
    let mut record = part.record.clone();
    record.attempts += 1;
    let (number, max) = (record.attempts, u32::from(part.job.max_attempts));
    if number >= max {
        let text = format!("{number} of {max} attempts are spent: {why}");
        let verdict = Verdict::ours(FailureCode::RetriesExhausted, text);
        return failed(part, &verdict, false);
    }
    let now_ms = part.redis_ms(Instant::now());
    record.first_send_ms = record.first_send_ms.or(part.sent_ms());
    record.last_send_ms = part.sent_ms().or(record.last_send_ms);
    record.story.push(Step::note(now_ms, why.to_owned()));
    record.why = Some(why.to_owned());
    freed(part, Purpose::Attempt, Some(record))
}
