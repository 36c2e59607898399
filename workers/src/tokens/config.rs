//! Configuration of access tokens, and the errors of making it.

use std::path::PathBuf;
use std::sync::Arc;

use zoom_api::{App, Client};
use zoomd_store::Store;
use zoomd_store::encryption::Vault;

use crate::journal::JournalError;
use crate::rotation::settings::RotationSettings;
use crate::supervisor::Supervisor;
use crate::trace::Tracer;

/// Parameters of [`Tokens::start`](super::Tokens::start).
#[derive(Debug, Clone)]
pub struct TokensConfig {
    /// The namespace.
    pub store: Store,
    /// Zoom.
    pub client: Client,
    /// Opens and seals the namespace's tokens.
    pub vault: Vault,
    /// The configured OAuth app; accounts with an app of their own need none.
    pub app: Option<App>,
    /// This process' id, new with each start.
    pub daemon: Arc<str>,
    /// Directory of the rotation journal.
    pub data_dir: PathBuf,
    /// Times and bounds.
    pub settings: RotationSettings,
    /// Watches the loops.
    pub supervisor: Supervisor,
    /// Begins traces of rotations.
    pub tracer: Tracer,
}

/// Errors of [`Tokens::start`](super::Tokens::start).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// The journal's folder cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No encryption key, or one that does not work.
    #[error(transparent)]
    Seal(#[from] zoomd_store::encryption::SealError),
}
