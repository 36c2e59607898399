//! Coming to Redis: waits for one that is not there yet, warns of one that
//! forgets, refuses one that is somebody else's.

use std::time::{Duration, Instant};

use zoomd_store::meta::{self, MetaError};
use zoomd_store::probe::{self, ServerFacts};
use zoomd_store::seal::{KeyRing, Vault};
use zoomd_store::{ErrorKind, Store, StoreConfig, StoreError};

use super::systemd;
use crate::http::Health;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// What the service manager is asked for with each attempt.
const PATIENCE_ASKED: Duration = Duration::from_secs(60);

/// The namespace, open, once Redis takes writes. Waits as long as it takes for
/// what passes by itself; one warning a minute, and `health` knows the cause.
pub(super) async fn open(
    config: &StoreConfig,
    ring: &KeyRing,
    health: &Health,
) -> Result<(Store, Vault), MetaError> {
    let mut wait = FIRST_WAIT;
    let mut warned: Option<Instant> = None;
    loop {
        let error = match attempt(config, ring).await {
            Err(MetaError::Store(error)) if passes(error.kind()) => error,
            other => return other,
        };
        health.waits_for_redis(&error);
        if warned.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS) {
            warned = Some(Instant::now());
            let kind = error.kind().as_str();
            tracing::warn!(kind, error = %error, "waiting for redis: {error}");
        }
        systemd::waiting(&format!("waiting for redis: {error}"), PATIENCE_ASKED);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Whether waiting may help. A refused login, a missing right, and a server or
/// namespace that cannot be worked with stay as they are until somebody acts.
fn passes(kind: ErrorKind) -> bool {
    !matches!(kind, ErrorKind::Auth | ErrorKind::Config | ErrorKind::Layout | ErrorKind::WrongType)
}

async fn attempt(config: &StoreConfig, ring: &KeyRing) -> Result<(Store, Vault), MetaError> {
    let store = Store::connect(config).await?;
    store.check_rights().await?;
    if let Some(database) = probe::lives_elsewhere(&store).await? {
        let what = format!(
            "daemons of the namespace {:?} run on database {database} of this redis too, and \
             messages between daemons know no database; set another ZOOMD_NAMESPACE for one of them",
            store.keys().namespace()
        );
        return Err(StoreError::new(ErrorKind::Config, what).into());
    }
    probe::write(&store).await?;
    let vault = meta::open(&store, ring).await?;
    store.forget_replicas().await?;
    warn(&probe::server(&store).await?);
    Ok((store, vault))
}

/// What an operator should know from the first minute on.
fn warn(facts: &ServerFacts) {
    if !matches!(facts.policy.as_str(), "noeviction" | "") {
        tracing::warn!(
            redis.policy = facts.policy,
            "redis evicts keys when memory is short, jobs and tokens with them; \
             set maxmemory-policy noeviction"
        );
    }
    if !facts.aof {
        tracing::warn!(
            "redis keeps no append-only file; its restart loses jobs and rotated tokens; \
             set appendonly yes"
        );
    }
}
