//! Form of an encrypted text: `z1.<key id>.<base64 of nonce and ciphertext>`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::KeyId;

const SCHEME: &str = "z1";

/// Encrypted text, safe to store. The name of its key can be read without the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    pub(super) fn new(key: KeyId, nonce_and_ciphertext: &[u8]) -> Self {
        Self(format!("{SCHEME}.{key}.{}", URL_SAFE_NO_PAD.encode(nonce_and_ciphertext)))
    }

    /// Takes a stored text as it is; whether it opens is seen on opening.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text to store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Key of the encrypted text; `None` when the text is not an envelope.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        self.0.strip_prefix(SCHEME)?.strip_prefix('.')?.split_once('.')?.0.parse().ok()
    }

    pub(super) fn body(&self) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(self.0.rsplit_once('.')?.1).ok()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key_id() {
            Some(key) => write!(f, "Sealed(key {key})"),
            None => f.write_str("Sealed(unreadable)"),
        }
    }
}
