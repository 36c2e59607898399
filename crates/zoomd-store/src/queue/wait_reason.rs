//! The reasons why a job waits: a closed list, and the word of each.
//!
//! The words are public: they stand in JSON, events and metrics, and scripts
//! answer with those of the budgets.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Reason why a job waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WaitReason {
    /// `not_before`.
    NotBefore,
    /// Others of the same account and host wait already.
    Turn,
    /// The account's grant is being rotated.
    Rotation,
    /// The account needs consent, or its grant is another app's.
    Consent,
    /// The account or everything is paused.
    Paused,
    /// The account's cap of calls in flight.
    InFlight,
    /// The budget of this second.
    Second,
    /// The day's budget of the label.
    LabelDay,
    /// The host's hundred of the day.
    HostDay,
    /// Zoom said 429.
    Limited,
    /// One create of a host whose user id is unknown is under way.
    Host,
    /// The pause before its next attempt.
    Backoff,
    /// The next search for the meeting after a lost reply.
    Reconcile,
    /// Another job changes the same meeting, or makes it.
    Target,
    /// A daemon that takes it in from the stream.
    Queued,
    /// No daemon is running.
    NoDaemon,
    /// Redis has no memory left for writes.
    RedisFull,
    /// Redis takes no writes: it is a replica, or cannot write its files.
    RedisReadOnly,
    /// Zoom rejects the app's client id or secret.
    AppRejected,
    /// Zoom is unreachable: the circuit of its host is open.
    ZoomUnreachable,
    /// One endpoint of Zoom fails while others answer.
    ZoomEndpointFailing,
    /// The outcome of the account's last token refresh is not known.
    RotationInDoubt,
    /// Token refreshes are held until all daemons have reported.
    RotationHeld,
    /// No daemon can refresh a token: journal, disk.
    RotationImpossible,
    /// The key that the account's token is encrypted with is missing.
    KeyMissing,
}

impl WaitReason {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 25] = [
        Self::NotBefore,
        Self::Turn,
        Self::Rotation,
        Self::Consent,
        Self::Paused,
        Self::InFlight,
        Self::Second,
        Self::LabelDay,
        Self::HostDay,
        Self::Limited,
        Self::Host,
        Self::Backoff,
        Self::Reconcile,
        Self::Target,
        Self::Queued,
        Self::NoDaemon,
        Self::RedisFull,
        Self::RedisReadOnly,
        Self::AppRejected,
        Self::ZoomUnreachable,
        Self::ZoomEndpointFailing,
        Self::RotationInDoubt,
        Self::RotationHeld,
        Self::RotationImpossible,
        Self::KeyMissing,
    ];

    /// The word scripts, events and metrics use; of what keeps a job from running and
    /// is no budget, the code of the problem.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotBefore => "not_before",
            Self::Turn => "turn",
            Self::Rotation => "rotation",
            Self::Consent => "consent",
            Self::Paused => "paused",
            Self::InFlight => "in_flight",
            Self::Second => "second",
            Self::LabelDay => "label_day",
            Self::HostDay => "host_day",
            Self::Limited => "limited",
            Self::Host => "host",
            Self::Backoff => "backoff",
            Self::Reconcile => "reconcile",
            Self::Target => "target",
            Self::Queued => "queued",
            Self::NoDaemon => "no_daemon",
            Self::RedisFull => "redis_full",
            Self::RedisReadOnly => "redis_read_only",
            Self::AppRejected => "app_rejected",
            Self::ZoomUnreachable => "zoom_unreachable",
            Self::ZoomEndpointFailing => "zoom_endpoint_failing",
            Self::RotationInDoubt => "rotation_in_doubt",
            Self::RotationHeld => "rotation_held",
            Self::RotationImpossible => "rotation_impossible",
            Self::KeyMissing => "key_missing",
        }
    }

    /// The reason a script named.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == word)
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_word_of_its_own() {
        for why in WaitReason::ALL {
            assert_eq!(WaitReason::from_word(why.as_str()), Some(why));
            assert_eq!(serde_json::to_value(why).expect("json"), why.as_str());
        }
        assert_eq!(WaitReason::from_word("nothing"), None);
    }
}
