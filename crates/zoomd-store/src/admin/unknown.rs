//! Creates whose outcome stayed unknown, for the jobs that name them: what is kept of such
//! a create, and the mark that a delete leaves on it.

use crate::StoreError;
use crate::inspect::{DELETED_BY, FailureRecord, Ops};
use crate::queue::Step;

impl Ops {
    /// A create that ended as `outcome_unknown` in this run; `None`: its failure is not kept
    /// any more.
    pub async fn unknown_create(
        &self,
        id: &str,
        run: u32,
    ) -> Result<Option<FailureRecord>, StoreError> {
        self.failure_record(&failure_of(id, run)).await
    }

    /// Marks the failure of such a create: `by` deleted its meeting, or proved that there is
    /// none. A retry of it must be forced from then on. `what` is for its story.
    pub async fn mark_deleted(
        &self,
        id: &str,
        run: u32,
        by: &str,
        what: String,
    ) -> Result<(), StoreError> {
        let Some(FailureRecord { mut record, .. }) = self.unknown_create(id, run).await? else {
            return Ok(());
        };
        let now_ms = self.store.now_ms().await?;
        record.story.push(Step::note(now_ms, what));
        let record = serde_json::to_string(&record).unwrap_or_default();
        let mut write = redis::cmd("HSET");
        write.arg(self.store.keys().failure(&failure_of(id, run)));
        write.arg(DELETED_BY).arg(by).arg("record").arg(record);
        self.store.connection().value(&write).await?;
        Ok(())
    }
}

fn failure_of(id: &str, run: u32) -> String {
    format!("{id}#{run}")
}
