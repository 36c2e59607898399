//! Authorization of an account by a person, from Zoom's page to the stored token.
//!
//! Exchanges each authorization code once, reads from Zoom which user the new tokens belong
//! to, and stores them as the first generation of a new epoch. `account login` in a terminal
//! and the daemon's public endpoint both call it. It shows no page and listens on no port.
//!
//! Invariant: a code is exchanged only while tokens can be encrypted and Redis answers. The
//! reply is written to the journal before it is parsed, and stored in Redis as soon as Redis
//! accepts it, because a code cannot be exchanged again without asking the person. If the
//! Zoom user belongs to another account, this authorization has invalidated that account's
//! token, so the new tokens are stored there: a valid token is never discarded.

mod error;

use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable as _};
use rand::distr::{Alphanumeric, SampleString as _};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use url::Url;
use zoom_api::scopes::{self, Need};
use zoom_api::{AccessToken, App, Client, Pkce, RawTokenReply, TokenReply};
use zoomd_store::grants::{
    AccountState, Conflict, Connected, Epoch, GrantError, GrantKind, GrantSecrets, GrantVersion,
    Grants, Identity, NewGrant, Plan,
};
use zoomd_store::{StoreError, encryption::SealError};
use zoomd_wire::AccountName;

pub use self::error::ConsentError;
use crate::journal::{Journal, Reply, Staged};

/// Longest outage of Redis before a consent in hand is given up.
const STORE_PATIENCE: Duration = Duration::from_secs(600);
/// Lifetime of an access token for which Zoom gives none.
const USUAL_LIFE_S: u64 = 3_600;

impl From<StoreError> for ConsentError {
    fn from(error: StoreError) -> Self {
        Self::Grants(error.into())
    }
}

impl From<SealError> for ConsentError {
    fn from(error: SealError) -> Self {
        Self::Grants(error.into())
    }
}

/// A consent that was asked for and has not come back yet.
#[derive(Debug)]
pub struct Asked {
    /// The page to send the person to.
    pub page: Url,
    state: SecretString,
    pkce: Pkce,
}

impl Asked {
    /// True if what came back is the answer to this question.
    #[must_use]
    pub fn is_answered_by(&self, state: &str) -> bool {
        self.state.expose_secret().as_bytes().ct_eq(state.as_bytes()).into()
    }
}

/// Parameters of a consent besides its tokens.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub account: AccountName,
    /// Another plan; `None` leaves it.
    pub plan: Option<Plan>,
    /// Policy if the Zoom user is connected as another account.
    pub conflict: Conflict,
}

/// A consent that came through.
#[derive(Debug, Clone)]
pub struct Consented {
    /// Result.
    pub outcome: Outcome,
    /// Owner of the grant.
    pub identity: Identity,
    /// The scopes Zoom named; `None` when it named none.
    pub scope: Option<String>,
}

/// Destination of the tokens of a consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// To the account that asked.
    Stored {
        /// State before; `None` for a new account.
        before: Option<AccountState>,
        /// Jobs that waited for it.
        waiting: u64,
    },
    /// To the account that has the Zoom user.
    KeptFor { account: AccountName },
    /// Nowhere: a later consent of the account is stored.
    Older,
}

/// Turns consents into grants for one app in one namespace.
#[derive(Debug, Clone)]
pub struct Consents {
    client: Client,
    app: App,
    redirect: String,
    grants: Grants,
    journal: Option<Journal>,
}

impl Consents {
    /// For `app`, whose consents come back to `redirect`. Without a journal a
    /// consent is lost when the process dies before Redis has it.
    #[must_use]
    pub fn new(
        client: Client,
        app: App,
        redirect: &str,
        grants: Grants,
        journal: Option<Journal>,
    ) -> Self {
        Self { client, app, redirect: redirect.to_owned(), grants, journal }
    }

    /// Makes a new question, with a state and a verifier of its own.
    pub fn ask(&self) -> Result<Asked, ConsentError> {
        self.ask_as(&Alphanumeric.sample_string(&mut rand::rng(), 43), Pkce::generate())
    }

    /// Makes a question with this state and verifier; with the same ones it is
    /// the same question, wherever it was asked.
    pub fn ask_as(&self, state: &str, pkce: Pkce) -> Result<Asked, ConsentError> {
        self.grants.vault().ring().self_test()?;
        let page = self.client.authorize_url(&self.app, &self.redirect, state, &pkce);
        Ok(Asked { page, state: state.into(), pkce })
    }

