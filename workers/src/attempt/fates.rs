//! Settlement of a job that another job has made pointless: the delete
//! of its meeting, or the create that it names. No call is made.

use zoomd_store::queue::{Fate, Settlement};
use zoomd_wire::{Effect, FailureCode, JobId, MeetingReply};

use super::outcome;
use super::settlement::{ending, failed, succeeded};
use crate::context::EngineContext;
use crate::decide::Verdict;
use crate::state::leased_job::LeasedJob;

/// Ends a job as another job wanted it, or as nothing else is left; no call is made.
#[must_use]
pub fn ended_by(ctx: &EngineContext, leased: &LeasedJob, fate: &Fate) -> Settlement {
    match fate {
        Fate::Cancelled { by } => {
            let text = format!("job {by} deletes the meeting, and cancelled what waited before it");
            let verdict = Verdict::ours(FailureCode::Cancelled, text);
            failed(leased, &Verdict { cancelled_by: Some(by.clone()), ..verdict }, &[])
        }
        Fate::NeverCreated => {
            let ending = ending(leased, leased.record.attempts);
            let meeting = MeetingReply::new("{}", &[], &[]);
            let effect = Some(Effect::NeverCreated);
            let outcome = outcome::success(leased, ending, &meeting, effect, false);
            succeeded(ctx, leased, outcome, None, "its create was cancelled before it was sent")
        }
        Fate::NoMeeting => failed(leased, &no_meeting(leased), &[]),
    }
}

fn no_meeting(leased: &LeasedJob) -> Verdict {
    let create = leased.job.of().map_or("that it names", JobId::as_str);
    Verdict::ours(FailureCode::NoMeeting, format!("the create {create} made no meeting"))
}

/// Nobody knows whether the create that a job names made a meeting.
#[must_use]
pub fn create_unknown(leased: &LeasedJob) -> Settlement {
    let create = leased.job.of().map_or("that it names", JobId::as_str);
    let text = format!("the create {create} ended as outcome_unknown: nobody knows its meeting");
    failed(leased, &Verdict::ours(FailureCode::OutcomeUnknown, text), &[])
}
