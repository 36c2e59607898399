//! Whether more than one memory knows of a record: an intent to send a token, or
//! that a call left which nobody could find again.
//!
//! `WAIT` where there are replicas: a failover must not forget what may be spent
//! or made, so a replica that does not confirm is an error. `WAITAOF` where the
//! server has it (Redis 7.2, Valkey): the record is in the journal of its host as
//! well, so a disk that does not confirm in time is told and not waited for again
//! for a while. Under `appendfsync everysec` that wait is up to a second, and a
//! blocked connection serves nobody else: so one wait confirms all that was
//! written before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::Value;
use tokio::sync::Mutex;

use crate::error::ErrorKind;
use crate::{Conn, StoreError};

/// How long a replica, or the disk, may take to confirm.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a disk that did not confirm is not asked again.
const DISK_REST: Duration = Duration::from_secs(60);

/// A connection of its own for what must be confirmed. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Durable(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    conn: Conn,
    /// Writes that were answered.
    written: AtomicU64,
    rounds: Mutex<Rounds>,
    /// Whether the server said that it has no `WAITAOF`.
    no_waitaof: AtomicBool,
}

#[derive(Debug, Default)]
struct Rounds {
    /// The writes that the last wait was about: all up to this one.
    upto: u64,
    /// How it ended.
    refused: Option<StoreError>,
    disk_rests_until: Option<Instant>,
}

impl Durable {
    pub(crate) fn new(conn: Conn) -> Self {
        Self(Arc::new(Inner {
            conn,
            written: AtomicU64::new(0),
            rounds: Mutex::default(),
            no_waitaof: AtomicBool::new(false),
        }))
    }

    /// Where to write what is to be confirmed.
    pub(crate) fn conn(&self) -> &Conn {
        &self.0.conn
    }

    /// Waits until what the caller has written here is confirmed.
    ///
    /// # Errors
    /// That no replica did.
    pub(crate) async fn confirm(&self) -> Result<(), StoreError> {
        let mine = self.0.written.fetch_add(1, Ordering::Relaxed) + 1;
        let mut rounds = self.0.rounds.lock().await;
        if rounds.upto < mine {
            // All of these were answered before the wait that follows.
            rounds.upto = self.0.written.load(Ordering::Relaxed);
            rounds.refused = self.wait(&mut rounds.disk_rests_until).await.err();
        }
        rounds.refused.clone().map_or(Ok(()), Err)
    }

    async fn wait(&self, disk_rests_until: &mut Option<Instant>) -> Result<(), StoreError> {
        if self.replicas().await > 0 {
            self.replica_has_it().await?;
        }
        let rests = disk_rests_until.is_some_and(|until| Instant::now() < until);
        if !rests && !self.disk_has_it().await? {
            tracing::warn!(
                "redis' disk did not confirm a record within {PATIENCE:?}; it is not asked for a while"
            );
            *disk_rests_until = Some(Instant::now() + DISK_REST);
        }
        Ok(())
    }

    async fn replicas(&self) -> usize {
        match self.0.conn.value(&redis::cmd("ROLE")).await {
            Ok(Value::Array(role)) => match role.get(2) {
                Some(Value::Array(replicas)) => replicas.len(),
                _ => 0,
            },
            _ => 0,
        }
    }

    async fn replica_has_it(&self) -> Result<(), StoreError> {
        let mut wait = redis::cmd("WAIT");
        wait.arg(1).arg(PATIENCE.as_millis() as u64);
        let confirmed: u64 = redis::from_redis_value(self.0.conn.value(&wait).await?)?;
        if confirmed > 0 {
            return Ok(());
        }
        Err(StoreError::new(ErrorKind::ReadOnly, "no replica confirmed the record"))
    }

    /// Whether the disk has it, or is not to have it: a server without the
    /// command, or without an AOF.
    async fn disk_has_it(&self) -> Result<bool, StoreError> {
        if self.0.no_waitaof.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let mut wait = redis::cmd("WAITAOF");
        wait.arg(1).arg(0).arg(PATIENCE.as_millis() as u64);
        match self.0.conn.value(&wait).await.map_err(StoreError::from) {
            Ok(answer) => {
                let (local, _): (u64, u64) = redis::from_redis_value(answer)?;
                Ok(local > 0)
            }
            Err(error) if error.is_transient() => Err(error),
            Err(error) => {
                if error.to_string().contains("unknown command") {
                    self.0.no_waitaof.store(true, Ordering::Relaxed);
                }
                tracing::debug!(%error, "redis cannot say what is on its disk");
                Ok(true)
            }
        }
    }
}
