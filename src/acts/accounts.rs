//! Actions on accounts: pause, resume, refresh, token, connect link, remove.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use url::Url;
use zoomd_store::consent::{Links, NewLink, Nonce};
use zoomd_store::grants::{
    AccountRecord, AccountState, GrantRecord, GrantSecrets, Grants, Plan, Removed,
};
use zoomd_wire::AccountName;
use zoomd_workers::consent::issuer;
use zoomd_workers::tokens::Token;

use super::tokens::{refused, tokens};
use super::{Hand, return_to};
use crate::config::Config;
use crate::error::CliError;
use crate::zoom::{configured_app, zoom_client};

/// A refresh that was made.
#[derive(Debug, Serialize)]
pub struct Refreshed {
    pub account: String,
    /// Grant's epoch.
    pub epoch: String,
    /// Generation now.
    pub generation: u64,
}

/// A link that was made. Anyone who has it connects the account, once.
#[derive(Debug, Serialize)]
pub struct ConnectLink {
    pub account: String,
    /// The link; it is not shown again.
    pub url: Url,
    /// End.
    pub expires_at: Option<Timestamp>,
    /// It takes the Zoom user from the account it is connected as.
    pub take_over: bool,
    /// The plan that the account gets.
    pub plan: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub struct RemovedAccount {
    pub account: String,
    pub removed: bool,
    /// The end of the grant at Zoom.
    pub revoked: Revoked,
    /// Jobs that waited, and fail now.
    pub waiting: u64,
    /// True if nothing is left of it.
    pub purged: bool,
    /// The reason why its grant may live on at Zoom.
    #[serde(skip)]
    pub trouble: Option<String>,
}

/// The end of a grant at Zoom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoked {
    /// It is ended.
    Yes,
    /// It was to be kept.
    Kept,
    /// Another account has a grant of the same Zoom user.
    Shared,
    /// There was none, or one of an app of the account's own.
    Nothing,
    /// Zoom did not end it.
    Failed,
}

/// There is no such account.
pub fn missing(name: &AccountName) -> CliError {
    CliError::not_found(format!("there is no account {name}")).hint("zoomd account list")
}

/// An account that must be there, and not as a tombstone.
pub async fn existing(grants: &Grants, name: &AccountName) -> Result<AccountRecord, CliError> {
    let account = grants.account(name).await?;
    account.filter(|account| account.state != AccountState::Removed).ok_or_else(|| missing(name))
}

impl Hand {
    /// Holds the account's jobs back; `false` when there is no such account.
    pub async fn pause_account(
        &self,
        grants: &Grants,
        name: &AccountName,
        reason: &str,
    ) -> Result<bool, CliError> {
        let found = grants.pause(name, reason).await?;
        if found {
            self.record("account.pause", name.as_str(), reason, "").await;
        }
        Ok(found)
    }

    /// Lets the account's jobs run again; `false` when there is no such account.
    pub async fn resume_account(
        &self,
        grants: &Grants,
        name: &AccountName,
    ) -> Result<bool, CliError> {
        let found = grants.resume(name).await?;
        if found {
            self.record("account.resume", name.as_str(), "", "").await;
        }
        Ok(found)
    }

    /// Rotates the account's token now. `probe` asks Zoom at once about an exchange in
    /// doubt; `warn` hears what that risks.
    pub async fn refresh(
        &self,
        config: &Config,
        grants: &Grants,
        name: &AccountName,
        (probe, patience): (bool, Duration),
        warn: impl FnOnce(&str),
    ) -> Result<Refreshed, CliError> {
        let kind = existing(grants, name).await?.kind;
        let tokens = tokens(config, grants)?;
        if probe && let Some((told, _)) = tokens.doubt(name).await? {
            warn(&told);
        }
        let rotated = tokens.rotate(name, probe, patience).await;
        tokens.shutdown().await;
        let outcome = rotated.as_ref().map_or_else(ToString::to_string, |_| String::new());
        self.record("account.refresh", name.as_str(), "", &outcome).await;
        let version = rotated.map_err(|error| refused(name.as_str(), kind, error))?.version;
        let (account, epoch) = (name.to_string(), version.epoch.to_string());
        Ok(Refreshed { account, epoch, generation: version.generation })
    }

    /// A valid access token for another program.
    pub async fn token(
        &self,
        config: &Config,
        grants: &Grants,
        name: &AccountName,
        (min_life, patience): (Duration, Duration),
    ) -> Result<Token, CliError> {
        let kind = existing(grants, name).await?.kind;
        let tokens = tokens(config, grants)?;
        let token = tokens.token(name, min_life, patience).await;
        tokens.shutdown().await;
        let outcome = token.as_ref().map_or_else(ToString::to_string, |_| String::new());
        self.record("account.token", name.as_str(), "", &outcome).await;
        token.map_err(|error| refused(name.as_str(), kind, error))
    }

