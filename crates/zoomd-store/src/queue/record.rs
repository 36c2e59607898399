//! Record of a job between two leases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::memory::Live;
use super::story::{Next, Step, StepKind, Story};
use super::target::{Aim, KnownMeeting};

/// Record of a job between two leases. JSON; scripts do not read it, and fields that a newer
/// version wrote are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Attempts used: calls that Zoom answered, or may have.
    pub attempts: u32,
    /// Time at which the first call may have been sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_send_ms: Option<i64>,
    /// Time at which the last call may have been sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_send_ms: Option<i64>,
    /// True if the last call's outcome is unknown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unresolved: bool,
    /// The marker in the meeting's agenda, the same for all attempts and runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Searches of reconcile that found nothing.
    #[serde(skip_serializing_if = "is_zero")]
    pub looks: u32,
    /// Target, for another run: as the scripts write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aim: Option<String>,
    /// Wait reason in words, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// End of the sleep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// History.
    #[serde(flatten)]
    pub story: Story,
    /// Meeting that the job changes, if known (from the scripts, not in the JSON).
    #[serde(skip)]
    pub meeting: Option<KnownMeeting>,
    /// Leases that ended without a settle (kept by the scripts, not in the JSON).
    #[serde(skip)]
    pub sweeps: u32,
    /// Fields of other versions and of the caller.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

impl Record {
    /// The record as it was written, with what the scripts noted since: leases
    /// that were lost, and a call of theirs that may have left.
    pub(crate) fn read(json: &[u8], live: &Live) -> Self {
        let mut record: Self = serde_json::from_slice(json).unwrap_or_default();
        record.sweeps = u32::from(live.sweeps);
        record.aim = live.aim.as_deref().and_then(Aim::again);
        if live.sent_ms > 0 {
            record.attempts += 1;
            record.unresolved = true;
            record.first_send_ms.get_or_insert(live.sent_ms);
            record.last_send_ms = Some(live.sent_ms);
            record.story.push(Step {
                at_ms: live.sent_ms,
                what: "the daemon stopped during the call; its reply is lost".into(),
                kind: StepKind::Call,
                attempt: Some(record.attempts),
                next: Some(Next::Look),
                ..Step::default()
            });
        }
        record
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let mut record = Record { attempts: 2, ..Record::default() };
        record.story.push(Step::wait(7, "token"));
        record.story.dropped = 3;
        record.more.insert("quiet_ms".to_owned(), 9.into());
        let json = serde_json::to_string(&record).expect("json");
        assert_eq!(serde_json::from_str::<Record>(&json).expect("a record"), record);
        let live = Live::read("L 1 5-0 - r10y 1700000000000 1800000000000 acme|me|").expect("live");
        let swept = Record::read(json.as_bytes(), &live);
        assert_eq!((swept.attempts, swept.unresolved), (3, true));
        let call = swept.story.timeline.last().expect("a step");
        assert_eq!((call.at_ms, call.attempt), (1_700_000_000_000, Some(3)));
    }
}
