//! Stored account and grant, read back.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zoomd_wire::AccountName;

use super::GrantVersion;
use crate::accounts::encryption::{Fingerprint, Sealed};

/// A closed set of words, stored and shown as they are written here.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// Every word there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it is stored and shown.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| {
                    let all: Vec<_> = Self::ALL.iter().map(|word| word.as_str()).collect();
                    format!("expected one of {}", all.join(", "))
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    AccountState {
        /// Grant can be used.
        Active = "active",
        /// The grant is invalid; its jobs wait for a new consent.
        NeedsReauth = "needs_reauth",
        /// Zoom user was connected under another account's name.
        Superseded = "superseded",
        /// Grant was made by another app or another Zoom than is configured.
        WrongApp = "wrong_app",
        /// A tombstone: it keeps the epoch it was removed at.
        Removed = "removed",
    }
}

words! {
    /// Origin of the grant, which decides how it is renewed.
    GrantKind {
        /// A user's consent: each use of its refresh token returns a new one.
        Oauth = "oauth",
        /// An app of the account's own: asked again for each access token.
        ServerToServer = "s2s",
    }
}

words! {
    /// Zoom's plan of the account, which decides its limits.
    Plan {
        /// Basic accounts.
        Free = "free",
        /// Zoom Workplace Pro.
        Pro = "pro",
        /// Business, Education, Enterprise and Partners.
        Business = "business",
        /// Counted, and never held back.
        Unlimited = "unlimited",
    }
}

/// The fields of `account:<A>`.
#[derive(Debug, Clone)]
pub struct AccountRecord {
    pub name: AccountName,
    pub state: AccountState,
    /// Reason for the state (a verdict's reason, the account that superseded it, …).
    pub why: Option<String>,
    /// The stored grant's version, or the one it was removed at.
    pub version: Option<GrantVersion>,
    /// Renewal method of its grant.
    pub kind: GrantKind,
    /// Plan whose published limits apply.
    pub plan: Plan,
    /// Zoom's account id: accounts that share it share budgets.
    pub zoom_account: Option<String>,
    /// Zoom's user id: one grant per user and app.
    pub zoom_user: Option<String>,
    /// Other names of the host `me`: the e-mail and the user id.
    pub aliases: Vec<String>,
    /// Maximum number of requests in flight; `None` is no cap.
    pub cap: Option<u32>,
    /// Reason for the pause, if it is paused.
    pub paused: Option<String>,
    /// Time of the first connect, ms.
    pub created_ms: u64,
    /// Owner of the rotation lease, and the lease's end (ms by Redis' clock).
    pub lease: Option<(String, u64)>,
    /// The id of a rotation's intent that is under way.
    pub intent: Option<String>,
}

/// The fields of `grant:<A>`, still encrypted.
#[derive(Debug, Clone)]
pub struct GrantRecord {
    pub version: GrantVersion,
    /// The encrypted [`super::GrantSecrets`].
    pub sealed: Sealed,
    /// The fingerprint of its refresh token (or app credentials).
    pub fp: Fingerprint,
    /// Fingerprint of the refresh token it was made from.
    pub parent_fp: Option<Fingerprint>,
    /// Fingerprints of the last eight refresh tokens before it, newest first.
    pub ancestors: Vec<Fingerprint>,
    /// Expiry of the access token, ms; 0 when there is none yet.
    pub access_expires_ms: u64,
    /// Issue time of the refresh token, ms; 0 when not known (imported).
    pub obtained_ms: u64,
    /// The scopes Zoom named, separated by blanks.
    pub scope: Option<String>,
    /// Issuer of the grant: the base of the OAuth endpoints.
    pub issuer: String,
    /// The app that made it.
    pub client_id: String,
    /// The API base Zoom named with the token.
    pub api_url: Option<String>,
    /// Forked grants, newest first, at most three; behind them the spare, if there
    /// is one.
    pub candidates: Vec<Candidate>,
    /// Fingerprints of the stored token and candidates that Zoom refused.
    pub refused: Vec<Fingerprint>,
    /// Issue time of the access token, ms; 0 when it is not known.
    pub access_issued_ms: u64,
    /// Error of the last rotation.
    pub last_error: Option<String>,
}

impl GrantRecord {
    /// True if `fp` is the stored token or one of those it came from.
    #[must_use]
    pub fn knows(&self, fp: Fingerprint) -> bool {
        self.fp == fp || self.parent_fp == Some(fp) || self.ancestors.contains(&fp)
    }

    /// Candidates that may be the valid token instead of the stored one at `now_ms`. Expired ones
    /// are still tried before a verdict.
    pub fn forks(&self, now_ms: i64) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(move |c| c.until_ms.is_none_or(|until| until > now_ms))
    }
}

/// A forked grant kept beside the stored one; stored as JSON in the field `cand`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Candidate {
    #[serde(rename = "v", serialize_with = "as_text", deserialize_with = "from_text")]
    pub version: GrantVersion,
    /// The fingerprint of its refresh token.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub fp: Fingerprint,
    /// Fingerprint of the refresh token it was made from.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub parent_fp: Fingerprint,
    /// Encrypted secrets, bound as [`crate::accounts::encryption::Purpose::Candidate`].
    #[serde(serialize_with = "sealed_as_text", deserialize_with = "sealed_from_text")]
    pub sealed: Sealed,
    /// Expiry of the spare (the token that an early probe presented: the exchange before the probe
    /// may have made it valid again): the first commit after this time drops it.
    #[serde(rename = "till", default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
}

fn as_text<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn from_text<'de, T: FromStr, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom("not in its form"))
}

fn sealed_as_text<S: Serializer>(sealed: &Sealed, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(sealed.as_str())
}

fn sealed_from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sealed, D::Error> {
    String::deserialize(deserializer).map(Sealed::from_stored)
}
