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
    /// The account it is about; empty: none, or all.
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
    /// Jobs wait for the same for over a minute.
    JobsWaiting {
        /// Reason for their wait.
        reason: &'a str,
        /// Number of them.
        jobs: u64,
        /// Time at which the oldest of them came, if known.
        oldest_at: Option<Timestamp>,
        /// Expected time of the first of them, if known.
        until: Option<Timestamp>,
    },
    /// Jobs wait for their next attempt for over a minute.
    JobsRetrying {
        /// Reason for their wait.
        reason: &'a str,
        /// Number of them.
        jobs: u64,
        /// Expected time of the first of them, if known.
        next_at: Option<Timestamp>,
    },
    /// A daily limit is used up.
    LimitReached {
        /// The limit: `label_day` or `host_day`.
        reason: &'a str,
        /// The host whose limit it is, if it is one of a host.
        user: Option<&'a str>,
        /// End of the limit.
        until: Option<Timestamp>,
    },
    /// Zoom rejects the client id or secret of an app.
    AppRejected {
        /// One sentence.
        message: &'a str,
    },
    /// Zoom accepts the app again.
    AppAccepted,
    /// A host of Zoom cannot be reached.
    ZoomUnreachable {
        /// The host.
        host: &'a str,
        /// One sentence.
        message: &'a str,
    },
    /// The host can be reached again.
    ZoomReachable {
        /// The host.
        host: &'a str,
    },
    /// A daemon has started.
    DaemonStarted {
        /// Id of the daemon.
        daemon: &'a str,
        /// Machine of the daemon.
        machine: &'a str,
        /// Version of the daemon.
        version: &'a str,
    },
    /// A daemon has ended as it was asked to.
    DaemonStopped {
        /// Id of the daemon.
        daemon: &'a str,
        /// Machine of the daemon.
        machine: &'a str,
    },
    /// All jobs are paused.
    NamespacePaused {
        /// Reason that the operator gave; may be empty.
        reason: &'a str,
    },
}

/// Fields of the JSON, in their order; those that do not apply are left out.
#[derive(Default, Serialize)]
struct Json<'a> {
    v: u8,
    event: &'static str,
    at: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_jobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    daemon: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl<'a> Event<'a> {
    /// Name, the entry's field `event`.
    pub fn name(&self) -> &'static str {
        match self.kind {
            EventKind::Connected => "account.connected",
            EventKind::NeedsReauth { .. } => "account.needs_reauth",
            EventKind::Removed => "account.removed",
            EventKind::JobWaiting { .. } => "job.waiting",
            EventKind::JobsWaiting { .. } => "jobs.waiting",
            EventKind::JobsRetrying { .. } => "jobs.retrying",
            EventKind::LimitReached { .. } => "limit.reached",
            EventKind::AppRejected { .. } => "app.rejected",
            EventKind::AppAccepted => "app.accepted",
            EventKind::ZoomUnreachable { .. } => "zoom.unreachable",
            EventKind::ZoomReachable { .. } => "zoom.reachable",
            EventKind::DaemonStarted { .. } => "daemon.started",
            EventKind::DaemonStopped { .. } => "daemon.stopped",
            EventKind::NamespacePaused { .. } => "namespace.paused",
        }
    }

    /// JSON, the entry's field `data`.
    pub fn to_json(&self) -> String {
        let (at, event, account) = (stamp(self.at), self.name(), self.account);
        let json = Json { v: 1, event, at, account, ..self.fields() };
        serde_json::to_string(&json).unwrap_or_default()
    }

    /// The fields of its kind.
    fn fields(&self) -> Json<'a> {
        let mut json = Json::default();
        match self.kind {
            EventKind::Connected | EventKind::Removed | EventKind::AppAccepted => {}
            EventKind::NeedsReauth { reason, waiting_jobs } => {
                (json.reason, json.waiting_jobs) = (Some(reason), Some(waiting_jobs));
            }
            EventKind::JobWaiting { job_id, why, until } => {
                (json.job_id, json.why, json.until) = (Some(job_id), Some(why), until.map(stamp));
            }
            EventKind::JobsWaiting { reason, jobs, oldest_at, until } => {
                (json.reason, json.jobs) = (Some(reason), Some(jobs));
                (json.oldest_at, json.until) = (oldest_at.map(stamp), until.map(stamp));
            }
            EventKind::JobsRetrying { reason, jobs, next_at } => {
                (json.reason, json.jobs) = (Some(reason), Some(jobs));
                json.next_at = next_at.map(stamp);
            }
            EventKind::LimitReached { reason, user, until } => {
                (json.reason, json.user, json.until) = (Some(reason), user, until.map(stamp));
            }
            EventKind::AppRejected { message } => json.message = Some(message),
            EventKind::ZoomUnreachable { host, message } => {
                (json.host, json.message) = (Some(host), Some(message));
            }
            EventKind::ZoomReachable { host } => json.host = Some(host),
            EventKind::DaemonStarted { daemon, machine, version } => {
                (json.daemon, json.machine) = (Some(daemon), Some(machine));
                json.version = Some(version);
            }
            EventKind::DaemonStopped { daemon, machine } => {
                (json.daemon, json.machine) = (Some(daemon), Some(machine));
            }
            EventKind::NamespacePaused { reason } => json.reason = Some(reason),
        }
        json
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
