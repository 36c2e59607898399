//! Pausing and resuming all jobs of a namespace.

use jiff::Timestamp;
use redis::from_redis_value;
use zoomd_wire::{Event, EventKind};

use crate::inspect::Ops;
use crate::redis::scripts::RESUME;
use crate::{StoreError, events};

/// Sleeping lanes woken by a resume; more wake by themselves.
const WOKEN: usize = 2_000;

impl Ops {
    /// Pauses all jobs before their next call. Calls in flight continue.
    pub async fn pause(&self, reason: &str) -> Result<(), StoreError> {
        let now_ms = self.store.now_ms().await?;
        let keys = self.store.keys();
        let mut change = redis::pipe();
        change.atomic().cmd("HSET").arg(keys.meta()).arg("paused").arg(reason);
        change.arg("paused_at").arg(now_ms);
        let at = Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let kind = EventKind::NamespacePaused { reason };
        events::add(&mut change, keys, &Event { at, account: "", kind });
        for answer in self.store.connection().values(&change).await? {
            answer.extract_error()?;
        }
        Ok(())
    }

    /// Lets everything run again; false if nothing was held back.
    pub async fn resume(&self) -> Result<bool, StoreError> {
        let keys = self.store.keys();
        let call = RESUME.call().key(keys.prefix()).key(keys.meta()).key(keys.events());
        let call = call.arg(self.store.clock().ms()).arg(WOKEN);
        let resumed: u8 = from_redis_value(call.run(&self.store.connection()).await?)?;
        Ok(resumed == 1)
    }
}
