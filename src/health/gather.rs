//! Reading the facts. Never fails: a Redis that cannot be asked is a fact.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use zoomd_store::inspect::{
    AccountVitals, DaemonLine, DayNearEnd, Ops, Problem, RecentFailure, Vitals,
};
use zoomd_store::rekey::{self, Survey};
use zoomd_store::{ErrorKind, Store, StoreError};
use zoomd_workers::tokens::RotationSettings;

use super::facts::{Absent, Accounts, Facts, Failing, Found, Here, Unused};
use super::judge::LATE_MS;
use super::namespace;
use super::stuck::{Still, Stuck};
use super::tools::{Process, Tools};
use crate::config::{Config, Origin, without_login};
use crate::identity;

/// The longest time for the first reads; accounts may take longer. A connection that
/// does not come about within five seconds says why.
const PATIENCE: Duration = Duration::from_secs(6);
/// Keys in use, and days that are used up, are read again after this.
const RARELY: Duration = Duration::from_secs(60);
/// A job that sleeps for longer does not wait for an outage, ms.
const OUTAGE_MS: i64 = 3_600_000;
/// Accounts whose rooms one look reads.
const MOST_ROOMS_OF: usize = 3;
/// Failures in a row, with one code, that say that all jobs of an account fail.
const IN_A_ROW: usize = 5;
/// Accounts for which a success is looked for.
const MOST_FAILING: usize = 5;
/// Codes that somebody wanted, or that say nothing of the jobs to come.
const NO_FAULT: [&str; 3] = ["cancelled", "account_removed", "id_conflict"];

/// A reader of facts that remembers what does not change between two looks.
#[derive(Debug)]
pub struct Gatherer {
    store: Store,
    ops: Ops,
    here: Here,
    /// Pages of accounts read by one look.
    pages: usize,
    absent_since_ms: Option<i64>,
    /// True once Redis has answered: when it went away before is not known.
    answered: bool,
    accounts: BTreeMap<String, AccountVitals>,
    cursor: Option<String>,
    keys: Option<(Instant, Option<Survey>)>,
    days: Option<(Instant, Vec<DayNearEnd>)>,
    still: Still,
    /// The account whose rooms were read last.
    looked_at: String,
}

impl Gatherer {
    /// A reader for a command: each look reads all accounts.
    pub fn of_command(config: &Config, store: Store) -> Self {
        Self::new(config, store, None, usize::MAX)
    }

    /// A reader for the daemon of this id: each look reads at most 1,000 accounts, in
    /// turn.
    pub fn of_daemon(config: &Config, store: Store, id: &str) -> Self {
        Self::new(config, store, Some(id.to_owned()), 2)
    }

    fn new(config: &Config, store: Store, daemon: Option<String>, pages: usize) -> Self {
        let hold = RotationSettings::default().settle_after_restart;
        let here = Here {
            namespace: config.namespace.clone(),
            flag: by_flag(config),
            redis: without_login(config.redis_url.expose_secret()),
            machine: identity::host(),
            daemon,
            keys: config.key_ring().map(|ring| ring.ids().collect()).unwrap_or_default(),
            replicas: config.replicas,
            hold_ms: i64::try_from(hold.as_millis()).unwrap_or(i64::MAX),
            tools: Tools::here(),
        };
        let ops = Ops::new(store.clone()).within(config.budgets.clone());
        Self {
            store,
            ops,
            here,
            pages,
            absent_since_ms: None,
            answered: false,
            accounts: BTreeMap::new(),
            cursor: None,
            keys: None,
            days: None,
            still: Still::default(),
            looked_at: String::new(),
        }
    }

    /// All facts of now. `own`: problems that the daemon that asks has itself.
    pub async fn gather(&mut self, own: Vec<Problem>) -> Facts {
        let found = match self.read().await {
            Ok(found) => {
                (self.absent_since_ms, self.answered) = (None, true);
                Ok(Box::new(found))
            }
            Err(error) => Err(self.absent(&error)),
        };
        Facts { here: self.here.clone(), own, found }
    }

    /// A Redis that could not be asked.
    pub fn absent(&mut self, error: &StoreError) -> Absent {
        if self.answered {
            self.absent_since_ms.get_or_insert_with(|| Timestamp::now().as_millisecond());
        }
        let since_ms = self.absent_since_ms;
        Absent { kind: error.kind(), text: error.to_string(), since_ms }
    }

