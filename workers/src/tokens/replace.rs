//! Replacement of a token before its end, and the reasons to put it off.

use std::time::{Duration, Instant};

use zoomd_store::grants::{AccountState, GrantVersion};
use zoomd_wire::AccountName;

use super::cache::Cached;
use super::{Refused, Tokens, lock};
use crate::rotation::meter;

impl Tokens {
    /// Tells that Zoom refused the token of `version` with 401.
    pub async fn refused(&self, account: &str, version: GrantVersion) -> Refused {
        meter::dead_access();
        let Ok(name) = AccountName::new(account) else { return Refused::Replaced };
        let before = Instant::now();
        let look = match self.0.rotations.look(&name).await {
            Ok(Some(look)) => look,
            _ => {
                self.0.cache.forget(account);
                return Refused::Replaced;
            }
        };
        let stored = look.grant.as_ref().map(|grant| grant.version);
        if stored != Some(version) || look.account.state != AccountState::Active {
            self.0.cache.forget(account);
            return Refused::Replaced;
        }
        // A fork means that this may be the one that died: then its age says nothing.
        let forked = look.is_forked();
        let young = self.cached(&look, before).is_some_and(|c| c.is_young(Instant::now()));
        if young && !forked && !look.gate_closed() {
            return Refused::TooYoung;
        }
        lock(&self.0.refused).insert(name.clone(), version);
        self.replace(name, version).await;
        Refused::Replaced
    }

    pub(super) fn is_spoilt(&self, account: &str, version: GrantVersion) -> bool {
        let refused = lock(&self.0.refused);
        !refused.is_empty() && refused.get(account) == Some(&version)
    }

    /// A later version than the refused one is stored.
    pub(super) fn forgive(&self, account: &AccountName, stored: GrantVersion) {
        let mut refused = lock(&self.0.refused);
        if refused.get(account).is_some_and(|version| *version < stored) {
            refused.remove(account);
        }
    }

    /// Time before a token may be replaced for its age; `None`: it may be now.
    pub(super) fn must_stay(&self, cached: &Cached) -> Option<Duration> {
        let stays = self.0.rotator.settings().least_between;
        stays.checked_sub(cached.issued.elapsed()).filter(|rest| !rest.is_zero())
    }
}
