//! What is kept of a job between two leases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is kept of a job between two leases. JSON; scripts do not read it, and
/// fields a newer version wrote are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Attempts spent: calls that Zoom answered, or may have.
    pub attempts: u32,
    /// When the first call may have left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_send_ms: Option<i64>,
    /// When the last call may have left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_send_ms: Option<i64>,
    /// Whether the last call's outcome is unknown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unresolved: bool,
    /// The marker in the meeting's agenda, the same for all attempts and runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Looks of reconcile that found nothing.
    #[serde(skip_serializing_if = "is_zero")]
    pub looks: u32,
    /// Why it waits, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Until when it sleeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// What happened, oldest first, bounded by the writer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Step>,
    /// Leases that ended without a settle (kept by the scripts, not in the JSON).
    #[serde(skip)]
    pub sweeps: u32,
    /// Fields of other versions and of the caller.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One line of a job's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When, by the clock of Redis.
    pub at_ms: i64,
    /// What, in one short sentence.
    pub what: String,
}
