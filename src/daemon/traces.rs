//! The daemon's tracer, where a collector is configured.

use zoomd_store::encryption::Vault;
use zoomd_wire::EntryId;
use zoomd_workers::supervisor::Supervisor;
use zoomd_workers::trace::Tracer;

use crate::config::Config;
use crate::error::CliError;
use crate::telemetry::traces::{self, Exporter};

/// Begins to export traces; without a collector the tracer is off.
pub(super) fn begin(
    config: &Config,
    vault: &Vault,
    id: &str,
    supervisor: &Supervisor,
) -> Result<(Option<Exporter>, Tracer), CliError> {
    let Some(wanted) = &config.traces else { return Ok((None, Tracer::default())) };
    let (exporter, sink) = traces::begin(wanted, id, supervisor)?;
    // The same for all daemons of the namespace, and for no other.
    let secret = vault.fingerprints().ok();
    let salt = secret.map(|secret| secret.marker(EntryId { ms: 0, seq: 0 }).to_string());
    let salt = salt.unwrap_or_else(|| config.deployment.clone());
    let sampler = traces::sampler(wanted.sampling);
    Ok((Some(exporter), Tracer::new(&config.namespace, &salt, sampler, sink)))
}
