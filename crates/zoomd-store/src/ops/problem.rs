//! What keeps jobs from running: the one shape in which it is told, by a daemon of
//! itself, and by what judges the whole namespace.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Some jobs wait or fail, or soon will.
    Degraded,
    /// No job can run.
    Down,
}

/// Something that keeps jobs from running, or soon will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Short and stable, `snake_case`: what scripts and alerts compare.
    pub code: Cow<'static, str>,
    /// How bad it is.
    pub level: Level,
    /// One sentence: what is wrong and why. Lower case, no full stop, no secret.
    pub what: String,
    /// When it began, ms since 1970; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// How many jobs it holds back; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<u64>,
    /// The account it is about; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The host of Zoom it is about; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The next command to type.
    pub next: String,
}

impl Problem {
    /// One that keeps some jobs from running.
    pub fn degraded(code: &'static str, what: impl Into<String>, next: impl Into<String>) -> Self {
        let (what, next) = (what.into(), next.into());
        let (since_ms, jobs, account, host) = (None, None, None, None);
        let (code, level) = (Cow::Borrowed(code), Level::Degraded);
        Self { code, level, what, since_ms, jobs, account, host, next }
    }

    /// One that keeps every job from running.
    pub fn down(code: &'static str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { level: Level::Down, ..Self::degraded(code, what, next) }
    }

    /// The same, since then.
    #[must_use]
    pub fn since(self, ms: i64) -> Self {
        Self { since_ms: Some(ms), ..self }
    }

    /// The same, with so many jobs held back.
    #[must_use]
    pub fn holding(self, jobs: u64) -> Self {
        Self { jobs: Some(jobs), ..self }
    }

    /// The same, of this account alone.
    #[must_use]
    pub fn of_account(self, account: impl Into<String>) -> Self {
        Self { account: Some(account.into()), ..self }
    }

    /// The same, of this host of Zoom alone.
    #[must_use]
    pub fn of_host(self, host: impl Into<String>) -> Self {
        Self { host: Some(host.into()), ..self }
    }
}
