//! Whether the Redis user may do all that zoomd does.

use zoomd_store::{ErrorKind, Store};

use super::report::Finding;

/// Tries every command, key and channel; writes nothing.
pub(super) async fn look(store: &Store) -> Finding {
    match store.missing_rights().await {
        Ok(None) => {
            Finding::pass("redis rights", "the user may use all commands, keys and channels")
        }
        Ok(Some(missing)) => {
            let fix = format!("as an administrator of Redis: {}", missing.fix());
            Finding::fail("redis rights", missing.to_string(), fix)
        }
        Err(error) if error.kind() == ErrorKind::Config => Finding::fail(
            "redis rights",
            error.to_string(),
            "start the server with --default_lua_flags=allow-undeclared-keys",
        ),
        Err(error) => Finding::fail("redis rights", error.to_string(), "redis-cli ACL LIST"),
    }
}
