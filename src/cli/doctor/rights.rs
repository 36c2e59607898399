//! Checks that the Redis user has all rights that zoomd needs.

use zoomd_store::{ErrorKind, Rights, Store};

use super::report::Finding;

/// Tries every command, key and channel; writes nothing.
pub(super) async fn look(store: &Store) -> Finding {
    match store.rights().await {
        Ok(Rights::All) => {
            Finding::pass("redis rights", "the user may use all commands, keys and channels")
        }
        Ok(Rights::Unknown) => Finding::warn(
            "redis rights",
            "cannot be checked: Redis before 7.0 does not report rights; a missing right shows only when it is used",
            "redis-cli ACL LIST, and compare with SECURITY.md; or upgrade to Redis 7",
        ),
        Ok(Rights::Missing(missing)) => {
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
