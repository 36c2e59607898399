//! Is this process ready for work? Asked by `/readyz` and by the service manager.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde::Serialize;
use zoomd_store::Store;

/// How long Redis may take for one answer before it counts as absent.
const PATIENCE: Duration = Duration::from_secs(2);

const STARTING: u8 = 0;
const OPEN: u8 = 1;
const DRAINING: u8 = 2;

/// What readiness depends on.
#[derive(Debug)]
pub struct Health {
    store: Store,
    phase: AtomicU8,
}

/// The answer: whether, and why not.
#[derive(Debug, Serialize)]
pub struct Ready {
    /// Whether all checks are well.
    pub ready: bool,
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

impl Check {
    fn when(ok: bool, why: &str) -> Self {
        Self { ok, why: (!ok).then(|| why.to_owned()) }
    }
}

impl Health {
    /// A process that is starting.
    pub fn new(store: Store) -> Self {
        Self { store, phase: AtomicU8::new(STARTING) }
    }

    /// The intake is open.
    pub fn open(&self) {
        self.phase.store(OPEN, Ordering::Relaxed);
    }

    /// No new work is taken any more.
    pub fn drain(&self) {
        self.phase.store(DRAINING, Ordering::Relaxed);
    }

    /// Looks at every check.
    pub async fn ready(&self) -> Ready {
        let phase = self.phase.load(Ordering::Relaxed);
        let checks = BTreeMap::from([
            ("redis", self.redis().await),
            ("intake", Check::when(phase != STARTING, "the intake is not open yet")),
            ("draining", Check::when(phase != DRAINING, "the daemon is stopping")),
        ]);
        Ready { ready: checks.values().all(|c| c.ok), checks }
    }

    async fn redis(&self) -> Check {
        match tokio::time::timeout(PATIENCE, self.store.now_ms()).await {
            Ok(Ok(_)) => Check { ok: true, why: None },
            Ok(Err(error)) => Check::when(false, &error.to_string()),
            Err(_) => Check::when(false, "redis did not answer within 2s"),
        }
    }
}
