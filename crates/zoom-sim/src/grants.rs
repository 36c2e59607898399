//! Records of grants and their tokens. A token is known by the serial in its last part and by a
//! hash of the whole; used and invalid ones stay known, so that presenting one differs from
//! presenting nonsense.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

/// A grant's tokens as its holder gets them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    pub access_token: String,
    /// The refresh token; none for server-to-server.
    pub refresh_token: Option<String>,
    /// Seconds the access token lives.
    pub expires_in: i64,
    pub scope: String,
}

/// State of a token now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// Good.
    Live,
    /// A refresh token that was used.
    Spent,
    /// Killed by a refresh, a revocation or a later consent.
    Dead,
    /// Past its life.
    Expired,
    /// Never issued here.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Access,
    Refresh,
}

#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) grant: usize,
    pub(crate) hash: u64,
    pub(crate) issued_ms: i64,
    pub(crate) expires_ms: i64,
    pub(crate) state: TokenState,
    pub(crate) used: bool,
    pub(crate) reuses: u32,
}

#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) user: usize,
    pub(crate) app: usize,
    pub(crate) scope: std::sync::Arc<str>,
    pub(crate) dead: Option<&'static str>,
    /// Requests with one of its access tokens that are being served.
    pub(crate) in_flight: u32,
    pub(crate) rotations: u64,
    pub(crate) refresh: Option<u64>,
    pub(crate) access: Vec<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Grants {
    pub(crate) all: Vec<Grant>,
    pub(crate) tokens: HashMap<u64, Token>,
    pub(crate) gone: VecDeque<u64>,
    pub(crate) last_serial: u64,
    pub(crate) by_user_app: HashMap<(usize, usize), usize>,
}

/// The state of a token that is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) state: TokenState,
    pub(crate) grant: Option<usize>,
    pub(crate) serial: u64,
}