    async fn read(&mut self) -> Result<Found, StoreError> {
        let before = Timestamp::now().as_millisecond();
        let vitals = self.vitals().await?;
        let after = Timestamp::now().as_millisecond();
        known(self.walk(vitals.now_ms).await)?;
        let clock_off_ms = (vitals.now_ms - after).max(0) - (before - vitals.now_ms).max(0);
        let held = known(self.ops.held(vitals.now_ms).await)?;
        let asleep = known(self.ops.asleep_beyond(vitals.now_ms + OUTAGE_MS).await)?;
        let days_near_end = known(self.days_near_end(vitals.now_ms).await)?;
        let stuck = known(self.stuck(&vitals).await)?;
        let failing = known(self.failing(&vitals.failures).await)?;
        let processes = self.processes(&vitals.daemons);
        let accounts = self.accounts.clone();
        let unused = match vitals.used {
            true => None,
            false => known(namespace::unknown(&self.store).await)?.map(|unknown| Unused {
                text: unknown.to_string(),
                others: !unknown.known.is_empty(),
            }),
        };
        let keys = self.keys().await;
        Ok(Found {
            unused,
            clock_off_ms,
            accounts: Accounts(accounts),
            held,
            asleep,
            days_near_end,
            stuck,
            failing,
            keys,
            processes,
            vitals,
        })
    }

    async fn vitals(&self) -> Result<Vitals, StoreError> {
        let vitals = tokio::time::timeout(PATIENCE, self.ops.vitals()).await;
        vitals.unwrap_or_else(|_| {
            let text = format!("no answer within {} s", PATIENCE.as_secs());
            Err(StoreError::new(ErrorKind::Unreachable, text))
        })
    }

