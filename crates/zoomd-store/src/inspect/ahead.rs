//! The jobs that a waiting job stands behind.

use redis::from_redis_value;

use super::{JobView, Ops};
use crate::StoreError;

impl Ops {
    /// Ids of the jobs that stand directly before this one in its host's room, the nearest
    /// first; at most `most`.
    pub async fn ahead(&self, view: &JobView, most: u64) -> Result<Vec<String>, StoreError> {
        let (Some(account), Some(host)) = (&view.account, &view.host) else {
            return Ok(Vec::new());
        };
        let before = view.place.unwrap_or(0).saturating_sub(1);
        if before == 0 || most == 0 {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.store.keys().room(account, host));
        command.arg(before.saturating_sub(most)).arg(before - 1);
        let mut ids: Vec<String> =
            from_redis_value(self.store.connection().value(&command).await?)?;
        ids.reverse();
        Ok(ids)
    }
}
