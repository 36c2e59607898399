//! Keys that are still needed: those of all stored texts, and those of the journals of all daemons.
//!
//! Reads only the names of keys, so it works without any key. Encrypting again is in
//! [`crate::accounts::grants::Grants::rekey`] and [`crate::meta::reseal`]. A journal is on its
//! daemon's disk, so each daemon regularly reports which keys its entries need; the report of a
//! dead one stays until its file is taken over.

mod journals;

use std::collections::BTreeMap;

use crate::accounts::encryption::{KeyId, Sealed};
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::KEYS_IN_USE;
use crate::{Store, StoreError};

pub use journals::{JournalKeys, forget, tell, told};

/// Number of accounts read by one script.
const PAGE: usize = 500;

/// Keys under which the namespace is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Key → accounts with tokens (or candidates) under it.
    pub grants: BTreeMap<KeyId, u64>,
    /// The key of the namespace's own secret.
    pub secret: Option<KeyId>,
    /// Accounts whose tokens are not an encrypted text.
    pub unreadable: u64,
}

impl Survey {
    /// Every key that something stored needs.
    pub fn keys(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.grants.keys().copied().chain(self.secret)
    }
}

/// Reads the key names of all stored texts.
pub async fn survey(store: &Store) -> Result<Survey, StoreError> {
    let mut survey = Survey { secret: secret(store).await?, ..Survey::default() };
    let mut after = "-".to_owned();
    loop {
        let answer = KEYS_IN_USE
            .call()
            .key(store.keys().prefix())
            .arg(store.clock().ms())
            .arg(&after)
            .arg(PAGE)
            .run(&store.connection())
            .await?;
        let mut answer = ScriptReply::new(answer, "the keys in use")?;
        let last = answer.next()?;
        while let Some(names) = answer.next_if_any()? {
            let mut keys: Vec<_> = names.split(' ').map(key_of).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                match key {
                    Some(key) => *survey.grants.entry(key).or_insert(0) += 1,
                    None => survey.unreadable += 1,
                }
            }
        }
        if last.is_empty() {
            return Ok(survey);
        }
        after = format!("({last}");
    }
}

/// Key id at the start of an encrypted text; the rest of it may be cut off.
fn key_of(head: &str) -> Option<KeyId> {
    Sealed::from_stored(format!("{head}.")).key_id()
}

async fn secret(store: &Store) -> Result<Option<KeyId>, StoreError> {
    let mut read = redis::cmd("HGET");
    read.arg(store.keys().meta()).arg("secret");
    let stored: Option<String> = redis::from_redis_value(store.connection().value(&read).await?)?;
    Ok(stored.and_then(|text| Sealed::from_stored(text).key_id()))
}

#[cfg(test)]
mod tests {
    use super::key_of;

    #[test]
    fn a_key_is_read_from_the_head_of_a_sealed_text() {
        assert_eq!(key_of("z1.0123abcd").map(|key| key.to_string()).as_deref(), Some("0123abcd"));
        for bad in ["", "z1", "z1.", "z2.0123abcd", "z1.0123ab", "0123abcd"] {
            assert!(key_of(bad).is_none(), "{bad}");
        }
    }
}
