//! Names of refresh tokens that can be stored, compared and logged.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;
use zoomd_wire::{EntryId, Marker};

/// The keyed hash of a refresh token (or of a server-to-server app's
/// credentials): 16 bytes, written as 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// The first eight digits: enough for a person to tell two apart.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != 32 {
            return Err(());
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| ())
    }
}

/// The secret of a namespace. It keys the fingerprints and outlives every
/// encryption key, so a token keeps its fingerprint through a rekey.
#[derive(Clone)]
pub struct FingerprintKey(Zeroizing<[u8; 32]>);

impl FingerprintKey {
    /// Takes the 32 secret bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A fresh random one.
    #[must_use]
    pub fn generate() -> Self {
        Self::new(rand::random())
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    #[must_use]
    pub fn refresh_token(&self, token: &SecretString) -> Fingerprint {
        self.hash("refresh token", &[token.expose_secret()])
    }

    /// The fingerprint of a server-to-server app's credentials.
    #[must_use]
    pub fn app(&self, client_id: &str, zoom_account: &str, secret: &SecretString) -> Fingerprint {
        self.hash("app", &[client_id, zoom_account, secret.expose_secret()])
    }

    /// The name under which a purged account's tombstone is kept.
    #[must_use]
    pub fn account(&self, account: &str) -> Fingerprint {
        self.hash("account", &[account])
    }

    /// The marker of the job that came in `entry`: the same for every attempt
    /// and run of it, and not to be guessed.
    #[must_use]
    pub fn marker(&self, entry: EntryId) -> Marker {
        Marker::derive(self.0.as_slice(), entry)
    }

    /// The PKCE verifier of the consent that was asked for with `state` in the
    /// browser that holds `cookie`. Made again when the consent comes back, by
    /// whichever daemon, so that it lies nowhere.
    #[must_use]
    pub fn verifier(&self, state: &str, cookie: &str) -> SecretString {
        URL_SAFE_NO_PAD.encode(self.mac("pkce verifier", &[state, cookie])).into()
    }

    fn hash(&self, domain: &str, parts: &[&str]) -> Fingerprint {
        let mut first = [0; 16];
        first.copy_from_slice(&self.mac(domain, parts)[..16]);
        Fingerprint(u128::from_be_bytes(first))
    }

    fn mac(&self, domain: &str, parts: &[&str]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice())
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        for part in std::iter::once(&domain).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(***)")
    }
}
