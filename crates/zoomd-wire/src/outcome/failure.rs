//! Outcome of a failed job.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{VERSION, as_optional_stamp, as_stamp, json};
use crate::fields::{MAX_JOB, is_sound_json};
use crate::{EntryId, FailureCode, Origin, TraceParent};

/// Failure of a job, the field `failure` of an entry in `<ns>:failures`.
#[derive(Debug, Clone)]
pub struct Failure<'a> {
    /// The id of the job.
    pub job_id: &'a str,
    /// 1, and one more for each `failure retry`.
    pub run: u32,
    /// The stream entry that brought the job.
    pub entry_id: EntryId,
    /// The account it named, if that could be read.
    pub account: Option<&'a str>,
    /// Kind of the job, if it could be read.
    pub kind: Option<&'a str>,
    /// The user it named, if that could be read.
    pub user: Option<&'a str>,
    /// Failure code.
    pub code: FailureCode,
    /// Description of this failure; no secrets.
    pub message: &'a str,
    /// For an invalid job: the path of the field.
    pub field: Option<&'a str>,
    /// Attempts made.
    pub attempts: u32,
    /// Party that can fix it, if that differs from the code's usual one.
    pub origin: Option<Origin>,
    /// Last answer of Zoom.
    pub zoom: Option<ZoomAnswer<'a>>,
    /// For an unknown outcome: the meetings it may have made, a JSON array.
    pub candidates: Option<&'a RawValue>,
    /// For a cancelled job: the job that ended it.
    pub cancelled_by: Option<&'a str>,
    /// Time of the entry.
    pub enqueued_at: Timestamp,
    /// Start of the first attempt of this run, if there was one.
    pub started_at: Option<Timestamp>,
    /// Time of the failure.
    pub failed_at: Timestamp,
    /// Text of the job, valid or not.
    pub job: &'a [u8],
    /// The producer's trace.
    pub traceparent: Option<TraceParent>,
    /// The job's metadata.
    pub metadata: Option<&'a RawValue>,
}

impl<'a> Failure<'a> {
    /// A failure of which only this is known: of a first run, without an attempt.
    #[must_use]
    pub fn new(
        (job_id, entry_id): (&'a str, EntryId),
        (code, message): (FailureCode, &'a str),
        failed_at: Timestamp,
        job: &'a [u8],
    ) -> Self {
        Self {
            job_id,
            run: 1,
            entry_id,
            account: None,
            kind: None,
            user: None,
            code,
            message,
            field: None,
            attempts: 0,
            origin: None,
            zoom: None,
            candidates: None,
            cancelled_by: None,
            enqueued_at: entry_id.time(),
            started_at: None,
            failed_at,
            job,
            traceparent: None,
            metadata: None,
        }
    }
}

/// Zoom's refusal.
#[derive(Debug, Clone, Serialize)]
pub struct ZoomAnswer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// Zoom's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// Zoom's own words.
    pub message: &'a str,
    /// Zoom's list of fields and messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<&'a RawValue>,
}

/// Room for all but the job.
const ENVELOPE: usize = 1_024;

#[derive(Serialize)]
struct Json<'a> {
    v: u8,
    job_id: &'a str,
    run: u32,
    entry_id: EntryId,
    status: &'static str,
    account: Option<&'a str>,
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    code: FailureCode,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    retryable: bool,
    attempts: u32,
    origin: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    zoom: Option<&'a ZoomAnswer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_by: Option<&'a str>,
    #[serde(serialize_with = "as_stamp")]
    enqueued_at: Timestamp,
    #[serde(serialize_with = "as_optional_stamp", skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(serialize_with = "as_stamp")]
    failed_at: Timestamp,
    #[serde(flatten)]
    job: Original<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<TraceParent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
}

/// The job as it came: as JSON under `job` if it is any, else as `text`.
#[derive(Serialize)]
#[serde(untagged)]
enum Original<'a> {
    Json {
        job: &'a RawValue,
    },
    Text {
        text: Cow<'a, str>,
        /// The exact bytes, where they are not UTF-8.
        #[serde(skip_serializing_if = "Option::is_none")]
        text_base64: Option<String>,
        /// Full length in bytes, if it was cut.
        #[serde(skip_serializing_if = "Option::is_none")]
        text_bytes: Option<usize>,
    },
}

impl<'a> Original<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let text = std::str::from_utf8(bytes).ok().filter(|text| is_sound_json(text));
        if let Some(job) = text.and_then(|text| serde_json::from_str(text).ok()) {
            return Self::Json { job };
        }
        let (kept, text_bytes) = match bytes.get(..MAX_JOB) {
            Some(head) if bytes.len() > MAX_JOB => (whole_characters(head), Some(bytes.len())),
            _ => (bytes, None),
        };
        let text = String::from_utf8_lossy(kept);
        let text_base64 = matches!(text, Cow::Owned(_)).then(|| BASE64.encode(kept));
        Self::Text { text, text_base64, text_bytes }
    }
}

/// Without the character that the cut went through, if it did.
fn whole_characters(head: &[u8]) -> &[u8] {
    match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_none() => &head[..error.valid_up_to()],
        _ => head,
    }
}

impl Failure<'_> {
    /// The outcome's JSON.
    pub fn to_json(&self) -> String {
        let outcome = Json {
            v: VERSION,
            job_id: self.job_id,
            run: self.run,
            entry_id: self.entry_id,
            status: "failed",
            account: self.account,
            kind: self.kind,
            user: self.user,
            code: self.code,
            message: self.message,
            field: self.field,
            retryable: self.code.retryable(),
            attempts: self.attempts,
            origin: self.origin.unwrap_or(self.code.origin()),
            zoom: self.zoom.as_ref(),
            candidates: self.candidates,
            cancelled_by: self.cancelled_by,
            enqueued_at: self.enqueued_at,
            started_at: self.started_at,
            failed_at: self.failed_at,
            job: Original::of(self.job),
            traceparent: self.traceparent,
            metadata: self.metadata,
        };
        json(&outcome, ENVELOPE + self.job.len())
    }
}
