//! Is this process ready for work? Asked by `/readyz` and by the service manager.
//!
//! Owns the running engine for as long as it takes work; once it is taken out to
//! be drained, the process is not ready any more.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use zoomd_store::Store;
use zoomd_store::ops::Problem;
use zoomd_workers::Engine;
use zoomd_workers::supervisor::Supervisor;

/// How long Redis may take for one answer before it counts as absent.
const PATIENCE: Duration = Duration::from_secs(2);

/// What readiness depends on.
#[derive(Debug)]
pub struct Health {
    phase: Mutex<Phase>,
    supervisor: Supervisor,
}

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
    /// Works in part: jobs wait for a Zoom that seems out of reach, or no token is
    /// refreshed since the journal cannot be written.
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
    /// Of a daemon whose parts `supervisor` watches.
    pub fn new(supervisor: Supervisor) -> Self {
        Self { phase: Mutex::default(), supervisor }
    }

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

    /// Whether all parts live and all handlers end: what the watchdog asks.
    pub fn moves(&self) -> bool {
        match &*self.lock() {
            phase @ Phase::Running(..) => self.parts(phase).is_ok(),
            Phase::Starting | Phase::Stopping(_) => true,
        }
    }

    /// Whether all parts live and all handlers end.
    fn parts(&self, phase: &Phase) -> Result<(), String> {
        if let Some(fault) = self.supervisor.fault() {
            return Err(fault.to_string());
        }
        let hung = match phase {
            Phase::Running(_, engine) => engine.hung_handlers(),
            Phase::Starting | Phase::Stopping(_) => 0,
        };
        if hung == 0 { Ok(()) } else { Err(format!("the handlers of {hung} jobs do not end")) }
    }

    /// What keeps this daemon from running jobs.
    pub fn problems(&self) -> Vec<Problem> {
        let phase = self.lock();
        let away = match &*phase {
            Phase::Running(_, engine) => engine.zoom_out_of_reach(),
            Phase::Starting | Phase::Stopping(_) => Vec::new(),
        };
        let away = away.iter().map(|host| {
            let what = format!("{host} is out of reach of this daemon");
            Problem::degraded("zoom_unreachable", what, "zoomd doctor").of_host(&**host)
        });
        let journal = journal(&phase).map(|why| {
            let next = "make room on the disk, or put the data folder back and restart";
            Problem::degraded("rotation_impossible", why, next)
        });
        away.chain(journal).collect()
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
        let (intake, draining, away) = match &*phase {
            Phase::Starting => (Err("the daemon is starting".to_owned()), Ok(()), false),
            Phase::Running(_, engine) => {
                (engine.ready(), Ok(()), !engine.zoom_out_of_reach().is_empty())
            }
            Phase::Stopping(_) => (Ok(()), Err("the daemon is stopping".to_owned()), false),
        };
        let journal = journal(&phase).map_or(Ok(()), Err);
        let degraded = away || journal.is_err();
        let checks = BTreeMap::from([
            ("redis", Check::from(redis)),
            ("intake", Check::from(intake)),
            ("draining", Check::from(draining)),
            ("journal", Check::from(journal)),
            ("parts", Check::from(self.parts(&phase))),
        ]);
        // Without its journal a daemon serves on the accounts whose tokens live.
        let ready = checks.iter().all(|(name, check)| check.ok || *name == "journal");
        Ready { ready, degraded, checks }
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why no token is refreshed here.
fn journal(phase: &Phase) -> Option<String> {
    match phase {
        Phase::Running(_, engine) => Some(engine.tokens().journal().trouble()?.to_string()),
        Phase::Starting | Phase::Stopping(_) => None,
    }
}

async fn redis(store: &Store) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, store.now_ms()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("redis did not answer within 2s".to_owned()),
    }
}
