//! Jobs that were sent twice, and the second meetings that were found.
//!
//! A look that is due is put off as it is handed out, and forgotten only when
//! it was made: a daemon that ends in between leaves it to another.

use std::time::Duration;

use crate::clock::ms;
use crate::redis::scripts::{DUPLICATES_DUE, DUPLICATES_WATCH};
use crate::{Store, StoreError};

/// Maximum number of jobs that wait for their check; more are not checked.
const MOST: usize = 10_000;
/// Time for which found duplicates are shown.
const SHOWN: Duration = Duration::from_secs(30 * 24 * 3600);

/// Checks for duplicate meetings in a namespace.
#[derive(Debug, Clone)]
pub struct Duplicates {
    store: Store,
}

impl Duplicates {
    /// The checks of the namespace of `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Schedules a later check of a job; `note` holds the details that the check needs. False: too
    /// many wait.
    pub async fn watch(&self, job: &str, after: Duration, note: &str) -> Result<bool, StoreError> {
        let call = DUPLICATES_WATCH
            .call()
            .key(self.store.keys().prefix())
            .arg(self.store.clock().ms())
            .arg(job)
            .arg(ms(after))
            .arg(note)
            .arg(MOST);
        Ok(redis::from_redis_value(call.run(&self.store.connection()).await?)?)
    }

    /// Jobs whose check is due, with their notes. Each comes again later unless it is
    /// [`done`](Self::done).
    pub async fn due(
        &self,
        most: usize,
        again: Duration,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let call = DUPLICATES_DUE
            .call()
            .key(self.store.keys().prefix())
            .arg(self.store.clock().ms())
            .arg(most)
            .arg(ms(again));
        let flat: Vec<String> = redis::from_redis_value(call.run(&self.store.connection()).await?)?;
        Ok(flat.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
    }

    /// The look was made, or is given up.
    pub async fn done(&self, job: &str) -> Result<(), StoreError> {
        let keys = self.store.keys();
        let mut write = redis::pipe();
        write.cmd("ZREM").arg(keys.twins_due()).arg(job);
        write.cmd("HDEL").arg(keys.twins_notes()).arg(job);
        self.run(&write).await
    }

    /// Zoom has these meetings of one job.
    pub async fn found(&self, job: &str, meetings: &[u64]) -> Result<(), StoreError> {
        let key = self.store.keys().duplicates(job);
        let text: Vec<String> = meetings.iter().map(ToString::to_string).collect();
        let mut write = redis::pipe();
        write.cmd("SET").arg(key).arg(text.join(" ")).arg("EX").arg(SHOWN.as_secs());
        self.run(&write).await
    }

    async fn run(&self, write: &redis::Pipeline) -> Result<(), StoreError> {
        for answer in self.store.connection().values(write).await? {
            answer.extract_error()?;
        }
        Ok(())
    }
}

/// The meetings that were found of one job where there should be one; mostly none.
pub(crate) async fn of(store: &Store, job: &str) -> Result<Vec<u64>, StoreError> {
    let read = redis::cmd("GET").arg(store.keys().duplicates(job)).to_owned();
    let text: Option<String> = redis::from_redis_value(store.connection().value(&read).await?)?;
    Ok(text.unwrap_or_default().split(' ').filter_map(|id| id.parse().ok()).collect())
}
