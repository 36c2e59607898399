//! Errors for callers that ask for a token.

use std::sync::Arc;
use std::time::Duration;

use zoom_api::scopes::{self, Need};
use zoom_api::{AccessToken, Client};
use zoomd_store::StoreError;
use zoomd_store::grants::GrantVersion;

/// A token to use now.
#[derive(Debug, Clone)]
pub struct Token {
    pub access: AccessToken,
    /// The grant's version it belongs to: name it to [`Tokens::refused`](super::Tokens::refused).
    pub version: GrantVersion,
    /// The client to call with: it knows the API host Zoom named for the account.
    pub client: Client,
    /// The scopes of the consent, as far as Zoom told them.
    pub scope: Option<Arc<str>>,
}

impl Token {
    /// The scope that the consent is known to lack for this.
    #[must_use]
    pub fn lacks(&self, need: Need) -> Option<&'static str> {
        let granted = self.scope.as_deref().filter(|scope| !scope.trim().is_empty())?;
        scopes::missing(granted, need)
    }
}

/// Decision whether there is a token to use now.
#[derive(Debug, Clone)]
pub enum Usable {
    Token(Token),
    /// There is none; the job goes back to its room and is woken.
    Waiting,
    /// Redis could not be asked for it, or did not let it be replaced: nothing wakes
    /// the job, which is to wait before it asks again.
    Unread(StoreError),
}

/// Result of a token that Zoom refused with 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A newer one is stored, or it is being rotated: the job waits, unspent.
    Replaced,
    /// It was issued a moment ago, so a new one would not help: an attempt is spent.
    TooYoung,
}

/// Error for a caller that waits ([`Tokens::token_for_cli`](super::Tokens::token_for_cli)) and
/// got no token.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum NoToken {
    /// No such account.
    #[error("no account with this name")]
    NoAccount,
    /// The account cannot be used until an operator acts: its state and why.
    #[error("the account is {state}{}", .why.as_deref().map(|w| format!(" ({w})")).unwrap_or_default())]
    State {
        state: String,
        /// Reason for the state.
        why: Option<String>,
    },
    /// Grant was made by an OAuth app, and none is configured here.
    #[error("no OAuth app is configured")]
    NoApp,
    /// Grant is of another app or another Zoom than those configured here.
    #[error("it was authorized with another app or Zoom server than the configured one")]
    OtherApp,
    /// Tokens cannot be opened with the keys configured here.
    #[error(transparent)]
    Sealed(#[from] zoomd_store::encryption::SealError),
    /// The daemon that was asked cannot open the grant: why, in its words.
    #[error("no daemon can refresh it: {0}")]
    DaemonKey(String),
    /// The daemon that was asked has another app or another Zoom configured.
    #[error("the running daemon is configured for another app or Zoom server: it was {0}")]
    DaemonApp(String),
    /// No daemon is there to be asked, and the journal cannot be opened here.
    #[error("{0}")]
    NoDaemon(String),
    /// An exchange of its token has no known outcome, and will not have one in the
    /// time allowed.
    #[error("a token refresh is unresolved: {told}; resolved in about {} s", .wait.as_secs().max(1))]
    InDoubt {
        /// Known facts, in words.
        told: String,
        /// Time until it is resolved.
        wait: Duration,
    },
    /// Not within the time allowed.
    #[error("timed out waiting for a token: {0}")]
    TimedOut(String),
    /// Redis could not be asked.
    #[error(transparent)]
    Store(#[from] zoomd_store::StoreError),
}
