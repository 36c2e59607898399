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
#[derive(Debug, Default)]
pub struct Health(Mutex<Phase>);

#[derive(Debug, Default)]
enum Phase {
    /// Waiting for Redis, or opening the namespace.
    #[default]
    Starting,
    Running(Store, Box<Engine>),
    Stopping(Store),
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
    /// The engine runs from here on.
    pub fn run(&self, store: Store, engine: Engine) {
        *self.lock() = Phase::Running(store, Box::new(engine));
    }

    /// Takes the engine out, to be drained; not ready from here on.
    pub fn take(&self) -> Option<Engine> {
        let mut phase = self.lock();
        match std::mem::take(&mut *phase) {
            Phase::Running(store, engine) => {
                *phase = Phase::Stopping(store);
                Some(*engine)
            }
            other => {
                *phase = other;
                None
            }
        }
    }

    /// How long ago anything moved.
    pub fn progress_age(&self) -> Duration {
        match &*self.lock() {
            Phase::Running(_, engine) => engine.progress_age(),
            Phase::Starting | Phase::Stopping(_) => Duration::ZERO,
        }
    }

    /// The hosts of Zoom that seem out of reach.
    pub fn zoom_out_of_reach(&self) -> Vec<String> {
        match &*self.lock() {
            Phase::Running(_, engine) => {
                engine.zoom_out_of_reach().iter().map(ToString::to_string).collect()
            }
            Phase::Starting | Phase::Stopping(_) => Vec::new(),
        }
    }

    /// Looks at every check.
    pub async fn ready(&self) -> Ready {
        let store = match &*self.lock() {
            Phase::Running(store, _) | Phase::Stopping(store) => Some(store.clone()),
            Phase::Starting => None,
        };
        let redis = match store {
            Some(store) => redis(&store).await,
            None => Err("not connected yet".to_owned()),
        };
        let phase = self.lock();
        let (intake, draining, degraded) = match &*phase {
            Phase::Starting => (Err("the daemon is starting".to_owned()), Ok(()), false),
            Phase::Running(_, engine) => {
                (engine.ready(), Ok(()), !engine.zoom_out_of_reach().is_empty())
            }
            Phase::Stopping(_) => (Ok(()), Err("the daemon is stopping".to_owned()), false),
        };
        let checks = BTreeMap::from([
            ("redis", Check::from(redis)),
            ("intake", Check::from(intake)),
            ("draining", Check::from(draining)),
        ]);
        Ready { ready: checks.values().all(|c| c.ok), degraded, checks }
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn redis(store: &Store) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, store.now_ms()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("redis did not answer within 2s".to_owned()),
    }
}