    /// Exchanges the code that came back and stores the grant.
    pub async fn finish(
        &self,
        asked: &Asked,
        code: &SecretString,
        wanted: &Wanted,
    ) -> Result<Consented, ConsentError> {
        self.grants.vault().ring().self_test()?;
        let now_ms = u64::try_from(self.grants.store().now_ms().await?).unwrap_or(0);
        let (asked_at, first) = (Instant::now(), self.epoch(&wanted.account).await?);
        let id = format!("consent-{:032x}", rand::random::<u128>());
        let _hold = self.journal.as_ref().map(|journal| journal.hold(&id));
        if let Some(journal) = &self.journal {
            journal.intend(&wanted.account, &id).await?;
        }
        let exchanged = self.client.exchange_code(&self.app, code, &self.redirect, &asked.pkce);
        let raw = match exchanged.await {
            Ok(raw) => raw,
            Err(error) => {
                self.note(|journal| journal.close(&id));
                return Err(error.into());
            }
        };
        // Of two consents at once Zoom keeps the one whose code it took last, and
        // that one's answer is likely to be the later: so the answers are put in order.
        let answered_ms = first.ms() + u64::try_from(asked_at.elapsed().as_millis()).unwrap_or(0);
        let epoch = Epoch::choose(answered_ms, [first], rand::random());
        let entry = self.entry(id, wanted, epoch, now_ms);
        self.stage(&entry, &raw).await;
        match self.take(&entry, &raw, wanted).await {
            Ok(consented) => Ok(consented),
            Err(error) => {
                // Redis was away for too long: the journal's next reader stores it.
                if !matches!(error, ConsentError::Grants(_)) {
                    self.note(|journal| journal.discard(&entry.id));
                }
                Err(error)
            }
        }
    }

    /// Reads a staged reply and stores what it holds.
    async fn take(
        &self,
        entry: &Staged,
        raw: &RawTokenReply,
        wanted: &Wanted,
    ) -> Result<Consented, ConsentError> {
        let reply = raw.parse()?;
        if reply.refresh_token.is_none() {
            return Err(ConsentError::NoRefreshToken);
        }
        let identity = self.identity(&reply).await;
        let new = self.new_grant(reply, wanted, identity.clone(), entry.sent_ms.unsigned_abs());
        let scope = new.scope.clone();
        let outcome = match self.store(&new, entry.version.epoch, wanted.conflict).await? {
            Connected::Stored { before, waiting, .. } => {
                self.committed(entry, &new);
                Outcome::Stored { before, waiting }
            }
            Connected::HeldBy { account } => self.keep_for(account, entry, raw, new).await?,
            Connected::Older => {
                self.note(|journal| journal.discard(&entry.id));
                Outcome::Older
            }
        };
        Ok(Consented { outcome, identity, scope })
    }

    /// The Zoom user belongs to `account`, whose grant ended with this consent.
    async fn keep_for(
        &self,
        account: AccountName,
        entry: &Staged,
        raw: &RawTokenReply,
        new: NewGrant,
    ) -> Result<Outcome, ConsentError> {
        let epoch = self.grants.choose_epoch(&account, [entry.version.epoch]).await?;
        let theirs = Staged {
            id: format!("{}-kept", entry.id),
            account: account.clone(),
            version: GrantVersion::first(epoch),
            plan: None,
            ..entry.clone()
        };
        self.stage(&theirs, raw).await;
        self.note(|journal| journal.discard(&entry.id));
        let new = NewGrant { account: account.clone(), plan: None, cap: None, ..new };
        self.store(&new, epoch, Conflict::Refuse).await?;
        self.committed(&theirs, &new);
        Ok(Outcome::KeptFor { account })
    }

    async fn epoch(&self, account: &AccountName) -> Result<Epoch, GrantError> {
        let journalled = self.journal.as_ref().and_then(|j| j.latest_epoch(account.as_str()));
        self.grants.choose_epoch(account, journalled).await
    }

