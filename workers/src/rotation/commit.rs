//! Steps 7 and 8: the reply is read, and offered to the store until it has it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use zoom_api::{AccessToken, App, Client, TokenReply};
use zoomd_store::encryption::SealError;
use zoomd_store::grants::{GrantError, GrantKind, GrantSecrets, GrantVersion, Identity, Line};
use zoomd_store::rotation::{Committed, Offer, Origin, Spare};
use zoomd_wire::AccountName;

use super::exchange::Exchanged;
use super::gate::Lease;
use super::need::USUAL_LIFE;
use super::time::later;
use super::{Ended, Rotator, Stop, lock, meter};
use crate::failpoints;
use crate::journal::Staged;

/// Time for which the token presented by an early probe is kept beside its child.
const SPARE_FOR: Duration = Duration::from_secs(600);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A new pair, as far as callers of Zoom need it.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    pub(crate) version: GrantVersion,
    pub(crate) access: AccessToken,
    pub(crate) client: Client,
    /// Scopes, where Zoom tells them.
    pub(crate) scope: Option<Arc<str>>,
    /// Lifetime of the access token.
    pub(crate) life: Duration,
    /// Time of the request.
    pub(crate) issued: Instant,
    /// True if the account's record does not say by which names its user goes.
    pub(crate) stranger: bool,
}

impl Rotator {
    /// Commits the pair in `reply`. Returns when Redis has it; while Redis is
    /// away no job of the account runs here, and it is tried for the life of the
    /// process.
    pub(super) async fn commit(
        &self,
        lease: &Lease,
        exchanged: &Exchanged,
        reply: TokenReply,
        presented: &SecretString,
    ) -> Result<Fresh, Stop> {
        let staged = &exchanged.staged;
        if reply.scope.is_none() || reply.expires_in.is_none() {
            let account = &staged.account;
            tracing::warn!(
                %account, life = reply.expires_in.is_some(), scope = reply.scope.is_some(),
                "token refresh: zoom's reply has no scope or no valid expires_in; the old scope is kept, and the token is used for an hour"
            );
        }
        let life = reply.expires_in.map_or(USUAL_LIFE, Duration::from_secs);
        let api_url = reply.api_url.clone();
        let access = AccessToken::new(reply.access_token.expose_secret());
        let scope = reply.scope.as_deref().map(Arc::from);
        let mut offer = self.offer(staged, reply, Some(presented)).map_err(|error| {
            // The entry is the repair's.
            self.not_running(&staged.id);
            Stop::later("sealed", self.0.settings.rest, error.to_string())
        })?;
        offer.owner = Some(lease.owner.clone());
        failpoints::at("judged");
        let committed = self.until_stored(&offer, exchanged).await?;
        failpoints::at("committed");
        meter::committed(exchanged.arrived.elapsed());
        self.0.journal.committed(&staged.id, offer.fp);
        self.not_running(&staged.id);
        match committed {
            Committed::Stored => {}
            Committed::Erased { revoke } => {
                self.erased(&offer, revoke).await;
                return Err(Stop::settled("erased", Ended::Changed));
            }
            other => return Err(Stop::settled(other.as_str(), Ended::Changed)),
        }
        let Ok(access) = access else { return Err(Stop::settled("unreadable", Ended::Changed)) };
        tracing::debug!(
            account = %staged.account, version = %staged.version, fp = %offer.fp.short(),
            "token refresh: succeeded"
        );
        let issued =
            Instant::now().checked_sub(exchanged.arrived.elapsed()).unwrap_or_else(Instant::now);
        let client = self.0.ours.client_at(api_url.as_deref());
        let stranger = staged.aliases.is_empty();
        Ok(Fresh { version: staged.version, access, client, scope, life, issued, stranger })
    }

    /// The pair that a staged reply offers to the store.
    pub(super) fn offer(
        &self,
        staged: &Staged,
        reply: TokenReply,
        presented: Option<&SecretString>,
    ) -> Result<Offer, SealError> {
        let identity = identity(staged, &reply);
        // No new refresh token: the old one stays, and so does its lineage.
        let refreshed = reply.refresh_token.is_some();
        let refresh_token = reply.refresh_token.or_else(|| presented.cloned());
        let none = SecretString::default();
        let fp = self.0.vault.fingerprint(refresh_token.as_ref().unwrap_or(&none))?;
        let lineage = staged.lineage.iter().copied().filter(|ancestor| *ancestor != fp).collect();
        let life = reply.expires_in.map_or(USUAL_LIFE, Duration::from_secs);
        let sent = u64::try_from(staged.sent_ms).unwrap_or(0);
        let life_ms = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        Ok(Offer {
            account: staged.account.clone(),
            kind: staged.kind.parse().unwrap_or(GrantKind::Oauth),
            version: staged.version,
            secrets: GrantSecrets {
                access_token: Some(reply.access_token),
                refresh_token,
                client_secret: None,
            },
            fp,
            lineage,
            access_expires_ms: sent.saturating_add(life_ms),
            access_issued_ms: sent,
            obtained_ms: refreshed.then_some(sent),
            scope: reply.scope,
            issuer: staged.issuer.clone(),
            client_id: staged.client_id.clone(),
            api_url: reply.api_url,
            origin: Origin {
                plan: staged.plan.as_deref().and_then(|plan| plan.parse().ok()),
                identity,
            },
            owner: None,
            intent: Some(staged.id.clone()),
            spare: spare(staged, presented.filter(|_| refreshed)),
            line: Line::new(if staged.probe {
                "token refresh: a retry resolved an unresolved exchange"
            } else {
                "rotated"
            })
            .version(staged.version)
            .fingerprint(fp)
            .by(&*self.0.daemon),
        })
    }

