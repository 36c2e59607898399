//! Redis connections that reconnect by themselves, all of a process together.
//!
//! A [`Conn`] is a handle on one multiplexed connection, shared by its clones. Connections
//! made from one another share an epoch. When one of them breaks, or its server became a
//! replica, gave a slot away or has another run id, all connections are dropped immediately
//! with their running commands. The next command of each reconnects: it finds the master
//! again and checks its role and run id first. No command is repeated here; only the caller
//! knows whether that is safe. Blocking reads and pub/sub have connections of their own.
//!
//! Invariant: a command is sent only over a connection of the generation that was current
//! when the command was given, and a reply counts only while that generation lasts. So
//! nothing is written to a server that was left, and a caller that checked a server sends its
//! command to that server or to none.

mod cluster;
mod epoch;
mod link;
mod master;
mod open;
mod query;
mod refused_at_once;
mod sentinel;
mod subscription;
mod target;
mod tls;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Cmd, Pipeline, RedisError, RedisFuture, Value};
use tokio::sync::{Mutex, watch};

use crate::error::needs_another_connection;

use epoch::Epoch;
pub(crate) use subscription::Subscription;
use target::Place;
pub use target::Target;
pub use tls::TlsFiles;

/// Time limit for a server to accept a connection and greet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for an answer. A script's worst case is far below; an AOF rewrite on a slow disk is
/// not.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed attempt other attempts fail immediately for this long, so that a hundred callers
/// do not make a hundred attempts.
const ATTEMPT_GAP: Duration = Duration::from_millis(100);

/// A shared, self-healing connection.
#[derive(Debug, Clone)]
pub struct Conn {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: Target,
    live: std::sync::RwLock<Option<Live>>,
    connecting: Mutex<Option<Failed>>,
    epoch: Arc<Epoch>,
}

#[derive(Debug, Clone)]
struct Live {
    number: u64,
    generation: u64,
    link: MultiplexedConnection,
}

#[derive(Debug)]
struct Failed {
    at: Instant,
    error: RedisError,
}

impl Conn {
    /// A handle that connects with its first command.
    #[must_use]
    pub fn lazy(target: Target) -> Self {
        Self::sharing(target, Arc::default())
    }

    fn sharing(target: Target, epoch: Arc<Epoch>) -> Self {
        Self {
            shared: Arc::new(Shared {
                target,
                live: std::sync::RwLock::new(None),
                connecting: Mutex::new(None),
                epoch,
            }),
        }
    }

    /// Number of renewals of the connections. Tells idle users of a connection that the Redis
    /// behind the next may be another.
    #[must_use]
    pub fn renewals(&self) -> watch::Receiver<u64> {
        self.shared.epoch.generations()
    }

