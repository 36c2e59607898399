//! Faults of the rotation journal.

use std::path::{Path, PathBuf};

/// The reason why the journal cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The disk: full, read-only, gone.
    #[error("rotation journal {}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        cause: String,
    },
    /// File is not at its place any more.
    #[error("rotation journal {}: {how} while the daemon ran; put the data folder back and restart the daemon", path.display())]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// The thing that happened to it.
        how: &'static str,
    },
    /// It has reached its bound.
    #[error("rotation journal holds {held} bytes, and {limit} is its bound")]
    Full {
        /// Bytes of entries that must be kept.
        held: u64,
        /// The bound.
        limit: u64,
    },
    /// An entry does not open.
    #[error("rotation journal: {0}")]
    Seal(#[from] zoomd_store::encryption::SealError),
    /// An entry is not there any more.
    #[error("rotation journal: the entry is gone")]
    Gone,
}

impl JournalError {
    /// Common beginning of all of them.
    pub const BEGINS: &'static str = "rotation journal";

    pub(crate) fn io(path: &Path, cause: impl std::fmt::Display) -> Self {
        Self::Io { path: path.to_owned(), cause: cause.to_string() }
    }
}
