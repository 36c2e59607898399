//! Errors of a consent.

use zoom_api::{TokenRefusal, TransportError};
use zoomd_store::grants::GrantError;

use crate::journal::JournalError;

/// Error of a consent that did not become a grant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsentError {
    /// Zoom could not be asked. The code may be spent.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Zoom refused the code.
    #[error(transparent)]
    Refused(#[from] TokenRefusal),
    /// Zoom gave an access token alone, which ends within the hour.
    #[error("zoom returned no refresh token")]
    NoRefreshToken,
    /// It could not be sealed or stored.
    #[error(transparent)]
    Grants(#[from] GrantError),
    /// The journal takes no entry, so nothing was sent.
    #[error(transparent)]
    Journal(#[from] JournalError),
}
