//! Looking, without a lease.

use zoomd_wire::AccountName;

use super::Rotations;
use crate::StoreError;
use crate::accounts::grants::{AccountRecord, AccountState, Epoch, GrantRecord, GrantVersion};

/// An account and its grant as they stand together.
#[derive(Debug, Clone)]
pub struct Look {
    /// The time of Redis.
    pub now_ms: i64,
    pub account: AccountRecord,
    /// Grant, unless it is removed or superseded.
    pub grant: Option<GrantRecord>,
}

impl Look {
    /// True if the account's gate is closed: by a lease, a rest or an intent.
    #[must_use]
    pub fn gate_closed(&self) -> bool {
        let leased = self.account.lease.as_ref();
        let leased =
            leased.is_some_and(|(_, until)| i64::try_from(*until).unwrap_or(0) > self.now_ms);
        leased || self.account.intent.is_some()
    }

    /// True if a rotation is under way.
    #[must_use]
    pub fn is_leased(&self) -> bool {
        self.account.lease.as_ref().is_some_and(|(owner, until)| {
            owner != "-" && i64::try_from(*until).unwrap_or(i64::MAX) > self.now_ms
        })
    }

    /// True if another token than the stored one may be the living one.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        self.grant.as_ref().is_some_and(|grant| grant.forks(self.now_ms).next().is_some())
    }
}

/// Stored version of an account, as far as a journal needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// The stored version, a tombstone's too.
    pub version: Option<GrantVersion>,
    /// True if that is a tombstone's.
    pub removed: bool,
    /// Every fingerprint the stored grant knows, in one text.
    pub knows: String,
    /// The open intent's id.
    pub intent: Option<String>,
}

impl Version {
    /// The epoch of the tombstone, where one stands.
    #[must_use]
    pub fn buried(&self) -> Option<Epoch> {
        self.version.filter(|_| self.removed).map(|version| version.epoch)
    }
}

/// Requester of a rotation, and its purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking<'a> {
    /// A command, to have the stored version replaced; it waits to hear why not.
    Command,
    /// A daemon that cannot, for its jobs: to have the stored version replaced.
    Jobs,
    /// A command, to find out now what became of this open intent.
    Probe {
        /// Id.
        intent: &'a str,
    },
}

impl Rotations {
    /// Reads an account and its grant in one step.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached or a key has a wrong type.
    pub async fn look(&self, name: &AccountName) -> Result<Option<Look>, StoreError> {
        let keys = self.store.keys();
        let mut reads = redis::pipe();
        reads.atomic();
        reads.cmd("TIME");
        reads.cmd("HGETALL").arg(keys.account(name.as_str()));
        reads.cmd("HGETALL").arg(keys.grant(name.as_str()));
        let values = self.store.connection().values(&reads).await?;
        let all = redis::Value::Array(match values.as_slice() {
            [redis::Value::Array(inner)] => inner.clone(),
            _ => values,
        });
        type Fields = std::collections::HashMap<String, String>;
        let (time, account, grant): ((i64, i64), Fields, Fields) = redis::from_redis_value(all)?;
        let now_ms = time.0 * 1000 + time.1 / 1000 + self.store.clock().ms();
        let Some(account) = crate::accounts::grants::account(name, &account)? else {
            return Ok(None);
        };
        Ok(Some(Look { now_ms, account, grant: crate::accounts::grants::grant(&grant)? }))
    }

    /// Stored versions of these accounts, in their order, to compare with a journal.
    pub async fn versions(&self, names: &[AccountName]) -> Result<Vec<Version>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let keys = self.store.keys();
        let mut reads = redis::pipe();
        for name in names {
            reads.cmd("HMGET").arg(keys.account(name.as_str())).arg(&["ep", "gen", "int", "st"]);
            reads.cmd("HMGET").arg(keys.grant(name.as_str())).arg(&["fp", "pfp", "anc", "cand"]);
        }
        let values = self.store.connection().values(&reads).await?;
        values
            .chunks_exact(2)
            .map(|pair| {
                let of_account: Vec<Option<String>> = redis::from_redis_value_ref(&pair[0])?;
                let of_grant: Vec<Option<String>> = redis::from_redis_value_ref(&pair[1])?;
                let [epoch, generation, intent, state] = <[_; 4]>::try_from(of_account)
                    .map_err(|_| StoreError::unexpected("an account"))?;
                let epoch = epoch.and_then(|text: String| text.parse().ok());
                let generation = generation.and_then(|text: String| text.parse().ok());
                let version = epoch
                    .zip(generation)
                    .map(|(epoch, generation)| GrantVersion { epoch, generation });
                let knows = of_grant.into_iter().flatten().collect::<Vec<_>>().join(" ");
                let removed = state.as_deref() == Some(AccountState::Removed.as_str());
                Ok(Version { version, removed, knows, intent })
            })
            .collect()
    }

    /// Accounts among these that are in `state`.
    pub async fn in_state(
        &self,
        names: Vec<AccountName>,
        state: AccountState,
    ) -> Result<Vec<AccountName>, StoreError> {
        let mut reads = redis::pipe();
        for name in &names {
            reads.cmd("HGET").arg(self.store.keys().account(name.as_str())).arg("st");
        }
        if names.is_empty() {
            return Ok(names);
        }
        let values = self.store.connection().values(&reads).await?;
        let mut found = Vec::new();
        for (name, value) in names.into_iter().zip(values) {
            let stands: Option<String> = redis::from_redis_value(value)?;
            if stands.as_deref() == Some(state.as_str()) {
                found.push(name);
            }
        }
        Ok(found)
    }

    /// Asks every daemon to rotate the account's grant, of which `version` is stored.
    /// Whoever will do so acknowledges it under `nonce`. Answers how many listened;
    /// these may be others.
    pub async fn ask(
        &self,
        account: &AccountName,
        version: GrantVersion,
        nonce: &str,
        asking: Asking<'_>,
    ) -> Result<u64, StoreError> {
        let what = match asking {
            Asking::Command => String::new(),
            Asking::Jobs => " jobs".to_owned(),
            Asking::Probe { intent } => format!(" probe {intent}"),
        };
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(self.store.keys().ask()).arg(format!("{account} {version} {nonce}{what}"));
        Ok(redis::from_redis_value(self.store.connection().value(&publish).await?)?)
    }

    /// Says that this process does what was asked for under `nonce`; whether it is the
    /// first to say so.
    pub async fn acknowledge(&self, nonce: &str, process: &str) -> Result<bool, StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(self.store.keys().heard(nonce)).arg(process).arg("NX").arg("PX").arg(10_000);
        Ok(self.store.connection().value(&set).await? != redis::Value::Nil)
    }

    /// True if a process does what was asked for under `nonce`.
    pub async fn is_acknowledged(&self, nonce: &str) -> Result<bool, StoreError> {
        let mut read = redis::cmd("EXISTS");
        read.arg(self.store.keys().heard(nonce));
        Ok(redis::from_redis_value(self.store.connection().value(&read).await?)?)
    }

    /// The server's run id: another one after a restart or a failover.
    pub async fn run_id(&self) -> Result<Option<String>, StoreError> {
        let info = self.store.info("server").await?;
        Ok(info.lines().find_map(|l| l.strip_prefix("run_id:")).map(|id| id.trim().to_owned()))
    }
}
