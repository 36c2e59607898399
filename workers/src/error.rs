//! Errors of starting an engine.

use zoomd_store::StoreError;

use crate::tokens::TokensError;

/// An error of this crate. What happens to a job is never one: that is its outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Redis could not be asked, or is one we cannot work with.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The access tokens could not be set up.
    #[error(transparent)]
    Tokens(#[from] TokensError),
}
