//! Reads of a Redis that leave no trace: for `doctor`, and for the warnings of a daemon at its
//! start. Creates nothing in the namespace.

use std::collections::HashMap;

use redis::Value;
use redis::aio::ConnectionLike as _;

use crate::clock::SLOW_ALIVE_MS;
use crate::refusal::Refusal;
use crate::{Store, StoreError, layout};

/// Facts that the server reports about itself.
#[derive(Debug, Clone, Default)]
pub struct ServerFacts {
    /// `redis` or `valkey`.
    pub product: String,
    pub version: String,
    /// True if it keeps an append-only file.
    pub aof: bool,
    /// `appendfsync`, where we may ask.
    pub fsync: Option<String>,
    /// True if the last write of its file succeeded.
    pub persists: bool,
    /// Eviction policy: the reaction to full memory.
    pub policy: String,
    /// Memory limit; 0 is no limit.
    pub max_memory: u64,
    /// Memory in use.
    pub used_memory: u64,
    /// Replicas attached to it.
    pub replicas: u32,
    /// Number of connected replicas required for writes, if the user may read it.
    pub min_replicas: Option<u32>,
    /// True if it is part of a cluster.
    pub cluster: bool,
    /// True if it has a configuration file, into which `CONFIG REWRITE` writes.
    pub has_file: bool,
    /// Uptime in seconds.
    pub uptime_s: u64,
    /// The reason why it takes no writes, where it takes none.
    pub refusal: Option<Refusal>,
}

/// Claims of a namespace about itself, before it is opened.
#[derive(Debug, Clone)]
pub struct NamespaceFacts {
    /// The deployment it belongs to.
    pub deployment: String,
    /// Reason of the namespace's pause, if it is paused; may be empty.
    pub paused: Option<String>,
}

/// Sections of `INFO`, and settings, that make the facts.
const SECTIONS: [&str; 5] = ["server", "persistence", "memory", "replication", "cluster"];
const SETTINGS: [&str; 4] =
    ["appendfsync", "min-replicas-to-write", "save", "stop-writes-on-bgsave-error"];

/// Asks the server.
pub async fn server(store: &Store) -> Result<ServerFacts, StoreError> {
    let mut ask = redis::pipe();
    ask_server(&mut ask);
    Ok(server_facts(&mut store.connection().values(&ask).await?.into_iter()))
}

/// Asks why the server takes no writes, without the settings that a restricted user may
/// not read.
pub(crate) async fn refusal(store: &Store) -> Result<Option<Refusal>, StoreError> {
    let info = store.info("default").await?;
    Ok(Refusal::of(&fields(&info).collect(), &HashMap::new()))
}

/// Fields of a text that `INFO` answers.
fn fields(info: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = info.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
}

/// Adds the commands for [`server_facts`].
pub(crate) fn ask_server(ask: &mut redis::Pipeline) {
    for section in SECTIONS {
        ask.cmd("INFO").arg(section);
    }
    for name in SETTINGS {
        ask.cmd("CONFIG").arg("GET").arg(name);
    }
}

/// Facts from the next answers. What the user of Redis may not ask (`CONFIG GET` is
/// often forbidden) is not known.
pub(crate) fn server_facts(answers: &mut impl Iterator<Item = Value>) -> ServerFacts {
    let mut facts: HashMap<String, String> = HashMap::new();
    for answer in answers.take(SECTIONS.len()) {
        let text: String = redis::from_redis_value(answer).unwrap_or_default();
        facts.extend(fields(&text));
    }
    let mut settings: HashMap<String, String> = HashMap::new();
    for answer in answers.take(SETTINGS.len()) {
        settings
            .extend(redis::from_redis_value::<HashMap<String, String>>(answer).unwrap_or_default());
    }
    let text = |name: &str| facts.get(name).cloned().unwrap_or_default();
    let number = |name: &str| text(name).parse().unwrap_or(0);
    let valkey = facts.contains_key("valkey_version");
    ServerFacts {
        product: if valkey { "valkey" } else { "redis" }.to_owned(),
        version: text(if valkey { "valkey_version" } else { "redis_version" }),
        aof: text("aof_enabled") == "1",
        fsync: settings.get("appendfsync").cloned(),
        persists: text("aof_last_write_status") != "err",
        policy: text("maxmemory_policy"),
        max_memory: number("maxmemory"),
        used_memory: number("used_memory"),
        replicas: text("connected_slaves").parse().unwrap_or(0),
        min_replicas: settings.get("min-replicas-to-write").and_then(|n| n.parse().ok()),
        cluster: text("cluster_enabled") == "1",
        has_file: !text("config_file").is_empty(),
        uptime_s: number("uptime_in_seconds"),
        refusal: Refusal::of(&facts, &settings),
    }
}

/// Tries whether the server takes a write now, for a daemon that starts. Writes an
/// empty text into a key that does not exist, which changes nothing, but is refused by
/// a replica, by a server that is full, and to a user without the right.
pub async fn write(store: &Store) -> Result<(), StoreError> {
    let mut ask = redis::cmd("SETRANGE");
    ask.arg(format!("{}probe", store.keys().prefix())).arg(0).arg("");
    store.connection().value(&ask).await?;
    Ok(())
}

