//! Pausing and resuming all jobs of a namespace.

use redis::from_redis_value;

use crate::StoreError;
use crate::inspect::Ops;
use crate::redis::scripts::RESUME;

/// Sleeping lanes woken by a resume; more wake by themselves.
const WOKEN: usize = 2_000;

impl Ops {
    /// Pauses all jobs before their next call. Calls in flight continue.
    pub async fn pause(&self, reason: &str) -> Result<(), StoreError> {
        let now_ms = self.store.now_ms().await?;
        let mut command = redis::cmd("HSET");
        command.arg(self.store.keys().meta()).arg("paused").arg(reason);
        command.arg("paused_at").arg(now_ms);
        self.store.connection().value(&command).await?;
        Ok(())
    }

    /// Lets everything run again; false if nothing was held back.
    pub async fn resume(&self) -> Result<bool, StoreError> {
        let keys = self.store.keys();
        let call = RESUME.call().key(keys.prefix()).key(keys.meta());
        let call = call.arg(self.store.clock().ms()).arg(WOKEN);
        let resumed: u8 = from_redis_value(call.run(&self.store.connection()).await?)?;
        Ok(resumed == 1)
    }
}
