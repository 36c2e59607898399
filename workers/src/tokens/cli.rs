//! Tokens for people and other programs: the only callers that wait.

use std::time::{Duration, Instant};

use zoomd_store::StoreError;
use zoomd_store::grants::{AccountState, GrantVersion};
use zoomd_wire::AccountName;

use super::{NoToken, Token, Tokens};
use crate::rotation::{Ended, NOT_OPENED, Order, Urge, Wish};

/// Between two looks, should a rotation by another process go unheard.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

impl Tokens {
    /// A token for another program, waiting for a rotation if need be.
    pub async fn token_for_cli(
        &self,
        account: &str,
        min_life: Duration,
        patience: Duration,
    ) -> Result<Token, NoToken> {
        let name = AccountName::new(account).map_err(|_| NoToken::NoAccount)?;
        self.wait_for(&name, min_life, None, patience).await
    }

    /// Rotates the stored generation now, and answers the new one.
    pub async fn rotate_now(&self, account: &str, patience: Duration) -> Result<Token, NoToken> {
        let name = AccountName::new(account).map_err(|_| NoToken::NoAccount)?;
        let version = self.stored(&name, Instant::now() + patience).await?;
        self.wait_for(&name, Duration::ZERO, Some(version), patience).await
    }

    /// The stored version of an account that can be used, waiting for Redis.
    async fn stored(&self, name: &AccountName, until: Instant) -> Result<GrantVersion, NoToken> {
        let look = loop {
            match self.0.rotations.look(name).await {
                Ok(look) => break look.ok_or(NoToken::NoAccount)?,
                Err(error) if error.is_transient() && Instant::now() + LOOK_AGAIN < until => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        let usable = matches!(look.account.state, AccountState::Active | AccountState::WrongApp);
        match look.grant {
            Some(grant) if usable => Ok(grant.version),
            _ => {
                Err(NoToken::State { state: look.account.state.to_string(), why: look.account.why })
            }
        }
    }

    /// A token that lives for `min_life`; with `after`, of a later version.
    pub(super) async fn wait_for(
        &self,
        name: &AccountName,
        min_life: Duration,
        after: Option<GrantVersion>,
        patience: Duration,
    ) -> Result<Token, NoToken> {
        let until = Instant::now() + patience;
        let mut why = "another token refresh is in progress".to_owned();
        loop {
            let stored = self.stored(name, until).await?;
            let due = after == Some(stored);
            if !due && let Some(token) = self.stored_token(name, min_life).await? {
                return Ok(token);
            }
            let order =
                Order { account: name.clone(), wish: Wish::Replace(stored), urge: Urge::Command };
            let wait = match &*self.run(order).await {
                Ended::Rotated(_) | Ended::Changed => Duration::ZERO,
                Ended::NoAccount => return Err(NoToken::NoAccount),
                Ended::Dead { state, why } => {
                    return Err(NoToken::State { state: state.clone(), why: why.clone() });
                }
                Ended::Store(error) if error.is_transient() => {
                    why = error.to_string();
                    LOOK_AGAIN
                }
                Ended::Store(error) => return Err(NoToken::Store(error.clone())),
                Ended::Later { why, .. } if why.starts_with(NOT_OPENED) => {
                    return Err(NoToken::DaemonKey(why.clone()));
                }
                Ended::Later { wait, why: reason } => {
                    why.clone_from(reason);
                    (*wait).min(LOOK_AGAIN)
                }
            };
            if Instant::now() + wait >= until {
                return Err(NoToken::TimedOut(why));
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn stored_token(
        &self,
        name: &AccountName,
        min_life: Duration,
    ) -> Result<Option<Token>, StoreError> {
        let before = Instant::now();
        let Some(look) = self.0.rotations.look(name).await? else { return Ok(None) };
        let cached = self.cached(&look, before);
        let usable = cached.filter(|cached| {
            cached.is_usable(min_life, Instant::now())
                && !self.is_spoilt(name.as_str(), cached.version)
        });
        Ok(usable.map(|cached| cached.into_token()))
    }
}
