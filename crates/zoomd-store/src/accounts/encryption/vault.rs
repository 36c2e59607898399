//! Vault: encryption, decryption and fingerprints in one namespace.

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::secrets::GrantSecrets;
use super::{Binding, Fingerprint, FingerprintKey, KeyRing, Purpose, SealError, Sealed};
use crate::accounts::version::GrantVersion;

/// A key ring at its place: namespace, deployment and the secret of the namespace.
/// Made by `meta::open`.
#[derive(Debug, Clone)]
pub struct Vault {
    ring: KeyRing,
    namespace: String,
    deployment: String,
    fingerprints: Option<FingerprintKey>,
}

impl Vault {
    /// Joins a ring and a place. Without `fingerprints` (no key is configured)
    /// nothing can be sealed or opened.
    #[must_use]
    pub fn new(
        ring: KeyRing,
        namespace: &str,
        deployment: &str,
        fingerprints: Option<FingerprintKey>,
    ) -> Self {
        Self { ring, namespace: namespace.into(), deployment: deployment.into(), fingerprints }
    }

    #[must_use]
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Namespace of the encrypted texts.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Deployment of the encrypted texts.
    #[must_use]
    pub fn deployment(&self) -> &str {
        &self.deployment
    }

    pub fn fingerprints(&self) -> Result<&FingerprintKey, SealError> {
        self.fingerprints.as_ref().ok_or(SealError::NoKey)
    }

    pub fn fingerprint(&self, refresh_token: &SecretString) -> Result<Fingerprint, SealError> {
        Ok(self.fingerprints()?.refresh_token(refresh_token))
    }

    /// The binding of something of `account` in this place.
    #[must_use]
    pub fn binding<'a>(
        &'a self,
        purpose: Purpose,
        account: &'a str,
        version: GrantVersion,
    ) -> Binding<'a> {
        Binding {
            purpose,
            namespace: &self.namespace,
            deployment: &self.deployment,
            account,
            version: Some(version),
        }
    }

    /// Encrypts bytes for `account` at `version`.
    pub fn seal(
        &self,
        purpose: Purpose,
        account: &str,
        version: GrantVersion,
        plain: &[u8],
    ) -> Result<Sealed, SealError> {
        self.ring.seal(plain, self.binding(purpose, account, version))
    }

    /// Decrypts the result of [`seal`](Self::seal) with the same arguments.
    pub fn open(
        &self,
        purpose: Purpose,
        account: &str,
        version: GrantVersion,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.ring.open(sealed, self.binding(purpose, account, version))
    }

    /// Encrypts the tokens of a grant.
    pub fn seal_grant(
        &self,
        account: &str,
        version: GrantVersion,
        secrets: &GrantSecrets,
    ) -> Result<Sealed, SealError> {
        self.seal(Purpose::Grant, account, version, &secrets.to_json())
    }

    /// Opens the tokens of a grant.
    pub fn open_grant(
        &self,
        account: &str,
        version: GrantVersion,
        sealed: &Sealed,
    ) -> Result<GrantSecrets, SealError> {
        let plain = self.open(Purpose::Grant, account, version, sealed)?;
        GrantSecrets::from_json(&plain).ok_or(SealError::Damaged { what: "grant" })
    }
}
