//! Accounts and their grants.
//!
//! Owns `account:<A>` (read by admission), `grant:<A>` (the encrypted tokens), the list of
//! accounts, the index of Zoom users, and all changes of a grant except rotation: add, import,
//! connect, pause, remove. Each change is one script, together with its event, its line in the
//! timeline and the wake-up of the account's jobs. Never calls Zoom; [`rotation`](super::rotation)
//! is a module of its own.
//!
//! Invariant: a stored grant is replaced only by one with a greater [`GrantVersion`]. A removed
//! account keeps its epoch, so no older grant can restore it.

mod new;
mod purge;
mod put;
mod read;
mod record;
mod rekey;
mod remove;
mod settings;
mod timeline;

use crate::accounts::encryption::{SealError, Vault};
use crate::redis::script::{Call, Script};
use crate::{Store, StoreError};

pub use crate::accounts::encryption::GrantSecrets;
pub use crate::accounts::version::{Epoch, GrantVersion, NotAnEpoch};
pub use new::{Identity, NewGrant};
pub use purge::Purged;
pub use put::{Conflict, Connected, Put};
pub use read::AccountSummary;
pub(crate) use read::{account, grant};
pub use record::{AccountRecord, AccountState, Candidate, GrantKind, GrantRecord, Plan};
pub use rekey::Resealed;
pub use remove::Removed;
pub use settings::{Change, Learnt};
pub use timeline::Line;

/// Reason why an operation on an account failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// Redis.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Sealing or opening.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The accounts of one namespace. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Grants {
    store: Store,
    vault: Vault,
}

impl Grants {
    /// Joins a namespace and what opens it (see [`crate::meta::open`]).
    #[must_use]
    pub fn new(store: Store, vault: Vault) -> Self {
        Self { store, vault }
    }

    /// Vault that encrypts and decrypts grants.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The namespace.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    async fn now_ms(&self) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.store.now_ms().await?).unwrap_or(0))
    }

    /// A script call with what all scripts of accounts take first.
    fn call<'a>(&self, script: &'a Script) -> Call<'a> {
        let keys = self.store.keys();
        script.call().key(keys.prefix()).key(keys.events()).arg(self.store.clock().ms())
    }
}
