//! The tokens of a call that is not a job's: the daemon's own, or a command's.

use std::time::Duration;

use zoomd_store::grants::GrantVersion;
use zoomd_wire::AccountName;

use super::{CommandTokens, NoToken, Refused, Token, Tokens};
use crate::problems::calls::ZoomCalls;

/// The tokens of this process.
#[derive(Debug)]
pub enum TokenSource {
    /// A daemon rotates by itself.
    Daemon(Tokens),
    /// A command asks a daemon.
    Command(Box<CommandTokens>),
}

impl From<Tokens> for TokenSource {
    fn from(tokens: Tokens) -> Self {
        Self::Daemon(tokens)
    }
}

impl From<CommandTokens> for TokenSource {
    fn from(tokens: CommandTokens) -> Self {
        Self::Command(Box::new(tokens))
    }
}

impl TokenSource {
    /// A token that lives for at least `min_life`, waiting for a rotation if need be.
    /// One that was refused is not handed out again.
    pub(crate) async fn token(
        &self,
        account: &AccountName,
        min_life: Duration,
        patience: Duration,
    ) -> Result<Token, NoToken> {
        match self {
            Self::Daemon(tokens) => tokens.wait_for(account, min_life, None, patience).await,
            Self::Command(tokens) => tokens.token(account, min_life, patience).await,
        }
    }

    /// Tells that Zoom refused the token of `version` with 401.
    pub(crate) async fn refused(&self, account: &str, version: GrantVersion) -> Refused {
        match self {
            Self::Daemon(tokens) => tokens.refused(account, version).await,
            Self::Command(tokens) => tokens.refused(account, version).await,
        }
    }

    pub(crate) fn open_calls(&self) -> ZoomCalls {
        match self {
            Self::Daemon(tokens) => tokens.zoom_calls().clone(),
            Self::Command(_) => ZoomCalls::default(),
        }
    }

    /// Ends what a command began; a daemon's tokens end with it.
    pub(crate) async fn close(&self) {
        if let Self::Command(tokens) = self {
            tokens.shutdown().await;
        }
    }
}
