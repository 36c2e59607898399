//! Encryption of tokens at rest.
//!
//! Owns the key ring, the envelope and the fingerprint. Every encrypted text names its key
//! and is bound ([`Binding`]) to its purpose, namespace, deployment, account, epoch and
//! generation, so a record that is copied to another place does not decrypt there. It does no
//! IO, stores no key and prints none.
//!
//! Invariant: [`KeyRing::open`] returns exactly the bytes that were encrypted under the same
//! binding. Its errors tell a *wrong key* (the key of the envelope is not in the ring) from a
//! *damaged* record (the key is in the ring, and authentication fails).

mod binding;
mod envelope;
mod error;
mod fingerprint;
mod key;
mod ring;
mod secrets;
mod vault;

pub use binding::{Binding, Purpose};
pub use envelope::Sealed;
pub use error::SealError;
pub use fingerprint::{Fingerprint, FingerprintKey};
pub use key::KeyId;
pub use ring::KeyRing;
pub use secrets::GrantSecrets;
pub use vault::Vault;

#[cfg(test)]
mod tests;
