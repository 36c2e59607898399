//! The outcome of a job whose meeting exists.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{MeetingReply, VERSION, as_stamp, json};
use crate::{EntryId, Kind, TraceParent};

/// What goes to `<ns>:results` in the field `result`.
#[derive(Debug, Clone)]
pub struct Success<'a> {
    /// The id of the job.
    pub job_id: &'a str,
    /// 1, and one more for each `failure retry`.
    pub run: u32,
    /// The stream entry that brought the job.
    pub entry_id: EntryId,
    /// The account it ran for.
    pub account: &'a str,
    /// What was asked.
    pub kind: Kind,
    /// The user it named.
    pub user: &'a str,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// Whether the meeting was found at Zoom after its answer was lost.
    pub reconciled: bool,
    /// When the entry was written.
    pub enqueued_at: Timestamp,
    /// When the first attempt of this run began.
    pub started_at: Timestamp,
    /// When the outcome was known.
    pub finished_at: Timestamp,
    /// What Zoom answered.
    pub meeting: &'a MeetingReply<'a>,
    /// The producer's trace.
    pub traceparent: Option<TraceParent>,
    /// The job's metadata.
    pub metadata: Option<&'a RawValue>,
}

/// Room for all but the meeting and the metadata.
const ENVELOPE: usize = 512;

#[derive(Serialize)]
struct Json<'a> {
    v: u8,
    job_id: &'a str,
    run: u32,
    entry_id: EntryId,
    status: &'static str,
    account: &'a str,
    kind: Kind,
    user: &'a str,
    attempts: u32,
    reconciled: bool,
    #[serde(serialize_with = "as_stamp")]
    enqueued_at: Timestamp,
    #[serde(serialize_with = "as_stamp")]
    started_at: Timestamp,
    #[serde(serialize_with = "as_stamp")]
    finished_at: Timestamp,
    meeting: &'a MeetingReply<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<TraceParent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
}

impl Success<'_> {
    /// The outcome's JSON.
    pub fn to_json(&self) -> String {
        let outcome = Json {
            v: VERSION,
            job_id: self.job_id,
            run: self.run,
            entry_id: self.entry_id,
            status: "succeeded",
            account: self.account,
            kind: self.kind,
            user: self.user,
            attempts: self.attempts,
            reconciled: self.reconciled,
            enqueued_at: self.enqueued_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            meeting: self.meeting,
            traceparent: self.traceparent,
            metadata: self.metadata,
        };
        let metadata = self.metadata.map_or(0, |metadata| metadata.get().len());
        json(&outcome, ENVELOPE + self.meeting.size() + metadata)
    }
}
