//! Certificates for connections to Redis.
//!
//! They are Redis' alone: whom Zoom's certificates are checked against is not
//! changed by them.

use std::path::{Path, PathBuf};

use redis::{ClientTlsConfig, TlsCertificates};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{ErrorKind, StoreError};

/// Files in PEM; without `ca` the system's certificates are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities that sign the certificate of Redis.
    pub ca: Option<PathBuf>,
    /// The certificate by which this process names itself, and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// Contents of the certificate files; `None` when none is named.
    ///
    /// # Errors
    /// Fails if a file cannot be read, or lacks the certificate or key that it is named for.
    pub(super) fn read(&self) -> Result<Option<TlsCertificates>, StoreError> {
        if *self == Self::default() {
            return Ok(None);
        }
        let root_cert = self.ca.as_deref().map(|path| certificates("redis.ca_file", path));
        let client_tls = self.client.as_ref().map(|(certificate, key)| {
            Ok::<_, StoreError>(ClientTlsConfig {
                client_cert: certificates("redis.client_cert_file", certificate)?,
                client_key: private_key("redis.client_key_file", key)?,
            })
        });
        Ok(Some(TlsCertificates {
            client_tls: client_tls.transpose()?,
            root_cert: root_cert.transpose()?,
        }))
    }
}

fn certificates(key: &str, path: &Path) -> Result<Vec<u8>, StoreError> {
    let pem = contents(key, path)?;
    let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(pem),
        _ => Err(useless(key, path, "holds no certificate in PEM")),
    }
}

fn private_key(key: &str, path: &Path) -> Result<Vec<u8>, StoreError> {
    let pem = contents(key, path)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(_) => Ok(pem),
        Err(_) => Err(useless(key, path, "holds no private key in PEM")),
    }
}

fn contents(key: &str, path: &Path) -> Result<Vec<u8>, StoreError> {
    std::fs::read(path).map_err(|error| useless(key, path, &format!("cannot be read: {error}")))
}

fn useless(key: &str, path: &Path, why: &str) -> StoreError {
    StoreError::new(ErrorKind::Config, format!("{key}: {} {why}", path.display()))
}
