//! The engine of a daemon: starts the loops, says how they are, ends them well.
//!
//! Dropping an [`Engine`] is a crash: every loop stops where it is, and leases
//! run out. [`Engine::drain`] is the good end: nothing new is taken, what has
//! not been sent goes back unspent, what is in flight is finished or, when the
//! grace is over, left to reconcile, and everything known is settled.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, watch};
use zoom_api::{App, Client};
use zoomd_store::Store;
use zoomd_store::calls::Calls;
use zoomd_store::grants::Grants;
use zoomd_store::ops::Problem;
use zoomd_store::queue::{Queue, QueueSettings};
use zoomd_store::seal::Vault;

use crate::attempt::settlement;
use crate::context::EngineContext;
use crate::error::Error;
use crate::hurry;
use crate::identity;
use crate::metric::Meters;
use crate::pipeline::{amends, backend, claims, handler, intake, lane, renew, sweeps, wake};
use crate::problems::lasting::Lasting;
use crate::reconcile::twins;
use crate::report;
use crate::schedules;
use crate::settings::Settings;
use crate::state::backlog::Backlog;
use crate::state::circuits::Circuits;
use crate::state::expiry::Expiry;
use crate::state::flight::Flights;
use crate::state::memory::Memory;
use crate::state::ready::Ready;
use crate::state::seen::SeenLimits;
use crate::state::slots::Slots;
use crate::state::suspects;
use crate::state::trouble::{Shared, Trouble};
use crate::supervisor::{Part, Supervisor};
use crate::tokens::{RotationSettings, Tokens, TokensConfig};

/// How long what is known may take to reach Redis at the end.
const LAST_SETTLES: Duration = Duration::from_secs(5);

/// An account without odd rows in its lists for so long is told anew.
const ODD_LISTS: Duration = Duration::from_secs(600);

/// What an engine is made of.
#[derive(Debug)]
pub struct Setup {
    /// The workers' settings.
    pub settings: Settings,
    /// The queue's settings.
    pub queue: QueueSettings,
    /// The rotations' settings.
    pub rotation: RotationSettings,
    /// The namespace.
    pub store: Store,
    /// Zoom.
    pub client: Client,
    /// Opens the namespace's tokens.
    pub vault: Vault,
    /// The OAuth app, where one is configured.
    pub app: Option<App>,
    /// This process' id, new with each start.
    pub daemon: Arc<str>,
    /// Where the rotation journal lies.
    pub data_dir: std::path::PathBuf,
    /// Watches the engine's parts.
    pub supervisor: Supervisor,
}

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    shop: Arc<EngineContext>,
    takers: Vec<Part>,
    worker: Part,
    keepers: Vec<Part>,
}

impl Engine {
    /// Starts all loops on the current runtime; a single thread serves best.
    ///
    /// # Errors
    /// The tokens' journal or key cannot be used.
    pub async fn start(setup: Setup) -> Result<Self, Error> {
        let Setup {
            mut settings,
            mut queue,
            rotation,
            store,
            client,
            vault,
            app,
            daemon,
            data_dir,
            supervisor,
        } = setup;
        hurry::hurry(&mut settings, &mut queue);
        let secret = vault.fingerprints().ok().cloned();
        let grants = Grants::new(store.clone(), vault.clone());
        let tokens = Tokens::start(TokensConfig {
            store: store.clone(),
            client,
            vault,
            app,
            daemon: Arc::clone(&daemon),
            data_dir,
            settings: rotation,
            supervisor: supervisor.clone(),
        })
        .await?;
        let calls = Calls::new(store.clone(), queue.budgets.clone());
        let patience = queue.request_timeout * 2;
        let renewals = store.connection().renewals();
        let seen = SeenLimits::new(queue.budgets.clone());
        let queue = Queue::new(store, queue, &daemon);
        let (flights, trouble) = (Flights::default(), Trouble::watching(renewals));
        let memory = Memory::default();
        let (lane, settling) = lane::open(queue.clone(), flights.clone(), memory.clone(), &trouble);
        let (suspects, to_look_at) = suspects::open();
        let slots = Slots::new(settings.concurrency);
        let (ready, jobs) = mpsc::channel(slots.free_leases());
        let shop = Arc::new(EngineContext {
            slots,
            settings,
            queue,
            tokens,
            calls,
            grants,
            secret,
            lane,
            flights,
            memory,
            seen,
            suspects,
            meters: Meters::default(),
            grant_reads: Shared::new(&trouble, "grant"),
            trouble,
            supervisor,
            wake: Arc::new(Notify::new()),
            backlog: Backlog::default(),
            ready: Mutex::new(Some(ready)),
            expiry: Expiry::default(),
            known_hosts: Mutex::default(),
            held_until: Mutex::default(),
            circuits: Mutex::new(Circuits::new(patience)),
            odd_lists: Mutex::new(Lasting::new(ODD_LISTS)),
            closing: watch::Sender::new(false),
        });
        Ok(Self::run(shop, settling, jobs, to_look_at))
    }

