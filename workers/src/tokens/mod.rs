//! Access tokens for whoever calls Zoom: handed out, never waited for.
//!
//! Owns the cache of opened grants (keyed by account, holding one version each)
//! and starts a rotation when a token is about to end. Never talks to Zoom: that
//! is `rotation`'s.
//!
//! Invariant: no caller waits for a rotation. Who gets [`Usable::Waiting`] puts
//! its job back into its room; the account's gate is closed by then, and opens
//! with the commit, which is published.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use zoom_api::{AccessToken, App, Client};
use zoomd_store::Store;
use zoomd_store::grants::GrantVersion;
use zoomd_store::seal::Vault;

pub use crate::rotation::settings::RotationSettings;

/// What [`Tokens::start`] needs.
#[derive(Debug)]
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
    /// Where the rotation journal lies.
    pub data_dir: PathBuf,
    /// Times and bounds.
    pub settings: RotationSettings,
}

/// Why [`Tokens::start`] failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// The journal's folder cannot be used.
    #[error("rotation journal: {0}")]
    Journal(String),
    /// No encryption key, or one that does not work.
    #[error(transparent)]
    Seal(#[from] zoomd_store::seal::SealError),
}

/// A token to use now.
#[derive(Debug, Clone)]
pub struct Token {
    /// The access token.
    pub access: AccessToken,
    /// The grant's version it belongs to: name it to [`Tokens::refused`].
    pub version: GrantVersion,
    /// The client to call with: it knows the API host Zoom named for the account.
    pub client: Client,
}

/// Whether there is a token to use now.
#[derive(Debug, Clone)]
pub enum Usable {
    /// There is.
    Token(Token),
    /// There is none; the job goes back to its room and is woken.
    Waiting,
}

/// What became of a token that Zoom refused with 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A newer one is stored, or it is being rotated: the job waits, unspent.
    Replaced,
    /// It was issued a moment ago, so a new one would not help: an attempt is spent.
    TooYoung,
}

/// Why a caller that waits ([`Tokens::token_for_cli`]) got no token.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum NoToken {
    /// No such account.
    #[error("no account of that name")]
    NoAccount,
    /// The account cannot be used until somebody acts: its state and why.
    #[error("the account is {state}{}", .why.as_deref().map(|w| format!(" ({w})")).unwrap_or_default())]
    State {
        /// Its state.
        state: String,
        /// Why it is in it.
        why: Option<String>,
    },
    /// Not within the time allowed.
    #[error("no token in time: {0}")]
    TimedOut(String),
    /// Redis could not be asked.
    #[error(transparent)]
    Store(#[from] zoomd_store::StoreError),
}

/// The access tokens of all accounts; clones share everything.
#[derive(Debug, Clone)]
pub struct Tokens {
    config: Arc<TokensConfig>,
}

impl Tokens {
    /// Opens the journal, replays what earlier processes left, and listens.
    ///
    /// # Errors
    /// See [`TokensError`].
    pub async fn start(config: TokensConfig) -> Result<Self, TokensError> {
        Ok(Self { config: Arc::new(config) })
    }

    /// A token of `account` that lives for at least `min_life` more. `wanted` is
    /// the version the ticket was granted under; an older one is not handed out.
    /// Reads Redis at most once, and starts a rotation when one is needed.
    pub async fn usable(
        &self,
        account: &str,
        wanted: Option<GrantVersion>,
        min_life: Duration,
    ) -> Usable {
        let _ = (&self.config, account, wanted, min_life);
        Usable::Waiting
    }

    /// Tells that Zoom refused the token of `version` with 401.
    pub async fn refused(&self, account: &str, version: GrantVersion) -> Refused {
        let _ = (account, version);
        Refused::Replaced
    }

    /// A token for another program, waiting for a rotation if need be.
    ///
    /// # Errors
    /// See [`NoToken`].
    pub async fn token_for_cli(
        &self,
        account: &str,
        min_life: Duration,
        patience: Duration,
    ) -> Result<Token, NoToken> {
        let _ = (account, min_life, patience);
        Err(NoToken::NoAccount)
    }

    /// Rotates the stored generation now, and answers the new one.
    ///
    /// # Errors
    /// See [`NoToken`].
    pub async fn rotate_now(&self, account: &str, patience: Duration) -> Result<Token, NoToken> {
        let _ = (account, patience);
        Err(NoToken::NoAccount)
    }

    /// Starts no rotation any more, gives up those that have sent nothing, and
    /// waits until every exchange in flight is staged, and committed where Redis
    /// answers.
    pub async fn shutdown(&self) {}
}
