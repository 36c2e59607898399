//! Names of hosts that this daemon has already reported to Redis.
//!
//! Nearly every answer of Zoom names the host again. A name that was settled once is not sent
//! again; losing this memory, or Redis losing its own, costs nothing: a host that Redis does not
//! know is always reported.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use super::{Learnt, Settlement};

/// The memory is cleared when it exceeds this number of hosts.
const MOST: usize = 50_000;

#[derive(Debug, Default)]
pub(super) struct Told {
    hosts: Mutex<HashSet<u64>>,
    state: RandomState,
}

impl Told {
    /// Host names to report with a settlement, unless they were reported before.
    pub(super) fn news<'a>(&self, item: &'a Settlement) -> Option<&'a Learnt> {
        let learnt = item.learnt.as_ref()?;
        let known = item.ticket.plain && self.lock().contains(&self.hash(item, learnt));
        (!known).then_some(learnt)
    }

    /// Notes that a settlement was taken.
    pub(super) fn note(&self, item: &Settlement) {
        if let Some(learnt) = &item.learnt {
            let hash = self.hash(item, learnt);
            let mut hosts = self.lock();
            if hosts.len() >= MOST {
                hosts.clear();
            }
            hosts.insert(hash);
        }
    }

    /// Forgets all: Redis may have.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn hash(&self, item: &Settlement, learnt: &Learnt) -> u64 {
        let ticket = &item.ticket;
        self.state.hash_one((&ticket.account, &ticket.host, &learnt.host_id, &learnt.email))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<u64>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
