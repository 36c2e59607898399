//! Rotations, as far as Redis has a part in them.
//!
//! Owns the lease and the intent (fields of `account:<A>`, `intent:<A>`, the zset
//! `intents`), the only way a rotated token gets into `grant:<A>` (rules P, F and D),
//! the verdict (rule N), the stop of an app whose accounts die or whose secret
//! is wrong, and the run id by which a server that went back is noticed. Each
//! verb is one script. Never talks to Zoom and never waits.
//!
//! Invariant: [`Rotations::commit`] looks at versions and lineages alone, never
//! at a lease; [`Rotations::verdict`] writes only about exactly what is stored.
//! The decisions of the scripts are written down as functions on values in the
//! workers' `rotation::rules`, and a test holds the scripts to it.

mod beat;
mod commit;
mod intent;
mod lease;
mod look;
mod stop;
mod verdict;

use crate::accounts::encryption::Fingerprint;
use crate::accounts::grants::GrantVersion;
use crate::durable::Durable;
use crate::redis::script::{Call, Script};
use crate::redis::scripts::{
    ROTATION_ABORT as ABORT, ROTATION_ACQUIRE as ACQUIRE, ROTATION_BEAT as BEAT,
    ROTATION_COMMIT as COMMIT, ROTATION_DOUBT as DOUBT, ROTATION_INTEND as INTEND,
    ROTATION_RENEW as RENEW, ROTATION_VERDICT as VERDICT,
};
use crate::{Store, StoreError};

pub use beat::{Beat, Heard};
pub use commit::{Committed, Offer, Origin, Spare};
pub use intent::{Doubt, Doubted, Intended, Intending, OpenIntent, Pauses};
pub use lease::{Acquired, Ask, End, Held, NewState};
pub use look::{Asking, Look, Version};
pub(crate) use stop::{SINCE, stop};
pub use verdict::{Judged, Refusal};

/// Identity of a stored grant: its version and fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stored {
    pub version: GrantVersion,
    pub fp: Fingerprint,
}

/// The rotations of one namespace. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rotations {
    store: Store,
    /// Intents wait for replicas and disks on a connection of their own.
    durable: Durable,
}

impl Rotations {
    /// Joins a namespace.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let durable = Durable::new(&store);
        Self { store, durable }
    }

    /// The namespace.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A script call with what all scripts of rotations take first.
    fn call<'a>(&self, script: &'a Script, account: &str) -> Call<'a> {
        let keys = self.store.keys();
        let call = script.call().key(keys.prefix()).key(keys.events());
        call.arg(self.store.clock().ms()).arg(account)
    }

    async fn run(&self, call: Call<'_>, what: &str) -> Result<redis::Value, StoreError> {
        call.run(&self.store.connection()).await.map_err(|error| error.during(what))
    }
}
