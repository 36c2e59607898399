//! Sealing: how a token lies at rest.
//!
//! Owns the key ring, the envelope and the fingerprint. Every sealed text names
//! the key that made it and is bound ([`Binding`]) to its purpose, namespace,
//! deployment, account, epoch and generation, so that a record copied to
//! another place does not open there. Never does IO, never stores a key, never
//! prints one.
//!
//! Invariant: what [`KeyRing::open`] returns is byte for byte what was sealed
//! under the same binding; all else is an error that tells a *wrong key* (the
//! envelope's key is not in the ring) from a *damaged* record (it is, and the
//! tag does not verify).

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