    /// Reads the next pages of accounts.
    async fn walk(&mut self, now_ms: i64) -> Result<(), StoreError> {
        use Bound::{Excluded, Included, Unbounded};
        for _ in 0..self.pages {
            let after = self.cursor.take();
            let (page, last) = self.ops.account_vitals(after.as_deref(), now_ms).await?;
            let from = after.map_or(Unbounded, Excluded);
            let to = last.clone().map_or(Unbounded, Included);
            let old = self.accounts.range((from, to)).map(|(name, _)| name.clone());
            for name in old.collect::<Vec<_>>() {
                self.accounts.remove(&name);
            }
            let there = page.into_iter().filter(|account| !account.is_removed());
            self.accounts.extend(there.map(|account| (account.name.clone(), account)));
            self.cursor = last;
            if self.cursor.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Days that are used up or nearly so, of all accounts known.
    async fn days_near_end(&mut self, now_ms: i64) -> Result<Vec<DayNearEnd>, StoreError> {
        let fresh = self.days.as_ref().filter(|(at, _)| at.elapsed() < RARELY);
        if fresh.is_none() {
            let found = self.ops.days_near_end(self.accounts.values(), now_ms).await?;
            self.days = Some((Instant::now(), found));
        }
        let days = self.days.iter().flat_map(|(_, days)| days);
        Ok(days.filter(|day| day.until_ms > now_ms).cloned().collect())
    }

    /// Rooms that stand still, as far as this reader has looked: it reads some accounts at
    /// a time, those that it watches first.
    async fn stuck(&mut self, vitals: &Vitals) -> Result<Vec<Stuck>, StoreError> {
        let claims = vitals.daemons.iter().any(|daemon| daemon.alive);
        let runs = claims && vitals.paused.is_none() && vitals.refusal.is_none();
        let candidate = |account: &AccountVitals| {
            runs && !account.is_held() && account.waiting > 0 && account.in_flight == 0
        };
        let accounts = &self.accounts;
        self.still.keep(|name| accounts.get(name).is_some_and(candidate));
        let watched = self.still.accounts().map(str::to_owned);
        let after = (Bound::Excluded(self.looked_at.clone()), Bound::Unbounded);
        let others = accounts.range(after).chain(accounts.iter());
        let others = others.filter(|(_, account)| candidate(account)).map(|(name, _)| name.clone());
        let mut names: Vec<String> = watched.take(MOST_ROOMS_OF - 1).collect();
        names.dedup();
        names.extend(others.take(MOST_ROOMS_OF - names.len()));
        self.looked_at = names.last().cloned().unwrap_or_default();
        for name in names {
            let rooms = self.ops.ready_rooms(&name).await?;
            self.still.hear(&name, rooms, vitals.now_ms);
        }
        Ok(self.still.stuck(vitals.now_ms, LATE_MS))
    }

    /// Accounts whose latest failures, newest first, are of one code, with no success
    /// since the first of them.
    async fn failing(&self, failures: &[RecentFailure]) -> Result<Vec<Failing>, StoreError> {
        let mut failing = Vec::new();
        for found in rows(failures).into_iter().take(MOST_FAILING) {
            if !self.ops.succeeded_since(&found.account, found.since_ms).await? {
                failing.push(found);
            }
        }
        Ok(failing)
    }

    /// The processes of daemons of this machine that have no heartbeat.
    fn processes(&self, daemons: &[DaemonLine]) -> BTreeMap<String, Process> {
        let silent = daemons.iter().filter(|daemon| !daemon.alive).map(|daemon| &daemon.presence);
        let here = silent.filter(|presence| presence.host == self.here.machine);
        here.map(|presence| (presence.id.clone(), Process::of(presence.pid))).collect()
    }

    /// Keys in use; not known where the user of Redis may run no scripts.
    async fn keys(&mut self) -> Option<Survey> {
        let fresh = self.keys.as_ref().filter(|(at, _)| at.elapsed() < RARELY);
        if fresh.is_none() {
            self.keys = Some((Instant::now(), rekey::survey(&self.store).await.ok()));
        }
        self.keys.as_ref().and_then(|(_, survey)| survey.clone())
    }
}

/// The namespace, where a flag names it.
fn by_flag(config: &Config) -> Option<String> {
    let flag = matches!(config.resolved.get("namespace"), Some((_, Origin::Flag(_))));
    flag.then(|| config.namespace.clone())
}

/// The answer; nothing, where the user of Redis may not ask, or a key is none of ours.
fn known<T: Default>(read: Result<T, StoreError>) -> Result<T, StoreError> {
    read.or_else(|error| if error.is_transient() { Err(error) } else { Ok(T::default()) })
}

/// Accounts whose latest failures are at least [`IN_A_ROW`] with one code.
fn rows(failures: &[RecentFailure]) -> Vec<Failing> {
    let mut rows: BTreeMap<&str, (Failing, bool)> = BTreeMap::new();
    for failure in failures.iter().filter(|f| !NO_FAULT.contains(&f.code.as_str())) {
        let new = || {
            let (account, code) = (failure.account.clone(), failure.code.clone());
            let job_id = failure.job_id.clone();
            (Failing { account, code, failures: 0, since_ms: failure.failed_ms, job_id }, true)
        };
        let (row, lasts) = rows.entry(&failure.account).or_insert_with(new);
        *lasts &= row.code == failure.code;
        if *lasts {
            row.failures += 1;
            row.since_ms = row.since_ms.min(failure.failed_ms);
        }
    }
    rows.into_values().map(|(row, _)| row).filter(|row| row.failures >= IN_A_ROW).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_are_of_one_account_and_one_code() {
        let failure = |account: &str, code: &str, failed_ms| RecentFailure {
            job_id: format!("{account}-{failed_ms}"),
            account: account.to_owned(),
            code: code.to_owned(),
            failed_ms,
        };
        let mut failures: Vec<_> =
            (0..6).rev().map(|ms| failure("acme", "invalid_job", ms)).collect();
        failures.extend((0..4).rev().map(|ms| failure("few", "invalid_job", ms)));
        failures.extend((0..9).rev().map(|ms| failure("done", "cancelled", ms)));
        failures.extend((5..9).rev().map(|ms| failure("mixed", "invalid_job", ms)));
        failures.extend((0..5).rev().map(|ms| failure("mixed", "zoom_rejected", ms)));
        let found = rows(&failures);
        assert_eq!(found.len(), 1, "{found:?}");
        let row = (found[0].account.as_str(), found[0].failures, found[0].since_ms);
        assert_eq!((row, found[0].job_id.as_str()), (("acme", 6, 0), "acme-5"));
    }
}
