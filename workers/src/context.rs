//! The context that the loops and the attempts of one engine share.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, SemaphorePermit, mpsc, watch};
use zoomd_store::encryption::FingerprintKey;
use zoomd_store::grants::Grants;
use zoomd_store::limits::Label;
use zoomd_store::meetings::Meetings;
use zoomd_store::queue::{Learnt, Queue};

use crate::Settings;
use crate::call_context::CallContext;
use crate::state::backlog::Backlog;
use crate::state::circuits::Circuits;
use crate::state::concurrency::Concurrency;
use crate::state::duplicates::DuplicateCheck;
use crate::state::expiry::Expiry;
use crate::state::leased_job::{InFlight, InHand, LeasedJob};
use crate::state::ready::Ready;
use crate::state::recent_calls::RecentCalls;
use crate::state::redis_health::{RedisHealth, SharedHealth};
use crate::state::settler::Settler;
use crate::supervisor::Supervisor;
use crate::tokens::Tokens;
use crate::trace::Tracer;

/// Accounts, and hosts of one account, whose names are known to be written down.
const KNOWN_ACCOUNTS: usize = 10_000;
const KNOWN_HOSTS: usize = 1_000;

/// The shared parts of an engine.
pub struct EngineContext {
    /// Configuration.
    pub settings: Settings,
    /// Our hand on the queue.
    pub queue: Queue,
    /// Access tokens.
    pub tokens: Tokens,
    /// The accounts.
    pub grants: Grants,
    /// Every call to Zoom goes through it.
    pub zoom: Arc<CallContext>,
    /// The register of meetings.
    pub meetings: Meetings,
    /// The secret markers are derived from; `None` without an encryption key.
    pub secret: Option<FingerprintKey>,
    /// Receiver of outcomes.
    pub settler: Settler,
    /// All jobs in hand.
    pub in_flight: InFlight,
    /// The calls of the last minute.
    pub recent_calls: RecentCalls,
    /// Jobs that were sent twice.
    pub duplicates: DuplicateCheck,
    /// Begins traces.
    pub tracer: Tracer,
    /// Problem with Redis.
    pub redis_health: RedisHealth,
    /// Watches the loops.
    pub supervisor: Supervisor,
    /// Reads of grants that fail, and how long they wait.
    pub grant_reads: SharedHealth,
    /// Time of the next look at deadlines.
    pub expiry: Expiry,
    /// State of rooms: they may hold more jobs that can run than could be claimed.
    pub backlog: Backlog,
    /// The way to the worker.
    pub(crate) ready: Mutex<Option<mpsc::Sender<Ready>>>,
    pub(crate) known_hosts: Mutex<HashMap<Arc<str>, HashSet<Arc<str>>>>,
    pub(crate) held_until: Mutex<Option<Instant>>,
    /// Concurrency for calls, permits for leases.
    pub concurrency: Concurrency,
    pub(crate) closing: watch::Sender<bool>,
}

impl EngineContext {
    /// True if new jobs are taken.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !*self.closing.borrow()
    }

    /// Waits until no new jobs are taken.
    pub async fn closing(&self) {
        let mut closing = self.closing.subscribe();
        let _ = closing.wait_for(|closing| *closing).await;
    }

    /// Takes up to `most` permits for leases; see [`Concurrency::permits`]. `None` when
    /// the shop closes.
    pub async fn permits(&self, most: u32) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.closing() => None,
            permits = self.concurrency.permits(most) => permits,
        }
    }

    /// Takes as many permits as were let go; `None` when the shop closes.
    pub async fn permits_again(&self, count: usize) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.closing() => None,
            permits = self.concurrency.permits_again(count) => permits,
        }
    }

    /// Waits for a slot; `None` when the shop closes, or `latest` passes: the job
    /// then goes back unsent.
    pub async fn slot(&self, latest: Instant) -> Option<SemaphorePermit<'_>> {
        if let Some(slot) = self.concurrency.try_call() {
            return Some(slot);
        }
        // Rare, and in a box: a job's future is moved about.
        let wait = async {
            tokio::select! {
                biased;
                slot = self.concurrency.call(latest) => slot,
                () = self.closing() => None,
            }
        };
        Box::pin(wait).await
    }

    /// Sends a leased job to the worker. There is room: nobody holds a lease
    /// without a permit, and the channel has a place for each permit.
    pub fn start(&self, leased: Arc<LeasedJob>, permit: OwnedSemaphorePermit) {
        self.in_flight.add(&leased);
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let sent =
            ready.as_ref().map(|sender| sender.try_send(Ready { leased: InHand(leased), permit }));
        if !matches!(sent, Some(Ok(()))) {
            tracing::error!(
                "lease of a job taken after the worker stopped; the lease expires and another daemon takes the job"
            );
        }
    }

    /// Names of a host learnt from a reply. `None` if this process reported them before and
    /// Redis still knows them, which a plain lease shows.
    pub fn learnt(
        &self,
        leased: &LeasedJob,
        host_id: Option<&str>,
        email: Option<&str>,
    ) -> Option<Learnt> {
        let host_id = host_id.filter(|id| !id.is_empty())?;
        let ticket = &leased.ticket;
        let mut known = self.known_hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let said = known.get(&*ticket.account).is_some_and(|hosts| hosts.contains(&ticket.host));
        if said && ticket.plain {
            return None;
        }
        if known.len() >= KNOWN_ACCOUNTS {
            known.clear();
        }
        let hosts = known.entry(ticket.account.clone()).or_default();
        if hosts.len() >= KNOWN_HOSTS {
            hosts.clear();
        }
        hosts.insert(ticket.host.clone());
        Some(Learnt { host_id: host_id.to_owned(), email: email.map(str::to_owned) })
    }

    /// The rate-limit class of a job's own call.
    #[must_use]
    pub fn class_of(&self, leased: &LeasedJob) -> Label {
        leased.ticket.class(&self.queue.settings().budgets.classes)
    }

    /// Waits until jobs may be taken in: Redis is the one we knew, and other
    /// daemons have had their say after it was another.
    pub async fn intake_open(&self) {
        tokio::select! {
            () = self.redis_health.ready() => {}
            () = self.closing() => return,
        }
        let until = *self.held_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until.filter(|until| Instant::now() < *until) {
            tokio::select! {
                () = tokio::time::sleep_until(until.into()) => {}
                () = self.closing() => {}
            }
        }
    }

    /// True while nothing is taken in since Redis was found to be another.
    pub(crate) fn holds_intake(&self, now: Instant) -> bool {
        let until = *self.held_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| now < until)
    }

    /// Takes nothing in for a moment.
    pub fn hold_intake(&self) {
        let until = Instant::now() + self.settings.rest_after_restart;
        *self.held_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Time until which all calls fail, if no host of Zoom can be reached.
    #[must_use]
    pub fn circuit_closed_until(&self) -> Option<Instant> {
        self.circuits().closed_until(Instant::now())
    }

    pub(crate) fn circuits(&self) -> MutexGuard<'_, Circuits> {
        self.zoom.circuits()
    }
}

impl std::fmt::Debug for EngineContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineContext").field("open", &self.is_open()).finish_non_exhaustive()
    }
}
