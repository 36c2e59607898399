//! Secrets of a grant that are encrypted.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

/// The tokens of a grant, and the app's secret where the account has an app of
/// its own (server-to-server). Printed as `***`.
#[derive(Debug, Clone, Default)]
pub struct GrantSecrets {
    /// Absent until the first rotation of an imported grant.
    pub access_token: Option<SecretString>,
    /// Absent for server-to-server.
    pub refresh_token: Option<SecretString>,
    /// Server-to-server only: the secret of the account's own app.
    pub client_secret: Option<SecretString>,
}

/// Plain form of the secrets before encryption; wiped after use.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.access_token.zeroize();
        self.refresh_token.zeroize();
        self.client_secret.zeroize();
    }
}

impl GrantSecrets {
    pub(crate) fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let text =
            |secret: &Option<SecretString>| secret.as_ref().map(|s| s.expose_secret().to_owned());
        let stored = Stored {
            access_token: text(&self.access_token),
            refresh_token: text(&self.refresh_token),
            client_secret: text(&self.client_secret),
        };
        // Room for all of it from the start: a growing buffer would leave copies behind.
        let length: usize = [&stored.access_token, &stored.refresh_token, &stored.client_secret]
            .into_iter()
            .flatten()
            .map(|text| text.len() * 2 + 32)
            .sum();
        let mut out = Zeroizing::new(Vec::with_capacity(length + 64));
        serde_json::to_writer(&mut *out, &stored)
            .unwrap_or_else(|_| unreachable!("three texts are always JSON"));
        out
    }

    pub(crate) fn from_json(json: &[u8]) -> Option<Self> {
        let mut stored: Stored = serde_json::from_slice(json).ok()?;
        Some(Self {
            access_token: stored.access_token.take().map(SecretString::from),
            refresh_token: stored.refresh_token.take().map(SecretString::from),
            client_secret: stored.client_secret.take().map(SecretString::from),
        })
    }
}
