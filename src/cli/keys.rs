//! Uses of each encryption key: stored tokens, the secret of the namespace, the journals of
//! all daemons. Shown by `config rekey` and `doctor`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use zoomd_store::encryption::{KeyId, KeyRing};
use zoomd_store::rekey;
use zoomd_store::{Store, StoreError};
use zoomd_workers::journal::keys_on_disk;

use crate::config::Config;

/// One key, and what needs it.
#[derive(Debug, Clone, Serialize)]
pub struct Key {
    /// Id of the key.
    pub key: String,
    /// Role of the key in this configuration.
    pub role: Role,
    /// Accounts whose tokens are sealed under it.
    pub grants: u64,
    /// True if the namespace's secret is encrypted with it.
    pub namespace_secret: bool,
    /// The journals with entries that are.
    pub journals: Vec<InJournal>,
}

/// Role of a key in this configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It seals.
    Current,
    /// It only opens.
    Old,
    /// It is not configured.
    Missing,
}

/// Entries of one journal.
#[derive(Debug, Clone, Serialize)]
pub struct InJournal {
    /// The daemon whose journal it is.
    pub daemon: String,
    /// Number of entries.
    pub entries: u64,
    /// Time of the daemon's report; `None` if the file is on this machine.
    pub told_at: Option<Timestamp>,
}

impl Key {
    /// True if something stored in Redis needs it.
    pub fn is_stored(&self) -> bool {
        self.grants > 0 || self.namespace_secret
    }

    /// True if anything needs it.
    pub fn is_needed(&self) -> bool {
        self.is_stored() || !self.journals.is_empty()
    }

    /// Uses of the key, for people.
    pub fn needs(&self) -> String {
        let mut needs = Vec::new();
        match self.grants {
            0 => {}
            1 => needs.push("the tokens of 1 account".to_owned()),
            n => needs.push(format!("the tokens of {n} accounts")),
        }
        if self.namespace_secret {
            needs.push("the secret of the namespace".to_owned());
        }
        for journal in &self.journals {
            let entries = match journal.entries {
                1 => "1 entry".to_owned(),
                n => format!("{n} entries"),
            };
            needs.push(format!("{entries} in the journal of {}", journal.daemon));
        }
        needs.join(", ")
    }
}

/// Every key that is configured or needed: the current one first, then old ones
/// as they are configured, then those that are missing.
pub async fn look(config: &Config, ring: &KeyRing, store: &Store) -> Result<Vec<Key>, StoreError> {
    let survey = rekey::survey(store).await?;
    let mut journals: BTreeMap<KeyId, Vec<InJournal>> = BTreeMap::new();
    // A folder that cannot be read is another finding of doctor's.
    let here = keys_on_disk(&config.data_dir, &config.namespace).unwrap_or_default();
    for told in rekey::told(store).await? {
        if !here.contains_key(&told.daemon) {
            let told_at = Timestamp::from_millisecond(told.told_ms).ok();
            add(&mut journals, &told.daemon, &told.keys, told_at);
        }
    }
    for (daemon, keys) in &here {
        add(&mut journals, daemon, keys, None);
    }
    let mut ids: Vec<KeyId> = ring.ids().collect();
    for id in survey.keys().chain(journals.keys().copied()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let configured = ring.ids().count();
    let keys = ids.into_iter().enumerate().map(|(at, id)| Key {
        key: id.to_string(),
        role: match at {
            _ if ring.primary() == Some(id) => Role::Current,
            at if at < configured => Role::Old,
            _ => Role::Missing,
        },
        grants: survey.grants.get(&id).copied().unwrap_or(0),
        namespace_secret: survey.secret == Some(id),
        journals: journals.remove(&id).unwrap_or_default(),
    });
    Ok(keys.collect())
}

fn add(
    journals: &mut BTreeMap<KeyId, Vec<InJournal>>,
    daemon: &str,
    keys: &BTreeMap<KeyId, u64>,
    told_at: Option<Timestamp>,
) {
    for (key, entries) in keys {
        let entry = InJournal { daemon: daemon.to_owned(), entries: *entries, told_at };
        journals.entry(*key).or_default().push(entry);
    }
}
