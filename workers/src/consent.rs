//! A person's consent, from the page at Zoom to the stored grant.
//!
//! Owns the one use of an authorization code: it is exchanged once, its tokens
//! are asked whose they are, and the grant is stored as the first generation of
//! a new epoch. The terminal's `account login` and the daemon's public door
//! both come here. Never shows a page and never listens.
//!
//! Invariant: a code is exchanged only when the tokens can be sealed and Redis
//! answers; once it is exchanged, storing is tried until it is done or refused,
//! for a consent cannot be asked for again without asking the person.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use rand::distr::{Alphanumeric, SampleString as _};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use url::Url;
use zoom_api::scopes::{self, Need};
use zoom_api::{AccessToken, App, Client, Pkce, TokenRefusal, TokenReply, TransportError};
use zoomd_store::grants::{
    Conflict, Connected, GrantError, GrantKind, GrantSecrets, Grants, Identity, NewGrant, Plan,
};
use zoomd_store::{StoreError, seal::SealError};
use zoomd_wire::AccountName;

/// How long Redis may be away before a consent in hand is given up.
const STORE_PATIENCE: Duration = Duration::from_secs(600);
/// What an access token lives when Zoom does not say.
const USUAL_LIFE_S: u64 = 3_600;

/// Why a consent did not become a grant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsentError {
    /// Zoom could not be asked. The code may be spent.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Zoom refused the code.
    #[error(transparent)]
    Refused(#[from] TokenRefusal),
    /// Zoom gave an access token alone, which ends within the hour.
    #[error("zoom gave no refresh token with the consent")]
    NoRefreshToken,
    /// It could not be sealed or stored.
    #[error(transparent)]
    Grants(#[from] GrantError),
}

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
    /// Whether what came back is the answer to this question.
    #[must_use]
    pub fn is_answered_by(&self, state: &str) -> bool {
        self.state.expose_secret().as_bytes().ct_eq(state.as_bytes()).into()
    }
}

/// What is stored of a consent besides its tokens.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The account it is for.
    pub account: AccountName,
    /// Another plan; `None` leaves it.
    pub plan: Option<Plan>,
    /// What to do when the Zoom user is connected as another account.
    pub conflict: Conflict,
}

/// A consent that was stored.
#[derive(Debug, Clone)]
pub struct Consented {
    /// Where it was stored.
    pub connected: Connected,
    /// Whose it is.
    pub identity: Identity,
    /// The scopes Zoom named; `None` when it named none.
    pub scope: Option<String>,
}

/// Turns consents into grants for one app in one namespace.
#[derive(Debug, Clone)]
pub struct Consents {
    client: Client,
    app: App,
    redirect: String,
    grants: Grants,
}

impl Consents {
    /// For `app`, whose consents come back to `redirect`.
    #[must_use]
    pub fn new(client: Client, app: App, redirect: &str, grants: Grants) -> Self {
        Self { client, app, redirect: redirect.to_owned(), grants }
    }

    /// Makes a new question, with a state and a verifier of its own.
    ///
    /// # Errors
    /// That a grant could not be sealed.
    pub fn ask(&self) -> Result<Asked, ConsentError> {
        self.grants.vault().ring().self_test()?;
        let state = Alphanumeric.sample_string(&mut rand::rng(), 43);
        let pkce = Pkce::generate();
        let page = self.client.authorize_url(&self.app, &self.redirect, &state, &pkce);
        Ok(Asked { page, state: state.into(), pkce })
    }

    /// Exchanges the code that came back and stores the grant.
    ///
    /// # Errors
    /// See [`ConsentError`].
    pub async fn finish(
        &self,
        asked: &Asked,
        code: &SecretString,
        wanted: &Wanted,
    ) -> Result<Consented, ConsentError> {
        self.grants.vault().ring().self_test()?;
        let now_ms = u64::try_from(self.grants.store().now_ms().await?).unwrap_or(0);
        let raw = self.client.exchange_code(&self.app, code, &self.redirect, &asked.pkce).await?;
        let reply = raw.parse()?;
        if reply.refresh_token.is_none() {
            return Err(ConsentError::NoRefreshToken);
        }
        let identity = self.identity(&reply).await;
        let new = self.new_grant(reply, wanted, identity.clone(), now_ms);
        let connected = self.store(&new, wanted.conflict).await?;
        Ok(Consented { connected, identity, scope: new.scope })
    }

    /// Whose the tokens are: asked where the scopes allow it, else as the token
    /// itself says, which is a hint.
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
            Ok(Err(error)) => tracing::warn!(%error, "the new grant's user could not be read"),
            Err(error) => tracing::warn!(%error, "the new grant's user could not be asked for"),
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

    async fn store(&self, new: &NewGrant, conflict: Conflict) -> Result<Connected, GrantError> {
        let once = || async {
            let epoch = self.grants.choose_epoch(&new.account, []).await?;
            self.grants.connect(new, epoch, conflict).await
        };
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(5))
            .with_total_delay(Some(STORE_PATIENCE))
            .without_max_times();
        once.retry(patience)
            .when(|error| matches!(error, GrantError::Store(error) if error.is_transient()))
            .notify(|error, _| {
                tracing::warn!(%error, "a consent is in hand and cannot be stored; trying again");
            })
            .await
    }
}

/// What a grant records as the place it was made at.
#[must_use]
pub fn issuer(client: &Client) -> String {
    client.settings().endpoints.oauth().as_str().trim_end_matches('/').to_owned()
}
