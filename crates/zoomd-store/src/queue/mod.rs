//! The queue: from the producers' stream to exactly one outcome per job.
//!
//! An unfinished job has a field in `ids` and is in exactly one place: *leased* (`leases`,
//! `owner`; its payload is still in the stream if it was leased straight from there), in a
//! waiting *room* (`room:…`), or *asleep* until a time (`due`). A job that has left the stream
//! has its payload in `payload:<A>` and the history of its attempts in `record:<A>`. Each
//! move between places is one script, so a job is never in two of them or in none.
//!
//! One lease covers all jobs that one call returned: `owner` has its fence for each job,
//! `leases` has its expiry once. Those jobs are renewed together, and lost together. A
//! settled job leaves its lease. An empty lease is removed by the first sweep after its expiry.
//!
//! The lease alone decides who owns a job. Its fence is `<boot>.<counter>` of the daemon, not
//! a number from Redis, which could repeat after lost writes. This module owns these keys and
//! the public streams. It does not parse the JSON of a job, and does not call Zoom.

mod admit;
mod claim;
mod close;
mod entry;
mod learnt;
mod lease;
pub(crate) mod memory;
pub(crate) mod parse;
mod purpose;
mod reader;
mod record;
mod replay;
mod settings;
mod settle;
mod settle_args;
mod settle_tx;
mod story;
mod target;
mod types;
mod upkeep;
mod wait_reason;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use learnt::Told;
use redis::Value;
use settle_tx::WatchedTransaction;
use tokio::sync::Mutex;

use crate::durable::Durable;
use crate::redis::script::Call;
use crate::{Store, StoreError};
pub use claim::{Expired, Promoted};
pub use close::Close;
pub use entry::Entry;
pub use lease::Swept;
pub use parse::Grants;
pub use purpose::Purpose;
pub use reader::Reader;
pub use record::Record;
pub use replay::{Remembered, Replayed};
pub use settings::QueueSettings;
pub use settle::SettleBatch;
pub use story::{Next, Step, StepKind, Story};
pub use target::{AdmitTarget, Aim, Fate, KnownMeeting, Line, Part, TargetOf};
pub use types::{
    Admission, Admitted, Claimed, ClaimedJob, Event, Fence, Learnt, Outcome, Refusal, Settled,
    Settlement, Then, Ticket,
};
pub use upkeep::{Pass, Trimmed};
pub use wait_reason::WaitReason;

/// One daemon's hand on the queue of a namespace. Clones share it.
#[derive(Debug, Clone)]
pub struct Queue {
    store: Store,
    settings: Arc<QueueSettings>,
    boot: Arc<str>,
    counter: Arc<AtomicU64>,
    settles: Arc<AtomicU64>,
    settle_tx: Arc<Mutex<WatchedTransaction>>,
    learnt: Arc<Told>,
    /// Waits for replicas and disks use their own connection, for calls that reconcile cannot find.
    durable: Durable,
}

impl Queue {
    /// A queue for the daemon that calls itself `boot_id`: new at each start,
    /// without a dot.
    #[must_use]
    pub fn new(store: Store, settings: QueueSettings, boot_id: &str) -> Self {
        let boot: Arc<str> = boot_id.replace(['.', '|', ' '], "-").into();
        let key = store.keys().taken(&boot);
        let settle_tx = WatchedTransaction::new(store.blocking_connection(), key);
        let durable = Durable::new(&store);
        Self {
            store,
            settings: Arc::new(settings),
            boot,
            counter: Arc::new(AtomicU64::new(1)),
            settles: Arc::new(AtomicU64::new(1)),
            settle_tx: Arc::new(Mutex::new(settle_tx)),
            learnt: Arc::default(),
            durable,
        }
    }

    /// The namespace it works on.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Settings it was given.
    #[must_use]
    pub fn settings(&self) -> &QueueSettings {
        &self.settings
    }

    /// The daemon's id.
    #[must_use]
    pub fn boot_id(&self) -> &str {
        &self.boot
    }

    /// Runs a script; an error about a wrong type names the key.
    async fn ask(&self, call: Call<'_>) -> Result<Value, StoreError> {
        match call.run(&self.store.connection()).await {
            Err(error) => Err(self.store.explained(error).await),
            answer => answer,
        }
    }

    /// A new fence: for one admission or claim, and what it leases.
    #[must_use]
    pub fn fence(&self) -> Fence {
        Fence(format!("{}.{}", self.boot, self.counter.fetch_add(1, Ordering::Relaxed)).into())
    }
}
