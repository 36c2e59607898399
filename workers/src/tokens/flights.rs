//! One rotation per account in this process, whoever wishes for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use zoomd_wire::AccountName;

use crate::rotation::Ended;

/// A rotation under way.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    /// Whether the account's gate is closed by now.
    pub(super) closed: watch::Receiver<bool>,
    /// How it ended.
    pub(super) ended: watch::Receiver<Option<Arc<Ended>>>,
}

impl Flight {
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

/// The other end of a [`Flight`], for the task that rotates.
#[derive(Debug)]
pub(super) struct Pilot {
    pub(super) closed: watch::Sender<bool>,
    pub(super) ended: watch::Sender<Option<Arc<Ended>>>,
}

#[derive(Debug, Default)]
pub(super) struct Flights {
    all: Mutex<HashMap<AccountName, Flight>>,
    landed: Notify,
}

impl Flights {
    fn map(&self) -> MutexGuard<'_, HashMap<AccountName, Flight>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, account: &str) -> Option<Flight> {
        self.map().get(account).cloned()
    }

    /// Joins the account's flight, or makes one for the caller to fly.
    pub(super) fn join(&self, account: &AccountName) -> (Flight, Option<Pilot>) {
        let mut map = self.map();
        if let Some(flight) = map.get(account) {
            return (flight.clone(), None);
        }
        let (closed, ended) = (watch::Sender::new(false), watch::Sender::new(None));
        let flight = Flight { closed: closed.subscribe(), ended: ended.subscribe() };
        map.insert(account.clone(), flight.clone());
        (flight, Some(Pilot { closed, ended }))
    }

    /// The account's flight is over.
    pub(super) fn land(&self, account: &str, pilot: &Pilot, ended: Arc<Ended>) {
        self.map().remove(account);
        pilot.ended.send_replace(Some(ended));
        self.landed.notify_waiters();
    }

    /// Waits until none is under way.
    pub(super) async fn all_landed(&self) {
        loop {
            let landed = self.landed.notified();
            if self.map().is_empty() {
                return;
            }
            landed.await;
        }
    }
}
