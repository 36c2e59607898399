//! Why something could not be sealed or opened.

use super::KeyId;

/// Error with a key or a sealed text. Carries no secret.
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
    /// The text was sealed under a key that is not in the ring.
    #[error("sealed under key {needed}, which is not configured")]
    WrongKey {
        /// The key the text was sealed under.
        needed: KeyId,
    },
    /// The key is here, but the text was changed, cut, or belongs elsewhere.
    #[error("the sealed {what} is damaged or belongs to another place")]
    Damaged {
        /// Data that was to be opened.
        what: &'static str,
    },
    /// The cipher does not do what it should on this machine.
    #[error("the self-test of the cipher failed")]
    SelfTest,
}

impl SealError {
    /// True if another key in the ring would mend it.
    #[must_use]
    pub fn is_wrong_key(&self) -> bool {
        matches!(self, Self::WrongKey { .. } | Self::NoKey)
    }
}
