//! Access tokens for calls to Zoom: returned at once if valid, never waited for.
//!
//! Owns the cache of opened grants (keyed by account, holding one version each)
//! and starts a rotation when a token is about to end. Never talks to Zoom: that
//! is `rotation`'s.
//!
//! Invariant: no caller waits for a rotation. Who gets [`Usable::Waiting`] puts
//! its job back into its room; the account's gate is closed by then, and opens
//! with the commit, which is published.

mod alive;
mod cache;
mod cli;
mod command;
mod config;
mod launch;
mod news;
mod replace;
mod service;
mod single_flight;
mod source;
mod token_errors;
mod unidentified_grants;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, watch};
use zoomd_store::encryption::Vault;
use zoomd_store::grants::{AccountState, GrantError, GrantKind, GrantVersion, Grants};
use zoomd_store::rotation::{Look, Rotations};
use zoomd_store::{Store, StoreError};
use zoomd_wire::AccountName;

use crate::failpoints;
use crate::journal::Journal;
use crate::problems::calls::ZoomCalls;
use crate::rotation::{Order, Parts, Rotator, Urge, Wish, ours::Ours};
use crate::supervisor::{Part, Supervisor};
use cache::{Cache, Cached};
use single_flight::SingleFlight;
pub(crate) use unidentified_grants::UnidentifiedGrants;

pub use crate::rotation::settings::RotationSettings;
pub use command::CommandTokens;
pub use config::{TokensConfig, TokensError};
pub use source::TokenSource;
pub use token_errors::{NoToken, Refused, Token, Usable};

/// Loads of grants from Redis are collapsed by account, in so many lanes.
const LANES: usize = 64;
/// Longest wait for Redis to take our goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// Longest wait of a job for its account's gate to close before it goes back.
const GATE_PATIENCE: Duration = Duration::from_secs(2);

/// The access tokens of all accounts; clones share everything.
#[derive(Debug, Clone)]
pub struct Tokens(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rotator: Rotator,
    rotations: Rotations,
    vault: Vault,
    cache: Cache,
    single_flight: SingleFlight,
    loads: Vec<tokio::sync::Mutex<()>>,
    permits: Semaphore,
    repair_now: Notify,
    closed: Notify,
    /// True once wishes of other processes are heard.
    listens: watch::Sender<bool>,
    /// Tokens that Zoom refused although they should live: not used again.
    refused: Mutex<std::collections::HashMap<AccountName, GrantVersion>>,
    unidentified_grants: UnidentifiedGrants,
    supervisor: Supervisor,
    /// Time of the last warning that a rotation could not ask Redis.
    warned: Mutex<(Option<Instant>, u64)>,
    loops: Mutex<Vec<Part>>,
}

impl Drop for Inner {
    /// Without tokens the loops end, as they should.
    fn drop(&mut self) {
        self.supervisor.close();
    }
}

impl Tokens {
    /// Opens the journal and starts the loops: what earlier processes left is
    /// replayed at once, in the background.
    pub async fn start(config: TokensConfig) -> Result<Self, TokensError> {
        let (supervisor, tracer) = (config.supervisor, config.tracer);
        let TokensConfig { store, client, vault, app, daemon, data_dir, settings, .. } = config;
        let ours = Ours::new(client, app);
        vault.ring().self_test()?;
        let settings = settings.faster(failpoints::pace());
        let (limit, keep) = (settings.journal_limit, settings.keep_entries);
        let journal = Journal::open(&data_dir, &daemon, &vault, limit, keep)?;
        let rotations = Rotations::new(store);
        let permits = Semaphore::new(settings.at_once.max(1));
        let parts = Parts {
            rotations: rotations.clone(),
            ours,
            vault: vault.clone(),
            daemon,
            journal,
            settings,
            tracer,
        };
        let tokens = Self(Arc::new(Inner {
            rotator: Rotator::new(parts),
            rotations,
            vault,
            cache: Cache::default(),
            single_flight: SingleFlight::default(),
            loads: (0..LANES).map(|_| tokio::sync::Mutex::default()).collect(),
            permits,
            repair_now: Notify::new(),
            closed: Notify::new(),
            listens: watch::Sender::new(false),
            refused: Mutex::default(),
            unidentified_grants: UnidentifiedGrants::default(),
            supervisor,
            warned: Mutex::default(),
            loops: Mutex::default(),
        }));
        *lock(&tokens.0.loops) = service::start(&tokens);
        Ok(tokens)
    }

