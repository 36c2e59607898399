//! Opened tokens, each of one version of one account's grant.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::HashMap;
use secrecy::ExposeSecret as _;
use zoom_api::{AccessToken, Client};
use zoomd_store::encryption::{SealError, Vault};
use zoomd_store::grants::GrantVersion;
use zoomd_store::rotation::Look;
use zoomd_wire::AccountName;

use super::Token;
use crate::rotation::need;
use crate::rotation::ours::Ours;

/// A token and its times, by this process' monotonic clock.
#[derive(Debug, Clone)]
pub(super) struct Cached {
    pub(super) version: GrantVersion,
    pub(super) access: AccessToken,
    pub(super) client: Client,
    pub(super) scope: Option<Arc<str>>,
    pub(super) life: Duration,
    pub(super) issued: Instant,
}

impl Cached {
    /// The stored access token, opened; `None` when there is none, or it is another
    /// app's. `before` is when the store was asked.
    pub(super) fn open(
        ours: &Ours,
        vault: &Vault,
        look: &Look,
        before: Instant,
    ) -> Result<Option<Self>, SealError> {
        let grant = look.grant.as_ref().filter(|grant| ours.made(look.account.kind, grant));
        let Some(grant) = grant else { return Ok(None) };
        let secrets = vault.open_grant(look.account.name.as_str(), grant.version, &grant.sealed)?;
        let access = secrets.access_token.map(|token| AccessToken::new(token.expose_secret()));
        let Some(Ok(access)) = access else { return Ok(None) };
        let now_ms = u64::try_from(look.now_ms).unwrap_or(0);
        let left = Duration::from_millis(grant.access_expires_ms.saturating_sub(now_ms));
        let issued_ms = match (grant.access_issued_ms, grant.obtained_ms) {
            (0, obtained) => obtained,
            (issued, _) => issued,
        };
        let life = match grant.access_expires_ms.checked_sub(issued_ms) {
            Some(ms) if issued_ms > 0 && ms > 0 => Duration::from_millis(ms),
            _ => need::USUAL_LIFE.max(left),
        };
        // An expired token may be older than its lifetime.
        let age = match issued_ms {
            0 => life.saturating_sub(left),
            ms => Duration::from_millis(now_ms.saturating_sub(ms)),
        };
        let issued = before.checked_sub(age).unwrap_or(before);
        let life = if issued == before { left } else { life };
        let client = ours.client_at(grant.api_url.as_deref());
        let scope = grant.scope.as_deref().map(Arc::from);
        Ok(Some(Self { version: grant.version, access, client, scope, life, issued }))
    }

    pub(super) fn left(&self, now: Instant) -> Duration {
        self.life.saturating_sub(now.saturating_duration_since(self.issued))
    }

    /// True if a request that takes up to `min_life` may start with it.
    pub(super) fn is_usable(&self, min_life: Duration, now: Instant) -> bool {
        // A caller cannot ask for more than a tenth less than a token ever has.
        let margin = need::margin(self.life);
        let wanted = min_life.min(self.life.saturating_sub(margin)).max(margin);
        let left = self.left(now);
        !left.is_zero() && left >= wanted
    }

    /// True if it is time to replace it.
    pub(super) fn is_old(&self, account: &str, now: Instant) -> bool {
        self.left(now) < need::lead(self.life, account)
    }

    pub(super) fn is_young(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.issued) < need::youth(self.life)
    }

    pub(super) fn into_token(self) -> Token {
        Token { access: self.access, version: self.version, client: self.client, scope: self.scope }
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