    /// Offers it again and again. Only a daemon that is stopping while Redis is
    /// away leaves it to its successor, and only when it is on the disk.
    async fn until_stored(&self, offer: &Offer, exchanged: &Exchanged) -> Result<Committed, Stop> {
        let mut pause = FIRST_PAUSE;
        let mut waiting = Unpersisted { rotator: self, account: None };
        let mut closing = self.0.closing.subscribe();
        loop {
            let error = match self.0.rotations.commit(&self.0.vault, offer).await {
                Ok(committed) => return Ok(committed),
                Err(error) => error,
            };
            if waiting.account.is_none() {
                tracing::error!(
                    account = %offer.account, %error,
                    "token refresh: redis did not store the new token; retrying until it does"
                );
                waiting.begin(&offer.account);
            }
            let store = match error {
                GrantError::Store(error) => error,
                error => {
                    zoomd_store::StoreError::new(zoomd_store::ErrorKind::Other, error.to_string())
                }
            };
            if *closing.borrow_and_update() && exchanged.on_disk {
                tracing::warn!(account = %offer.account, "token refresh: the new token is kept in the journal");
                return Err(Stop::settled("unpersisted", Ended::Store(store)));
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                _ = closing.changed() => {}
            }
        }
    }

    /// Rule D: the account was removed meanwhile. What came of it is erased here
    /// too, and ended at Zoom where no newer grant of the user is known.
    pub(super) async fn erased(&self, offer: &Offer, revoke: bool) {
        let account = &offer.account;
        tracing::warn!(%account, revoke, "token refresh: a token of a removed account arrived late and is erased");
        if let Err(error) = self.0.journal.erase(account.as_str(), offer.version.epoch) {
            tracing::error!(%account, %error, "rotation journal: a token of a removed account is still there");
        }
        let (Some(token), Some(app)) = (&offer.secrets.access_token, self.app_of(offer)) else {
            return;
        };
        if revoke && let Err(error) = self.0.ours.client.revoke(&app, token).await {
            tracing::warn!(%account, %error, "could not revoke the grant of a removed account at zoom");
        }
    }

    fn app_of(&self, offer: &Offer) -> Option<App> {
        self.0.ours.app.clone().filter(|app| app.client_id == offer.client_id)
    }
}

/// Owner of the grant: as known when the token was presented, else from the new token's
/// claims, which are a hint. It is stored only where none is.
fn identity(staged: &Staged, reply: &TokenReply) -> Identity {
    let token = AccessToken::new(reply.access_token.expose_secret()).ok();
    let claims = token.and_then(|token| token.claims()).unwrap_or_default();
    Identity {
        zoom_user: staged.zoom_user.clone().or(claims.user_id),
        zoom_account: staged.zoom_account.clone().or(claims.account_id),
        aliases: staged.aliases.clone(),
    }
}

/// The token that an early probe presented. The earlier exchange may end after the probe and
/// make that token valid again.
fn spare(staged: &Staged, presented: Option<&SecretString>) -> Option<Spare> {
    let (fp, parent_fp) = (*staged.lineage.first()?, staged.lineage.get(1).copied());
    let refresh_token = presented.filter(|_| staged.is_early())?.clone();
    let until_ms = later(staged.sent_ms, SPARE_FOR);
    Some(Spare { refresh_token, fp, parent_fp, until_ms })
}

/// Marks an account whose pair is not in Redis, for as long as it lives.
struct Unpersisted<'a> {
    rotator: &'a Rotator,
    account: Option<AccountName>,
}

impl Unpersisted<'_> {
    fn begin(&mut self, account: &AccountName) {
        self.account = Some(account.clone());
        let mut all = lock(&self.rotator.0.unpersisted);
        all.insert(account.clone());
        meter::unpersisted(all.len());
    }
}

impl Drop for Unpersisted<'_> {
    fn drop(&mut self) {
        if let Some(account) = &self.account {
            let mut all = lock(&self.rotator.0.unpersisted);
            all.remove(account);
            meter::unpersisted(all.len());
        }
    }
}
