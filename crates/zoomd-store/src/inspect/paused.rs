//! The pause of a namespace: is there one, why, and since when.

use redis::from_redis_value;

use super::Ops;
use crate::StoreError;

/// A pause of all jobs of the namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// The reason given for the pause.
    pub reason: String,
    /// The time, ms; `None`: an earlier version did it.
    pub since_ms: Option<i64>,
}

impl Ops {
    /// The pause of everything, if there is one.
    pub async fn paused(&self) -> Result<Option<Paused>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.store.keys().meta()).arg("paused").arg("paused_at");
        let (reason, since_ms): (Option<String>, Option<i64>) =
            from_redis_value(self.store.connection().value(&command).await?)?;
        Ok(reason.map(|reason| Paused { reason, since_ms }))
    }
}
