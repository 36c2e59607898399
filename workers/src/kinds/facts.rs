//! Knowledge of a meeting that a job is about, in the record of the job: what a lost call
//! is judged by.

use serde::{Deserialize, Serialize};

/// Knowledge of a meeting, kept between the leases of a job.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    /// It was there: it was read, zoomd made it, or a call of this job may have reached it.
    pub(super) known: bool,
    /// A call of this job may have reached it.
    pub(super) tried: bool,
    /// It was read and is no recurring one.
    pub(super) single: bool,
    /// The grant may not read it.
    pub(super) unreadable: bool,
    /// The time at which Zoom first said that it is gone, since it was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gone_ms: Option<i64>,
    /// Reads before the call that failed in a row.
    pub(super) failed_reads: u8,
    /// The number of the meeting that a create of unknown outcome turned out to have made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<u64>,
    /// Zoom's id of the date, where the job named its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date: Option<u64>,
    /// The marker in its agenda; empty: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) marker: Option<String>,
    /// The run of it that is to be ended, and whether it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<(String, bool)>,
}
