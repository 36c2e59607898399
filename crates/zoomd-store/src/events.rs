//! Events of `<ns>:events` that are no step of a script: what a daemon sees, and what
//! happens to daemons and to the whole namespace.

use std::time::Duration;

use redis::Pipeline;
use zoomd_wire::Event;

use crate::clock::ms;
use crate::{Keys, Store, StoreError};

/// Adds an event to a pipeline.
pub(crate) fn add(pipeline: &mut Pipeline, keys: &Keys, event: &Event<'_>) {
    pipeline.cmd("XADD").arg(keys.events()).arg("*").arg("event").arg(event.name());
    pipeline.arg("account").arg(event.account).arg("data").arg(event.to_json());
}

impl Store {
    /// Publishes an event, unless one of the same cause was published within `rest`, by
    /// any daemon.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached; the event may be lost then.
    pub async fn publish_once(
        &self,
        event: &Event<'_>,
        cause: &str,
        rest: Duration,
    ) -> Result<bool, StoreError> {
        let mut mark = redis::cmd("SET");
        mark.arg(self.keys().told(cause)).arg(1).arg("NX").arg("PX").arg(ms(rest).max(1));
        let first: Option<String> = redis::from_redis_value(self.connection().value(&mark).await?)?;
        if first.is_some() {
            self.publish(std::slice::from_ref(event)).await?;
        }
        Ok(first.is_some())
    }

    /// Publishes events.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached; some may have been published then.
    pub async fn publish(&self, events: &[Event<'_>]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        events.iter().for_each(|event| add(&mut pipeline, self.keys(), event));
        for answer in self.connection().values(&pipeline).await? {
            answer.extract_error()?;
        }
        Ok(())
    }
}
