//! Opened tokens, each of one version of one account's grant.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zoom_api::{AccessToken, Client};
use zoomd_store::grants::GrantVersion;
use zoomd_wire::AccountName;

use super::Token;
use crate::rotation::need;

/// A token and its times, by this process' monotonic clock.
#[derive(Debug, Clone)]
pub(super) struct Cached {
    pub(super) version: GrantVersion,
    pub(super) access: AccessToken,
    pub(super) client: Client,
    pub(super) life: Duration,
    pub(super) issued: Instant,
}

impl Cached {
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.life.saturating_sub(now.saturating_duration_since(self.issued))
    }

    /// Whether a request that takes up to `min_life` may start with it.
    pub(super) fn is_usable(&self, min_life: Duration, now: Instant) -> bool {
        // A caller cannot ask for more than a tenth less than a token ever has.
        let margin = need::margin(self.life);
        let wanted = min_life.min(self.life.saturating_sub(margin)).max(margin);
        let left = self.left(now);
        !left.is_zero() && left >= wanted
    }

    /// Whether it is time to replace it.
    pub(super) fn is_old(&self, account: &str, now: Instant) -> bool {
        self.left(now) < need::lead(self.life, account)
    }

    pub(super) fn is_young(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.issued) < need::youth(self.life)
    }

    pub(super) fn token(&self) -> Token {
        Token { access: self.access.clone(), version: self.version, client: self.client.clone() }
    }
}

#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<AccountName, Cached>>);

impl Cache {
    fn map(&self) -> MutexGuard<'_, HashMap<AccountName, Cached>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token of `account`, unless it is older than `wanted`.
    pub(super) fn get(&self, account: &str, wanted: Option<GrantVersion>) -> Option<Cached> {
        let map = self.map();
        map.get(account).filter(|cached| Some(cached.version) >= wanted).cloned()
    }

    /// Keeps a token, unless a later one is kept.
    pub(super) fn put(&self, account: &AccountName, fresh: Cached) {
        let mut map = self.map();
        if map.get(account).is_none_or(|old| old.version <= fresh.version) {
            map.insert(account.clone(), fresh);
        }
    }

    /// Forgets the token of `account`; whether there was one.
    pub(super) fn forget(&self, account: &str) -> bool {
        self.map().remove(account).is_some()
    }

    /// Forgets everything: the store may have changed unseen.
    pub(super) fn clear(&self) {
        self.map().clear();
    }

    /// Drops tokens past their life.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.map().retain(|_, cached| !cached.left(now).is_zero());
    }
}
