//! Start of rotations: one per account, in a task that no caller can drop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zoomd_store::StoreError;
use zoomd_store::grants::{GrantKind, GrantVersion};
use zoomd_store::rotation::Asking;
use zoomd_wire::AccountName;

use super::cache::Cached;
use super::single_flight::{Refresh, RefreshTask};
use super::{GATE_PATIENCE, Tokens, lock};
use crate::rotation::{Ended, Order, Urge, Wish};

/// Between two askings of other daemons for one account.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Ends a flight whatever happens to its task: those who wait for it, and the end of
/// the process, would wait for ever.
struct FinishOnDrop<'a> {
    tokens: &'a Tokens,
    account: &'a AccountName,
    task: &'a RefreshTask,
    /// Result; `None` when the task was dropped or panicked.
    ended: Option<Ended>,
}

impl Drop for FinishOnDrop<'_> {
    fn drop(&mut self) {
        let ended = self.ended.take().unwrap_or(Ended::Changed);
        self.tokens.0.single_flight.finish(self.account.as_str(), self.task, Arc::new(ended));
    }
}

/// Rotations of many accounts meet the same trouble.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

impl Tokens {
    /// Has `version` of the account replaced, and returns when its gate is closed.
    /// Where this process' journal cannot be written other daemons are asked, and
    /// this one takes no lease of the rotation: it would only delay them.
    pub(super) async fn replace(
        &self,
        account: AccountName,
        version: GrantVersion,
    ) -> Option<StoreError> {
        if self.journal().trouble().is_some()
            && let Some(asked) = self.left_to_others(&account, version).await
        {
            return asked
                .inspect_err(|error| tracing::debug!(%account, %error, "token refresh: could not ask another daemon"))
                .err();
        }
        let order = Order { account, wish: Wish::Replace(version), urge: Urge::Jobs };
        self.start_and_close(order).await
    }

    /// Asks other daemons to replace `version`, unless one is at it, or the account is to
    /// rest. `None`: the account's rotations spend no token, so that none is needed.
    async fn left_to_others(
        &self,
        account: &AccountName,
        version: GrantVersion,
    ) -> Option<Result<(), StoreError>> {
        let look = match self.look(account).await {
            Ok(look) => look,
            Err(error) => return Some(Err(error)),
        };
        match look {
            Some(look) if look.account.kind == GrantKind::ServerToServer => None,
            Some(look) if look.gate_closed() => Some(Ok(())),
            _ => Some(self.ask_others(account, version).await),
        }
    }

    /// Result if this process must not start a rotation: its journal cannot be written, and
    /// its lease would keep out the daemons whose journal can.
    async fn grounded(&self, order: &Order) -> Option<Ended> {
        // To see whose the account is spends nothing.
        let spares = order.urge == Urge::Command || matches!(order.wish, Wish::Reclaim);
        let trouble = self.journal().trouble().filter(|_| !spares)?;
        let look = self.look(&order.account).await.ok().flatten();
        let spends = look.is_none_or(|look| look.account.kind != GrantKind::ServerToServer);
        spends.then(|| Ended::Later { wait: ASK_AGAIN, why: trouble.to_string() })
    }

    /// The gate is closed for a moment, so that the account's jobs do not come here
    /// again at once; a daemon that was asked does not mind.
    async fn ask_others(
        &self,
        account: &AccountName,
        version: GrantVersion,
    ) -> Result<(), StoreError> {
        self.0.rotations.rest(account, ASK_AGAIN).await?;
        let nonce = format!("{:016x}", rand::random::<u64>());
        self.0.rotations.ask(account, version, &nonce, Asking::Jobs).await.map(drop)
    }

    /// Starts a rotation, or joins the one under way, and returns when the
    /// account's gate is closed, so that its jobs are not handed out in vain. Answers
    /// why Redis did not let it begin: then the gate stays open.
    pub(super) async fn start_and_close(&self, order: Order) -> Option<StoreError> {
        let refresh = self.start_rotation(order);
        let ended = refresh.ended.clone();
        let _ = tokio::time::timeout(GATE_PATIENCE, refresh.gate_closed()).await;
        match ended.borrow().as_deref() {
            Some(Ended::Store(error)) => Some(error.clone()),
            _ => None,
        }
    }

    pub(super) fn start_rotation(&self, order: Order) -> Refresh {
        let (refresh, task) = self.0.single_flight.join(&order.account);
        if let Some(task) = task {
            // Nobody waits for this task, and nobody can drop it: what it sends
            // must be brought to its end.
            tokio::spawn(self.clone().refresh(order, task));
        }
        refresh
    }

    async fn refresh(self, order: Order, task: RefreshTask) {
        let task = Arc::new(task);
        let mut finish =
            FinishOnDrop { tokens: &self, account: &order.account, task: &task, ended: None };
        let rotated = {
            let (tokens, order, task) = (self.clone(), order.clone(), Arc::clone(&task));
            tokio::spawn(async move {
                let _permit = tokens.0.permits.acquire().await;
                if tokens.is_closing() {
                    return Ended::Changed;
                }
                if let Some(ended) = tokens.grounded(&order).await {
                    return ended;
                }
                tokens.0.rotator.rotate(&order, &task.closed).await
            })
        };
        let ended = rotated.await.unwrap_or_else(|error| {
            tracing::error!(account = %order.account, %error, "token refresh: the task failed; a reply it staged is kept");
            self.0.rotator.died(&order.account);
            self.0.repair_now.notify_one();
            Ended::Changed
        });
        let account = &order.account;
        match &ended {
            Ended::Rotated(fresh) => {
                if fresh.stranger {
                    self.0.unidentified_grants.tell(account);
                }
                let cached = Cached {
                    version: fresh.version,
                    access: fresh.access.clone(),
                    client: fresh.client.clone(),
                    scope: fresh.scope.clone(),
                    life: fresh.life,
                    issued: fresh.issued,
                };
                self.0.cache.put(account, cached);
            }
            Ended::Later { wait, why } => {
                tracing::debug!(%account, ?wait, why, "token refresh: not now");
            }
            // Told once a minute for all that use Redis, not for each account.
            Ended::Store(error) if error.is_transient() => {
                tracing::debug!(%account, %error, "token refresh: redis is unavailable");
            }
            Ended::Store(error) => {
                let mut warned = lock(&self.0.warned);
                if warned.0.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS) {
                    let left_out = warned.1;
                    *warned = (Some(Instant::now()), 0);
                    tracing::warn!(%account, left_out, %error, "token refresh: redis refused; retrying");
                } else {
                    warned.1 += 1;
                    tracing::debug!(%account, %error, "token refresh: redis refused; retrying");
                }
            }
            _ => drop(self.0.cache.forget(account.as_str())),
        }
        finish.ended = Some(ended);
    }

    /// Rotates and waits for the end.
    pub(crate) async fn run(&self, order: Order) -> Arc<Ended> {
        let ended = self.start_rotation(order).end().await;
        ended.unwrap_or_else(|| Arc::new(Ended::Changed))
    }
}
