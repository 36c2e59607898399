//! Is this process ready for work? Asked by `/readyz` and by the service manager.
//!
//! Owns the running engine for as long as it takes work; once it is taken out to
//! be drained, the process is not ready any more.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use zoomd_store::Store;
use zoomd_workers::Engine;

/// How long Redis may take for one answer before it counts as absent.
const PATIENCE: Duration = Duration::from_secs(2);

/// What readiness depends on.
#[derive(Debug)]
pub struct Health {
    store: Store,
    engine: Mutex<Option<Engine>>,
}

/// The answer: whether, and why not.
#[derive(Debug, Serialize)]
pub struct Ready {
    /// Whether all checks are well.
    pub ready: bool,
    /// Works, but Zoom seems out of reach: jobs wait.
    pub degraded: bool,
    /// Each check by name.
    pub checks: BTreeMap<&'static str, Check>,
}

/// One check.
#[derive(Debug, Serialize)]
pub struct Check {
    /// Whether it is well.
    pub ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl From<Result<(), String>> for Check {
    fn from(result: Result<(), String>) -> Self {
        Self { ok: result.is_ok(), why: result.err() }
    }
}

impl Health {
    /// The health of a process with a running engine.
    pub fn new(store: Store, engine: Engine) -> Self {
        Self { store, engine: Mutex::new(Some(engine)) }
    }

    /// Takes the engine out, to be drained; not ready from here on.
    pub fn take(&self) -> Option<Engine> {
        self.lock().take()
    }

    /// How long ago anything moved.
    pub fn progress_age(&self) -> Duration {
        self.lock().as_ref().map_or(Duration::ZERO, Engine::progress_age)
    }

    /// Looks at every check.
    pub async fn ready(&self) -> Ready {
        let redis = self.redis().await;
        let engine = self.lock();
        let draining = engine.as_ref().map(drop).ok_or("the daemon is stopping".to_owned());
        let intake = engine.as_ref().map_or(Ok(()), Engine::ready);
        let checks = BTreeMap::from([
            ("redis", Check::from(redis)),
            ("intake", Check::from(intake)),
            ("draining", Check::from(draining)),
        ]);
        Ready {
            ready: checks.values().all(|c| c.ok),
            degraded: engine.as_ref().is_some_and(Engine::zoom_out_of_reach),
            checks,
        }
    }

    async fn redis(&self) -> Result<(), String> {
        match tokio::time::timeout(PATIENCE, self.store.now_ms()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("redis did not answer within 2s".to_owned()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Engine>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
