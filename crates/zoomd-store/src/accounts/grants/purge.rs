//! Deletion of everything that is stored about an account.
//!
//! After its removal and the end of its jobs: its rooms, records, failures and
//! timeline go, in short steps. What stays is its epoch under a fingerprint of
//! its name, so that a late rotation does not bring it back; the day's counts
//! under Zoom's account id, until they expire; and what was published in the
//! public streams, which belongs to their readers.

use zoomd_wire::AccountName;

use super::{GrantError, Grants};
use crate::error::StoreError;
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::ACCOUNT_PURGE;

/// Number of members handled in one step.
const STEP: usize = 500;

/// Progress of a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purged {
    /// Nothing is left.
    Done,
    /// The account is not removed; nothing was done.
    Live,
    /// Jobs that left the stream have no outcome yet.
    Jobs(u64),
    /// Calls are in flight on its access token.
    InFlight(u64),
    /// There is no such account.
    NoAccount,
}

impl Grants {
    /// Purges a removed account. Jobs and calls in flight are not ended here:
    /// the answer says when there are some, and it is asked again.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached. Start again: each step is independent.
    pub async fn purge(&self, name: &AccountName) -> Result<Purged, GrantError> {
        let Some(account) = self.account(name).await? else { return Ok(Purged::NoAccount) };
        let alone = match &account.zoom_account {
            Some(zoom) => !self.is_shared(name, zoom).await?,
            None => false,
        };
        let tomb = self.vault.fingerprints()?.account(name.as_str()).to_string();
        // Before the account itself: a purge that is cut off can be found again.
        self.forget_failures(name).await?;
        self.wake_rooms(name).await?;
        let answer = self
            .call(&ACCOUNT_PURGE)
            .arg(name.as_str())
            .arg(tomb)
            .arg(u8::from(alone))
            .run(&self.store.connection())
            .await?;
        let mut answer = ScriptReply::new(answer, "a purge")?;
        Ok(match answer.next()?.as_str() {
            "purged" => Purged::Done,
            "live" => Purged::Live,
            "jobs" => Purged::Jobs(answer.count()?),
            "in flight" => Purged::InFlight(answer.count()?),
            _ => Purged::NoAccount,
        })
    }

    /// True if another account that is not removed is of the same Zoom account.
    async fn is_shared(&self, name: &AccountName, zoom: &str) -> Result<bool, StoreError> {
        let mut after: Option<String> = None;
        loop {
            let names = self.names(after.as_deref(), STEP).await?;
            let Some(last) = names.last() else { return Ok(false) };
            after = Some(last.to_string());
            let mut reads = redis::pipe();
            for other in &names {
                reads.cmd("HGET").arg(self.store.keys().account(other.as_str())).arg("z");
            }
            let values = self.store.connection().values(&reads).await?;
            for (other, value) in names.iter().zip(values) {
                let theirs: Option<String> = redis::from_redis_value(value)?;
                if other != name && theirs.as_deref() == Some(zoom) {
                    return Ok(true);
                }
            }
        }
    }

    /// Forgets the account's failures in the index.
    async fn forget_failures(&self, name: &AccountName) -> Result<(), StoreError> {
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("ZSCAN");
            scan.arg(keys.failure_index()).arg(cursor).arg("COUNT").arg(STEP);
            let (next, found): (u64, Vec<(String, f64)>) =
                redis::from_redis_value(conn.value(&scan).await?)?;
            let mut reads = redis::pipe();
            for (id, _) in &found {
                reads.cmd("HGET").arg(keys.failure(id)).arg("account");
            }
            let owners = if found.is_empty() { Vec::new() } else { conn.values(&reads).await? };
            let mut forget = redis::pipe();
            for ((id, _), owner) in found.iter().zip(owners) {
                let owner: Option<String> = redis::from_redis_value(owner)?;
                if owner.as_deref() == Some(name.as_str()) {
                    forget.cmd("ZREM").arg(keys.failure_index()).arg(id);
                    forget.cmd("DEL").arg(keys.failure(id));
                }
            }
            if !forget.is_empty() {
                conn.values(&forget).await?;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }
}
