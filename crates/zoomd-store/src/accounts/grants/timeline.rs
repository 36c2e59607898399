//! The story of a grant: what happened to it, newest first, at most 200 lines.
//!
//! Written by the script that makes the change, which puts the time in front.

use serde::{Deserialize, Serialize};
use zoomd_wire::AccountName;

use super::{GrantVersion, Grants};
use crate::StoreError;
use crate::accounts::encryption::Fingerprint;

/// One line of the timeline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Time, ms by the clock of Redis; set by the script.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub at: u64,
    /// Event, one word or two: `connected`, `rotated`, `verdict`, …
    pub what: String,
    /// Number of jobs of the account that waited then; set by the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_jobs: Option<u64>,
    /// The epoch and generation it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The first digits of the refresh token's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fp: Option<String>,
    /// Actor: a daemon's id, `cli`, or another account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Reason, and other details for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

fn is_zero(ms: &u64) -> bool {
    *ms == 0
}

impl Line {
    /// A line that says `what` happened.
    #[must_use]
    pub fn new(what: &str) -> Self {
        Self { what: what.to_owned(), ..Self::default() }
    }

    /// With the version it happened to.
    #[must_use]
    pub fn version(mut self, version: GrantVersion) -> Self {
        self.version = Some(version.to_string());
        self
    }

    /// With the refresh token it happened to.
    #[must_use]
    pub fn fingerprint(mut self, fp: Fingerprint) -> Self {
        self.fp = Some(fp.short());
        self
    }

    /// With who did it.
    #[must_use]
    pub fn by(mut self, who: impl Into<String>) -> Self {
        self.by = Some(who.into());
        self
    }

    /// With why.
    #[must_use]
    pub fn detail(mut self, text: impl Into<String>) -> Self {
        self.detail = Some(text.into());
        self
    }

    /// The JSON object a script takes.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| unreachable!("texts are always JSON"))
    }
}

impl Grants {
    /// The last `limit` lines of an account's timeline, newest first. A line
    /// that cannot be read is shown as it is.
    pub async fn timeline(
        &self,
        account: &AccountName,
        limit: usize,
    ) -> Result<Vec<Line>, StoreError> {
        let key = self.store.keys().timeline(account.as_str());
        let mut command = redis::cmd("LRANGE");
        command.arg(key).arg(0).arg(limit.clamp(1, 200) - 1);
        let lines: Vec<String> =
            redis::from_redis_value(self.store.connection().value(&command).await?)?;
        Ok(lines
            .iter()
            .map(|text| serde_json::from_str(text).unwrap_or_else(|_| Line::new(text)))
            .collect())
    }
}
