//! Re-encryption of all tokens with the primary key, while daemons run.
//!
//! Each grant is decrypted and encrypted again at its own epoch and generation, and replaced only
//! if the stored text has not changed since. One that was rotated meanwhile is under the new key by
//! then, if its daemon has it; else the next pass finds it.

use zoomd_wire::AccountName;

use super::{Candidate, GrantError, GrantRecord, Grants};
use crate::accounts::encryption::{Purpose, SealError, Sealed};
use crate::error::StoreError;
use crate::redis::scripts::GRANT_RESEAL;

/// Number of names read in one step.
const PAGE: usize = 200;
/// Number of tries for a grant that is rotated while it is encrypted again.
const TRIES: usize = 5;

/// Result of encrypting one account's tokens again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resealed {
    /// They are under the primary key now.
    Done,
    /// They were already, or there are none.
    Fresh,
    /// They do not open: the key is missing or the record is damaged.
    Failed(SealError),
}

impl Grants {
    /// Seals every account's tokens under the primary key; `each` hears of all.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached or no key is configured. Accounts already re-encrypted
    /// stay so: start again.
    pub async fn rekey(
        &self,
        mut each: impl FnMut(&AccountName, &Resealed),
    ) -> Result<(), GrantError> {
        self.vault.ring().require()?;
        let mut after: Option<String> = None;
        loop {
            let names = self.names(after.as_deref(), PAGE).await?;
            let Some(last) = names.last() else { return Ok(()) };
            after = Some(last.to_string());
            for name in &names {
                let resealed = self.reseal(name).await?;
                each(name, &resealed);
            }
        }
    }

    async fn reseal(&self, name: &AccountName) -> Result<Resealed, GrantError> {
        for _ in 0..TRIES {
            let Some(record) = self.grant(name).await? else { return Ok(Resealed::Fresh) };
            let ring = self.vault.ring();
            let stale = ring.is_stale(&record.sealed)
                || record.candidates.iter().any(|candidate| ring.is_stale(&candidate.sealed));
            if !stale {
                return Ok(Resealed::Fresh);
            }
            let (sealed, candidates) = match self.sealed_anew(name, &record) {
                Ok(new) => new,
                Err(error) => return Ok(Resealed::Failed(error)),
            };
            if self.replace(name, &record, &sealed, &candidates).await? {
                return Ok(Resealed::Done);
            }
        }
        let text = format!("the grant of {name} changes too fast to be re-encrypted");
        Err(StoreError::new(crate::ErrorKind::Other, text).into())
    }

    fn sealed_anew(
        &self,
        name: &AccountName,
        record: &GrantRecord,
    ) -> Result<(Sealed, Vec<Candidate>), SealError> {
        let anew = |purpose, version, sealed: &Sealed| {
            let plain = self.vault.open(purpose, name.as_str(), version, sealed)?;
            self.vault.seal(purpose, name.as_str(), version, &plain)
        };
        let sealed = anew(Purpose::Grant, record.version, &record.sealed)?;
        let candidates = record.candidates.iter().map(|candidate| {
            let sealed = anew(Purpose::Candidate, candidate.version, &candidate.sealed)?;
            Ok(Candidate { sealed, ..candidate.clone() })
        });
        Ok((sealed, candidates.collect::<Result<_, SealError>>()?))
    }

    async fn replace(
        &self,
        name: &AccountName,
        record: &GrantRecord,
        sealed: &Sealed,
        candidates: &[Candidate],
    ) -> Result<bool, GrantError> {
        let keys = self.store.keys();
        let stored: Option<String> = {
            let mut command = redis::cmd("HGET");
            command.arg(keys.grant(name.as_str())).arg("cand");
            let value = self.store.connection().value(&command).await.map_err(StoreError::from)?;
            redis::from_redis_value(value).map_err(StoreError::from)?
        };
        let anew = serde_json::to_string(candidates)
            .unwrap_or_else(|_| unreachable!("texts are always JSON"));
        let answer = GRANT_RESEAL
            .call()
            .key(keys.prefix())
            .arg(self.store.clock().ms())
            .arg(name.as_str())
            .arg(record.version.epoch.to_string())
            .arg(record.version.generation)
            .arg(record.sealed.as_str())
            .arg(sealed.as_str())
            .arg(stored.unwrap_or_default())
            .arg(anew)
            .run(&self.store.connection())
            .await?;
        Ok(answer == redis::Value::Int(1))
    }
}
