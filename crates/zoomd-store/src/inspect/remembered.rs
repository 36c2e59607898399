//! The memory of ids: which jobs zoomd knows already.

use redis::from_redis_value;

use super::Ops;
use crate::StoreError;
use crate::queue::memory::Memory;

/// A job under this id waits, runs, or is over and holds its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    /// Digest; `None`: its producer gave it no id.
    pub digest: Option<u64>,
}

impl Ops {
    /// Remembered state of each of these ids.
    pub async fn remembered(&self, ids: &[&str]) -> Result<Vec<Option<Remembered>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("HMGET");
        command.arg(self.store.keys().ids()).arg(ids);
        let states: Vec<Option<String>> =
            from_redis_value(self.store.connection().value(&command).await?)?;
        let known = |state: Option<String>| {
            let digest = match Memory::read(&state?)? {
                Memory::Live(live) => live.digest,
                Memory::Finished(finished) => Some(finished.digest),
            };
            Some(Remembered { digest })
        };
        Ok(states.into_iter().map(known).collect())
    }
}
