//! A job as programs see it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use zoomd_store::inspect::JobView;
use zoomd_store::queue::{Line as TargetLine, WaitReason};

use super::line::{Line, time};
use super::{reason, timeline};

/// A job as JSON. Fields are only ever added.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    pub job_id: &'a str,
    pub state: &'static str,
    pub source: &'static str,
    pub account: Option<&'a str>,
    pub host: Option<&'a str>,
    pub entry_id: Option<&'a str>,
    pub run: u32,
    pub priority: Option<&'static str>,
    pub reason: Option<&'static str>,
    pub explanation: Option<String>,
    /// Older names of the two.
    pub why: Option<&'static str>,
    pub because: Option<String>,
    pub reason_since: Option<Timestamp>,
    pub next_attempt_at: Option<Timestamp>,
    pub detail: Option<&'a str>,
    /// The job that it waits for, of the same meeting.
    pub waits_for: Option<&'a str>,
    /// The meeting that it changes, as it was fixed when the job was accepted.
    pub target: Option<Target<'a>>,
    pub expected_at: Option<Timestamp>,
    pub place: Option<u64>,
    pub deadline: Option<Timestamp>,
    pub daemon: Option<&'a str>,
    pub attempts: u32,
    pub unresolved: bool,
    pub enqueued_at: Option<Timestamp>,
    pub timeline: Vec<Line>,
    /// All its meetings, where Zoom was found to have more than one.
    pub twins: &'a [u64],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'a RawValue>,
}

/// The meeting that a job changes: the one that a create makes, or one by its number.
#[derive(Debug, Serialize)]
pub struct Target<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meeting_id: Option<u64>,
}

impl<'a> Target<'a> {
    fn of(view: &'a JobView) -> Option<Self> {
        Some(match TargetLine::read(view.target.as_deref()?)? {
            TargetLine::Create { entry, job_id } => {
                Self { of: Some(job_id), entry_id: Some(entry), meeting_id: None }
            }
            TargetLine::Meeting { number, .. } => {
                Self { of: None, entry_id: None, meeting_id: Some(number) }
            }
        })
    }
}

pub fn enqueued(view: &JobView) -> Option<Timestamp> {
    let entry: zoomd_wire::EntryId = view.entry.as_deref()?.parse().ok()?;
    Some(entry.time())
}

/// A priority in one word.
pub fn priority(rank: u8) -> &'static str {
    ["high", "normal", "low"].get(usize::from(rank)).copied().unwrap_or("normal")
}

impl<'a> View<'a> {
    /// `whole`: with the story, the job and its outcome.
    pub fn of(view: &'a JobView, whole: bool) -> Self {
        let record = &view.record;
        let explanation = view.why.map(|why| reason::sentence(why, view));
        let job = view.job.as_deref().filter(|_| whole).map(|bytes| {
            serde_json::from_slice(bytes)
                .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into())
        });
        Self {
            job_id: &view.id,
            state: view.state.as_str(),
            source: view.source.as_str(),
            account: view.account.as_deref(),
            host: view.host.as_deref(),
            entry_id: view.entry.as_deref(),
            run: view.run,
            priority: view.priority.map(priority),
            reason: view.why.map(WaitReason::as_str),
            explanation: explanation.clone(),
            why: view.why.map(WaitReason::as_str),
            because: explanation,
            reason_since: view.since_ms.and_then(time),
            next_attempt_at: view.next_ms.and_then(time),
            detail: view.detail.as_deref(),
            waits_for: view.waits_for.as_deref(),
            target: Target::of(view),
            expected_at: view.until_ms.and_then(time),
            place: view.place,
            deadline: view.deadline_ms.and_then(time),
            daemon: view.daemon.as_deref(),
            attempts: record.attempts,
            unresolved: record.unresolved,
            enqueued_at: enqueued(view),
            timeline: if whole { timeline::of(view) } else { Vec::new() },
            twins: &view.duplicates,
            job,
            outcome: view
                .outcome
                .as_deref()
                .filter(|_| whole)
                .and_then(|text| serde_json::from_str(text).ok()),
        }
    }
}
