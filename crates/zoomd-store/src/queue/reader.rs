//! Reading the producers' stream.
//!
//! A [`Reader`] is one consumer of the group, on a connection of its own. After
//! each (re)connect it first reads what it was given before: answers may have
//! been lost. Between reads it looks, every few seconds, for entries that lie
//! idle with any consumer, dead ones above all, and takes them over; whether
//! they are in hand after all is admission's to say. What Redis lost (the group,
//! the stream) is made again. An error ends one call, never the reader.

mod decode;

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;

use super::Queue;
use super::entry::Entry;
use crate::clock::ms;
use crate::error::ErrorKind;
use crate::redis::conn::Conn;
use crate::{Keys, StoreError};

/// Time limit of one blocking read; also the longest time that a stop takes.
const BLOCK: Duration = Duration::from_millis(1000);

/// One consumer of the jobs stream.
#[derive(Debug)]
pub struct Reader {
    conn: Conn,
    keys: Keys,
    consumer: Arc<str>,
    /// Entries idle for this long are taken over.
    idle: Duration,
    /// The connection whose backlog has been read.
    read_by: u64,
    /// Position in its own backlog; `None` once that is read.
    backlog: Option<String>,
    /// Position of the scan for idle entries, and the time of the next scan.
    scan: String,
    scan_at: Instant,
}

impl Queue {
    /// The reader of this daemon: its consumer's name is the boot id.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let idle = self.settings.lease;
        Reader {
            conn: self.store.blocking_connection(),
            keys: self.store.keys().clone(),
            consumer: Arc::clone(&self.boot),
            idle,
            read_by: 0,
            backlog: None,
            scan: "0-0".to_owned(),
            scan_at: Instant::now() + idle / 3,
        }
    }
}

impl Reader {
    /// The next entries, at most `count`; none when a second passed without any.
    /// Not to be dropped half-way: what it was given then would lie idle until
    /// it is taken over.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached, or the stream's key is not a stream. The next call
    /// resumes at the same place; wait a little before it.
    pub async fn next(&mut self, count: usize) -> Result<Vec<Entry>, StoreError> {
        match self.read(count.max(1)).await {
            Err(error) if error.kind() == ErrorKind::NoGroup => {
                self.make_group().await?;
                self.read(count.max(1)).await
            }
            other => other,
        }
    }

    /// Gives up the consumer's name when nothing is pending for it.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached; a later clean-up then removes the name.
    pub async fn leave(self) -> Result<(), StoreError> {
        let pending = redis::cmd("XPENDING")
            .arg(self.keys.jobs())
            .arg("zoomd")
            .arg("-")
            .arg("+")
            .arg(1)
            .arg(&*self.consumer)
            .to_owned();
        if let Value::Array(pending) = self.conn.value(&pending).await?
            && pending.is_empty()
        {
            let mut delete = redis::cmd("XGROUP");
            delete.arg("DELCONSUMER").arg(self.keys.jobs()).arg("zoomd").arg(&*self.consumer);
            self.conn.value(&delete).await?;
        }
        Ok(())
    }

    async fn read(&mut self, count: usize) -> Result<Vec<Entry>, StoreError> {
        let number = self.conn.number();
        if number == 0 || number != self.read_by {
            self.backlog = Some("0-0".to_owned());
        }
        while let Some(from) = self.backlog.clone() {
            let (entries, gone) = self.read_from(&from, count, None).await?;
            self.read_by = self.conn.number();
            // Deleted entries are acknowledged: there may be others behind them.
            let behind = entries.last().map(|entry| entry.id.to_string());
            self.backlog = behind.or((gone > 0).then_some(from));
            if !entries.is_empty() {
                return Ok(again(entries));
            }
        }
        if Instant::now() >= self.scan_at {
            let entries = self.take_idle(count).await?;
            if !entries.is_empty() {
                return Ok(again(entries));
            }
        }
        Ok(self.read_from(">", count, Some(BLOCK)).await?.0)
    }

    /// Entries, and the number of deleted ones.
    async fn read_from(
        &self,
        from: &str,
        count: usize,
        block: Option<Duration>,
    ) -> Result<(Vec<Entry>, usize), StoreError> {
        let mut cmd = redis::cmd("XREADGROUP");
        cmd.arg("GROUP").arg("zoomd").arg(&*self.consumer).arg("COUNT").arg(count);
        if let Some(block) = block {
            cmd.arg("BLOCK").arg(ms(block));
        }
        cmd.arg("STREAMS").arg(self.keys.jobs()).arg(from);
        let answer = self.conn.blocking(&cmd, block.unwrap_or_default()).await?;
        let (entries, deleted) = decode::read(answer)?;
        self.acknowledge(&deleted).await?;
        Ok((entries, deleted.len()))
    }

    async fn take_idle(&mut self, count: usize) -> Result<Vec<Entry>, StoreError> {
        let mut cmd = redis::cmd("XAUTOCLAIM");
        cmd.arg(self.keys.jobs()).arg("zoomd").arg(&*self.consumer).arg(ms(self.idle));
        cmd.arg(&self.scan).arg("COUNT").arg(count);
        let decode::Taken { next, entries: (entries, deleted), unnamed } =
            decode::autoclaim(self.conn.value(&cmd).await?)?;
        self.acknowledge(&deleted).await?;
        if unnamed {
            self.backlog = Some("0-0".to_owned());
        }
        if next == "0-0" {
            self.scan_at = Instant::now() + self.idle / 3;
        }
        self.scan = next;
        Ok(entries)
    }

    /// Entries that are pending but not in the stream any more: a producer
    /// trimmed it. Nothing can be done for them.
    async fn acknowledge(&self, deleted: &[Arc<str>]) -> Result<(), StoreError> {
        if deleted.is_empty() {
            return Ok(());
        }
        metrics::counter!("zoomd_entries_vanished_total").increment(deleted.len() as u64);
        tracing::warn!(
            entries = deleted.len(),
            first = &*deleted[0],
            "jobs stream: entries were deleted before zoomd read them; does a producer trim the stream?"
        );
        let mut cmd = redis::cmd("XACK");
        cmd.arg(self.keys.jobs()).arg("zoomd");
        deleted.iter().for_each(|id| {
            cmd.arg(&**id);
        });
        self.conn.value(&cmd).await?;
        Ok(())
    }

    async fn make_group(&self) -> Result<(), StoreError> {
        let mut cmd = redis::cmd("XGROUP");
        cmd.arg("CREATE").arg(self.keys.jobs()).arg("zoomd").arg("0").arg("MKSTREAM");
        match self.conn.value(&cmd).await {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(error.into()),
            _ => {
                tracing::info!(
                    stream = self.keys.jobs(),
                    "redis: created the consumer group of the jobs stream"
                );
                Ok(())
            }
        }
    }
}

fn again(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.iter_mut().for_each(|entry| entry.again = true);
    entries
}
