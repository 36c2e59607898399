//! The encryption keys: is each that is needed here, and is each that is here
//! needed.

use zoomd_store::Store;

use super::report::Finding;
use crate::cli::keys::{self, Key, Role};
use crate::config::Config;

const CHECK: &str = "old keys";

/// Looks at every key but the one that seals.
pub(super) async fn look(config: &Config, store: &Store) -> Vec<Finding> {
    let Ok(ring) = config.key_ring() else {
        return Vec::new();
    };
    match keys::look(config, &ring, store).await {
        Ok(keys) => {
            let others = keys.iter().filter(|key| key.role != Role::Current);
            others.map(|key| of_key(key, ring.primary().is_some())).collect()
        }
        Err(error) => vec![Finding::fail(CHECK, error.to_string(), "zoomd config rekey")],
    }
}

/// `any`: whether there is a key that encrypts. Without it a missing key is most likely
/// the current one of the daemons.
fn of_key(key: &Key, any: bool) -> Finding {
    let (name, needs) = (&key.key, key.needs());
    match key.role {
        Role::Missing => Finding::fail(
            CHECK,
            format!("key {name} is not configured, but is needed for {needs}"),
            match any {
                true => {
                    "add it to ZOOMD_ENCRYPTION_KEYS_OLD; if it is lost, connect the accounts \
                     again: zoomd account login"
                }
                false => "set ZOOMD_ENCRYPTION_KEY_FILE to the key file that the daemons use",
            },
        ),
        _ if key.is_stored() => Finding::warn(
            CHECK,
            format!("key {name} is still needed for {needs}"),
            "zoomd config rekey, when every daemon has the current key",
        ),
        // Nothing to be done but to wait.
        _ if key.is_needed() => {
            Finding::pass(CHECK, format!("key {name} is still needed for {needs}; keep it"))
        }
        _ => Finding::warn(
            CHECK,
            format!("key {name} is no longer needed"),
            "remove it from ZOOMD_ENCRYPTION_KEYS_OLD",
        ),
    }
}
