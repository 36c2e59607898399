//! Facts for the health assessment: plain data, read by `gather`.

use std::collections::{BTreeMap, BTreeSet};

use zoomd_store::encryption::KeyId;
use zoomd_store::inspect::{AccountVitals, DayNearEnd, Held, Problem, Vitals};
use zoomd_store::rekey::Survey;
use zoomd_store::{ErrorKind, Replicas};

use super::stuck::Stuck;
use super::tools::{Process, Tools};

/// All facts of one moment.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The process that asks.
    pub here: Here,
    /// The problems of the daemon that asks; empty for a command.
    pub own: Vec<Problem>,
    /// The namespace, or why it cannot be read.
    pub found: Result<Box<Found>, Absent>,
}

/// The process that asks, and its machine.
#[derive(Debug, Clone, Default)]
pub struct Here {
    pub namespace: String,
    /// The namespace where `--namespace` set it: proposed commands need the flag, too.
    pub flag: Option<String>,
    /// The address of Redis, without user and password.
    pub redis: String,
    /// The name of this machine, as daemons tell theirs.
    pub machine: String,
    /// The id of the daemon that asks; `None`: a command asks.
    pub daemon: Option<String>,
    /// Keys of this process that decrypt.
    pub keys: BTreeSet<KeyId>,
    /// Replicas that must confirm a token refresh.
    pub replicas: Replicas,
    /// The longest time for which token refreshes are on hold after a restart of Redis, ms.
    pub hold_ms: i64,
    /// Programs and services of this machine.
    pub tools: Tools,
}

/// A Redis that could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// The kind of trouble.
    pub kind: ErrorKind,
    /// The error.
    pub text: String,
    /// The time of the first failure that this process saw, ms.
    pub since_ms: Option<i64>,
}

/// Facts of a namespace.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Facts that do not depend on the accounts.
    pub vitals: Vitals,
    /// A namespace that no zoomd has used; `None`: one has.
    pub unused: Option<Unused>,
    /// The difference between the clock of Redis and that of this process, ms, beyond
    /// what the network explains.
    pub clock_off_ms: i64,
    pub accounts: Accounts,
    /// Jobs that wait for long.
    pub held: Vec<Held>,
    /// Jobs that sleep for over an hour, by account.
    pub asleep: BTreeMap<String, u64>,
    /// Daily limits of which nothing or little is left.
    pub days_near_end: Vec<DayNearEnd>,
    /// Rooms whose jobs nothing holds back and no claim takes.
    pub stuck: Vec<Stuck>,
    /// Accounts whose jobs all fail.
    pub failing: Vec<Failing>,
    /// Keys that the stored tokens need; `None`: not known.
    pub keys: Option<Survey>,
    /// Processes of this machine that daemons without a heartbeat ran in.
    pub processes: BTreeMap<String, Process>,
}

/// Accounts that are not removed, by name.
#[derive(Debug, Clone, Default)]
pub struct Accounts(pub BTreeMap<String, AccountVitals>);

impl Accounts {
    /// Jobs that wait, in all accounts.
    pub fn waiting(&self) -> u64 {
        self.0.values().map(|account| account.waiting).sum()
    }
}

impl Found {
    /// Jobs of these accounts that an outage holds back, at most. An account that somebody
    /// must see to waits for that, and what sleeps until later waits for its time.
    pub fn held_back<'a>(&self, accounts: impl Iterator<Item = &'a AccountVitals>) -> u64 {
        let held = accounts.filter(|account| !account.is_held()).map(|account| {
            let name = &account.name;
            let days = self.held.iter().filter(|held| held.account == *name && held.lasts());
            let days: u64 = days.map(|held| held.jobs).sum();
            let asleep = self.asleep.get(name).copied().unwrap_or(0);
            account.waiting.saturating_sub(asleep + days)
        });
        held.sum()
    }

    /// Number of waiting jobs of all accounts without a valid access token.
    pub fn waiting_for_a_token(&self) -> u64 {
        let now_ms = self.vitals.now_ms;
        self.held_back(self.accounts.0.values().filter(|account| account.expires_ms <= now_ms))
    }

    /// Jobs without an outcome.
    pub fn unfinished(&self) -> u64 {
        self.vitals.stream + self.accounts.waiting()
    }
}

/// A namespace that no zoomd has used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// Words on it, with the namespaces that exist.
    pub text: String,
    /// True when others exist: it is most likely a typing error.
    pub others: bool,
}

/// An account whose latest jobs all failed, with one code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The account; empty if the jobs name none.
    pub account: String,
    /// The failure code.
    pub code: String,
    /// Failures in a row that were seen.
    pub failures: usize,
    /// The first of them, ms.
    pub since_ms: i64,
    /// The last job.
    pub job_id: String,
}
