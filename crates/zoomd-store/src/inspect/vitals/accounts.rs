//! Accounts, as far as they can hold jobs back.

use redis::{Value, from_redis_value};

use super::{number, read};
use crate::StoreError;
use crate::accounts::grants::{GrantKind, Line};
use crate::inspect::wait_facts::hosts::host_of;
use crate::inspect::{Asking, Ops};

/// Number of accounts read in one step.
const PAGE: usize = 500;
/// Lines of a timeline that are searched for the time of a change.
const LINES: i64 = 20;
/// Accounts of a page whose timeline is read.
const MOST_TIMELINES: usize = 20;

/// Facts of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountVitals {
    pub name: String,
    /// The state, as `AccountState` has it.
    pub state: String,
    /// The reason of the state.
    pub why: Option<String>,
    /// The reason of its pause.
    pub paused: Option<String>,
    /// The start of the pause, or of a state in which no job runs; `None`: not known.
    pub since_ms: Option<i64>,
    /// Calls it may have in flight; 0: no cap.
    pub cap: u64,
    /// Calls in flight.
    pub in_flight: u64,
    /// The time since which the oldest job waits that only the cap holds back.
    pub capped_since_ms: Option<i64>,
    /// True when its app is its own.
    pub server_to_server: bool,
    /// Jobs that wait, sleep, or run after a wait.
    pub waiting: u64,
    /// The end of the lease of a token refresh, ms; 0: there is none.
    pub lease_until_ms: i64,
    /// The token server.
    pub issuer: String,
    pub client_id: String,
    /// The end of its access token, ms; 0: there is none.
    pub expires_ms: i64,
    /// The error of the last token refresh.
    pub last_error: Option<String>,
    /// The host and port of Zoom's API; empty: not known.
    pub api_host: String,
    /// The Zoom account whose limits it uses, as named in the ledger.
    pub zoom: String,
    pub plan: String,
}

impl AccountVitals {
    /// True when its grant can be used.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == "active"
    }

    /// True when it has as many calls in flight as its cap allows, and jobs wait.
    #[must_use]
    pub fn is_at_cap(&self) -> bool {
        self.cap > 0 && self.waiting > 0 && self.in_flight >= self.cap
    }

    /// True when it is at its cap or close to it: some calls ended just now and the next have not
    /// begun.
    pub(super) fn is_near_cap(&self) -> bool {
        self.cap > 0 && self.waiting > 0 && self.in_flight >= self.cap - self.cap / 4
    }

    /// True when it is a tombstone.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.state == "removed"
    }

    /// The account as one that asks for what keeps its jobs from running.
    #[must_use]
    pub fn asking(&self, now_ms: i64) -> Asking<'_> {
        Asking {
            account: Some(&self.name),
            api_host: Some(self.api_host.as_str()).filter(|host| !host.is_empty()),
            token_lives: self.expires_ms > now_ms,
        }
    }

    /// True if a person must act before its jobs run.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.is_removed() && (!self.is_active() || self.paused.is_some())
    }
}

impl Ops {
    /// A page of accounts in the order of their names, after `after`, and the name it
    /// ends with; `None` at the end.
    pub async fn account_vitals(
        &self,
        after: Option<&str>,
        now_ms: i64,
    ) -> Result<(Vec<AccountVitals>, Option<String>), StoreError> {
        let names = self.account_names(after, PAGE).await?;
        let last = names.last().filter(|_| names.len() == PAGE).cloned();
        if names.is_empty() {
            return Ok((Vec::new(), None));
        }
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let mut ask = redis::pipe();
        for name in &names {
            let fields = ["st", "why", "paused", "cap", "kind", "lku", "z", "plan"];
            ask.cmd("HMGET").arg(keys.account(name)).arg(&fields);
            let fields = ["issuer", "client_id", "exp", "last", "api_url"];
            ask.cmd("HMGET").arg(keys.grant(name)).arg(&fields);
            ask.cmd("HLEN").arg(keys.payloads(name));
            ask.cmd("ZCOUNT").arg(keys.in_flight(name)).arg(format!("({now_ms}")).arg("+inf");
        }
        let mut answers = conn.values(&ask).await?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let read = |name: String| of(name, [next(), next(), next(), next()]);
        let mut found: Vec<_> = names.into_iter().filter_map(read).collect();
        self.times(&mut found).await?;
        self.capped(&mut found, now_ms).await?;
        Ok((found, last))
    }

    /// Reads since when accounts are held.
    async fn times(&self, accounts: &mut [AccountVitals]) -> Result<(), StoreError> {
        let mut held: Vec<_> =
            accounts.iter_mut().filter(|a| a.is_held()).take(MOST_TIMELINES).collect();
        if held.is_empty() {
            return Ok(());
        }
        let mut ask = redis::pipe();
        for account in &held {
            let key = self.store.keys().timeline(&account.name);
            ask.cmd("LRANGE").arg(key).arg(0).arg(LINES - 1);
        }
        let answers = self.store.connection().values(&ask).await?;
        for (account, answer) in held.iter_mut().zip(answers) {
            let lines: Vec<String> = from_redis_value(answer).unwrap_or_default();
            let lines: Vec<Line> =
                lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
            // The last entry of the timeline explains why a grant cannot be used.
            let paused = account.is_active();
            let line = lines.iter().find(|line| !paused || line.what == "paused");
            account.since_ms = line.and_then(|line| i64::try_from(line.at).ok());
        }
        Ok(())
    }
}

fn of(name: String, answers: [Value; 4]) -> Option<AccountVitals> {
    let [account, grant, waiting, in_flight] = answers;
    let [state, why, paused, cap, kind, lease, zoom, plan]: [Option<String>; 8] = read(account);
    let [issuer, client_id, expires, last, api_url]: [Option<String>; 5] = read(grant);
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    Some(AccountVitals {
        zoom: filled(zoom).unwrap_or_else(|| format!("~{name}")),
        plan: filled(plan).unwrap_or_else(|| "pro".to_owned()),
        api_host: api_url.as_deref().and_then(host_of).unwrap_or_default().to_owned(),
        name,
        state: state?,
        why: filled(why),
        paused,
        since_ms: None,
        cap: number(cap).unwrap_or(0),
        in_flight: read(in_flight),
        capped_since_ms: None,
        server_to_server: kind.as_deref() == Some(GrantKind::ServerToServer.as_str()),
        waiting: read(waiting),
        lease_until_ms: number(lease).unwrap_or(0),
        issuer: issuer.unwrap_or_default(),
        client_id: client_id.unwrap_or_default(),
        expires_ms: number(expires).unwrap_or(0),
        last_error: filled(last),
    })
}

#[cfg(test)]
mod tests {
    use super::AccountVitals;

    #[test]
    fn an_account_without_a_call_is_not_held_by_its_cap() {
        for (cap, in_flight, waiting, expected) in [
            (0, 9, 5, false),
            (1, 0, 5, false),
            (1, 1, 5, true),
            (2, 1, 5, false),
            (5, 4, 5, true),
            (8, 5, 5, false),
            (8, 6, 5, true),
            (8, 8, 0, false),
        ] {
            let account = AccountVitals { cap, in_flight, waiting, ..AccountVitals::default() };
            assert_eq!(account.is_near_cap(), expected, "{account:?}");
        }
    }
}
