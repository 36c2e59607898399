//! Coming to Redis: waits for one that is not there yet, warns of one that
//! forgets, refuses one that is somebody else's. A daemon of the same namespace on
//! another database may have been killed: it is refused when it is heard of again.

use std::time::{Duration, Instant};

use zoomd_store::encryption::{KeyRing, Vault};
use zoomd_store::keys::LAYOUT;
use zoomd_store::layout::{self, Raised};
use zoomd_store::meta::{self, MetaError};
use zoomd_store::probe::{self, Namesake, ServerFacts};
use zoomd_store::{ErrorKind, Store, StoreConfig, StoreError};

use super::systemd;
use crate::http::Health;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// Extension of the start timeout requested from the service manager with each attempt.
const PATIENCE_ASKED: Duration = Duration::from_secs(60);

/// Between two looks for daemons of the same name that live.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// Time after which two daemons that started together know of each other.
const SETTLED: Duration = Duration::from_secs(5);

/// The reason why the namespace is not open.
enum Closed {
    Error(MetaError),
    /// The name is in use on another database, or was half a minute ago.
    Used(Namesake),
    /// These daemons read an older layout, which this one would raise.
    Older(Vec<String>),
}

impl<E: Into<MetaError>> From<E> for Closed {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// The namespace, open, once Redis takes writes. Waits as long as it takes for
/// what passes by itself; one warning a minute, and `health` knows the cause.
pub(super) async fn open(
    config: &StoreConfig,
    ring: &KeyRing,
    health: &Health,
) -> Result<(Store, Vault), MetaError> {
    let mut wait = FIRST_WAIT;
    let mut warned: Option<Instant> = None;
    let mut used: Option<Namesake> = None;
    loop {
        let (error, pause) = match attempt(config, ring).await {
            Err(Closed::Error(MetaError::Store(error))) if passes(error.kind()) => (error, wait),
            Err(Closed::Used(now)) if !used.is_some_and(|first| lives(first, now)) => {
                used = Some(now);
                let database = now.database;
                let why = format!(
                    "a daemon of this namespace was running on database {database} a moment ago"
                );
                (StoreError::new(ErrorKind::Config, why), BETWEEN_LOOKS)
            }
            Err(Closed::Older(alive)) => {
                let why = format!(
                    "daemons of an earlier version are running; this one upgrades the layout of the namespace once they are stopped: {}",
                    alive.join(", ")
                );
                (StoreError::new(ErrorKind::Layout, why), BETWEEN_LOOKS)
            }
            Err(Closed::Used(now)) => return Err(in_use(config, now).into()),
            Err(Closed::Error(error)) => return Err(error),
            Ok(open) => return Ok(open),
        };
        health.waits_for_redis(&error);
        if warned.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS) {
            warned = Some(Instant::now());
            let kind = error.kind().as_str();
            tracing::warn!(kind, error = %error, "waiting for redis: {error}");
        }
        systemd::waiting(&format!("waiting for redis: {error}"), PATIENCE_ASKED);
        tokio::time::sleep(pause).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Waits until the name has to be left to a daemon that started at the same time on
/// another database: the lowest one keeps it.
pub(super) async fn outnumbered(config: &StoreConfig, store: &Store) -> StoreError {
    let mut first = None;
    loop {
        tokio::time::sleep(SETTLED).await;
        match probe::namesake(store).await {
            Ok(Some(other)) if other.database < other.ours => {
                if first.is_some_and(|first| lives(first, other)) {
                    return in_use(config, other);
                }
                first = Some(other);
            }
            _ => return std::future::pending().await,
        }
    }
}

/// Waits until the namespace has a layout that this version does not know. A Redis that
/// went back may have an older one again, which is raised.
pub(super) async fn outdated(store: &Store) -> StoreError {
    let other = |error: &StoreError| error.kind() == ErrorKind::Layout;
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        if probe::namespace(store).await.err().filter(other).is_some()
            && let Some(error) = raised(store).await.err().filter(other)
        {
            return error;
        }
    }
}

/// Raises the layout where it is older; the daemons of an earlier version that hold it back.
async fn raised(store: &Store) -> Result<Option<Vec<String>>, StoreError> {
    match layout::raise(store).await? {
        Raised::Not => Ok(None),
        Raised::Done { moved } => {
            tracing::info!(moved, "redis: the namespace was upgraded to layout {LAYOUT}");
            Ok(None)
        }
        Raised::Waits(alive) => Ok(Some(alive)),
    }
}

/// True if the other daemon has reported again; a killed one does not.
fn lives(first: Namesake, now: Namesake) -> bool {
    first.database == now.database && first.seen_ms < now.seen_ms
}

fn in_use(config: &StoreConfig, other: Namesake) -> StoreError {
    let what = format!(
        "daemons of the namespace {:?} run on database {} of this redis too, and messages between \
         daemons know no database; set another ZOOMD_NAMESPACE for one of them",
        config.namespace, other.database
    );
    StoreError::new(ErrorKind::Config, what)
}

/// True if waiting may help. A refused login, a missing right, and a server or
/// namespace that cannot be worked with stay as they are until an operator acts.
fn passes(kind: ErrorKind) -> bool {
    !matches!(kind, ErrorKind::Auth | ErrorKind::Config | ErrorKind::Layout | ErrorKind::WrongType)
}

async fn attempt(config: &StoreConfig, ring: &KeyRing) -> Result<(Store, Vault), Closed> {
    let store = Store::connect(config).await?;
    store.check_rights().await?;
    if let Some(other) = probe::namesake(&store).await? {
        return Err(Closed::Used(other));
    }
    probe::write(&store).await?;
    if let Some(alive) = raised(&store).await? {
        return Err(Closed::Older(alive));
    }
    let vault = meta::open(&store, ring).await?;
    store.forget_replicas().await?;
    warn(&probe::server(&store).await?);
    Ok((store, vault))
}

/// Warns of server settings that an operator should know from the start.
fn warn(facts: &ServerFacts) {
    if !matches!(facts.policy.as_str(), "noeviction" | "") {
        tracing::warn!(
            redis.policy = facts.policy,
            "redis: the eviction policy can delete jobs and tokens when memory is short; \
             set maxmemory-policy noeviction"
        );
    }
    if !facts.aof {
        tracing::warn!(
            "redis: no append-only file, so a restart loses jobs and refreshed tokens; set appendonly yes"
        );
    }
}
