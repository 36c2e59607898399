//! Holding everything back, and letting it run again.

use serde::Serialize;

use super::Hand;
use crate::error::CliError;

/// The pause that was made.
#[derive(Debug, Serialize)]
pub struct Paused {
    paused: bool,
    reason: String,
}

/// The end of a pause.
#[derive(Debug, Serialize)]
pub struct Resumed {
    paused: bool,
    /// False where nothing was held back.
    pub was_paused: bool,
}

impl Hand {
    /// Holds every job back from its next call.
    pub async fn pause(&self, reason: &str) -> Result<Paused, CliError> {
        self.ops.pause(reason).await?;
        self.record("pause", "", reason, "").await;
        Ok(Paused { paused: true, reason: reason.to_owned() })
    }

    /// Lets everything run again.
    pub async fn resume(&self) -> Result<Resumed, CliError> {
        let was_paused = self.ops.resume().await?;
        if was_paused {
            self.record("resume", "", "", "").await;
        }
        Ok(Resumed { paused: false, was_paused })
    }
}
