//! Reads of Zoom with an account's access token, for somebody who looks: the words for
//! what stands in the way. The calls go by the protocol of all others.

use std::time::Duration;

use zoom_api::scopes::Need;
use zoom_api::{AccessToken, Class, Client, ListQuery, MeetingRef, Reply, TransportError};
use zoomd_store::grants::{GrantKind, Grants};
use zoomd_wire::AccountName;
use zoomd_workers::attempt::exchange::{Exchange, NoReply};
use zoomd_workers::attempt::read::{Read, Unread, read};
use zoomd_workers::call_context::CallContext;
use zoomd_workers::tokens::NoToken;

use crate::acts::{refused, tokens};
use crate::cli::account::grants;
use crate::cli::ctx::Ctx;
use crate::error::CliError;
use crate::exit::Exit;

/// Longest wait of the command for a token or a budget.
const PATIENCE: Duration = Duration::from_secs(30);

/// One account, looked at.
pub(super) struct Look {
    account: AccountName,
    grants: Grants,
    zoom: CallContext,
}

impl Look {
    /// Opens the namespace.
    pub(super) async fn new(ctx: &Ctx, account: &AccountName) -> Result<Self, CliError> {
        let grants = grants(ctx).await?;
        let tokens = tokens(&ctx.config, &grants)?;
        let (store, config) = (grants.store().clone(), &ctx.config);
        let zoom = CallContext::new(store, &config.budgets, config.zoom.request_timeout, tokens);
        Ok(Self { account: account.clone(), grants, zoom })
    }

    /// The accounts of the namespace.
    pub(super) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Gives back what looking needed.
    pub(super) async fn close(self) {
        self.zoom.close().await;
    }

    /// One page of a user's meetings.
    pub(super) async fn list(&self, user: &str, query: &ListQuery) -> Result<Reply, CliError> {
        let send = async |client: &Client, token: &AccessToken| {
            client.list_meetings(token, user, query).await
        };
        self.call(Need::List, Exchange::LIST, send).await
    }

    /// One meeting.
    pub(super) async fn get(&self, meeting: &MeetingRef) -> Result<Reply, CliError> {
        let send =
            async |client: &Client, token: &AccessToken| client.get_meeting(token, meeting).await;
        self.call(Need::Get, Exchange::GET, send).await
    }

    /// One call; its answer is a success of Zoom's.
    async fn call(
        &self,
        need: Need,
        exchange: Exchange,
        send: impl AsyncFn(&Client, &AccessToken) -> Result<Reply, TransportError>,
    ) -> Result<Reply, CliError> {
        let account = &self.account;
        let one = Read { account, exchange, patience: PATIENCE };
        match read(&self.zoom, one, send).await {
            Ok(reply) if reply.is_success() => Ok(reply),
            Ok(reply) => Err(self.refused(&reply, need)),
            Err(Unread::Store(error) | Unread::Call(NoReply::Store(error))) => Err(error.into()),
            Err(Unread::Token(error)) => Err(self.no_token(error).await),
            Err(Unread::Call(error)) => Err(self.no_reply(error)),
        }
    }

    async fn no_token(&self, error: NoToken) -> CliError {
        let account = self.grants.account(&self.account).await.ok().flatten();
        let kind = account.map_or(GrantKind::Oauth, |account| account.kind);
        refused(self.account.as_str(), kind, error)
    }

    fn no_reply(&self, error: NoReply) -> CliError {
        let (account, text) = (&self.account, error.to_string());
        match error {
            NoReply::Transport(error) => error.into(),
            NoReply::Later { why, until_ms } => {
                let until = jiff::Timestamp::from_millisecond(until_ms).unwrap_or_default();
                let why = why.as_str();
                CliError::failed(format!("no call of {account} may begin before {until} ({why})"))
                    .code("waiting")
                    .hint(format!("zoomd account explain {account}, or zoomd budget {account}"))
            }
            NoReply::Limited { limit, .. } => CliError::failed(text)
                .code("rate_limited")
                .hint(format!("try again after {}; zoomd budget {account}", limit.until)),
            _ => CliError::failed(format!("{account}: {text}")).hint("see zoomd doctor"),
        }
    }

    fn refused(&self, reply: &Reply, need: Need) -> CliError {
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
