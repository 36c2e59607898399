//! Numbers of a namespace that only `/metrics` asks for.

use redis::from_redis_value;

use super::Ops;
use super::stream::Way;
use crate::StoreError;

impl Ops {
    /// Time of the last result, ms; `None` if the stream of results holds none.
    pub async fn last_success_ms(&self) -> Result<Option<i64>, StoreError> {
        let mut last = None;
        self.walk(&self.store.keys().results(), Way::NewestFirst, None, 1, |raw| {
            last = Some(raw.ms());
            false
        })
        .await?;
        Ok(last)
    }

    /// Number of token refreshes that began before this time and have no known outcome.
    pub async fn refreshes_open_since(&self, before_ms: i64) -> Result<u64, StoreError> {
        let mut count = redis::cmd("ZCOUNT");
        count.arg(self.store.keys().intents()).arg("-inf").arg(before_ms);
        Ok(from_redis_value(self.store.connection().value(&count).await?)?)
    }
}
