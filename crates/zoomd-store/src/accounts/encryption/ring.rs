//! Key ring: one key that encrypts, any number that decrypt.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::key::Key;
use super::{Binding, KeyId, Purpose, SealError, Sealed};

const NONCE_BYTES: usize = 24;

/// Configured keys. Without a primary one nothing can be encrypted.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    primary: Option<Key>,
    old: Vec<Key>,
}

impl KeyRing {
    /// Ring without keys: it encrypts and decrypts nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads the primary key and the older ones (separated by commas or
    /// blanks), each 32 bytes of base64.
    ///
    /// # Errors
    /// [`SealError::BadKey`] naming the key that is malformed.
    pub fn parse(
        primary: Option<&SecretString>,
        old: Option<&SecretString>,
    ) -> Result<Self, SealError> {
        let read = |text: &str, which: &str| {
            Key::parse(text).ok_or_else(|| SealError::BadKey { which: which.to_owned() })
        };
        let primary =
            primary.map(|k| read(k.expose_secret(), "ZOOMD_ENCRYPTION_KEY")).transpose()?;
        let old = old.map(|k| k.expose_secret()).unwrap_or_default();
        let old = old
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|text| !text.is_empty())
            .enumerate()
            .map(|(at, text)| read(text, &format!("key {} of ZOOMD_ENCRYPTION_KEYS_OLD", at + 1)))
            .collect::<Result<_, _>>()?;
        Ok(Self { primary, old })
    }

    /// A new random key in the form the configuration takes.
    #[must_use]
    pub fn generate_key() -> SecretString {
        use base64::Engine as _;
        let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
        base64::engine::general_purpose::STANDARD.encode(*bytes).into()
    }

    /// Key for encryption.
    #[must_use]
    pub fn primary(&self) -> Option<KeyId> {
        self.primary.as_ref().map(|key| key.id)
    }

    /// Every key that opens, the sealing one first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.primary.iter().chain(&self.old).map(|key| key.id)
    }

    /// Key id to encrypt with.
    pub fn require(&self) -> Result<KeyId, SealError> {
        self.primary().ok_or(SealError::NoKey)
    }

    /// True if the text should be encrypted again under the primary key.
    #[must_use]
    pub fn is_stale(&self, sealed: &Sealed) -> bool {
        sealed.key_id() != self.primary()
    }

    /// Encrypts `plain` for the place in `binding`.
    pub fn seal(&self, plain: &[u8], binding: Binding<'_>) -> Result<Sealed, SealError> {
        let key = self.primary.as_ref().ok_or(SealError::NoKey)?;
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: plain, aad: &binding.to_bytes() };
        let ciphertext =
            cipher(key).encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::SelfTest)?;
        Ok(Sealed::new(key.id, &[&nonce[..], &ciphertext].concat()))
    }

    /// Decrypts a text encrypted for the place in `binding`.
    ///
    /// # Errors
    /// [`SealError::WrongKey`] when its key is not in the ring, [`SealError::Damaged`] when the key
    /// is and the text still does not decrypt.
    pub fn open(
        &self,
        sealed: &Sealed,
        binding: Binding<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let damaged = SealError::Damaged { what: binding.purpose.as_str() };
        let needed = sealed.key_id().ok_or(damaged.clone())?;
        let body = sealed.body().filter(|b| b.len() > NONCE_BYTES).ok_or(damaged.clone())?;
        let (nonce, ciphertext) = body.split_at(NONCE_BYTES);
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| damaged.clone())?;
        let aad = binding.to_bytes();
        let mut known = false;
        // Four bytes name a key; two of one name are both tried.
        for key in self.primary.iter().chain(&self.old).filter(|key| key.id == needed) {
            known = true;
            let payload = Payload { msg: ciphertext, aad: &aad };
            if let Ok(plain) = cipher(key).decrypt(&XNonce::from(nonce), payload) {
                return Ok(Zeroizing::new(plain));
            }
        }
        Err(if known { damaged } else { SealError::WrongKey { needed } })
    }

    /// Encrypts and decrypts a sample, and checks that a wrong place does not decrypt it.
    ///
    /// # Errors
    /// [`SealError::NoKey`], or [`SealError::SelfTest`] when the cipher does not work.
    pub fn self_test(&self) -> Result<(), SealError> {
        let here = Binding {
            purpose: Purpose::Grant,
            namespace: "self-test",
            deployment: "self-test",
            account: "a",
            version: None,
        };
        let sealed = self.seal(b"sample", here)?;
        let opened = self.open(&sealed, here).is_ok_and(|plain| plain.as_slice() == b"sample");
        let elsewhere = self.open(&sealed, Binding { account: "b", ..here });
        if opened && elsewhere.is_err() { Ok(()) } else { Err(SealError::SelfTest) }
    }
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}
