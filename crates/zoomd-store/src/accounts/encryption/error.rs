//! Errors of encryption and decryption.

use super::KeyId;

/// Error with a key or an encrypted text. Carries no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// No encryption key is configured.
    #[error("no encryption key is configured (ZOOMD_ENCRYPTION_KEY)")]
    NoKey,
    /// A configured key is not 32 bytes of base64. `which` says which one.
    #[error("{which} is not 32 bytes of base64")]
    BadKey {
        /// The configured key that is malformed.
        which: String,
    },
    /// The text was encrypted under a key that is not in the ring.
    #[error("sealed under key {needed}, which is not configured")]
    WrongKey {
        /// Key that the text was encrypted under.
        needed: KeyId,
    },
    /// The key is here, but the text was changed, cut, or belongs elsewhere.
    #[error("the sealed {what} is damaged or belongs to another place")]
    Damaged {
        /// Description of the text to decrypt.
        what: &'static str,
    },
    /// The cipher does not do what it should on this machine.
    #[error("the self-test of the cipher failed")]
    SelfTest,
}

impl SealError {
    /// True if another key in the ring would fix it.
    #[must_use]
    pub fn is_wrong_key(&self) -> bool {
        matches!(self, Self::WrongKey { .. } | Self::NoKey)
    }
}
