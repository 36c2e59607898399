//! The reason why a job of an account does not run yet, and the time at which it is
//! expected to: a pure choice among what was read.
//!
//! The reason is not stored with the job, for it changes while the job stands
//! still. Obstacles come in the order in which a claim would meet them. A time is
//! told only where nothing but time is in the way.

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
    /// Why it is in that state.
    pub why: Option<String>,
    /// Why it, or everything, is paused.
    pub paused: Option<String>,
    /// True when everything is paused.
    pub all_paused: bool,
    /// True while its grant is being rotated.
    pub rotating: bool,
    /// Until when (ms) its app's rotations rest, and why; only while the account has
    /// no living access token.
    pub rests: Option<(i64, String)>,
    /// ScriptReply on a token exchange whose outcome is not known, and when the token may
    /// be presented again, ms.
    pub doubt: Option<(String, i64)>,
    /// Why its last rotation failed, while its access token is over.
    pub failing: Option<String>,
    /// True when its access token can be used.
    pub token_lives: bool,
    /// Calls in flight, and how many it may have, where it has a cap.
    pub cap: Option<(u64, u64)>,
    /// The obstacle of its jobs that is none of the account's own matters.
    pub obstacle: Option<Obstacle>,
    /// The plan.
    pub plan: String,
    /// Jobs that wait in it, and the budgets they wait for.
    pub line: Backlog,
}

/// Why a job does not run, and when it is expected to, where that can be told.
pub type Reason = (WaitReason, Option<i64>);

impl AccountFacts {
    /// The reason why a job at this position does not run yet, and when it is expected to, where
    /// that can be reckoned.
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

    /// Another reason that keeps them for a time that nobody knows, and whether it lasts
    /// until somebody does something.
    #[must_use]
    pub fn stopped(&self) -> Option<(WaitReason, bool)> {
        match &self.obstacle {
            Some(obstacle) if obstacle.lasts() => Some((obstacle.why, true)),
            // Jobs with a live token go on while the app rests.
            _ if self.rests.is_some() => Some((WaitReason::AppRejected, true)),
            Some(obstacle) => Some((obstacle.why, false)),
            // The token endpoint is asked again and again: nobody knows when it answers.
            None if self.failing.is_some() && self.doubt.is_none() => {
                Some((WaitReason::Rotation, false))
            }
            None => None,
        }
    }

    /// ScriptReply on a reason that lies with the account or with what it needs.
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