    /// Another connection to the same server, not shared yet.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::sharing(self.shared.target.clone(), Arc::clone(&self.shared.epoch))
    }

    /// Sends one command.
    pub async fn value(&self, cmd: &Cmd) -> Result<Value, RedisError> {
        let mut live = self.live().await?;
        let generation = live.generation;
        let answer = pin!(async { live.link.send_packed_command(cmd).await.and_then(refusal) });
        self.shared.epoch.judge(generation, answer).await
    }

    /// Sends a blocking command (`XREADGROUP … BLOCK`), giving up `grace` after
    /// the server should have answered. Use a connection of its own for it.
    pub async fn blocking(&self, cmd: &Cmd, block: Duration) -> Result<Value, RedisError> {
        let mut live = self.live().await?;
        live.link.set_response_timeout(block + RESPONSE_TIMEOUT);
        let generation = live.generation;
        let answer = pin!(async { live.link.send_packed_command(cmd).await.and_then(refusal) });
        self.shared.epoch.judge(generation, answer).await
    }

    /// Sends a pipeline and answers every command's value.
    pub async fn values(&self, pipeline: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let (offset, count) =
            if pipeline.is_transaction() { (pipeline.len() + 1, 1) } else { (0, pipeline.len()) };
        self.packed(pipeline, offset, count).await
    }

    /// Sends a pipeline over the connection of this [`number`](Self::number) alone:
    /// what it rests on (a `WATCH`, a write to be confirmed) is known there only.
    ///
    /// # Errors
    /// Also fails if the connection was replaced meanwhile.
    pub async fn values_over(
        &self,
        number: u64,
        pipeline: &Pipeline,
    ) -> Result<Vec<Value>, RedisError> {
        let live = self.live().await?;
        if live.number != number {
            return Err(epoch::left());
        }
        self.sent(live, pipeline, 0, pipeline.len()).await
    }

    async fn packed(
        &self,
        pipeline: &Pipeline,
        offset: usize,
        count: usize,
    ) -> Result<Vec<Value>, RedisError> {
        let live = self.live().await?;
        self.sent(live, pipeline, offset, count).await
    }

    async fn sent(
        &self,
        mut live: Live,
        pipeline: &Pipeline,
        offset: usize,
        count: usize,
    ) -> Result<Vec<Value>, RedisError> {
        let generation = live.generation;
        let answer = pin!(live.link.send_packed_commands(pipeline, offset, count));
        let answer = self.shared.epoch.judge(generation, answer).await;
        for value in answer.iter().flatten() {
            if let Value::ServerError(error) = value
                && needs_another_connection(&RedisError::from(error.clone()))
            {
                self.shared.epoch.leave(generation);
            }
        }
        answer
    }

    /// A number that changes with each new connection: state of the old one (a `WATCH`) is lost. 0
    /// while there is none.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.current().map_or(0, |live| live.number)
    }

    /// Connects, where there is no connection, and answers its
    /// [`number`](Self::number): what was sent before and after over one with the
    /// same number went to one server, in this order.
    pub async fn connected(&self) -> Result<u64, RedisError> {
        Ok(self.live().await?.number)
    }

    /// Opens a connection that listens to these channels. It says nothing of being
    /// left: watch [`renewals`](Self::renewals).
    ///
    /// # Errors
    /// Fails if there is no connection or no right to a channel.
    pub(crate) async fn subscribe(&self, channels: &[String]) -> Result<Subscription, RedisError> {
        let finding = open::client(&self.shared.target, &self.shared.epoch);
        Subscription::open(&link::within(CONNECT_TIMEOUT, finding).await?, channels).await
    }

    /// Listens to the sentinels, if the URL names any: all connections are renewed as soon as one
    /// of them reports a new master. Never ends.
    pub async fn watch_master(&self) {
        match &self.shared.target.place {
            Place::Sentinel(sentinels) => {
                sentinel::listen(&self.shared.target, sentinels, &self.shared.epoch).await;
            }
            Place::Server(_) | Place::Cluster { .. } => std::future::pending().await,
        }
    }

    /// The connection of the current generation, if there is one.
    fn current(&self) -> Option<Live> {
        let now = self.shared.epoch.now();
        read(&self.shared.live).as_ref().filter(|live| live.generation == now).cloned()
    }

    async fn live(&self) -> Result<Live, RedisError> {
        let generation = self.shared.epoch.now();
        match self.current() {
            Some(live) => Ok(live),
            // In a box: each command's future would have room for it.
            None => Box::pin(self.connect(generation)).await,
        }
    }

    async fn connect(&self, generation: u64) -> Result<Live, RedisError> {
        let epoch = &self.shared.epoch;
        let mut connecting = self.shared.connecting.lock().await;
        if epoch.now() != generation {
            return Err(epoch::left());
        }
        if let Some(live) = self.current() {
            return Ok(live);
        }
        if let Some(failed) = connecting.as_ref().filter(|f| f.at.elapsed() < ATTEMPT_GAP) {
            return Err(failed.error.clone());
        }
        *write(&self.shared.live) = None;
        let opening = open::checked(&self.shared.target, epoch);
        let opened = epoch.while_it_lasts(generation, opening).await;
        // An attempt that a renewal ended says nothing of the server.
        let (link, run_id) = opened.inspect_err(|error| {
            *connecting = (epoch.now() == generation)
                .then(|| Failed { at: Instant::now(), error: error.clone() });
        })?;
        *connecting = None;
        let Some(of) = epoch.met(generation, &run_id) else { return Err(epoch::left()) };
        let live = Live { number: rand::random::<u64>() | 1, generation: of, link };
        *write(&self.shared.live) = Some(live.clone());
        // The caller may have read the previous server; this is another one.
        if of == generation { Ok(live) } else { Err(epoch::left()) }
    }
}

/// An answer that is an error becomes one. Only scripts and `EXEC` answer with
/// errors further inside, and what reads theirs looks for them.
pub(crate) fn refusal(answer: Value) -> Result<Value, RedisError> {
    match answer {
        Value::ServerError(error) => Err(error.into()),
        answer => Ok(answer),
    }
}

impl ConnectionLike for Conn {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move { self.value(cmd).await })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move { self.packed(pipeline, offset, count).await })
    }

    fn get_db(&self) -> i64 {
        self.shared.target.database()
    }
}

fn read<T>(lock: &std::sync::RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(lock: &std::sync::RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Futures stay small: a waiting command does not contain the setup of a connection.
    #[test]
    fn a_command_has_no_room_for_the_making_of_a_connection() {
        let conn = Conn::lazy(Target::parse("redis://127.0.0.1:1", "w").expect("a url"));
        let (one, many) = (redis::cmd("PING"), redis::pipe());
        let sizes = [size_of_val(&conn.value(&one)), size_of_val(&conn.values(&many))];
        assert!(sizes.iter().all(|size| *size <= 2_048), "{sizes:?} bytes");
    }
}
