//! Index of the file, in memory: the position of each entry, never its tokens.

use std::collections::{BTreeMap, HashMap, HashSet};

use zoomd_store::encryption::{Fingerprint, KeyId, Sealed};
use zoomd_store::grants::{Epoch, GrantVersion};
use zoomd_wire::AccountName;

use super::entry::Record;
use super::file::Place;

/// A staged entry, without its reply.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The intent whose reply it is.
    pub id: String,
    pub account: AccountName,
    /// The version of its token.
    pub version: GrantVersion,
    /// Fingerprints of the presented token and its ancestors, newest first.
    pub lineage: Vec<Fingerprint>,
    /// The base of the OAuth endpoints.
    pub issuer: String,
    /// The app.
    pub client_id: String,
    /// Fingerprint of the new token, once the reply was parsed.
    pub fp: Option<Fingerprint>,
    /// Time at which the store took it first, by this machine's clock.
    pub committed_ms: Option<i64>,
    /// The key its reply is sealed under; `None` where that cannot be read.
    pub key: Option<KeyId>,
    pub(super) place: Place,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    entries: HashMap<String, Summary>,
    intents: HashMap<String, (AccountName, Place)>,
}

impl Index {
    pub(super) fn add(&mut self, record: Record, place: Place) {
        match record {
            Record::Intent { account, id } => {
                self.intents.insert(id, (account, place));
            }
            Record::Staged { entry, sealed } => {
                self.intents.remove(&entry.id);
                let summary = Summary {
                    id: entry.id.clone(),
                    account: entry.account,
                    version: entry.version,
                    lineage: entry.lineage,
                    issuer: entry.issuer,
                    client_id: entry.client_id,
                    fp: None,
                    committed_ms: None,
                    key: Sealed::from_stored(sealed).key_id(),
                    place,
                };
                self.entries.insert(entry.id, summary);
            }
            Record::Closed { id } => self.forget(&id),
            Record::Committed { id, fp, at_ms } => {
                let Some(entry) = self.entries.get_mut(&id) else { return };
                entry.fp = fp.parse().ok();
                entry.committed_ms = entry.committed_ms.or(Some(at_ms));
                let account = entry.account.clone();
                self.supersede(&account);
            }
        }
    }

    /// A token that another was made from is spent. What is staged and not judged
    /// yet proves nothing: it may be a refusal, and its parent live. A token that
    /// came with several replies is kept with the last.
    fn supersede(&mut self, account: &AccountName) {
        let of_account = self.entries.values().filter(|entry| entry.account == *account);
        let (mut spent, mut last) = (HashSet::new(), HashMap::new());
        for (entry, fp) in of_account.filter_map(|entry| Some((entry, entry.fp?))) {
            spent.extend(entry.lineage.iter().copied().filter(|parent| *parent != fp));
            let newest = last.entry(fp).or_insert(entry.version);
            *newest = entry.version.max(*newest);
        }
        self.entries.retain(|_, old| {
            let is_last = |fp| last.get(&fp).is_none_or(|newest| *newest == old.version);
            old.account != *account || old.fp.is_none_or(|fp| !spent.contains(&fp) && is_last(fp))
        });
    }

    pub(super) fn entry(&self, id: &str) -> Option<&Summary> {
        self.entries.get(id)
    }

    pub(super) fn entries(&self) -> Vec<Summary> {
        self.entries.values().cloned().collect()
    }

    pub(super) fn latest(&self, account: &str) -> Option<GrantVersion> {
        let entries = self.entries.values().filter(|e| e.account.as_str() == account);
        entries.map(|entry| entry.version).max()
    }

    /// The keys that entries are sealed under, with how many each.
    pub(super) fn keys(&self) -> BTreeMap<KeyId, u64> {
        let mut keys = BTreeMap::new();
        for key in self.entries.values().filter_map(|entry| entry.key) {
            *keys.entry(key).or_insert(0) += 1;
        }
        keys
    }

    pub(super) fn open_intents(&self) -> usize {
        self.intents.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.intents.is_empty()
    }

    pub(super) fn live_bytes(&self) -> u64 {
        self.entries.values().map(|entry| entry.place.len).sum()
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.entries.remove(id);
        self.intents.remove(id);
    }

    pub(super) fn expire(&mut self, before_ms: i64) {
        self.entries.retain(|_, entry| entry.committed_ms.is_none_or(|at| at > before_ms));
    }

    pub(super) fn erase(&mut self, account: &str, epoch: Epoch) -> bool {
        let before = self.entries.len();
        let goes = |e: &Summary| e.account.as_str() == account && e.version.epoch <= epoch;
        self.entries.retain(|_, entry| !goes(entry));
        self.entries.len() < before
    }

    pub(super) fn places(&self) -> Vec<Place> {
        let entries = self.entries.values().map(|entry| entry.place);
        entries.chain(self.intents.values().map(|(_, place)| *place)).collect()
    }

    /// Copy of the index over the file the records were moved to.
    pub(super) fn moved(self, records: Vec<Record>, places: Vec<Place>) -> Self {
        let mut fresh = Self::default();
        for (record, place) in records.into_iter().zip(places) {
            fresh.add(record, place);
        }
        for (id, entry) in &mut fresh.entries {
            if let Some(old) = self.entries.get(id) {
                (entry.fp, entry.committed_ms) = (old.fp, old.committed_ms);
            }
        }
        fresh
    }
}
