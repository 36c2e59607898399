//! Why a daemon does not start, and what to do about it.

use zoomd_store::encryption::SealError;
use zoomd_store::meta::MetaError;
use zoomd_workers::supervisor::Fault;
use zoomd_workers::tokens::TokensError;

use crate::config::Config;
use crate::error::CliError;

/// The data folder cannot be used.
pub(super) fn data_folder(config: &Config, error: &std::io::Error) -> CliError {
    let dir = config.data_dir.display();
    CliError::config(format!("the data folder {dir} cannot be used: {error}"))
        .code("data_dir")
        .hint("it contains the rotation journal; set ZOOMD_DATA_DIR to a permanent folder")
}

/// A part of the daemon ended, panicked or hangs.
pub(super) fn broken(fault: Fault) -> CliError {
    CliError::failed(format!("{fault}, which is a defect of zoomd; its log says more"))
        .hint("start the daemon again (a service manager does so); no job is lost")
}

/// Tokens cannot be sealed.
pub(super) fn no_key(error: SealError) -> CliError {
    CliError::config(error.to_string())
        .code("encryption_key")
        .hint("set ZOOMD_ENCRYPTION_KEY_FILE to the key that the other daemons and commands use; only a new installation makes one, with zoomd config key")
}

impl From<MetaError> for CliError {
    fn from(error: MetaError) -> Self {
        let text = error.to_string();
        match error {
            MetaError::Store(error) => error.into(),
            MetaError::Deployment { .. } => Self::config(text).code("deployment").hint(
                "is this a copy? then give it another namespace; if not, set ZOOMD_DEPLOYMENT",
            ),
            MetaError::Seal(_) => Self::config(text).code("encryption_key").hint(
                "use the key this namespace was made with, or add it to ZOOMD_ENCRYPTION_KEYS_OLD",
            ),
            _ => Self::failed(text),
        }
    }
}

impl From<zoomd_workers::Error> for CliError {
    fn from(error: zoomd_workers::Error) -> Self {
        let text = format!("the engine did not start: {error}");
        match error {
            zoomd_workers::Error::Store(error) => error.into(),
            zoomd_workers::Error::Tokens(TokensError::Seal(error)) => no_key(error),
            zoomd_workers::Error::Tokens(TokensError::Journal(_)) => {
                Self::config(text).code("data_dir").hint("check the data folder with zoomd doctor")
            }
            _ => Self::failed(text),
        }
    }
}
