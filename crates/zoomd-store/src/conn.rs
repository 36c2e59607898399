//! Connections that mend themselves.
//!
//! A [`Conn`] is a handle on one multiplexed connection, shared by its clones.
//! When it breaks, or its server turned into a replica or gave the slot away,
//! the next command makes a new one: the master is looked for again each time.
//! It repeats no command by itself; what may be sent twice is the caller's
//! knowledge. Blocking reads and pub/sub get connections of their own.

mod open;
mod target;

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::{Cmd, Pipeline, RedisError, RedisFuture, Value};
use tokio::sync::{Mutex, watch};

use crate::error::{ErrorKind, StoreError, kind_of};

pub use target::Target;

/// How long a server may take to accept and greet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take to answer. A script's worst is far below; an AOF
/// rewrite on a slow disk is not.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed attempt others fail at once for so long, so that a hundred
/// callers do not make a hundred attempts.
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
    breaks: Breaks,
}

/// How often a connection broke; shared by all that are made from one.
type Breaks = Arc<watch::Sender<u64>>;

#[derive(Debug, Clone)]
struct Live {
    number: u64,
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
        Self::counting(target, Breaks::default())
    }

    fn counting(target: Target, breaks: Breaks) -> Self {
        Self {
            shared: Arc::new(Shared {
                target,
                live: std::sync::RwLock::new(None),
                connecting: Mutex::new(None),
                breaks,
            }),
        }
    }

    /// How often one of these connections broke. Whoever used it then knows by
    /// an error; this tells all others, before a new one is made, that the
    /// Redis behind the next may be another.
    #[must_use]
    pub fn breaks(&self) -> watch::Receiver<u64> {
        self.shared.breaks.subscribe()
    }

    /// Another connection to the same place, shared with nobody yet.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::counting(self.shared.target.clone(), Arc::clone(&self.shared.breaks))
    }

    /// Sends one command.
    ///
    /// # Errors
    /// Redis' own error, or that there is no connection.
    pub async fn value(&self, cmd: &Cmd) -> Result<Value, RedisError> {
        let mut live = self.live().await?;
        let answer = live.link.send_packed_command(cmd).await.and_then(refusal);
        self.settle(live.number, answer)
    }

    /// Sends a blocking command (`XREADGROUP … BLOCK`), giving up `grace` after
    /// the server should have answered. Use a connection of its own for it.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    pub async fn blocking(&self, cmd: &Cmd, block: Duration) -> Result<Value, RedisError> {
        let mut live = self.live().await?;
        live.link.set_response_timeout(block + RESPONSE_TIMEOUT);
        let answer = live.link.send_packed_command(cmd).await.and_then(refusal);
        self.settle(live.number, answer)
    }

    /// Sends a pipeline and answers every command's value.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    pub async fn values(&self, pipeline: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let (offset, count) =
            if pipeline.is_transaction() { (pipeline.len() + 1, 1) } else { (0, pipeline.len()) };
        self.packed(pipeline, offset, count).await
    }

    async fn packed(
        &self,
        pipeline: &Pipeline,
        offset: usize,
        count: usize,
    ) -> Result<Vec<Value>, RedisError> {
        let mut live = self.live().await?;
        let answer = live.link.send_packed_commands(pipeline, offset, count).await;
        if let Ok(values) = &answer {
            let refusals = values.iter().filter_map(|value| match value {
                Value::ServerError(error) => Some(RedisError::from(error.clone())),
                _ => None,
            });
            refusals.for_each(|error| drop(self.settle::<()>(live.number, Err(error))));
        }
        self.settle(live.number, answer)
    }

    /// A number that changes whenever the connection was made anew: what lived
    /// in the old one (a `WATCH`) is gone. 0 while there is none.
    #[must_use]
    pub fn number(&self) -> u64 {
        read(&self.shared.live).as_ref().map_or(0, |live| live.number)
    }

    /// Opens a connection for pub/sub.
    ///
    /// # Errors
    /// That there is no connection.
    pub async fn pubsub(&self) -> Result<PubSub, StoreError> {
        let client = open::client(&self.shared.target).await?;
        match tokio::time::timeout(CONNECT_TIMEOUT, client.get_async_pubsub()).await {
            Ok(opened) => Ok(opened?),
            Err(_) => Err(StoreError::new(ErrorKind::Unreachable, "redis does not answer")),
        }
    }

    async fn live(&self) -> Result<Live, RedisError> {
        if let Some(live) = read(&self.shared.live).clone() {
            return Ok(live);
        }
        let mut connecting = self.shared.connecting.lock().await;
        if let Some(live) = read(&self.shared.live).clone() {
            return Ok(live);
        }
        if let Some(failed) = connecting.as_ref().filter(|f| f.at.elapsed() < ATTEMPT_GAP) {
            return Err(failed.error.clone());
        }
        match open::multiplexed(&self.shared.target).await {
            Ok(link) => {
                *connecting = None;
                let live = Live { number: rand::random::<u64>() | 1, link };
                *write(&self.shared.live) = Some(live.clone());
                Ok(live)
            }
            Err(error) => {
                *connecting = Some(Failed { at: Instant::now(), error: error.clone() });
                Err(error)
            }
        }
    }

    /// Drops the connection that gave this answer when the answer says that
    /// another one is needed.
    fn settle<T>(&self, number: u64, answer: Result<T, RedisError>) -> Result<T, RedisError> {
        if let Err(error) = &answer
            && matches!(kind_of(error), ErrorKind::Unreachable | ErrorKind::ReadOnly)
        {
            let mut live = write(&self.shared.live);
            if live.as_ref().is_some_and(|l| l.number == number) {
                self.shared.breaks.send_modify(|times| *times += 1);
                *live = None;
            }
        }
        answer
    }
}

/// An answer that is an error becomes one. Only scripts and `EXEC` answer with
/// errors further inside, and what reads theirs looks for them.
fn refusal(answer: Value) -> Result<Value, RedisError> {
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
