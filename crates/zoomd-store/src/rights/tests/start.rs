//! Check of the rights before the first write of a process.

use redis_local::{Options, RedisServer};

use crate::permissions::Rights;
use crate::{ErrorKind, Store, StoreConfig};

/// A store whose user has these rights, and an administrator's.
async fn stores(rights: &str) -> (RedisServer, Store) {
    let server =
        RedisServer::start_with(Options { aof: None, ..Options::default() }).expect("redis");
    let admin = Store::open(&StoreConfig::new(server.url(), "t")).expect("a url");
    let mut acl = redis::cmd("ACL");
    acl.arg("SETUSER").arg("app").arg("on").arg(">pw").arg(rights.split(' ').collect::<Vec<_>>());
    admin.connection().value(&acl).await.expect("a user");
    let url = format!("redis://app:pw@127.0.0.1:{}", server.port());
    let store = Store::open(&StoreConfig::new(url, "t")).expect("a url");
    (server, store)
}

#[tokio::test]
async fn a_missing_right_is_named_with_the_command_that_gives_it() {
    for (rights, what, fix) in [
        (
            "+@all ~t:*",
            r#"the Redis user "app" has no right to the channels t:v1:wake, t:v1:ask"#,
            "ACL SETUSER app &t:*",
        ),
        (
            "+@all -hset -exec &t:* ~t:*",
            r#"the Redis user "app" has no right to the commands HSET, EXEC"#,
            "ACL SETUSER app +hset +exec",
        ),
        // On the day on which a replica is attached it would be missed.
        ("+@all -wait &t:* ~t:*", "the commands WAIT", "ACL SETUSER app +wait"),
        (
            "+@all &t:* ~t:v1:*",
            "has no right to the keys t:events, t:failures, t:jobs, t:reply:*, t:results",
            "ACL SETUSER app ~t:*",
        ),
        ("+@all -@scripting ~t:* &t:*", "commands EVAL, EVALSHA", "ACL SETUSER app +eval +evalsha"),
        ("+@all", "keys t:*; the channels", "ACL SETUSER app ~t:* &t:*"),
    ] {
        let (_server, store) = stores(rights).await;
        let Rights::Missing(missing) = store.rights().await.expect("asked") else {
            panic!("{rights}");
        };
        assert!(missing.to_string().contains(what), "{rights}: {missing}");
        assert_eq!(missing.fix(), fix, "{rights}");
        let error = store.check_rights().await.expect_err(rights);
        assert_eq!(error.kind(), ErrorKind::Auth);
        assert!(error.to_string().contains(fix), "{error}");
    }
}

/// The rights documented in docs/guarantees.md suffice, and the check leaves nothing behind.
#[tokio::test]
async fn the_rights_that_are_documented_are_enough() {
    let (_server, store) = stores("+@all -@admin -@dangerous +info ~t:* &t:*").await;
    assert_eq!(store.rights().await.expect("asked"), Rights::All);
    let size = store.connection().value(&redis::cmd("DBSIZE")).await.expect("size");
    assert_eq!(redis::from_redis_value::<u64>(size).expect("a number"), 0);
}

/// A command that the code outside of scripts sends is asked for too.
#[test]
fn every_command_of_the_code_is_asked_for() {
    use super::super::commands::{IN_SCRIPTS, OUTSIDE, WITHOUT_KEY};
    // Of a server's administration, or told apart where they are used; a user may lack them.
    let optional = [
        "ACL", "CLUSTER", "CONFIG", "DBSIZE", "PUBLISH", "ROLE", "SCAN", "SELECT", "SENTINEL",
        "WAITAOF", "EVAL",
    ];
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let test = path.ends_with("tests") || path.ends_with("tests.rs");
            if path.is_dir() && !test {
                folders.push(path);
            } else if !test && path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&path).expect("a file");
                let code = text.split("#[cfg(test)]\nmod").next().expect("code");
                for found in code.split("cmd(\"").skip(1) {
                    let name = found.split('"').next().expect("a name");
                    let known = IN_SCRIPTS.iter().chain(OUTSIDE).any(|known| known.name == name)
                        || WITHOUT_KEY.iter().any(|(known, _)| *known == name)
                        || optional.contains(&name);
                    assert!(known, "{}: {name} is missing in rights/commands.rs", path.display());
                }
            }
        }
    }
}
