//! The engine of a daemon: starts the loops, reports their state, and stops them.
//!
//! Dropping an [`Engine`] is a crash: every loop stops where it is, and leases
//! run out. [`Engine::drain`] is the good end: nothing new is taken, what has
//! not been sent goes back unspent, what is in flight is finished or, when the
//! grace is over, left to reconcile, and everything known is settled.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use zoom_api::{App, Client};
use zoomd_store::Store;
use zoomd_store::encryption::Vault;
use zoomd_store::grants::Grants;
use zoomd_store::inspect::Problem;
use zoomd_store::meetings::Meetings;
use zoomd_store::queue::{Queue, QueueSettings};
use zoomd_wire::Kind;

use crate::attempt::settlement;
use crate::call_context::CallContext;
use crate::context::EngineContext;
use crate::error::Error;
use crate::hurry;
use crate::identity;
use crate::pipeline::{backend, claims, fetcher, leases, replay, settler, sweeps, wake, worker};
use crate::reconcile::duplicates::serve as check_duplicates;
use crate::report;
use crate::settings::Settings;
use crate::state::backlog::Backlog;
use crate::state::concurrency::Concurrency;
use crate::state::duplicates;
use crate::state::expiry::Expiry;
use crate::state::leased_job::InFlight;
use crate::state::ready::Ready;
use crate::state::recent_calls::RecentCalls;
use crate::state::redis_health::{RedisHealth, SharedHealth};
use crate::supervisor::{Part, Supervisor};
use crate::tasks;
use crate::tokens::{RotationSettings, Tokens, TokensConfig};
use crate::trace::Tracer;

/// Longest time to write known outcomes to Redis at the end.
const LAST_SETTLES: Duration = Duration::from_secs(5);

/// Parts and settings of an engine.
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
    /// Directory of the rotation journal.
    pub data_dir: std::path::PathBuf,
    /// Watches the engine's parts.
    pub supervisor: Supervisor,
    /// Begins traces.
    pub tracer: Tracer,
}

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    ctx: Arc<EngineContext>,
    takers: Vec<Part>,
    worker: Part,
    keepers: Vec<Part>,
}

