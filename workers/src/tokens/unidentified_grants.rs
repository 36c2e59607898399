//! Accounts in use whose Zoom user id is not known yet.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use zoomd_wire::AccountName;

/// Names that are kept; others are heard of again with their next rotation.
const MOST: usize = 10_000;

/// Reported by any call that meets one, resolved by a task.
#[derive(Debug, Default)]
pub(crate) struct UnidentifiedGrants {
    waiting: Mutex<BTreeSet<AccountName>>,
    told: Notify,
}

impl UnidentifiedGrants {
    pub(super) fn tell(&self, account: &AccountName) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST {
            waiting.insert(account.clone());
            self.told.notify_one();
        }
    }

    pub(crate) async fn next(&self) -> AccountName {
        loop {
            let first = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
            match first {
                Some(account) => return account,
                None => self.told.notified().await,
            }
        }
    }
}