    /// A link with which somebody else connects the account; `url` is where the public
    /// endpoint takes a token.
    pub async fn connect_link(
        &self,
        config: &Config,
        grants: &Grants,
        new: &NewLink,
        url: impl FnOnce(&Nonce) -> Option<Url>,
    ) -> Result<ConnectLink, CliError> {
        return_to::check(config, new.return_to.as_deref())?;
        let token = Nonce::generate();
        let url = url(&token).ok_or_else(|| no_public_url(&new.account))?;
        let links = Links::new(grants.store().clone());
        let until = links.make(&token, new, grants.vault()).await?;
        self.record("account.connect-link", new.account.as_str(), "", "").await;
        Ok(ConnectLink {
            account: new.account.to_string(),
            url,
            expires_at: Timestamp::from_millisecond(until).ok(),
            take_over: new.take_over,
            plan: new.plan.map(Plan::as_str),
        })
    }

    /// Removes the account: its tokens are erased here and revoked at Zoom unless `keep`,
    /// its jobs fail. `warn` hears why Zoom is not told.
    pub async fn remove_account(
        &self,
        config: &Config,
        grants: &Grants,
        name: &AccountName,
        (keep, reason): (bool, &str),
        warn: impl FnOnce(&str),
    ) -> Result<RemovedAccount, CliError> {
        let account = grants.account(name).await?.ok_or_else(|| missing(name))?;
        // Read before it is erased; what does not open is erased all the same.
        let opened = grants.open(name).await;
        if let Err(error) = &opened {
            warn(&format!(
                "its tokens cannot be decrypted, so its grant is not revoked at Zoom: {error}"
            ));
        }
        let opened = opened.ok().flatten();
        let shared = is_shared(grants, name, opened.as_ref(), account.zoom_user.as_deref()).await?;
        let waiting = match grants.remove(name, reason, None).await? {
            Removed::Done { waiting, .. } => waiting,
            _ => return Err(missing(name)),
        };
        let (revoked, trouble) = match opened {
            _ if keep => (Revoked::Kept, None),
            Some(_) if shared => (Revoked::Shared, None),
            // An app of the account's own has no consent to revoke.
            Some((record, secrets)) if secrets.client_secret.is_none() => {
                revoke(config, &record, secrets).await
            }
            _ => (Revoked::Nothing, None),
        };
        self.record("account.remove", name.as_str(), reason, trouble.as_deref().unwrap_or(""))
            .await;
        let account = name.to_string();
        Ok(RemovedAccount { account, removed: true, revoked, waiting, purged: false, trouble })
    }
}

fn no_public_url(account: &AccountName) -> CliError {
    let text = "the public endpoint has no URL, so links would not work";
    CliError::config(text).code("no_public_endpoint").hint(format!(
        "set ZOOMD_PUBLIC_URL (and the daemon's ZOOMD_PUBLIC_LISTEN), or connect it from this \
         machine: zoomd account login {account}"
    ))
}

/// True if another account has a grant of the same Zoom user and app.
async fn is_shared(
    grants: &Grants,
    name: &AccountName,
    opened: Option<&(GrantRecord, GrantSecrets)>,
    zoom_user: Option<&str>,
) -> Result<bool, CliError> {
    let (Some((record, _)), Some(user)) = (opened, zoom_user) else { return Ok(false) };
    let holder = grants.holder(&record.client_id, user).await?;
    Ok(holder.is_some_and(|holder| holder != name.as_str()))
}

/// Ends the grant at Zoom with the app that made it, and with no other.
async fn revoke(
    config: &Config,
    record: &GrantRecord,
    secrets: GrantSecrets,
) -> (Revoked, Option<String>) {
    let failed = |why: String| (Revoked::Failed, Some(why));
    let Some(app) = configured_app(config) else {
        return failed("no OAuth app is configured".to_owned());
    };
    let zoom = match zoom_client(config) {
        Ok(zoom) => zoom,
        Err(error) => return failed(error.message),
    };
    if app.client_id != record.client_id || issuer(&zoom) != record.issuer {
        return failed("it was authorized with an app that is not configured".into());
    }
    // An access token that has expired ends nothing; a refresh token does too.
    let tokens: Vec<SecretString> =
        [secrets.access_token, secrets.refresh_token].into_iter().flatten().collect();
    let mut why = "no token is stored".to_owned();
    for token in &tokens {
        match zoom.revoke(&app, token).await {
            Ok(reply) => match reply.revoked() {
                Ok(()) => return (Revoked::Yes, None),
                Err(refusal) => why = refusal.to_string(),
            },
            Err(error) => why = error.to_string(),
        }
    }
    failed(why)
}
