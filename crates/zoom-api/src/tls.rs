//! TLS: one configuration for all connections, to Zoom and to a proxy.
//!
//! The system's trusted certificates (or those that `SSL_CERT_FILE` and
//! `SSL_CERT_DIR` name in their place) are read once a client, and not at all
//! where every endpoint is plain http on this machine.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::endpoints::Endpoints;
use crate::error::SetupError;

/// Environment variables that replace the system's certificates.
const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The configuration for Zoom at `endpoints`.
pub(crate) fn config(
    endpoints: &Endpoints,
    extra_roots: &[CertificateDer<'static>],
) -> Result<ClientConfig, SetupError> {
    let secure = [endpoints.api(), endpoints.oauth()].iter().any(|url| url.scheme() == "https");
    config_for(secure, extra_roots)
}

/// The configuration for a server that is reached by https (`secure`), or not.
pub(crate) fn config_for(
    secure: bool,
    extra_roots: &[CertificateDer<'static>],
) -> Result<ClientConfig, SetupError> {
    let failed = |error: rustls::Error| SetupError::Tls(format!("{error}{}", replaced()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    if !secure {
        let nobody = RootCertStore::empty();
        return Ok(builder.with_root_certificates(nobody).with_no_client_auth());
    }
    let roots = extra_roots.iter().cloned();
    let verifier = Verifier::new_with_extra_roots(roots, provider).map_err(failed)?;
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Certificate paths from the environment, if set.
fn replaced() -> String {
    let set = VARIABLES.iter().filter_map(|name| Some((name, std::env::var(name).ok()?)));
    set.map(|(name, path)| format!(" ({name} is {path})")).collect()
}
