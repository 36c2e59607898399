//! One rotation per account in this process, however many callers request it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use zoomd_wire::AccountName;

use crate::rotation::Ended;

/// A rotation under way.
#[derive(Debug, Clone)]
pub(super) struct Refresh {
    /// True if the account's gate is closed by now.
    pub(super) closed: watch::Receiver<bool>,
    /// Result.
    pub(super) ended: watch::Receiver<Option<Arc<Ended>>>,
}

impl Refresh {
    /// Waits until no new request of the account can start, or it is over.
    pub(super) async fn gate_closed(mut self) {
        tokio::select! {
            _ = self.closed.wait_for(|closed| *closed) => {}
            _ = self.ended.wait_for(Option::is_some) => {}
        }
    }

    /// Waits for the end; `None` when the task died.
    pub(super) async fn end(mut self) -> Option<Arc<Ended>> {
        self.ended.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone())
    }
}

/// The other end of a [`Refresh`], for the task that rotates.
#[derive(Debug)]
pub(super) struct RefreshTask {
    pub(super) closed: watch::Sender<bool>,
    pub(super) ended: watch::Sender<Option<Arc<Ended>>>,
}

#[derive(Debug, Default)]
pub(super) struct SingleFlight {
    all: Mutex<HashMap<AccountName, Refresh>>,
    finished: Notify,
}

impl SingleFlight {
    fn map(&self) -> MutexGuard<'_, HashMap<AccountName, Refresh>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, account: &str) -> Option<Refresh> {
        self.map().get(account).cloned()
    }

    /// Joins the account's flight, or makes one for the caller to fly.
    pub(super) fn join(&self, account: &AccountName) -> (Refresh, Option<RefreshTask>) {
        let mut map = self.map();
        if let Some(refresh) = map.get(account) {
            return (refresh.clone(), None);
        }
        let (closed, ended) = (watch::Sender::new(false), watch::Sender::new(None));
        let refresh = Refresh { closed: closed.subscribe(), ended: ended.subscribe() };
        map.insert(account.clone(), refresh.clone());
        (refresh, Some(RefreshTask { closed, ended }))
    }

    /// The account's flight is over.
    pub(super) fn finish(&self, account: &str, task: &RefreshTask, ended: Arc<Ended>) {
        self.map().remove(account);
        task.ended.send_replace(Some(ended));
        self.finished.notify_waiters();
    }

    /// Waits until none is under way.
    pub(super) async fn all_finished(&self) {
        loop {
            let finished = self.finished.notified();
            if self.map().is_empty() {
                return;
            }
            finished.await;
        }
    }
}