impl Engine {
    /// Starts all loops on the current runtime; a single thread serves best.
    ///
    /// # Errors
    /// Fails if the rotation journal or the encryption key cannot be used.
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
            tracer,
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
            tracer: tracer.clone(),
        })
        .await?;
        let meetings = Meetings::new(store.clone(), queue.meetings_kept);
        let (budgets, timeout) = (&queue.budgets, queue.request_timeout);
        let zoom = CallContext::new(store.clone(), budgets, timeout, tokens.clone());
        let renewals = store.connection().renewals();
        let queue = Queue::new(store, queue, &daemon);
        let (in_flight, redis_health) = (InFlight::default(), RedisHealth::watching(renewals));
        let recent_calls = RecentCalls::default();
        let (settler, settling) =
            settler::open(queue.clone(), in_flight.clone(), recent_calls.clone(), &redis_health);
        let (duplicates, to_look_at) = duplicates::open();
        let concurrency = Concurrency::new(settings.concurrency);
        let (ready, jobs) = mpsc::channel(concurrency.free_leases());
        let ctx = Arc::new(EngineContext {
            concurrency,
            settings,
            queue,
            tokens,
            zoom: Arc::new(zoom),
            meetings,
            grants,
            secret,
            settler,
            in_flight,
            recent_calls,
            duplicates,
            grant_reads: SharedHealth::new(&redis_health, "grant"),
            redis_health,
            supervisor,
            tracer,
            backlog: Backlog::default(),
            ready: Mutex::new(Some(ready)),
            expiry: Expiry::default(),
            known_hosts: Mutex::default(),
            held_until: Mutex::default(),
            closing: watch::Sender::new(false),
        });
        Ok(Self::run(ctx, settling, jobs, to_look_at))
    }

    fn run(
        ctx: Arc<EngineContext>,
        settling: settler::SettleLoop,
        jobs: mpsc::Receiver<Ready>,
        to_look_at: duplicates::Inbox,
    ) -> Self {
        let hands = Arc::clone(&ctx);
        let work = move |ready| worker::run(Arc::clone(&hands), ready);
        let watched = &ctx.supervisor;
        let own = || Arc::clone(&ctx);
        let worker = watched
            .spawn("worker", |beat| async move { backend::run("zoomd", jobs, work, beat).await });
        // Each closure has a context of its own.
        macro_rules! part {
            ($name:literal, $serve:path) => {{
                let ctx = own();
                watched.spawn($name, |beat| $serve(ctx, beat))
            }};
        }
        let takers = vec![
            part!("fetcher", fetcher::serve),
            part!("claims", claims::serve),
            part!("expiry", sweeps::expire),
        ];
        let mut keepers = tasks::all(&ctx);
        let (looking, conn) = (own(), ctx.queue.store().connection());
        keepers.extend([
            watched.spawn("settler", |beat| settling.serve(beat)),
            part!("lease_renewal", leases::serve),
            part!("wake_ups", wake::serve),
            part!("redis_identity", replay::serve),
            watched.spawn("redis_master", |beat| async move {
                beat.waiting(conn.watch_master()).await;
            }),
            part!("zoom_users", identity::serve),
            part!("lease_sweep", sweeps::sweep),
            part!("sleepers", sweeps::promote),
            watched.spawn("duplicate_check", |beat| check_duplicates(looking, to_look_at, beat)),
        ]);
        if let Some(file) = hurry::clock() {
            let clock = ctx.queue.store().clock().clone();
            keepers.push(watched.spawn("clock", |beat| hurry::set_clock(clock, file, beat)));
        }
        Self { ctx, takers, worker, keepers }
    }

    /// Checks that the engine takes jobs.
    pub fn ready(&self) -> Result<(), String> {
        if !self.ctx.is_open() {
            return Err("draining".to_owned());
        }
        self.ctx.redis_health.what().map_or(Ok(()), Err)
    }

    /// Problems that keep this engine's jobs from running, or soon will.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        report::all(&self.ctx)
    }

    /// The hosts of Zoom that seem out of reach, and the token endpoint, by its
    /// address, while it is in trouble. Their accounts' jobs wait; the daemon is as
    /// ready as it can be.
    #[must_use]
    pub fn zoom_out_of_reach(&self) -> Vec<Arc<str>> {
        let mut away = self.ctx.circuits().out_of_reach();
        away.extend(self.ctx.tokens.endpoint_in_trouble().map(Arc::from));
        away
    }

    /// Watches the engine's parts. After a fault the engine cannot go on:
    /// [`stop`](Self::stop) it, and end the process.
    #[must_use]
    pub fn supervisor(&self) -> &Supervisor {
        &self.ctx.supervisor
    }

    /// Jobs in hand.
    #[must_use]
    pub fn in_hand(&self) -> usize {
        self.ctx.in_flight.len()
    }

    /// Leased jobs of this daemon by kind.
    #[must_use]
    pub fn in_hand_by_kind(&self) -> Vec<(Kind, usize)> {
        let count = |kind| self.ctx.in_flight.count(|leased| leased.job.kind == kind);
        Kind::ALL.iter().map(|kind| (*kind, count(*kind))).collect()
    }

    /// The access tokens, for other code of this process.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.ctx.tokens
    }

    /// Calls to Zoom, for other code of this process.
    #[must_use]
    pub fn zoom(&self) -> &Arc<CallContext> {
        &self.ctx.zoom
    }

    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.ctx.queue
    }

    /// Ends well: takes nothing more, finishes what is in flight within `grace`,
    /// settles all that is known. Waits for a token exchange however long it
    /// takes.
    pub async fn drain(mut self, grace: Duration) {
        let until = Instant::now() + grace;
        self.ctx.supervisor.close();
        self.ctx.closing.send_replace(true);
        for taker in &mut self.takers {
            if tokio::time::timeout_at(until.into(), taker.ended()).await.is_err() {
                tracing::debug!("shutdown: a part did not end in time and is aborted");
            }
        }
        self.takers.clear();
        self.ctx.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        if tokio::time::timeout_at(until.into(), self.worker.ended()).await.is_err() {
            self.worker.abort();
            self.leave_behind().await;
        }
        let settled = tokio::time::timeout(LAST_SETTLES, self.ctx.settler.flushed()).await;
        if settled.is_err() {
            let left = self.ctx.in_flight.len();
            tracing::warn!(
                left,
                "shutdown: redis did not accept all outcomes in time; their leases expire"
            );
        }
        self.keepers.clear();
        self.ctx.tokens.shutdown().await;
    }

    /// Ends at once; only a token exchange in flight is waited for.
    pub async fn stop(self) {
        self.ctx.supervisor.close();
        let tokens = self.ctx.tokens.clone();
        drop(self);
        tokens.shutdown().await;
    }

    /// Settles for handlers that were stopped: what has not left goes back
    /// unspent, what may have left is looked for by the daemon that takes it over.
    async fn leave_behind(&self) {
        let left = self.ctx.in_flight.pick(|_| true);
        tracing::warn!(
            jobs = left.len(),
            "shutdown: the grace period is over; running calls are left to reconciliation"
        );
        for leased in left {
            let settlement = settlement::left_behind(&self.ctx, &leased);
            self.ctx.settler.settle(&leased, settlement).await;
        }
    }
}
