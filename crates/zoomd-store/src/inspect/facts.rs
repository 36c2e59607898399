//! Reason why a job of an account does not run yet, and its expected time: a pure choice among the
//! facts that were read.
//!
//! The reason is not stored with the job, since it changes while the job waits. Obstacles come in
//! the order in which a claim would meet them. A time is given only if time is the only obstacle.

use super::Obstacle;
use crate::eta::{Backlog, Position};
use crate::queue::WaitReason;

/// A job expected within this time runs soon: an obstacle of now is its obstacle.
const SOON_MS: i64 = 60_000;
/// An outage that ends by itself says nothing of times further away than this.
const OUTAGE_MS: i64 = 3_600_000;

/// Facts that decide whether jobs of an account may run, and when.
#[derive(Debug, Clone, Default)]
pub struct AccountFacts {
    /// The state; `None`: no such account.
    pub state: Option<String>,
    /// Reason for the state.
    pub why: Option<String>,
    /// Reason for the pause of the account, or of everything.
    pub paused: Option<String>,
    /// True when everything is paused.
    pub all_paused: bool,
    /// True while its grant is being rotated.
    pub rotating: bool,
    /// End (ms) of the rest of its app's rotations, and the reason; only while the account has no
    /// valid access token.
    pub rests: Option<(i64, String)>,
    /// Description of a token exchange with an unknown outcome, and the time, ms, when the token
    /// may be presented again.
    pub doubt: Option<(String, i64)>,
    /// Error of its last rotation, if its access token has expired.
    pub failing: Option<String>,
    /// True when its access token can be used.
    pub token_lives: bool,
    /// Calls in flight, and how many it may have, where it has a cap.
    pub cap: Option<(u64, u64)>,
    /// The obstacle of its jobs that is none of the account's own matters.
    pub obstacle: Option<Obstacle>,
    pub plan: String,
    /// Jobs that wait in it, and the budgets they wait for.
    pub line: Backlog,
}

/// Wait reason of a job, and its expected time if known.
pub type Reason = (WaitReason, Option<i64>);

impl AccountFacts {
    /// The reason why a job at this position does not run yet, and when it is expected to, where
    /// that can be estimated.
    #[must_use]
    pub fn expect(&self, position: Position) -> Reason {
        if let Some(why) = self.shut() {
            return (why, None);
        }
        let expected = self.line.expect(position);
        let (now, at_ms) = (self.line.now_ms, expected.at_ms);
        let due = position.due.filter(|(_, due)| *due > now);
        // Until then nothing else matters.
        if due.is_some_and(|(why, due)| why == WaitReason::NotBefore && due > now + SOON_MS) {
            return (expected.why, Some(at_ms));
        }
        if let Some((why, lasts)) = self.stopped() {
            let retry = due.filter(|(why, _)| *why == WaitReason::Backoff && !lasts);
            if lasts || retry.is_some() || at_ms <= now + OUTAGE_MS {
                return (retry.map_or(why, |(why, _)| why), None);
            }
        }
        if let Some((_, due_ms)) = self.doubt.as_ref().filter(|(_, due)| *due >= at_ms) {
            return (WaitReason::RotationInDoubt, Some(*due_ms).filter(|due| *due > now));
        }
        if self.cap.is_some_and(|(flying, most)| flying >= most) && at_ms <= now + SOON_MS {
            return (WaitReason::InFlight, None);
        }
        if self.rotating && at_ms <= self.line.wakes_ms.max(now) {
            return (WaitReason::Rotation, Some(at_ms));
        }
        (expected.why, Some(at_ms))
    }

    /// The reason that keeps all jobs of the account until a person lets them go.
    #[must_use]
    pub fn shut(&self) -> Option<WaitReason> {
        match self.state.as_deref() {
            _ if self.all_paused => Some(WaitReason::Paused),
            Some("active") => self.paused.is_some().then_some(WaitReason::Paused),
            _ => Some(WaitReason::Consent),
        }
    }

    /// Other reason that keeps its jobs for an unknown time, and true if it lasts until a person
    /// acts.
    #[must_use]
    pub fn stopped(&self) -> Option<(WaitReason, bool)> {
        match &self.obstacle {
            Some(obstacle) if obstacle.lasts() => Some((obstacle.why, true)),
            // Jobs with a valid token continue while the app rests.
            _ if self.rests.is_some() => Some((WaitReason::AppRejected, true)),
            Some(obstacle) => Some((obstacle.why, false)),
            // The token endpoint is retried: the time of an answer is unknown.
            None if self.failing.is_some() && self.doubt.is_none() => {
                Some((WaitReason::Rotation, false))
            }
            None => None,
        }
    }

    /// Description of a wait reason that concerns the account or a resource it needs.
    #[must_use]
    pub fn detail(&self, why: WaitReason) -> Option<String> {
        if let Some(obstacle) = self.obstacle.as_ref().filter(|obstacle| obstacle.why == why) {
            return Some(obstacle.what.clone());
        }
        match why {
            WaitReason::Paused => {
                let what = if self.all_paused { "everything" } else { "the account" };
                let reason = self.paused.as_deref().unwrap_or_default();
                let colon = if reason.is_empty() { "" } else { ": " };
                Some(format!("{what} is paused{colon}{reason}"))
            }
            WaitReason::Consent => self.why.clone(),
            WaitReason::AppRejected => self.rests.as_ref().map(|(_, why)| why.clone()),
            WaitReason::RotationInDoubt => self.doubt.as_ref().map(|(told, _)| told.clone()),
            WaitReason::Rotation => self.failing.clone(),
            WaitReason::InFlight => self.cap.map(|(flying, most)| format!("{flying} of {most}")),
            _ => None,
        }
    }

    /// The time at which the reason began, where that is known.
    #[must_use]
    pub fn since_ms(&self, why: WaitReason) -> Option<i64> {
        self.obstacle.as_ref().filter(|obstacle| obstacle.why == why)?.since_ms
    }

    /// The position of the job that comes next for this host, with `ahead` before it.
    #[must_use]
    pub fn position(&self, host: &str, ahead: u64) -> Position {
        let room = self.line.rooms.iter().position(|room| room.host == host);
        Position { room: room.unwrap_or(usize::MAX), ahead, due: None }
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
