//! TLS: one configuration for all connections, and a bare connect.
//!
//! The system's trusted certificates are read once a client, and not at all
//! where every endpoint is plain http on this machine.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use url::Url;

use crate::endpoints::Endpoints;
use crate::error::{Sent, SetupError, TransportError, TransportKind};

pub(crate) fn config(
    endpoints: &Endpoints,
    extra_roots: &[CertificateDer<'static>],
) -> Result<ClientConfig, SetupError> {
    let failed = |error: rustls::Error| SetupError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let secure = [endpoints.api(), endpoints.oauth()].iter().any(|url| url.scheme() == "https");
    if !secure {
        let nobody = RootCertStore::empty();
        return Ok(builder.with_root_certificates(nobody).with_no_client_auth());
    }
    let roots = extra_roots.iter().cloned();
    let verifier = Verifier::new_with_extra_roots(roots, provider).map_err(failed)?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// Connects to the host of `url` (and shakes hands, where it is https), says
/// nothing and hangs up.
pub(crate) async fn connect(
    config: &Arc<ClientConfig>,
    url: &Url,
    limit: Duration,
) -> Result<(), TransportError> {
    let failed = |kind, detail: &str| TransportError::new(kind, Sent::No, detail);
    match tokio::time::timeout(limit, reach(config, url)).await {
        Ok(done) => done,
        Err(_) => Err(failed(TransportKind::Timeout, "connecting took too long")),
    }
}

async fn reach(config: &Arc<ClientConfig>, url: &Url) -> Result<(), TransportError> {
    let failed = |kind, detail: String| TransportError::new(kind, Sent::No, detail);
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| failed(TransportKind::Dns, error.to_string()))?;
    let addresses: Vec<_> = addresses.collect();
    let stream = TcpStream::connect(&addresses[..])
        .await
        .map_err(|error| failed(TransportKind::Connect, error.to_string()))?;
    if url.scheme() != "https" {
        return Ok(());
    }
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| failed(TransportKind::Tls, error.to_string()))?;
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
    connector
        .connect(name, stream)
        .await
        .map(drop)
        .map_err(|error| failed(TransportKind::Tls, error.to_string()))
}
