//! The outcome of a job that did what it was to do.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::{Effect, MeetingReply, VERSION, write};
use crate::{EntryId, Kind, TraceParent, Warning};

/// Result of a job, the field `result` of an entry in `<ns>:results`.
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
    /// Kind of the job.
    pub kind: Kind,
    /// The user it named.
    pub user: &'a str,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// True if the meeting was found at Zoom after its answer was lost.
    pub reconciled: bool,
    /// Time of the entry.
    pub enqueued_at: Timestamp,
    /// Start of the first attempt of this run.
    pub started_at: Timestamp,
    /// Time of the outcome.
    pub finished_at: Timestamp,
    /// Zoom's answer, or the meeting that the job was about.
    pub meeting: &'a MeetingReply<'a>,
    /// Effect on the meeting, if the job did not create it.
    pub effect: Option<Effect>,
    /// The job that made it, where this one named it so.
    pub of: Option<&'a str>,
    /// Names of the fields that were changed.
    pub changed: Option<&'a [Box<str>]>,
    /// The job whose call did it, if it was not this one's.
    pub merged_into: Option<&'a str>,
    /// Fields of the job that were dropped or look mistaken.
    pub warnings: &'a [Warning],
    /// The producer's trace.
    pub traceparent: Option<TraceParent>,
    /// The job's metadata.
    pub metadata: Option<&'a RawValue>,
}

/// Room for all but the meeting and the metadata.
const ENVELOPE: usize = 512;

impl Success<'_> {
    /// The outcome's JSON.
    pub fn to_json(&self) -> String {
        let metadata = self.metadata.map_or(0, |metadata| metadata.get().len());
        let mut out = String::with_capacity(ENVELOPE + self.meeting.size() + metadata);
        self.write_envelope(&mut out);
        self.write_times(&mut out);
        out.push_str(",\"meeting\":");
        self.meeting.write(&mut out);
        if let Some(effect) = self.effect {
            self.write_effect(&mut out, effect);
        }
        if !self.warnings.is_empty() {
            out.push_str(",\"warnings\":");
            out.push_str(&super::json(self.warnings, ENVELOPE));
        }
        if let Some(traceparent) = self.traceparent {
            out.push_str(",\"traceparent\":");
            write::text(&mut out, &traceparent.to_string());
        }
        if let Some(metadata) = self.metadata {
            out.push_str(",\"metadata\":");
            out.push_str(metadata.get());
        }
        out.push('}');
        out
    }

    fn write_envelope(&self, out: &mut String) {
        out.push_str("{\"v\":");
        write::number(out, VERSION.into());
        out.push_str(",\"job_id\":");
        write::text(out, self.job_id);
        out.push_str(",\"run\":");
        write::number(out, self.run.into());
        out.push_str(",\"entry_id\":\"");
        write::number(out, self.entry_id.ms);
        out.push('-');
        write::number(out, self.entry_id.seq);
        out.push_str("\",\"status\":\"succeeded\",\"account\":");
        write::text(out, self.account);
        out.push_str(",\"kind\":");
        write::quoted(out, self.kind.as_str());
        out.push_str(",\"user\":");
        write::text(out, self.user);
        out.push_str(",\"attempts\":");
        write::number(out, self.attempts.into());
        out.push_str(if self.reconciled {
            ",\"reconciled\":true"
        } else {
            ",\"reconciled\":false"
        });
    }

    fn write_effect(&self, out: &mut String, effect: Effect) {
        out.push_str(",\"effect\":");
        write::quoted(out, effect.as_str());
        for (name, value) in [("of", self.of), ("merged_into", self.merged_into)] {
            if let Some(value) = value {
                out.push_str(",\"");
                out.push_str(name);
                out.push_str("\":");
                write::text(out, value);
            }
        }
        if let Some(changed) = self.changed {
            out.push_str(",\"changed\":");
            out.push_str(&super::json(changed, 16 * changed.len() + 2));
        }
    }

    fn write_times(&self, out: &mut String) {
        out.push_str(",\"enqueued_at\":");
        write::stamp(out, self.enqueued_at);
        out.push_str(",\"started_at\":");
        write::stamp(out, self.started_at);
        out.push_str(",\"finished_at\":");
        write::stamp(out, self.finished_at);
    }
}
