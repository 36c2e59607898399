//! A failure as the list and programs see it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use zoomd_store::inspect::FailureLine;

/// A failure as the list's JSON has it.
#[derive(Debug, Serialize)]
pub struct View {
    pub id: String,
    pub job_id: String,
    pub run: u32,
    pub account: String,
    pub code: String,
    pub message: String,
    pub retryable: bool,
    pub failed_at: Option<Timestamp>,
}

impl View {
    /// The view of this line.
    pub fn of(line: &FailureLine) -> Self {
        let outcome: Value = serde_json::from_str(&line.json).unwrap_or_default();
        Self {
            id: line.id.clone(),
            job_id: line.job_id.clone(),
            run: line.run(),
            account: line.account.clone(),
            code: line.code.clone(),
            message: outcome["message"].as_str().unwrap_or_default().to_owned(),
            retryable: outcome["retryable"].as_bool().unwrap_or(false),
            failed_at: Timestamp::from_millisecond(line.failed_ms).ok(),
        }
    }
}
