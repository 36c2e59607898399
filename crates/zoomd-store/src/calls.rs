//! Calls to Zoom outside of jobs: commands that read from Zoom.
//!
//! Each takes an entry among those in flight on the account's access token, like an admitted job:
//! while the entry exists no rotation begins, and none is let in while a rotation is under way. It
//! is charged to the same budgets. It covers one HTTP exchange, is never renewed, and expires by
//! itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zoomd_wire::AccountName;

use crate::accounts::grants::GrantVersion;
use crate::clock::ms;
use crate::limits::{Budgets, Label};
use crate::queue::{Close, WaitReason};
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::{CALL_BEGIN, CALL_LIMITED};
use crate::{Store, StoreError};

/// Makes calls possible. Clones share nothing but the store.
#[derive(Debug, Clone)]
pub struct Calls {
    store: Store,
    budgets: Arc<Budgets>,
}

/// Permission for a call to begin now.
#[derive(Debug)]
pub enum Begun {
    /// It may.
    Go(Call),
    /// Not before this time.
    Waits {
        why: WaitReason,
        /// Earliest end of the wait, ms by Redis' clock.
        until_ms: i64,
    },
    /// The account cannot be used until an operator acts.
    State {
        /// State, as stored.
        state: String,
        /// Reason for the state.
        why: Option<String>,
    },
    /// No such account.
    NoAccount,
    /// A key of the account holds something that is not ours.
    Broken,
}

/// A call in flight. Dropped without [`Call::end`] its entry stands until its time.
#[derive(Debug)]
pub struct Call {
    store: Store,
    account: AccountName,
    id: String,
    /// The grant's version as the call began; it cannot be rotated until the
    /// call ends. `None` while the account has no grant.
    pub version: Option<GrantVersion>,
    /// The exchange must be over by then.
    pub until: Instant,
}

impl Calls {
    /// Calls within the limits of `budgets`.
    #[must_use]
    pub fn new(store: Store, budgets: Budgets) -> Self {
        Self { store, budgets: Arc::new(budgets) }
    }

    /// Asks for one call of `label`, which is over within `exchange`.
    pub async fn begin(
        &self,
        account: &AccountName,
        label: Label,
        exchange: Duration,
    ) -> Result<Begun, StoreError> {
        let id = format!("call-{:016x}", rand::random::<u64>());
        let began = Instant::now();
        let answer = CALL_BEGIN
            .call()
            .key(self.store.keys().prefix())
            .arg(self.store.clock().ms())
            .arg(account.as_str())
            .arg(&id)
            .arg(ms(exchange))
            .arg(label.as_str())
            .arg(self.budgets.table(label))
            .run(&self.store.connection())
            .await?;
        let mut answer = ScriptReply::new(answer, "a call")?;
        Ok(match answer.next()?.as_str() {
            "go" => {
                let epoch = answer.next()?.parse().ok();
                let generation = answer.next()?.parse().ok();
                let version = epoch.zip(generation);
                let version = version.map(|(epoch, generation)| GrantVersion { epoch, generation });
                let (store, account) = (self.store.clone(), account.clone());
                Begun::Go(Call { store, account, id, version, until: began + exchange })
            }
            "wait" => Begun::Waits {
                why: WaitReason::from_word(&answer.next()?).unwrap_or(WaitReason::Limited),
                until_ms: answer.next()?.parse().map_err(|_| StoreError::unexpected("a call"))?,
            },
            "state" => Begun::State {
                state: answer.next()?,
                why: Some(answer.next()?).filter(|why| !why.is_empty()),
            },
            "none" => Begun::NoAccount,
            _ => Begun::Broken,
        })
    }
}

impl Calls {
    /// Closes what Zoom named in a 429 to a call about `host`, for all jobs and
    /// calls of the Zoom account.
    pub async fn limited(
        &self,
        account: &AccountName,
        host: Option<&str>,
        close: &Close,
    ) -> Result<(), StoreError> {
        let (field, until_ms) = close.gate();
        CALL_LIMITED
            .call()
            .key(self.store.keys().prefix())
            .arg(self.store.clock().ms())
            .arg(account.as_str())
            .arg(host.unwrap_or_default())
            .arg(field)
            .arg(until_ms)
            .run(&self.store.connection())
            .await?;
        Ok(())
    }
}

impl Call {
    /// Says that the exchange is over, so that a rotation need not wait.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached; the entry then expires by itself.
    pub async fn end(self) -> Result<(), StoreError> {
        let mut remove = redis::cmd("ZREM");
        remove.arg(self.store.keys().in_flight(self.account.as_str())).arg(&self.id);
        self.store.connection().value(&remove).await?;
        Ok(())
    }
}