    fn entry(&self, id: String, wanted: &Wanted, epoch: Epoch, now_ms: u64) -> Staged {
        Staged {
            id,
            account: wanted.account.clone(),
            kind: GrantKind::Oauth.as_str().to_owned(),
            version: GrantVersion::first(epoch),
            lineage: Vec::new(),
            issuer: issuer(&self.client),
            client_id: self.app.client_id.clone(),
            sent_ms: i64::try_from(now_ms).unwrap_or(0),
            probe: false,
            settles_ms: 0,
            plan: wanted.plan.map(|plan| plan.as_str().to_owned()),
            zoom_account: None,
            zoom_user: None,
            aliases: Vec::new(),
        }
    }

    /// A journal that fails now costs the consent only if the process dies too.
    async fn stage(&self, entry: &Staged, raw: &RawTokenReply) {
        let Some(journal) = &self.journal else { return };
        let reply = Reply::of(raw, None);
        let staged = match journal.stage(entry, &reply) {
            Ok(()) => journal.sync().await,
            Err(error) => Err(error),
        };
        if let Err(error) = staged {
            tracing::error!(%error, "authorization: the new token is only in memory until redis is back");
        }
    }

    fn committed(&self, entry: &Staged, new: &NewGrant) {
        if let Ok(fp) = new.fingerprint(self.grants.vault()) {
            self.note(|journal| journal.committed(&entry.id, fp));
        }
    }

    fn note(&self, write: impl FnOnce(&Journal)) {
        if let Some(journal) = &self.journal {
            write(journal);
        }
    }

    /// Owner of the tokens: Zoom is asked where the scopes allow it. Else the token's own
    /// claims are used, as a hint.
    async fn identity(&self, reply: &TokenReply) -> Identity {
        let Ok(token) = AccessToken::new(reply.access_token.expose_secret()) else {
            return Identity::default();
        };
        let claims = token.claims().unwrap_or_default();
        let mut identity = Identity {
            zoom_user: claims.user_id,
            zoom_account: claims.account_id,
            aliases: Vec::new(),
        };
        let scope = reply.scope.as_deref().unwrap_or_default();
        if scopes::missing(scope, Need::Me).is_some() {
            return identity;
        }
        let client = match reply.api_url.as_deref().map(|url| self.client.with_api_url(url)) {
            Some(Ok(client)) => client,
            _ => self.client.clone(),
        };
        match client.users_me(&token).await.map(|answer| answer.user()) {
            Ok(Ok(user)) => {
                identity.zoom_user = Some(user.id);
                identity.zoom_account = user.account_id.or(identity.zoom_account);
                identity.aliases.extend(user.email);
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "authorization: could not read the user of the new grant")
            }
            Err(error) => {
                tracing::warn!(%error, "authorization: could not request the user of the new grant")
            }
        }
        identity
    }

    fn new_grant(
        &self,
        reply: TokenReply,
        wanted: &Wanted,
        identity: Identity,
        now_ms: u64,
    ) -> NewGrant {
        let life_s = reply.expires_in.unwrap_or(USUAL_LIFE_S);
        NewGrant {
            account: wanted.account.clone(),
            kind: GrantKind::Oauth,
            secrets: GrantSecrets {
                access_token: Some(reply.access_token),
                refresh_token: reply.refresh_token,
                client_secret: None,
            },
            identity,
            plan: wanted.plan,
            cap: None,
            access_expires_ms: now_ms.saturating_add(life_s.saturating_mul(1_000)),
            obtained_ms: now_ms,
            scope: reply.scope,
            issuer: issuer(&self.client),
            client_id: self.app.client_id.clone(),
            api_url: reply.api_url,
        }
    }

    async fn store(
        &self,
        new: &NewGrant,
        epoch: Epoch,
        conflict: Conflict,
    ) -> Result<Connected, GrantError> {
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(5))
            .with_total_delay(Some(STORE_PATIENCE))
            .without_max_times();
        (|| self.grants.connect(new, epoch, conflict))
            .retry(patience)
            .when(|error| matches!(error, GrantError::Store(error) if error.is_transient()))
            .notify(|error, _| {
                tracing::warn!(%error, "authorization: redis could not store the new token; retrying");
            })
            .await
    }
}

/// Place of issue that a grant records.
#[must_use]
pub fn issuer(client: &Client) -> String {
    client.settings().endpoints.oauth().as_str().trim_end_matches('/').to_owned()
}
