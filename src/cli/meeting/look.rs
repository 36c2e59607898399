//! Calls to Zoom with an account's access token, for somebody who looks.
//!
//! Each exchange takes an in-flight entry and its budget, as a job's does, and
//! gives the entry back as soon as the answer is there. A token that is about
//! to end, or that Zoom refuses, is replaced by the same path as for jobs;
//! nothing here rotates.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tokio::time::Instant;
use zoom_api::scopes::Need;
use zoom_api::{AccessToken, Class, Client, Limit, Reply, TransportError};
use zoomd_store::Store;
use zoomd_store::calls::{Begun, Call, Calls};
use zoomd_store::grants::{GrantKind, Grants};
use zoomd_store::limits::{Budgets, Label};
use zoomd_store::queue::WaitReason;
use zoomd_wire::AccountName;
use zoomd_workers::decide;
use zoomd_workers::tokens::{CommandTokens, NoToken};

use crate::cli::account::{grants, refused, tokens};
use crate::cli::ctx::Ctx;
use crate::error::CliError;
use crate::exit::Exit;

/// How long somebody who looks is kept waiting for a token or a budget.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often is looked whether a rotation is over.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// A call, a new token, a call; once more for a rotation that came between.
const TRIES: usize = 4;

/// One account, looked at.
pub(super) struct Look<'a> {
    ctx: &'a Ctx,
    account: AccountName,
    store: Store,
    grants: Grants,
    calls: Calls,
    budgets: Budgets,
    client: Client,
    tokens: Option<CommandTokens>,
}

impl<'a> Look<'a> {
    /// Opens the namespace.
    pub(super) async fn new(ctx: &'a Ctx, account: &AccountName) -> Result<Self, CliError> {
        let grants = grants(ctx).await?;
        let store = grants.store().clone();
        let budgets = ctx.config.budgets.clone();
        Ok(Self {
            ctx,
            account: account.clone(),
            calls: Calls::new(store.clone(), budgets.clone()),
            grants,
            store,
            budgets,
            client: ctx.zoom()?,
            tokens: None,
        })
    }

    /// Gives back what looking needed.
    pub(super) async fn close(self) {
        if let Some(tokens) = self.tokens {
            tokens.shutdown().await;
        }
    }

    /// One call; its answer is a success of Zoom's.
    pub(super) async fn call(
        &mut self,
        need: Need,
        send: impl AsyncFn(&Client, &AccessToken) -> Result<Reply, TransportError>,
    ) -> Result<Reply, CliError> {
        let mut was_refused = false;
        for _ in 0..TRIES {
            let call = self.begin(need).await?;
            let version = call.version;
            let (client, token) = match self.stored_token(&call).await {
                Ok(Some(found)) => found,
                other => {
                    self.end(call).await;
                    other?;
                    self.fresh_token().await?;
                    continue;
                }
            };
            let limit = Instant::from_std(call.until);
            let sent = self.now().await;
            let reply = tokio::time::timeout_at(limit, send(&client, &token)).await;
            self.end(call).await;
            let Ok(reply) = reply else {
                return Err(CliError::unreachable("zoom did not answer in time"));
            };
            let reply = reply?;
            if reply.is_success() {
                return Ok(reply);
            }
            if let Some(limit) = zoom_api::limit_kind(&reply, sent, self.now().await) {
                return Err(self.limited(&reply, need, limit).await);
            }
            if reply.error().class() != Class::Token || was_refused {
                return Err(self.explain(&reply, need));
            }
            was_refused = true;
            if let Some(version) = version {
                let account = self.account.clone();
                let replaced = self.tokens()?.refused(&account, version, PATIENCE).await;
                if let Err(error) = replaced {
                    return Err(self.no_token(error).await);
                }
            }
            self.fresh_token().await?;
        }
        let text = format!("the token of {} is being replaced again and again", self.account);
        Err(CliError::failed(text))
    }

