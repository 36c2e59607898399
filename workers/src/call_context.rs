//! The parts that every call to Zoom goes through, by any caller: a job, a look, the
//! daemon itself, or a command.
//!
//! Owns the circuits of Zoom's hosts, and what is counted and seen of calls. The calls
//! are made in [`attempt`](crate::attempt).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use zoomd_store::calls::Calls;
use zoomd_store::limits::{Budgets, Classes};
use zoomd_store::{Store, StoreError};

use crate::metric::Meters;
use crate::problems::calls::ZoomCalls;
use crate::problems::lasting::Lasting;
use crate::state::circuits::Circuits;
use crate::state::quota_headers::QuotaHeaders;
use crate::tokens::TokenSource;

/// An account without odd rows in its lists for so long is reported again.
const ODD_LISTS: Duration = Duration::from_secs(600);

/// The shared parts of all calls of one process.
pub struct CallContext {
    pub(crate) store: Store,
    /// The right to make a call that no lease paid for.
    pub(crate) calls: Calls,
    pub(crate) classes: Classes,
    /// Maximum duration of a call.
    pub(crate) request_timeout: Duration,
    pub(crate) tokens: TokenSource,
    /// The calls under way, and how calls went.
    pub(crate) open_calls: ZoomCalls,
    pub(crate) meters: Meters,
    /// Remaining daily quota, as Zoom's headers show it.
    pub(crate) quota_headers: QuotaHeaders,
    /// Rung when a room may have something to claim.
    pub(crate) wake: Arc<Notify>,
    circuits: Mutex<Circuits>,
    odd_lists: Mutex<Lasting>,
}

impl CallContext {
    /// Calls within `budgets`, each over within `request_timeout`.
    #[must_use]
    pub fn new(
        store: Store,
        budgets: &Budgets,
        request_timeout: Duration,
        tokens: impl Into<TokenSource>,
    ) -> Self {
        let tokens = tokens.into();
        Self {
            calls: Calls::new(store.clone(), budgets.clone()),
            store,
            classes: budgets.classes.clone(),
            request_timeout,
            open_calls: tokens.open_calls(),
            tokens,
            meters: Meters::default(),
            quota_headers: QuotaHeaders::new(budgets.clone()),
            wake: Arc::new(Notify::new()),
            circuits: Mutex::new(Circuits::new(request_timeout * 2)),
            odd_lists: Mutex::new(Lasting::new(ODD_LISTS)),
        }
    }

    /// Ends what was begun to have tokens.
    pub async fn close(&self) {
        self.tokens.close().await;
    }

    /// The time of Redis, which limits go by.
    pub(crate) async fn redis_now(&self) -> Result<jiff::Timestamp, StoreError> {
        let ms = self.store.now_ms().await?;
        Ok(jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    pub(crate) fn circuits(&self) -> MutexGuard<'_, Circuits> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accounts with rows in their lists that cannot be read.
    pub(crate) fn odd_lists(&self) -> MutexGuard<'_, Lasting> {
        self.odd_lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for CallContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallContext").finish_non_exhaustive()
    }
}
