//! Settlement of a job that another job has made pointless: the delete
//! of its meeting, or the create that it names. No call is made.

use zoomd_store::queue::{Fate, Settlement};
use zoomd_wire::{Effect, EntryId, FailureCode, JobId, MeetingReply};

use super::outcome;
use super::settlement::{ending, failed, succeeded};
use crate::context::EngineContext;
use crate::decide::Verdict;
use crate::state::leased_job::LeasedJob;

/// Ends a job as another job wanted it, or as nothing else is left; no call is made.
#[must_use]
pub async fn ended_by(ctx: &EngineContext, leased: &LeasedJob, fate: &Fate) -> Settlement {
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
        Fate::NoMeeting => failed(leased, &no_meeting(ctx, leased).await, &[]),
    }
}

async fn no_meeting(ctx: &EngineContext, leased: &LeasedJob) -> Verdict {
    let create = leased.job.of().map_or("that it names", JobId::as_str);
    let verdict =
        Verdict::ours(FailureCode::NoMeeting, format!("the create {create} made no meeting"));
    let (account, before) = (&leased.ticket.account, leased.entry);
    Verdict { candidates: earlier(ctx, account, leased.job.of(), before).await, ..verdict }
}

/// Meetings that earlier creates of the id made in this account, as JSON: a job that names
/// the id does not reach them, one that names their number does.
pub async fn earlier(
    ctx: &EngineContext,
    account: &str,
    of: Option<&JobId>,
    before: EntryId,
) -> Option<String> {
    let known = match ctx.meetings.by_job(of?.as_str()).await {
        Ok(known) => known,
        Err(error) => {
            tracing::debug!(error = %error, "redis: could not read the meetings of an id");
            return None;
        }
    };
    let all = known.earlier.into_iter().chain(known.last);
    let mine =
        all.filter(|one| one.account == account && one.entry < before && one.deleted.is_none());
    let list: Vec<_> = mine
        .map(|one| {
            serde_json::json!({
                "id": one.number, "topic": one.topic, "type": one.timing.meeting_type,
                "start_time": one.timing.start.map(|start| start.to_string()),
                "created_at": one.entry.time().to_string(),
            })
        })
        .collect();
    (!list.is_empty()).then(|| serde_json::Value::from(list).to_string())
}
