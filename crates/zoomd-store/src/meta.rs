//! Claims of a namespace about itself: its layout, its deployment, its secret.
//!
//! [`open`] is the first thing done with a namespace. It refuses one of another
//! layout (see [`layout`]), and one that belongs to another deployment: a copy of
//! production's Redis, started under another name, must not spend production's
//! refresh tokens. The deployment is also bound into every sealed text, so that
//! renaming the copy opens nothing.
//!
//! Invariant: the secret of the namespace is made once and never changes; it is
//! stored sealed, and only when an encryption key is configured.

use crate::accounts::encryption::{
    Binding, FingerprintKey, KeyRing, Purpose, SealError, Sealed, Vault,
};
use crate::keys::LAYOUT;
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::{META_OPEN, META_RESEAL};
use crate::{Store, StoreError, layout, probe};

/// Reason why a namespace cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum MetaError {
    /// It belongs to another deployment.
    #[error("the namespace belongs to the deployment {found:?}, and this is {configured:?}")]
    Deployment {
        /// The deployment it was made in.
        found: String,
        /// The one that is configured (`ZOOMD_DEPLOYMENT`).
        configured: String,
    },
    /// Secret does not open.
    #[error("the secret of the namespace: {0}")]
    Seal(#[from] SealError),
    /// Redis could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens the namespace of `store`, making what is missing in a new one.
pub async fn open(store: &Store, ring: &KeyRing) -> Result<Vault, MetaError> {
    let place = place(store);
    let fresh = match ring.primary() {
        Some(_) => ring.seal(FingerprintKey::generate().bytes(), place)?.as_str().to_owned(),
        None => String::new(),
    };
    let answer = META_OPEN
        .call()
        .key(store.keys().prefix())
        .key(store.keys().meta())
        .arg(store.clock().ms())
        .arg(LAYOUT)
        .arg(store.deployment())
        .arg(fresh)
        .run(&store.connection())
        .await?;
    let mut answer = ScriptReply::new(answer, "the opening of the namespace")?;
    let secret = match answer.next()?.as_str() {
        "opened" => answer.next()?,
        "layout" => return Err(layout::refused(store.keys(), &answer.next()?).into()),
        _ => {
            let configured = store.deployment().to_owned();
            return Err(MetaError::Deployment { found: answer.next()?, configured });
        }
    };
    let fingerprints = match ring.primary() {
        Some(_) => Some(open_secret(ring, place, secret)?),
        None => None,
    };
    Ok(Vault::new(ring.clone(), store.keys().namespace(), store.deployment(), fingerprints))
}

/// Checks layout and deployment as [`open`] does, and writes nothing. A namespace
/// that does not exist passes.
pub async fn check(store: &Store) -> Result<(), MetaError> {
    let Some(facts) = probe::namespace(store).await? else { return Ok(()) };
    if facts.deployment != store.deployment() {
        let configured = store.deployment().to_owned();
        return Err(MetaError::Deployment { found: facts.deployment, configured });
    }
    Ok(())
}

/// Opens the namespace and writes nothing. In one that does not exist, or has no
/// secret yet, the fingerprints are of a secret that is thrown away: they match none.
pub async fn peek(store: &Store, ring: &KeyRing) -> Result<Vault, MetaError> {
    check(store).await?;
    let mut read = redis::cmd("HGET");
    read.arg(store.keys().meta()).arg("secret");
    let value = store.connection().value(&read).await.map_err(StoreError::from)?;
    let stored: Option<String> = redis::from_redis_value(value).map_err(StoreError::from)?;
    let fingerprints = match (ring.primary(), stored) {
        (None, _) => None,
        (Some(_), None) => Some(FingerprintKey::generate()),
        (Some(_), Some(secret)) => Some(open_secret(ring, place(store), secret)?),
    };
    Ok(Vault::new(ring.clone(), store.keys().namespace(), store.deployment(), fingerprints))
}

fn place(store: &Store) -> Binding<'_> {
    Binding {
        purpose: Purpose::NamespaceSecret,
        namespace: store.keys().namespace(),
        deployment: store.deployment(),
        account: "",
        version: None,
    }
}

/// Encrypts the secret of the namespace again under the primary key, if it is under an older one.
/// Returns true if it did.
pub async fn reseal(store: &Store, ring: &KeyRing) -> Result<bool, MetaError> {
    let mut read = redis::cmd("HGET");
    read.arg(store.keys().meta()).arg("secret");
    let value = store.connection().value(&read).await.map_err(StoreError::from)?;
    let stored: Option<String> = redis::from_redis_value(value).map_err(StoreError::from)?;
    let Some(stored) = stored.map(Sealed::from_stored).filter(|s| ring.is_stale(s)) else {
        return Ok(false);
    };
    let plain = ring.open(&stored, place(store))?;
    let anew = ring.seal(&plain, place(store))?;
    let answer = META_RESEAL
        .call()
        .key(store.keys().prefix())
        .key(store.keys().meta())
        .arg(store.clock().ms())
        .arg(stored.as_str())
        .arg(anew.as_str())
        .run(&store.connection())
        .await?;
    Ok(answer == redis::Value::Int(1))
}

fn open_secret(
    ring: &KeyRing,
    place: Binding<'_>,
    secret: String,
) -> Result<FingerprintKey, SealError> {
    let plain = ring.open(&Sealed::from_stored(secret), place)?;
    let bytes = plain
        .as_slice()
        .try_into()
        .map_err(|_| SealError::Damaged { what: Purpose::NamespaceSecret.as_str() })?;
    Ok(FingerprintKey::new(bytes))
}
