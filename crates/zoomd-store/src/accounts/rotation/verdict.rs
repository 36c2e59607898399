//! The verdict: rule N, and the guard against deaths of many.

use std::time::Duration;

use zoomd_wire::AccountName;

use super::{Rotations, Stored, VERDICT};
use crate::StoreError;
use crate::accounts::encryption::Fingerprint;
use crate::accounts::grants::Line;
use crate::clock::ms;
use crate::redis::script_reply::ScriptReply;

/// Within so long more than [`DEATHS`] accounts, and more than [`PERCENT`] of
/// all, may not die: it is the app that does.
const WITHIN: Duration = Duration::from_secs(60);
const DEATHS: u32 = 3;
const PERCENT: u32 = 20;

/// Zoom's refusal of a token, as evidence.
#[derive(Debug, Clone)]
pub struct Refusal<'a> {
    pub account: &'a AccountName,
    /// Grant that was stored when the token was presented.
    pub stored: Stored,
    /// Fingerprint of the presented token.
    pub presented: Fingerprint,
    /// The lease.
    pub owner: &'a str,
    pub intent: &'a str,
    /// The reason, if it comes to a verdict.
    pub reason: &'a str,
    /// A line for the timeline, if it comes to a verdict.
    pub line: Line,
    /// Pause of the app's rotations when many grants become invalid.
    pub app_rest: Duration,
    /// Maximum duration of the hold after a change of Redis' run id.
    pub hold: Duration,
    /// The run id that the asker's beat heard last; empty: it has just begun.
    pub run_id: &'a str,
}

/// Result of judging a refused token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// The account needs a new consent.
    Written {
        /// Issue time of the refresh token, ms; 0 when it is not known.
        obtained_ms: u64,
    },
    /// Another token is left to be tried; lease and intent stand.
    Candidates,
    /// Another grant is stored by now.
    Moved,
    /// Another's intent covers it.
    Covered,
    /// The store may have gone back: nothing is judged before all have reported.
    Hold,
    /// Many accounts became invalid together: nothing is written, the app rests.
    Mass {
        /// Number of grants that became invalid.
        deaths: u64,
    },
}

impl Rotations {
    /// Judges a refusal by rule N.
    pub async fn verdict(&self, refusal: &Refusal<'_>) -> Result<Judged, StoreError> {
        let call = self
            .call(&VERDICT, refusal.account.as_str())
            .arg(refusal.stored.version.epoch.to_string())
            .arg(refusal.stored.version.generation)
            .arg(refusal.stored.fp.to_string())
            .arg(refusal.presented.to_string())
            .arg(refusal.owner)
            .arg(refusal.intent)
            .arg(refusal.reason)
            .arg(refusal.line.to_json())
            .arg(DEATHS)
            .arg(ms(WITHIN))
            .arg(PERCENT)
            .arg(ms(refusal.app_rest))
            .arg(ms(refusal.hold))
            .arg(refusal.run_id);
        let mut answer = ScriptReply::new(self.run(call, "judging a refusal").await?, "a verdict")?;
        Ok(match answer.next()?.as_str() {
            "written" => Judged::Written { obtained_ms: answer.count()? },
            "candidates" => Judged::Candidates,
            "moved" => Judged::Moved,
            "covered" => Judged::Covered,
            "hold" => Judged::Hold,
            "mass" => Judged::Mass { deaths: answer.count()? },
            _ => return Err(StoreError::unexpected("a verdict")),
        })
    }
}