/// Daemons of a namespace of the same name in another database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namesake {
    pub database: i64,
    /// The database of this store.
    pub ours: i64,
    /// The time of the latest heartbeat of any of them, in ms of Redis' clock.
    pub seen_ms: i64,
}

/// Another database of this server in which daemons of a namespace of the same name
/// were heard of a moment ago. Messages between daemons know no database: each would
/// hear the other's. A daemon that was killed stays in it for half a minute; one that
/// lives is seen at a later time soon. Where the server does not let us look nothing
/// is known.
pub async fn namesake(store: &Store) -> Result<Option<Namesake>, StoreError> {
    let info = store.info("keyspace").await?;
    let names = info.lines().filter_map(|line| line.strip_prefix("db")?.split(':').next());
    let ours = store.connection().get_db();
    let others: Vec<i64> = names.filter_map(|n| n.parse().ok()).filter(|db| *db != ours).collect();
    let since = store.now_ms().await? - SLOW_ALIVE_MS;
    for database in others {
        // A connection of its own, which goes with the look: SELECT outlasts the command.
        let conn = store.blocking_connection();
        let mut look = redis::pipe();
        look.cmd("SELECT").arg(database);
        look.cmd("ZREVRANGE").arg(store.keys().daemons()).arg(0).arg(0).arg("WITHSCORES");
        let answers = conn.values(&look).await?;
        let [Value::Okay, last] = answers.as_slice() else { continue };
        let last: Vec<(String, f64)> = redis::from_redis_value(last.clone()).unwrap_or_default();
        if let Some(seen_ms) = last.first().map(|(_, ms)| *ms as i64).filter(|ms| *ms > since) {
            return Ok(Some(Namesake { database, ours, seen_ms }));
        }
    }
    Ok(None)
}

/// Facts about the namespace; `None` when it is new.
///
/// # Errors
/// Fails if it has another layout than this version knows, or Redis cannot be reached.
pub async fn namespace(store: &Store) -> Result<Option<NamespaceFacts>, StoreError> {
    let mut command = redis::cmd("HMGET");
    command.arg(store.keys().meta()).arg("layout").arg("deployment").arg("paused");
    let value = store.connection().value(&command).await?;
    let (layout, deployment, paused): (Option<String>, Option<String>, Option<String>) =
        redis::from_redis_value(value)?;
    layout::check(store.keys(), layout.as_deref())?;
    let known = layout.and(deployment);
    Ok(known.map(|deployment| NamespaceFacts { deployment, paused }))
}

#[cfg(test)]
mod tests {
    use redis_local::{Options, RedisServer};

    use super::*;
    use crate::{ErrorKind, StoreConfig};

    #[tokio::test]
    async fn a_healthy_server_is_seen_as_one_and_nothing_is_left_behind() {
        let redis = RedisServer::start().expect("redis-server");
        let store = Store::connect(&StoreConfig::new(redis.url(), "t")).await.expect("store");
        let facts = server(&store).await.expect("facts");
        assert!(facts.aof && facts.persists && facts.replicas == 0 && !facts.cluster, "{facts:?}");
        assert_eq!(facts.fsync.as_deref(), Some("everysec"));
        assert_eq!(facts.policy, "noeviction");
        assert_eq!(facts.refusal, None);
        write(&store).await.expect("writable");
        assert!(namespace(&store).await.expect("asked").is_none());
        let size = store.connection().value(&redis::cmd("DBSIZE")).await.expect("size");
        assert_eq!(redis::from_redis_value::<u64>(size).expect("number"), 0);
    }

    #[tokio::test]
    async fn a_full_server_and_a_replica_refuse() {
        let options = Options {
            args: ["--maxmemory", "1mb"].map(ToOwned::to_owned).into(),
            ..Options::default()
        };
        let full = RedisServer::start_with(options).expect("redis-server");
        let store = Store::connect(&StoreConfig::new(full.url(), "t")).await.expect("store");
        let filled = store.connection();
        let mut fill = redis::cmd("SETBIT");
        fill.arg("big").arg(16_000_000).arg(1);
        let _ = filled.value(&fill).await;
        assert_eq!(write(&store).await.expect_err("full").kind(), ErrorKind::OutOfMemory);
        let told = refusal(&store).await.expect("asked").expect("it refuses");
        assert_eq!((told.kind, told.section), (ErrorKind::OutOfMemory, "memory"));
        let options = Options {
            args: vec!["--replicaof".into(), "127.0.0.1".into(), full.port().to_string()],
            ..Options::default()
        };
        let replica = RedisServer::start_with(options).expect("redis-server");
        let refused = Store::connect(&StoreConfig::new(replica.url(), "t")).await;
        let refused = refused.expect_err("a replica");
        assert_eq!(refused.kind(), ErrorKind::ReadOnly);
        let of = format!("a replica of 127.0.0.1:{}", full.port());
        assert!(refused.to_string().contains(&of), "{refused}");
    }
}
