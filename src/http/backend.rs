//! Shared state of the API and the console: the configuration, the namespace, the rules of
//! access. One per daemon; it answers from the start, also while Redis is unreachable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OnceCell, Semaphore};
use zoomd_store::encryption::Vault;
use zoomd_store::grants::Grants;
use zoomd_store::inspect::Ops;
use zoomd_store::{Store, meta};
use zoomd_workers::call_context::CallContext;

use super::Health;
use super::auth::Auth;
use super::live::Live;
use crate::actor::Actor;
use crate::acts::{Hand, Via, tokens};
use crate::config::Config;
use crate::error::CliError;
use crate::health::Gatherer;
use crate::queries::status::{self, Look};

/// Time for which one look at the status is used for all who ask.
const FRESH: Duration = Duration::from_secs(2);

/// Maximum number of browsers and programs that follow the stream concurrently.
const FOLLOWERS: usize = 256;
/// Maximum number of requests that wait for the result of a job concurrently.
const WAITERS: usize = 256;
/// Maximum number of entries of a stream that are read to find one job whose time is known.
const LOOK: usize = 20_000;

/// The namespace, for requests by HTTP.
#[derive(Debug)]
pub struct Backend {
    /// The configuration.
    pub config: Config,
    /// The daemon's readiness and its last judgement.
    pub health: Arc<Health>,
    /// The rules of access.
    pub auth: Auth,
    ops: Ops,
    grants: Grants,
    /// New entries of the streams, for those who follow.
    pub live: Arc<Live>,
    /// Places for those who follow the stream.
    pub followers: Arc<Semaphore>,
    /// Places for requests that wait for the result of a job.
    pub waiters: Arc<Semaphore>,
    zoom: OnceCell<Arc<CallContext>>,
    look: Mutex<Option<(Instant, Arc<Look>)>>,
}

impl Backend {
    /// For a daemon of this configuration. Connects with the first command.
    pub fn new(config: Config, health: Arc<Health>, auth: Auth) -> Result<Self, CliError> {
        let store = Store::open(&config.store())?;
        let ops = Ops::new(store.clone()).within(config.budgets.clone()).judging();
        let ops = ops.looking_at(LOOK);
        // Reads need no key.
        let vault = Vault::new(config.key_ring()?, &config.namespace, &config.deployment, None);
        let grants = Grants::new(store, vault);
        let (live, followers) = (Arc::default(), Arc::new(Semaphore::new(FOLLOWERS)));
        let waiters = Arc::new(Semaphore::new(WAITERS));
        Ok(Self {
            config,
            health,
            auth,
            ops,
            grants,
            live,
            followers,
            waiters,
            zoom: OnceCell::new(),
            look: Mutex::default(),
        })
    }

    /// The namespace.
    pub fn store(&self) -> &Store {
        self.ops.store()
    }

    /// An operator's hand on it.
    pub fn ops(&self) -> &Ops {
        &self.ops
    }

    /// The hand of somebody who acts.
    pub fn hand(&self, actor: Actor, via: Via) -> Hand {
        Hand::new(self.ops.clone(), actor, via)
    }

    /// The accounts, for reading.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// The accounts with the keys, for acts that need tokens.
    pub async fn open_grants(&self) -> Result<Grants, CliError> {
        let vault = meta::open(self.store(), &self.config.key_ring()?).await?;
        Ok(Grants::new(self.store().clone(), vault))
    }

    /// Context for reads of Zoom.
    pub async fn zoom(&self) -> Result<Arc<CallContext>, CliError> {
        let make = async || {
            let (grants, timeout) = (self.open_grants().await?, self.config.zoom.request_timeout);
            let tokens = tokens(&self.config, &grants)?;
            let (store, budgets) = (self.store().clone(), &self.config.budgets);
            Ok::<_, CliError>(Arc::new(CallContext::new(store, budgets, timeout, tokens)))
        };
        self.zoom.get_or_try_init(make).await.map(Arc::clone)
    }

    /// The judgement and the numbers, not older than two seconds. The judgement is the
    /// daemon's own, where it has made one.
    pub async fn look(&self) -> Result<Arc<Look>, CliError> {
        let mut last = self.look.lock().await;
        if let Some((_, look)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(Arc::clone(look));
        }
        let look = Arc::new(self.look_now().await?);
        *last = Some((Instant::now(), Arc::clone(&look)));
        Ok(look)
    }

    async fn look_now(&self) -> Result<Look, CliError> {
        if let Some((judgement, Some(vitals))) = self.health.judgement() {
            match status::numbers(&self.ops, vitals).await {
                Ok(numbers) => return Ok(Look { judgement, numbers: Some(numbers) }),
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut gatherer = Gatherer::of_command(&self.config, self.store().clone());
        Ok(status::look(&mut gatherer, &self.ops).await?)
    }
}
