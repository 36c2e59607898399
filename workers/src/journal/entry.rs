//! Format of a line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;
use zoom_api::RawTokenReply;
use zoomd_store::encryption::{Fingerprint, Vault};
use zoomd_store::grants::GrantVersion;
use zoomd_wire::AccountName;

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum Record {
    /// A token may be spent from here on.
    Intent { account: AccountName, id: String },
    /// A reply.
    Staged { entry: Box<Staged>, sealed: String },
    /// The exchange of that intent is over, and brought no reply to keep.
    Closed { id: String },
    /// The store has the token of that entry.
    Committed { id: String, fp: String, at_ms: i64 },
}

impl Record {
    /// The intent whose reply this is.
    pub(super) fn staged_id(&self) -> Option<&str> {
        match self {
            Self::Staged { entry, .. } => Some(&entry.id),
            _ => None,
        }
    }
}

/// The first line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) journal: u32,
    pub(super) namespace: String,
    pub(super) deployment: String,
    pub(super) daemon: String,
}

pub(super) fn header(vault: &Vault, daemon: &str) -> Header {
    Header {
        journal: 1,
        namespace: vault.namespace().to_owned(),
        deployment: vault.deployment().to_owned(),
        daemon: daemon.to_owned(),
    }
}

/// Data of a commit besides the reply itself. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// The intent whose reply it is.
    pub id: String,
    pub account: AccountName,
    /// `oauth` or `s2s`.
    pub kind: String,
    /// The version the new token gets.
    pub version: GrantVersion,
    /// Fingerprints of the presented token and its ancestors, newest first.
    #[serde(with = "fingerprints")]
    pub lineage: Vec<Fingerprint>,
    /// The base of the OAuth endpoints.
    pub issuer: String,
    /// The app.
    pub client_id: String,
    /// Time at which the request left, by the clock of Redis.
    pub sent_ms: i64,
    /// True if the exchange was a probe of an earlier one in doubt.
    pub probe: bool,
    /// Time by which the presentation that a probe asks about is surely over, by the clock of
    /// Redis; 0 where it asks about none.
    #[serde(default)]
    pub settles_ms: i64,
    /// The account's plan, for a store that forgot it.
    #[serde(default)]
    pub plan: Option<String>,
    /// Zoom's account id, likewise.
    #[serde(default)]
    pub zoom_account: Option<String>,
    /// Zoom's user id, likewise.
    #[serde(default)]
    pub zoom_user: Option<String>,
    /// Other names of the host, likewise.
    #[serde(default)]
    pub aliases: Vec<String>,
}

impl Staged {
    /// True if it is of a probe sent before the presentation it asks about was surely
    /// over: that one may yet undo what this one saw.
    #[must_use]
    pub fn is_early(&self) -> bool {
        self.sent_ms < self.settles_ms
    }
}

/// A raw reply, and what was presented for it: a reply without a refresh token
/// means that the old one stays.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body as it came, compressed if it came so.
    pub body: Zeroizing<Vec<u8>>,
    /// `Content-Encoding`.
    pub coding: Option<String>,
    /// The refresh token that was presented.
    pub presented: Option<SecretString>,
}

#[derive(Serialize, Deserialize)]
struct Plain {
    status: u16,
    body: String,
    /// Entries of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coding: Option<String>,
    presented: Option<String>,
}

impl Drop for Plain {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.body);
        zeroize::Zeroize::zeroize(&mut self.presented);
    }
}

impl Reply {
    /// A reply to `presented`, to be kept.
    #[must_use]
    pub fn of(raw: &RawTokenReply, presented: Option<SecretString>) -> Self {
        Self { status: raw.status, body: raw.body.clone(), coding: raw.coding.clone(), presented }
    }

    /// The reply, to be read again.
    #[must_use]
    pub fn raw(&self) -> RawTokenReply {
        RawTokenReply::new(self.status, self.body.to_vec()).coded(self.coding.clone())
    }

    pub(super) fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let plain = Plain {
            status: self.status,
            body: BASE64.encode(&*self.body),
            coding: self.coding.clone(),
            presented: self.presented.as_ref().map(|token| token.expose_secret().to_owned()),
        };
        // Room for all of it at once: a growing buffer would leave copies behind.
        let room = plain.body.len() + 8192;
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *out, &plain)
            .unwrap_or_else(|_| unreachable!("bytes and texts are always JSON"));
        out
    }

    pub(super) fn from_json(json: &[u8]) -> Option<Self> {
        let mut plain: Plain = serde_json::from_slice(json).ok()?;
        Some(Self {
            status: plain.status,
            body: Zeroizing::new(BASE64.decode(&plain.body).ok()?),
            coding: plain.coding.take(),
            presented: plain.presented.take().map(SecretString::from),
        })
    }
}

mod fingerprints {
    use serde::{Deserialize, Deserializer, Serializer};
    use zoomd_store::encryption::Fingerprint;

    pub(super) fn serialize<S: Serializer>(
        list: &[Fingerprint],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Fingerprint>, D::Error> {
        let list = Vec::<String>::deserialize(deserializer)?;
        let bad = || serde::de::Error::custom("not a fingerprint");
        list.iter().map(|text| text.parse().map_err(|()| bad())).collect()
    }
}
