//! Removal of accounts whose authorization was revoked at Zoom.
//!
//! Zoom names a user and an app. The account that holds that user's grant is
//! looked up, and so is any other whose tokens say that they are the user's (an
//! imported grant whose user was never asked for). Each is removed at its epoch:
//! tokens erased from Redis and from this process' journal, a tombstone left,
//! jobs handed out to fail. Other daemons erase their journals when they next
//! compare them with the store.
//!
//! Invariant: what was consented to after the deauthorization stays. A deauthorization is
//! forgotten only when all of it is done; doing it twice does nothing.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use zoom_api::AccessToken;
use zoomd_store::StoreError;
use zoomd_store::consent::{Deauthorization, Links};
use zoomd_store::grants::{
    AccountRecord, AccountState, Epoch, GrantError, GrantKind, Grants, Removed,
};
use zoomd_wire::AccountName;

use crate::journal::Journal;
use crate::supervisor::Beat;

/// The reason of the removal, as events and timelines have it.
pub const REASON: &str = "app_deauthorized";
/// Zoom's clock and that of Redis may be so far apart. A consent that is given
/// again within it is taken for the one that was taken back.
const CLOCKS_APART_MS: u64 = 10_000;
/// Accounts read at once.
const PAGE: usize = 500;
/// Tries for an account whose grant changes meanwhile.
const TRIES: usize = 5;

/// Carries deauthorizations out.
#[derive(Debug, Clone)]
pub struct Deauthorizations {
    grants: Grants,
    links: Links,
    journal: Option<Journal>,
}

impl Deauthorizations {
    /// For one namespace, and the journal of this process.
    #[must_use]
    pub fn new(grants: Grants, journal: Option<Journal>) -> Self {
        let links = Links::new(grants.store().clone());
        Self { grants, links, journal }
    }

    /// Keeps a deauthorization until it is carried out. After this Zoom may be told that
    /// it was heard.
    pub async fn hear(&self, deauthorization: &Deauthorization) -> Result<(), StoreError> {
        self.links.note(deauthorization).await.map(|_| ())
    }

    /// Removes every account of the user, and forgets the deauthorization. Answers which
    /// were removed.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached; steps already done stay done.
    pub async fn carry_out(
        &self,
        deauthorization: &Deauthorization,
    ) -> Result<Vec<AccountName>, GrantError> {
        let mut removed = Vec::new();
        let holder =
            self.grants.holder(&deauthorization.client_id, &deauthorization.zoom_user).await?;
        if let Some(holder) = holder.and_then(|name| AccountName::new(&name).ok()) {
            let account = self.grants.account(&holder).await?;
            let theirs =
                account.and_then(|a| a.zoom_user).is_some_and(|u| u == deauthorization.zoom_user);
            if theirs {
                removed.extend(self.end(holder, deauthorization).await?);
            }
        }
        let mut after: Option<String> = None;
        loop {
            let names = self.grants.names(after.as_deref(), PAGE).await?;
            let Some(last) = names.last() else { break };
            after = Some(last.to_string());
            for summary in self.grants.summaries(&names).await? {
                if self.is_of(&summary.account, deauthorization).await? {
                    removed.extend(self.end(summary.account.name, deauthorization).await?);
                }
            }
        }
        self.links.done(deauthorization).await?;
        Ok(removed)
    }

    /// Carries out what waits, now and then; ends with the process. Any daemon
    /// does so for all.
    pub async fn serve(self, every: Duration, beat: Beat) {
        let mut turns = beat.every(every);
        loop {
            turns.next().await;
            beat.waiting(self.carry_out_all()).await;
        }
    }

    async fn carry_out_all(&self) {
        let deauthorizations = match self.links.deauthorizations().await {
            Ok(deauthorizations) => deauthorizations,
            // None is known, and that Redis is away is told elsewhere.
            Err(error) => {
                return tracing::debug!(%error, "redis: could not read revoked authorizations");
            }
        };
        for (done, deauthorization) in deauthorizations.iter().enumerate() {
            if let Err(error) = self.carry_out(deauthorization).await {
                let left = deauthorizations.len() - done;
                tracing::warn!(
                    left, %error,
                    "authorizations revoked at zoom: {left} accounts are not removed yet: {error}"
                );
                return;
            }
        }
    }

    /// True if the account uses a grant of that user and app.
    async fn is_of(
        &self,
        account: &AccountRecord,
        bye: &Deauthorization,
    ) -> Result<bool, GrantError> {
        if account.state == AccountState::Removed || account.kind != GrantKind::Oauth {
            return Ok(false);
        }
        if account.zoom_user.as_ref().is_some_and(|user| *user != bye.zoom_user) {
            return Ok(false);
        }
        let Some(record) = self.grants.grant(&account.name).await? else { return Ok(false) };
        if record.client_id != bye.client_id {
            return Ok(false);
        }
        if account.zoom_user.is_some() {
            return Ok(true);
        }
        // A grant that cannot be decrypted is left alone; doctor reports it.
        let vault = self.grants.vault();
        let opened = vault.open_grant(account.name.as_str(), record.version, &record.sealed);
        let Ok(secrets) = opened else { return Ok(false) };
        let tokens = [&secrets.access_token, &secrets.refresh_token];
        Ok(tokens.into_iter().flatten().any(|token| {
            let claims = AccessToken::new(token.expose_secret()).ok().and_then(|t| t.claims());
            claims.and_then(|c| c.user_id).is_some_and(|user| user == bye.zoom_user)
        }))
    }

    /// Removes one account, unless its consent is a later one.
    async fn end(
        &self,
        name: AccountName,
        bye: &Deauthorization,
    ) -> Result<Option<AccountName>, GrantError> {
        for _ in 0..TRIES {
            let Some(account) = self.grants.account(&name).await? else { return Ok(None) };
            if account.state == AccountState::Removed {
                self.forget(&account).await;
                return Ok(None);
            }
            let epoch = account.version.map(|version| version.epoch);
            if epoch.is_some_and(|epoch| is_later(epoch, bye)) {
                tracing::info!(account = %name, "authorization was renewed after it was revoked; the account is kept");
                return Ok(None);
            }
            match self.grants.remove(&name, REASON, epoch).await? {
                Removed::Done { waiting, .. } => {
                    self.forget(&account).await;
                    tracing::warn!(
                        account = %name, waiting,
                        "authorization revoked at zoom; the account is removed"
                    );
                    return Ok(Some(name));
                }
                Removed::Changed => {}
                Removed::NoAccount => return Ok(None),
            }
        }
        let text = format!("{name} is being connected by someone else");
        Err(StoreError::new(zoomd_store::ErrorKind::Other, text).into())
    }

    /// Erases the account's tokens from this process' journal.
    async fn forget(&self, account: &AccountRecord) {
        let (Some(journal), Some(version)) = (self.journal.clone(), account.version) else {
            return;
        };
        let name = account.name.clone();
        let erased =
            tokio::task::spawn_blocking(move || journal.erase(name.as_str(), version.epoch));
        if let Ok(Err(error)) = erased.await {
            tracing::warn!(%error, "rotation journal: tokens of a removed account are still there");
        }
    }
}

fn is_later(epoch: Epoch, bye: &Deauthorization) -> bool {
    epoch.ms() > bye.at_ms.saturating_add(CLOCKS_APART_MS)
}