    async fn begin(&self, need: Need) -> Result<Call, CliError> {
        let exchange = self.client.settings().request_timeout;
        let label = self.label(need);
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.calls.begin(&self.account, label, exchange).await? {
                Begun::Go(call) => return Ok(call),
                Begun::NoAccount => return Err(self.no_account()),
                Begun::State { state, why } => {
                    return Err(self.unusable(&state, why.as_deref()));
                }
                Begun::Broken => {
                    let text = format!("what Redis holds of {} is damaged", self.account);
                    return Err(CliError::failed(text).hint("zoomd doctor tells more"));
                }
                Begun::Waits { why, until_ms } => self.wait(why, until_ms, patience).await?,
            }
        }
    }

    /// Waits until a call may be asked for again, if that is within patience.
    async fn wait(
        &self,
        why: WaitReason,
        until_ms: i64,
        patience: Instant,
    ) -> Result<(), CliError> {
        let left_ms = until_ms - self.store.now_ms().await?;
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
        // A rotation names the time by which it is over, and mostly is so at once.
        let longest = if why == WaitReason::Rotation { LOOK_AGAIN } else { PATIENCE };
        let next = Instant::now() + left.clamp(Duration::from_millis(50), longest);
        let hopeless = why != WaitReason::Rotation && Instant::now() + left > patience;
        if next > patience || hopeless {
            let until = Timestamp::from_millisecond(until_ms).unwrap_or_default();
            let account = &self.account;
            let text = format!("no call of {account} may begin before {until} ({})", why.as_str());
            let hint = format!("zoomd account explain {account}, or zoomd budget {account}");
            return Err(CliError::failed(text).code("waiting").hint(hint));
        }
        tokio::time::sleep_until(next).await;
        Ok(())
    }

    fn label(&self, need: Need) -> Label {
        match need {
            Need::List => self.budgets.classes.of("list"),
            Need::Create => self.budgets.classes.of("create"),
            _ => self.budgets.classes.of("get"),
        }
    }

    async fn end(&self, call: Call) {
        if let Err(error) = call.end().await {
            self.ctx.out.warn(format!("the call's entry could not be removed: {error}"));
        }
    }

    /// The stored token, if it is the version that the call began with and
    /// outlives the call.
    async fn stored_token(&self, call: &Call) -> Result<Option<(Client, AccessToken)>, CliError> {
        let opened = self.grants.open(&self.account).await?;
        let Some((grant, secrets)) = opened else { return Ok(None) };
        let now_ms = u64::try_from(self.store.now_ms().await?).unwrap_or(0);
        let life = Duration::from_millis(grant.access_expires_ms.saturating_sub(now_ms));
        let margin = call.until.saturating_duration_since(std::time::Instant::now());
        if Some(grant.version) != call.version || life < margin {
            return Ok(None);
        }
        let Some(token) = secrets.access_token else { return Ok(None) };
        let Ok(token) = AccessToken::new(token.expose_secret()) else { return Ok(None) };
        let regional = grant.api_url.and_then(|url| self.client.with_api_url(&url).ok());
        Ok(Some((regional.unwrap_or_else(|| self.client.clone()), token)))
    }

    /// Has a token made that outlives a call.
    async fn fresh_token(&mut self) -> Result<(), CliError> {
        let min_life = self.client.settings().request_timeout;
        let account = self.account.clone();
        let tokens = self.tokens()?;
        let made = tokens.token(&account, min_life, PATIENCE).await;
        match made {
            Ok(_) => Ok(()),
            Err(error) => Err(self.no_token(error).await),
        }
    }

    async fn no_token(&self, error: NoToken) -> CliError {
        let account = self.grants.account(&self.account).await.ok().flatten();
        let kind = account.map_or(GrantKind::Oauth, |account| account.kind);
        refused(self.account.as_str(), kind, error)
    }

    fn tokens(&mut self) -> Result<&CommandTokens, CliError> {
        if self.tokens.is_none() {
            self.tokens = Some(tokens(self.ctx, &self.grants)?);
        }
        Ok(self.tokens.as_ref().unwrap_or_else(|| unreachable!("started above")))
    }

    fn no_account(&self) -> CliError {
        CliError::not_found(format!("there is no account {}", self.account))
            .code("unknown_account")
            .hint("zoomd account list")
    }

    fn unusable(&self, state: &str, why: Option<&str>) -> CliError {
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        let text = format!("the account {} is {state}{why}", self.account);
        if state == "removed" {
            return CliError::not_found(text).code("unknown_account").hint("zoomd account list");
        }
        CliError::consent(text).hint(format!("zoomd account login {}", self.account))
    }

    /// The time of Redis, which gates go by; the machine's if it cannot be had.
    async fn now(&self) -> Timestamp {
        let ms = self.store.now_ms().await.ok();
        ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_else(Timestamp::now)
    }

    /// Closes what a 429 named for jobs, too: it is known now.
    async fn limited(&self, reply: &Reply, need: Need, limit: Limit) -> CliError {
        let close = decide::close(self.label(need).as_str(), limit);
        if let Err(error) = self.calls.limited(&self.account, None, &close).await {
            self.ctx.out.warn(format!("the limit could not be written down: {error}"));
        }
        CliError::failed(reply.error().to_string())
            .code("rate_limited")
            .hint(format!("try again after {}; zoomd budget {}", limit.until, self.account))
    }

    fn explain(&self, reply: &Reply, need: Need) -> CliError {
        let error = reply.error();
        let text = error.to_string();
        match error.class() {
            Class::NotFound => CliError::not_found(text),
            Class::Scope => CliError::new(Exit::Consent, "missing_scope", text).hint(format!(
                "add {} to the app, then zoomd account login {}",
                need.granular(),
                self.account
            )),
            Class::Unclear => CliError::new(Exit::Unreachable, "unreachable", text),
            _ => CliError::failed(text).code("zoom_rejected"),
        }
    }
}
