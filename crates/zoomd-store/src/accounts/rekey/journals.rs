//! Key ids that the journals of daemons still need, as the daemons report them.

use std::collections::BTreeMap;

use crate::accounts::encryption::KeyId;
use crate::{Store, StoreError};

/// Age after which a report is forgotten: no journal entry is kept for longer,
/// and a disk that has not come back by then will not.
const FORGOTTEN_MS: i64 = 30 * crate::clock::DAY_MS;
/// Daemons listed at most.
const MOST: usize = 10_000;

/// The keys that one daemon's journal needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalKeys {
    /// The daemon, or the dead one whose file it is.
    pub daemon: String,
    /// Time of the report, ms by the clock of Redis.
    pub told_ms: i64,
    /// Key → entries under it.
    pub keys: BTreeMap<KeyId, u64>,
}

/// Reports the keys that the journal of `daemon` needs.
pub async fn tell(
    store: &Store,
    daemon: &str,
    keys: &BTreeMap<KeyId, u64>,
) -> Result<(), StoreError> {
    if keys.is_empty() {
        return forget(store, daemon).await;
    }
    let mut text = store.now_ms().await?.to_string();
    for (key, entries) in keys {
        text.push_str(&format!(" {key}={entries}"));
    }
    let mut write = redis::cmd("HSET");
    write.arg(store.keys().journal_keys()).arg(daemon).arg(text);
    store.connection().value(&write).await?;
    Ok(())
}

/// Forgets a daemon whose journal is gone, or was taken over.
pub async fn forget(store: &Store, daemon: &str) -> Result<(), StoreError> {
    let mut delete = redis::cmd("HDEL");
    delete.arg(store.keys().journal_keys()).arg(daemon);
    store.connection().value(&delete).await?;
    Ok(())
}

/// Journal keys reported by all daemons.
pub async fn told(store: &Store) -> Result<Vec<JournalKeys>, StoreError> {
    let oldest = store.now_ms().await? - FORGOTTEN_MS;
    let mut told = Vec::new();
    let mut cursor = "0".to_owned();
    loop {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(store.keys().journal_keys()).arg(&cursor).arg("COUNT").arg(500);
        let answer = store.connection().value(&scan).await?;
        let (next, pairs): (String, Vec<(String, String)>) = redis::from_redis_value(answer)?;
        for (daemon, text) in pairs {
            match read(&daemon, &text) {
                Some(one) if one.told_ms > oldest => told.push(one),
                _ => forget(store, &daemon).await?,
            }
        }
        if next == "0" || told.len() >= MOST {
            break;
        }
        cursor = next;
    }
    told.sort_by(|a, b| a.daemon.cmp(&b.daemon));
    told.dedup_by(|a, b| a.daemon == b.daemon);
    Ok(told)
}

fn read(daemon: &str, text: &str) -> Option<JournalKeys> {
    let mut words = text.split(' ');
    let told_ms = words.next()?.parse().ok()?;
    let keys = words
        .filter_map(|word| word.split_once('='))
        .filter_map(|(key, entries)| Some((key.parse().ok()?, entries.parse().ok()?)))
        .collect();
    Some(JournalKeys { daemon: daemon.to_owned(), told_ms, keys })
}
