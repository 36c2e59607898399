//! Problems that keep jobs from running, in one form for reports of a daemon about itself and for
//! the assessment of the namespace.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The weight of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Information, no problem yet: the overall state does not change.
    Notice,
    /// Some jobs wait or fail, or soon will.
    Degraded,
    /// No job can run.
    Down,
}

/// Codes of all problems, the most urgent first among those of one level.
pub const CODES: [&str; 25] = [
    "redis_unreachable",
    "redis_full",
    "redis_read_only",
    "other_layout",
    "no_daemon",
    "namespace_paused",
    "app_rejected",
    "zoom_unreachable",
    "zoom_endpoint_failing",
    "zoom_slow",
    "rotation_impossible",
    "rotation_held",
    "rotation_in_doubt",
    "key_missing",
    "needs_authorization",
    "daily_limit",
    "account_paused",
    "account_at_cap",
    "jobs_overdue",
    "producer_failing",
    "daemon_silent",
    "redis_failed_over",
    "redis_evicts",
    "redis_not_durable",
    "clock_skew",
];

/// Problem that keeps jobs from running, or soon will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Short and stable, one of [`CODES`]: what scripts and alerts compare.
    pub code: Cow<'static, str>,
    /// The weight.
    pub level: Level,
    /// One sentence: what is wrong and why. Lower case, no full stop, no secret.
    pub what: String,
    /// The time at which it began, ms since 1970; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// Number of jobs that it holds back; `None`: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<u64>,
    /// True where some of these wait for something else: fewer may be held back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub jobs_at_most: bool,
    /// The account it is about; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The host of Zoom it is about; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The endpoint of Zoom it is about; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The next command to type.
    pub next: String,
}

impl Problem {
    /// One that keeps some jobs from running.
    pub fn degraded(code: &'static str, what: impl Into<String>, next: impl Into<String>) -> Self {
        let (what, next) = (what.into(), next.into());
        let (since_ms, jobs, account, host, endpoint) = (None, None, None, None, None);
        let (code, level) = (Cow::Borrowed(code), Level::Degraded);
        let jobs_at_most = false;
        Self { code, level, what, since_ms, jobs, jobs_at_most, account, host, endpoint, next }
    }

    /// One that keeps no job from running yet.
    pub fn notice(code: &'static str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { level: Level::Notice, ..Self::degraded(code, what, next) }
    }

    /// One that keeps every job from running.
    pub fn down(code: &'static str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { level: Level::Down, ..Self::degraded(code, what, next) }
    }

    /// Copy with this start; `None` or 0: not known.
    #[must_use]
    pub fn since(self, ms: impl Into<Option<i64>>) -> Self {
        Self { since_ms: ms.into().filter(|ms| *ms > 0), ..self }
    }

    /// Copy with this number of jobs held back.
    #[must_use]
    pub fn holding(self, jobs: u64) -> Self {
        Self { jobs: Some(jobs), ..self }
    }

    /// Copy with at most this number of jobs held back: some may wait for something else.
    #[must_use]
    pub fn holding_at_most(self, jobs: u64) -> Self {
        Self { jobs: Some(jobs), jobs_at_most: jobs > 0, ..self }
    }

    /// Copy for this account alone.
    #[must_use]
    pub fn of_account(self, account: impl Into<String>) -> Self {
        Self { account: Some(account.into()), ..self }
    }

    /// Copy for this endpoint of Zoom alone.
    #[must_use]
    pub fn of_endpoint(self, endpoint: impl Into<String>) -> Self {
        Self { endpoint: Some(endpoint.into()), ..self }
    }

    /// Copy for this host of Zoom alone.
    #[must_use]
    pub fn of_host(self, host: impl Into<String>) -> Self {
        Self { host: Some(host.into()), ..self }
    }
}