    fn run(
        shop: Arc<EngineContext>,
        settling: lane::Server,
        jobs: mpsc::Receiver<Ready>,
        to_look_at: suspects::Inbox,
    ) -> Self {
        let hands = Arc::clone(&shop);
        let work = move |ready| handler::run(Arc::clone(&hands), ready);
        let watched = &shop.supervisor;
        let own = || Arc::clone(&shop);
        let worker = watched
            .spawn("worker", |beat| async move { backend::run("zoomd", jobs, work, beat).await });
        // Each closure has a shop of its own.
        macro_rules! part {
            ($name:literal, $serve:path) => {{
                let shop = own();
                watched.spawn($name, |beat| $serve(shop, beat))
            }};
        }
        let takers = vec![
            part!("intake", intake::serve),
            part!("claims", claims::serve),
            part!("expiry", sweeps::expire),
        ];
        let mut keepers = schedules::all(&shop);
        let (looking, conn) = (own(), shop.queue.store().connection());
        keepers.extend([
            watched.spawn("settle_lane", |beat| settling.serve(beat)),
            part!("lease_renewal", renew::serve),
            part!("wake_ups", wake::serve),
            part!("redis_identity", amends::serve),
            watched.spawn("redis_master", |beat| async move {
                beat.waiting(conn.watch_master()).await;
            }),
            part!("zoom_users", identity::serve),
            part!("lease_sweep", sweeps::sweep),
            part!("sleepers", sweeps::promote),
            watched.spawn("duplicate_check", |beat| twins::serve(looking, to_look_at, beat)),
        ]);
        if let Some(file) = hurry::clock() {
            let clock = shop.queue.store().clock().clone();
            keepers.push(watched.spawn("clock", |beat| hurry::set_clock(clock, file, beat)));
        }
        Self { shop, takers, worker, keepers }
    }

    /// Whether jobs are taken.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), String> {
        if !self.shop.is_open() {
            return Err("draining".to_owned());
        }
        self.shop.trouble.what().map_or(Ok(()), Err)
    }

    /// What keeps this engine's jobs from running, or soon will.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        report::all(&self.shop)
    }

    /// The hosts of Zoom that seem out of reach, and the token endpoint, by its
    /// address, while it is in trouble. Their accounts' jobs wait; the daemon is as
    /// ready as it can be.
    #[must_use]
    pub fn zoom_out_of_reach(&self) -> Vec<Arc<str>> {
        let mut away = self.shop.circuits().out_of_reach();
        away.extend(self.shop.tokens.endpoint_in_trouble().map(Arc::from));
        away
    }

    /// Watches the engine's parts. After a fault the engine cannot go on:
    /// [`stop`](Self::stop) it, and end the process.
    #[must_use]
    pub fn supervisor(&self) -> &Supervisor {
        &self.shop.supervisor
    }

    /// Jobs in hand.
    #[must_use]
    pub fn in_hand(&self) -> usize {
        self.shop.flights.len()
    }

    /// The access tokens, for whoever else in this process needs one.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.shop.tokens
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.shop.queue
    }

    /// Ends well: takes nothing more, finishes what is in flight within `grace`,
    /// settles all that is known. Waits for a token exchange however long it
    /// takes.
    pub async fn drain(mut self, grace: Duration) {
        let until = Instant::now() + grace;
        self.shop.supervisor.close();
        self.shop.closing.send_replace(true);
        for taker in &mut self.takers {
            if tokio::time::timeout_at(until.into(), taker.ended()).await.is_err() {
                tracing::debug!("a loop did not end in time and is stopped");
            }
        }
        self.takers.clear();
        self.shop.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        if tokio::time::timeout_at(until.into(), self.worker.ended()).await.is_err() {
            self.worker.abort();
            self.leave_behind().await;
        }
        let settled = tokio::time::timeout(LAST_SETTLES, self.shop.lane.flushed()).await;
        if settled.is_err() {
            let left = self.shop.flights.len();
            tracing::warn!(left, "redis did not take all outcomes in time; leases will run out");
        }
        self.keepers.clear();
        self.shop.tokens.shutdown().await;
    }

    /// Ends at once; only a token exchange in flight is waited for.
    pub async fn stop(self) {
        self.shop.supervisor.close();
        let tokens = self.shop.tokens.clone();
        drop(self);
        tokens.shutdown().await;
    }

    /// Settles for handlers that were stopped: what has not left goes back
    /// unspent, what may have left is looked for by whoever takes it up.
    async fn leave_behind(&self) {
        let left = self.shop.flights.pick(|_| true);
        tracing::warn!(
            jobs = left.len(),
            "the grace is over; calls in flight are left to reconcile"
        );
        for flight in left {
            let settlement = settlement::left_behind(&self.shop, &flight);
            self.shop.lane.settle(&flight, settlement).await;
        }
    }
}
