//! Binding of an encrypted text to its purpose, namespace and account.

use crate::accounts::version::GrantVersion;

/// Kind of encrypted data; a text encrypted as one kind does not decrypt as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// The tokens of a grant.
    Grant,
    /// A forked grant kept beside the stored one.
    Candidate,
    /// The raw reply of a token call, in the rotation journal.
    Reply,
    /// The secret of a namespace, which keys the fingerprints.
    NamespaceSecret,
}

impl Purpose {
    /// The word bound into the text, and shown in errors.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Candidate => "candidate",
            Self::Reply => "token reply",
            Self::NamespaceSecret => "namespace secret",
        }
    }
}

/// Place that an encrypted text belongs to. It decrypts at no other.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// Kind of the data.
    pub purpose: Purpose,
    /// Namespace of the text.
    pub namespace: &'a str,
    /// The deployment it was made in.
    pub deployment: &'a str,
    /// The account it is of; empty for what belongs to the namespace.
    pub account: &'a str,
    /// The epoch and generation it is of; `None` for what has none.
    pub version: Option<GrantVersion>,
}

impl Binding<'_> {
    /// The associated data: every part with its length, so that no two
    /// bindings read the same.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let version = self.version.map(|v| v.to_string()).unwrap_or_default();
        let parts =
            [self.purpose.as_str(), self.namespace, self.deployment, self.account, &version];
        let mut out = b"zoomd sealed v1".to_vec();
        for part in parts {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part.as_bytes());
        }
        out
    }
}