    /// Waits until wishes of other processes are heard: who asks for a rotation earlier
    /// is told that no daemon answers.
    pub async fn listens(&self) {
        let _ = self.0.listens.subscribe().wait_for(|listens| *listens).await;
    }

    /// The journal: consents are staged there too.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        self.0.rotator.journal()
    }

    /// The accounts of the namespace.
    #[must_use]
    pub fn grants(&self) -> Grants {
        Grants::new(self.store().clone(), self.0.vault.clone())
    }

    /// Accounts whose users are not known by name.
    pub(crate) fn unidentified_grants(&self) -> &UnidentifiedGrants {
        &self.0.unidentified_grants
    }

    /// Watches the loops, the engine's too.
    #[must_use]
    pub fn supervisor(&self) -> &Supervisor {
        &self.0.supervisor
    }

    /// The address of the token endpoint, while that is in trouble.
    #[must_use]
    pub fn endpoint_in_trouble(&self) -> Option<String> {
        self.0.rotator.endpoint_in_trouble()
    }

    /// The calls of this process to Zoom, as they go.
    pub(crate) fn zoom_calls(&self) -> &ZoomCalls {
        self.0.rotator.zoom_calls()
    }

    pub(crate) fn rotator(&self) -> &Rotator {
        &self.0.rotator
    }

    /// Number of processes with a rotation journal this one remembers, itself among
    /// them.
    #[must_use]
    pub fn acquaintances(&self) -> usize {
        self.0.rotator.acquaintances()
    }

    pub(crate) async fn look(&self, name: &AccountName) -> Result<Option<Look>, StoreError> {
        self.0.rotations.look(name).await
    }

    fn store(&self) -> &Store {
        self.0.rotations.store()
    }

    /// A token of `account` that lives for at least `min_life` more. `wanted` is
    /// the version the ticket was granted under; an older one is not handed out.
    /// Reads Redis at most once, and starts a rotation when one is needed.
    pub async fn usable(
        &self,
        account: &str,
        wanted: Option<GrantVersion>,
        min_life: Duration,
    ) -> Usable {
        if let Some(cached) = self.hit(account, wanted, min_life) {
            return Usable::Token(cached.into_token());
        }
        // Rare and large: kept out of every caller's state.
        Box::pin(self.find(account, wanted, min_life)).await
    }

    async fn find(
        &self,
        account: &str,
        wanted: Option<GrantVersion>,
        min_life: Duration,
    ) -> Usable {
        let Ok(name) = AccountName::new(account) else { return Usable::Waiting };
        let lane = &self.0.loads[lane_of(account)];
        let found = {
            let _collapsed = lane.lock().await;
            match self.hit(account, wanted, min_life) {
                Some(cached) => Ok(Found::Usable(cached)),
                None => self.load(&name, wanted, min_life).await,
            }
        };
        match found {
            Ok(Found::Usable(cached)) => Usable::Token(cached.into_token()),
            Ok(Found::Old(version)) => {
                self.replace(name, version).await.map_or(Usable::Waiting, Usable::Unread)
            }
            Ok(Found::Nothing) => Usable::Waiting,
            Err(error) => Usable::Unread(error),
        }
    }

    /// A token in the cache that may be used; one that grows old is replaced in
    /// the background.
    fn hit(&self, account: &str, wanted: Option<GrantVersion>, life: Duration) -> Option<Cached> {
        let now = Instant::now();
        let cached = self.0.cache.get(account, wanted)?;
        if !cached.is_usable(life, now) || self.is_spoilt(account, cached.version) {
            return None;
        }
        // In good time, so that where the journal cannot be written another daemon does.
        let replaced = cached.is_old(account, now)
            && self.must_stay(&cached).is_none()
            && self.0.single_flight.get(account).is_none()
            && !self.0.rotator.is_holding()
            && self.journal().trouble().is_none();
        if replaced && let Ok(account) = AccountName::new(account) {
            let wish = Wish::Replace(cached.version);
            drop(self.start_rotation(Order { account, wish, urge: Urge::None }));
        }
        Some(cached)
    }

    /// Reads the stored grant and keeps its token.
    async fn load(
        &self,
        name: &AccountName,
        wanted: Option<GrantVersion>,
        min_life: Duration,
    ) -> Result<Found, StoreError> {
        if self.0.rotator.is_unpersisted(name) {
            return Ok(Found::Nothing);
        }
        let before = Instant::now();
        // A rotation under way has staged what it is about to commit.
        let flying = self.0.single_flight.get(name.as_str()).is_some();
        let Some(look) = self.0.rotations.look(name).await? else { return Ok(Found::Nothing) };
        let stored = look.grant.as_ref().map(|grant| grant.version);
        if !flying && self.0.rotator.knows_later(name, stored) {
            // The store went back: what the journal has is committed first.
            self.0.repair_now.notify_one();
            self.0.rotations.rest(name, Duration::from_millis(200)).await?;
            return Ok(Found::Nothing);
        }
        if look.account.state != AccountState::Active || stored < wanted {
            return Ok(Found::Nothing);
        }
        let Some(stored) = stored else { return Ok(Found::Nothing) };
        self.forgive(name, stored);
        match self.cached(&look, before) {
            Some(cached) => {
                if look.account.aliases.is_empty() && look.account.kind == GrantKind::Oauth {
                    self.0.unidentified_grants.tell(name);
                }
                self.0.cache.put(name, cached.clone());
                let usable = cached.is_usable(min_life, Instant::now());
                let spoilt = self.is_spoilt(name.as_str(), cached.version);
                if usable && !spoilt {
                    return Ok(Found::Usable(cached));
                }
                if let Some(rest) = self.must_stay(&cached).filter(|_| !spoilt) {
                    tracing::warn!(
                        account = %name, life = ?cached.life,
                        "token refresh: zoom issued a token that expires immediately; not refreshed again so soon"
                    );
                    self.0.rotations.rest(name, rest).await?;
                    return Ok(Found::Nothing);
                }
                Ok(Found::Old(stored))
            }
            None => Ok(Found::Old(stored)),
        }
    }

    fn cached(&self, look: &Look, before: Instant) -> Option<Cached> {
        let cached = Cached::open(self.0.rotator.ours(), &self.0.vault, look, before);
        match &cached {
            Ok(Some(_)) => self.0.rotator.opened(&look.account.name, None),
            Ok(None) => {}
            Err(error) => self.0.rotator.opened(&look.account.name, Some(&error.to_string())),
        }
        cached.ok().flatten()
    }

    /// Hears of a change of an account of which only the journal knows.
    async fn erase_if_removed(&self, name: &AccountName) {
        if let Ok(Some(look)) = self.0.rotations.look(name).await {
            self.0.rotator.erase_removed(&look);
        }
    }

    /// Reads the account's grant again, unless the cache holds another version by now.
    async fn reload(&self, account: &str, version: GrantVersion) {
        let lane = &self.0.loads[lane_of(account)];
        let _collapsed = lane.lock().await;
        if self.0.cache.get(account, None).is_none_or(|cached| cached.version != version) {
            return;
        }
        let Ok(name) = AccountName::new(account) else { return };
        let before = Instant::now();
        match self.0.rotations.look(&name).await {
            Ok(Some(look)) if look.account.state == AccountState::Active => {
                match self.cached(&look, before) {
                    Some(cached) => self.0.cache.put(&name, cached),
                    None => drop(self.0.cache.forget(account)),
                }
            }
            Ok(Some(look)) => {
                self.0.cache.forget(account);
                self.0.rotator.erase_removed(&look);
            }
            _ => drop(self.0.cache.forget(account)),
        }
    }

    /// Compares the journal with the store now.
    async fn repair_first(&self) -> Result<(), GrantError> {
        self.0.rotator.repair().await.map(|_| ())
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.0.rotator.is_closing()
    }

    /// Waits, but not longer than the tokens are open.
    pub(crate) async fn pause(&self, time: Duration) {
        let closed = self.0.closed.notified();
        if !self.is_closing() {
            let _ = tokio::time::timeout(time, closed).await;
        }
    }

    /// Starts no rotation any more, gives up those that have sent nothing, and
    /// waits until every exchange in flight is staged, and committed where Redis
    /// answers.
    pub async fn shutdown(&self) {
        self.0.supervisor.close();
        self.0.rotator.close();
        self.0.closed.notify_waiters();
        self.0.single_flight.all_finished().await;
        let _ = tokio::time::timeout(GOODBYE, self.0.rotator.leave()).await;
        lock(&self.0.loops).clear();
        self.journal().close_file();
    }
}

/// Token of an account, as the store holds it.
enum Found {
    Usable(Cached),
    Old(GrantVersion),
    Nothing,
}

fn lane_of(account: &str) -> usize {
    let sum = account.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    sum % LANES
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
