//! One key and its public name.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Length of a key, in bytes.
pub(super) const KEY_BYTES: usize = 32;

/// The public name of a key: safe to store, log and show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl FromStr for KeyId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != 8 || text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(());
        }
        u32::from_str_radix(text, 16).map(|n| Self(n.to_be_bytes())).map_err(|_| ())
    }
}

/// 32 secret bytes, wiped when dropped.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: KeyId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl Key {
    /// Reads base64 in either alphabet, padded or not; `None` unless it holds 32 bytes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let decoded = [STANDARD, URL_SAFE, STANDARD_NO_PAD, URL_SAFE_NO_PAD]
            .iter()
            .find_map(|alphabet| alphabet.decode(text).ok().map(Zeroizing::new))?;
        Some(Self::new(decoded.as_slice().try_into().ok()?))
    }

    pub(super) fn new(bytes: [u8; KEY_BYTES]) -> Self {
        let mut name = Sha256::new();
        name.update(b"zoomd key id\0");
        name.update(bytes);
        let digest = name.finalize();
        Self { id: KeyId([digest[0], digest[1], digest[2], digest[3]]), bytes: bytes.into() }
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, ***)", self.id)
    }
}
