//! Events in `<ns>:events`: changes that others may react to.
//!
//! An entry has the fields `event` (its name), `account` and `data` (the JSON of this file). It is
//! written in the same atomic step as the change.

use jiff::Timestamp;
use serde::Serialize;

use crate::stamp;

/// One event.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// Time of the event.
    pub at: Timestamp,
    /// The account it is about.
    pub account: &'a str,
    /// Event.
    pub kind: EventKind<'a>,
}

/// Event.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventKind<'a> {
    /// The account has a grant that works, for the first time or again.
    Connected,
    /// The account needs consent; its jobs wait for it.
    NeedsReauth {
        /// Reason, such as `reply_lost` or `refused`.
        reason: &'a str,
        /// Number of waiting jobs.
        waiting_jobs: u64,
    },
    /// The account was removed.
    Removed,
    /// A job cannot run now.
    JobWaiting {
        /// The id of the job.
        job_id: &'a str,
        /// Reason for its wait.
        why: &'a str,
        /// Expected time of the run, if known.
        until: Option<Timestamp>,
    },
}

#[derive(Serialize)]
struct Json<'a> {
    v: u8,
    event: &'static str,
    at: String,
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_jobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl Event<'_> {
    /// Name, the entry's field `event`.
    pub fn name(&self) -> &'static str {
        match self.kind {
            EventKind::Connected => "account.connected",
            EventKind::NeedsReauth { .. } => "account.needs_reauth",
            EventKind::Removed => "account.removed",
            EventKind::JobWaiting { .. } => "job.waiting",
        }
    }

    /// JSON, the entry's field `data`.
    pub fn to_json(&self) -> String {
        let mut json = Json {
            v: 1,
            event: self.name(),
            at: stamp(self.at),
            account: self.account,
            reason: None,
            waiting_jobs: None,
            job_id: None,
            why: None,
            until: None,
        };
        match self.kind {
            EventKind::Connected | EventKind::Removed => {}
            EventKind::NeedsReauth { reason, waiting_jobs } => {
                json.reason = Some(reason);
                json.waiting_jobs = Some(waiting_jobs);
            }
            EventKind::JobWaiting { job_id, why, until } => {
                json.job_id = Some(job_id);
                json.why = Some(why);
                json.until = until.map(stamp);
            }
        }
        serde_json::to_string(&json).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_its_name_and_data() {
        let at = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
        let json = |kind| Event { at, account: "acme", kind }.to_json();
        assert_eq!(
            json(EventKind::Connected),
            r#"{"v":1,"event":"account.connected","at":"2023-11-14T22:13:20.123Z","account":"acme"}"#
        );
        assert_eq!(
            json(EventKind::NeedsReauth { reason: "reply_lost", waiting_jobs: 3 }),
            r#"{"v":1,"event":"account.needs_reauth","at":"2023-11-14T22:13:20.123Z","account":"acme","reason":"reply_lost","waiting_jobs":3}"#
        );
        assert_eq!(
            json(EventKind::JobWaiting { job_id: "j", why: "budget", until: Some(at) }),
            r#"{"v":1,"event":"job.waiting","at":"2023-11-14T22:13:20.123Z","account":"acme","job_id":"j","why":"budget","until":"2023-11-14T22:13:20.123Z"}"#
        );
    }
}
