//! Random texts that are handed out and come back, and what is kept of them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// 32 bytes in base64url.
const LENGTH: usize = 43;

/// A random text of 256 bits: the token of a link, a state, a cookie.
#[derive(Clone)]
pub struct Nonce(SecretString);

/// Digest of a [`Nonce`], as stored: 64 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest(String);

impl Nonce {
    /// A fresh one.
    #[must_use]
    pub fn generate() -> Self {
        let bytes: [u8; 32] = rand::random();
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// One that came back; `None` when it has not the form of ours, which needs
    /// no look into Redis.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (text.len() == LENGTH && text.bytes().all(plain)).then(|| Self(text.into()))
    }

    /// The secret text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Digest of it, as stored.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let hash = Sha256::new().chain_update("zoomd nonce\0").chain_update(self.expose());
        Digest(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(***)")
    }
}

impl Digest {
    /// A digest that was stored; any text will do, for it is only looked up.
    pub(super) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_comes_back_and_is_never_shown() {
        let nonce = Nonce::generate();
        let back = Nonce::parse(nonce.expose()).expect("ours");
        assert_eq!(back.digest(), nonce.digest());
        assert_ne!(Nonce::generate().digest(), nonce.digest());
        assert!(!nonce.digest().as_str().contains(nonce.expose()));
        assert!(!format!("{nonce:?}").contains(nonce.expose()));
        assert_eq!(nonce.digest().as_str().len(), 64);
    }

    #[test]
    fn what_is_not_of_our_form_is_nothing() {
        let good = "A".repeat(43);
        assert!(Nonce::parse(&good).is_some());
        for bad in
            ["", "A", &"A".repeat(44), &format!("{}=", &good[1..]), &format!("{}é", &good[2..])]
        {
            assert!(Nonce::parse(bad).is_none(), "{bad}");
        }
    }
}
