//! Encryption keys that the journals need: an old key is needed until the last entry that
//! was sealed under it is gone.

use std::collections::BTreeMap;
use std::path::Path;

use zoomd_store::encryption::KeyId;

use super::file::{Place, glance};
use super::index::Index;
use super::{FOLDER, Journal};

impl Journal {
    /// The keys that this process' entries are sealed under, with how many each.
    #[must_use]
    pub fn keys(&self) -> BTreeMap<KeyId, u64> {
        self.index().keys()
    }
}

/// The keys that the files of a namespace on this machine need, by the process
/// whose file it is. Takes no lock and opens nothing.
///
/// # Errors
/// Fails if the folder cannot be read; a missing one is empty.
pub fn keys_on_disk(
    data_dir: &Path,
    namespace: &str,
) -> std::io::Result<BTreeMap<String, BTreeMap<KeyId, u64>>> {
    let files = match glance(&data_dir.join(FOLDER)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    let mut found = BTreeMap::new();
    for (header, records) in files {
        if header.namespace != namespace {
            continue;
        }
        let mut index = Index::default();
        for record in records {
            index.add(record, Place::NOWHERE);
        }
        let keys = index.keys();
        if !keys.is_empty() {
            found.insert(header.daemon, keys);
        }
    }
    Ok(found)
}
