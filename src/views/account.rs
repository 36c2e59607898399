//! An account as programs see it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use zoom_api::scopes::{self, Need};
use zoomd_store::grants::{AccountState, AccountSummary, GrantRecord};
use zoomd_workers::rotation::refresh_lead;

/// An account as JSON. Fields are only ever added.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    pub account: &'a str,
    pub state: &'static str,
    pub why: Option<&'a str>,
    pub paused: Option<&'a str>,
    pub kind: &'static str,
    pub plan: &'static str,
    pub cap: Option<u32>,
    pub zoom_account: Option<&'a str>,
    pub zoom_user: Option<&'a str>,
    pub aliases: &'a [String],
    pub scopes: Vec<&'a str>,
    pub missing_scopes: Missing,
    pub epoch: Option<String>,
    pub generation: Option<u64>,
    pub access_expires_at: Option<Timestamp>,
    pub refresh_obtained_at: Option<Timestamp>,
    pub created_at: Option<Timestamp>,
    pub rotating: bool,
    pub last_error: Option<&'a str>,
    pub waiting: u64,
    pub in_flight: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantView<'a>>,
}

/// The scope to ask for, where one is missing. All `null` while the scopes are
/// not known, which is until the first rotation of an imported token.
#[derive(Debug, Serialize)]
pub struct Missing {
    pub create: Option<&'static str>,
    pub list: Option<&'static str>,
    pub read: Option<&'static str>,
    pub update: Option<&'static str>,
    pub delete: Option<&'static str>,
    pub end: Option<&'static str>,
}

impl Missing {
    /// The scopes that are missing.
    pub fn all(&self) -> impl Iterator<Item = &'static str> {
        let all = [self.create, self.list, self.read, self.update, self.delete, self.end];
        all.into_iter().flatten()
    }
}

/// The grant of an account.
#[derive(Debug, Serialize)]
pub struct GrantView<'a> {
    pub fingerprint: String,
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub api_url: Option<&'a str>,
    pub candidates: usize,
    pub access_issued_at: Option<Timestamp>,
    pub next_refresh_at: Option<Timestamp>,
}

/// The moment `ms` milliseconds after 1970; `None` for 0, which is "not known".
pub fn timestamp(ms: u64) -> Option<Timestamp> {
    let ms = i64::try_from(ms).ok().filter(|ms| *ms > 0)?;
    Timestamp::from_millisecond(ms).ok()
}

/// The time from which a call of the account gets a new access token first.
fn next_refresh(account: &str, grant: &GrantRecord) -> Option<Timestamp> {
    let (issued, expires) = (grant.access_issued_ms, grant.access_expires_ms);
    let life = Duration::from_millis(expires.checked_sub(issued).filter(|_| issued > 0)?);
    let lead = u64::try_from(refresh_lead(life, account).as_millis()).ok()?;
    timestamp(expires.saturating_sub(lead))
}

impl<'a> View<'a> {
    pub fn of(summary: &'a AccountSummary) -> Self {
        let account = &summary.account;
        let scope = summary.scope.as_deref();
        let missing = |need| scope.and_then(|scope| scopes::missing(scope, need));
        // A tombstone keeps the epoch alone: its generation is past all others.
        let live = account.version.filter(|_| account.state != AccountState::Removed);
        Self {
            account: account.name.as_str(),
            state: account.state.as_str(),
            why: account.why.as_deref(),
            paused: account.paused.as_deref(),
            kind: account.kind.as_str(),
            plan: account.plan.as_str(),
            cap: account.cap,
            zoom_account: account.zoom_account.as_deref(),
            zoom_user: account.zoom_user.as_deref(),
            aliases: &account.aliases,
            scopes: scope.unwrap_or_default().split_whitespace().collect(),
            missing_scopes: Missing {
                create: missing(Need::Create),
                list: missing(Need::List),
                read: missing(Need::Get),
                update: missing(Need::Update),
                delete: missing(Need::Delete),
                end: missing(Need::End),
            },
            epoch: account.version.map(|version| version.epoch.to_string()),
            generation: live.map(|version| version.generation),
            access_expires_at: timestamp(summary.access_expires_ms),
            refresh_obtained_at: timestamp(summary.obtained_ms),
            created_at: timestamp(account.created_ms),
            rotating: account.intent.is_some(),
            last_error: summary.last_error.as_deref(),
            waiting: summary.waiting,
            in_flight: summary.in_flight,
            grant: None,
        }
    }

    #[must_use]
    pub fn with(mut self, grant: Option<&'a GrantRecord>, now_ms: i64) -> Self {
        self.grant = grant.map(|grant| GrantView {
            fingerprint: grant.fp.short(),
            issuer: &grant.issuer,
            client_id: &grant.client_id,
            api_url: grant.api_url.as_deref(),
            candidates: grant.forks(now_ms).count(),
            access_issued_at: timestamp(grant.access_issued_ms),
            next_refresh_at: next_refresh(self.account, grant),
        });
        self
    }
}
