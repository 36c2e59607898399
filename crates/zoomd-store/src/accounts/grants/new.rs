//! A grant about to be stored.

use zoomd_wire::AccountName;

use super::timeline::Line;
use super::{Epoch, GrantKind, GrantSecrets, GrantVersion, Plan};
use crate::accounts::encryption::{Fingerprint, SealError, Vault};
use crate::redis::script::Call;

/// Owner of a grant at Zoom, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Zoom's user id.
    pub zoom_user: Option<String>,
    /// Zoom's account id.
    pub zoom_account: Option<String>,
    /// Further names of the host `me`, as the e-mail.
    pub aliases: Vec<String>,
}

impl Identity {
    /// The aliases as they are stored: in lower case, with the user id.
    pub(crate) fn aliases_json(&self) -> String {
        let mut all: Vec<_> = self.aliases.iter().map(|alias| alias.to_lowercase()).collect();
        all.extend(self.zoom_user.clone());
        serde_json::Value::from(all).to_string()
    }
}

/// All that is stored of a new grant.
#[derive(Debug, Clone)]
pub struct NewGrant {
    pub account: AccountName,
    /// Kind of renewal.
    pub kind: GrantKind,
    /// Tokens.
    pub secrets: GrantSecrets,
    /// Owner at Zoom.
    pub identity: Identity,
    /// The account's plan; `None` leaves it, or means `pro` for a new account.
    pub plan: Option<Plan>,
    /// Most requests in flight; `None` leaves it.
    pub cap: Option<u32>,
    /// Expiry of the access token, ms; 0 when there is none.
    pub access_expires_ms: u64,
    /// Issue time of the refresh token, ms; 0 when it is not known.
    pub obtained_ms: u64,
    /// The scopes Zoom named.
    pub scope: Option<String>,
    /// The base of the OAuth endpoints it was made at.
    pub issuer: String,
    /// The app it was made by.
    pub client_id: String,
    /// The API base Zoom named.
    pub api_url: Option<String>,
}

impl NewGrant {
    /// A refresh token from elsewhere, of which nothing else is known.
    #[must_use]
    pub fn imported(
        account: AccountName,
        refresh_token: secrecy::SecretString,
        issuer: &str,
        client_id: &str,
    ) -> Self {
        Self {
            account,
            kind: GrantKind::Oauth,
            secrets: GrantSecrets { refresh_token: Some(refresh_token), ..Default::default() },
            identity: Identity::default(),
            plan: None,
            cap: None,
            access_expires_ms: 0,
            obtained_ms: 0,
            scope: None,
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            api_url: None,
        }
    }

    /// A server-to-server app of the account's own.
    #[must_use]
    pub fn server_to_server(
        account: AccountName,
        zoom_account: &str,
        client_id: &str,
        client_secret: secrecy::SecretString,
        issuer: &str,
    ) -> Self {
        Self {
            account,
            kind: GrantKind::ServerToServer,
            secrets: GrantSecrets { client_secret: Some(client_secret), ..Default::default() },
            identity: Identity { zoom_account: Some(zoom_account.into()), ..Default::default() },
            plan: None,
            cap: None,
            access_expires_ms: 0,
            obtained_ms: 0,
            scope: None,
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            api_url: None,
        }
    }

    /// The fingerprint of what renews it.
    pub fn fingerprint(&self, vault: &Vault) -> Result<Fingerprint, SealError> {
        let keys = vault.fingerprints()?;
        if let Some(token) = &self.secrets.refresh_token {
            return Ok(keys.refresh_token(token));
        }
        let zoom_account = self.identity.zoom_account.as_deref().unwrap_or_default();
        let none = secrecy::SecretString::default();
        let secret = self.secrets.client_secret.as_ref().unwrap_or(&none);
        Ok(keys.app(&self.client_id, zoom_account, secret))
    }

    /// Adds its arguments, in the order `grant_put.lua` names them.
    pub(super) fn push(
        &self,
        call: &mut Call<'_>,
        vault: &Vault,
        epoch: Epoch,
        what: &str,
    ) -> Result<(), SealError> {
        let version = GrantVersion::first(epoch);
        let account = self.account.as_str();
        let fp = self.fingerprint(vault)?;
        let known = |text: &Option<String>| text.clone().unwrap_or_default();
        let line = Line::new(what).version(version).fingerprint(fp);
        call.push(account);
        call.push(vault.fingerprints()?.account(account).to_string());
        call.push(epoch.to_string());
        call.push(version.generation);
        call.push(vault.seal_grant(account, version, &self.secrets)?.as_str());
        call.push(fp.to_string());
        call.push(self.kind.as_str());
        call.push(self.plan.map(Plan::as_str).unwrap_or_default());
        call.push(self.cap.map(|cap| cap.to_string()).unwrap_or_default());
        call.push(known(&self.identity.zoom_account));
        call.push(known(&self.identity.zoom_user));
        call.push(self.identity.aliases_json());
        call.push(self.access_expires_ms);
        call.push(self.obtained_ms);
        call.push(known(&self.scope));
        call.push(&self.issuer);
        call.push(&self.client_id);
        call.push(known(&self.api_url));
        call.push(line.to_json());
        Ok(())
    }
}
