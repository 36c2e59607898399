//! The public streams, from the outside: what any producer and any consumer
//! does. `zoomd enqueue`, `result tail` and `dev` come this way, with the same
//! commands that are open to a program in any language.

use std::time::Duration;

use redis::{FromRedisValue as _, Pipeline, Value};

use crate::clock::ms;
use crate::redis::conn::Conn;
use crate::{Keys, Store, StoreError};

/// One of the public streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Jobs from producers.
    Jobs,
    /// Successes.
    Results,
    Failures,
    /// Events of accounts and waiting jobs.
    Events,
}

impl Stream {
    fn key(self, keys: &Keys) -> String {
        match self {
            Self::Jobs => keys.jobs(),
            Self::Results => keys.results(),
            Self::Failures => keys.failures(),
            Self::Events => keys.events(),
        }
    }
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Item {
    /// The stream it stands in.
    pub stream: Stream,
    pub id: String,
    /// Fields, in their order.
    pub fields: Vec<(String, String)>,
}

impl Item {
    /// The value of a field; empty when there is none.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v)
    }
}

/// Adds jobs, one entry each, in one round trip; answers the entries' ids.
///
/// # Errors
/// Fails if Redis cannot be reached or takes no writes. Some may have been added then.
pub async fn enqueue<S: AsRef<str>>(store: &Store, jobs: &[S]) -> Result<Vec<String>, StoreError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let key = store.keys().jobs();
    let mut pipeline = Pipeline::with_capacity(jobs.len());
    for job in jobs {
        pipeline.cmd("XADD").arg(&key).arg("*").arg("job").arg(job.as_ref());
    }
    let answers = store.connection().values(&pipeline).await?;
    let id = |answer: Value| Ok(String::from_redis_value(answer.extract_error()?)?);
    answers.into_iter().map(id).collect()
}

/// Follows some streams without a group of its own.
#[derive(Debug)]
pub struct Tail {
    conn: Conn,
    at: Vec<(Stream, String, String)>,
}

impl Tail {
    /// From what is there when this is called; nothing older.
    pub async fn from_now(store: &Store, streams: &[Stream]) -> Result<Self, StoreError> {
        let mut tail = Self::from_start(store, streams);
        for (stream, key, last) in &mut tail.at {
            let newest = newest(store, *stream, key, 1).await?;
            if let Some(item) = newest.into_iter().next() {
                *last = item.id;
            }
        }
        Ok(tail)
    }

    /// From the oldest entry that is kept.
    #[must_use]
    pub fn from_start(store: &Store, streams: &[Stream]) -> Self {
        let place = |s: &Stream| (*s, s.key(store.keys()), "0-0".to_owned());
        Self { conn: store.blocking_connection(), at: streams.iter().map(place).collect() }
    }

    /// Behind these entries.
    #[must_use]
    pub fn behind(store: &Store, places: &[(Stream, zoomd_wire::EntryId)]) -> Self {
        let place =
            |(s, id): &(Stream, zoomd_wire::EntryId)| (*s, s.key(store.keys()), id.to_string());
        Self { conn: store.blocking_connection(), at: places.iter().map(place).collect() }
    }

    /// New entries, oldest first within each stream; none if `block` passed without any.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached. Nothing is lost: call again.
    pub async fn next(&mut self, block: Duration, count: usize) -> Result<Vec<Item>, StoreError> {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(count.max(1));
        // BLOCK 0 would mean for ever.
        let block_ms = ms(block).max(1);
        command.arg("BLOCK").arg(block_ms).arg("STREAMS");
        for (_, key, _) in &self.at {
            command.arg(key);
        }
        for (_, _, last) in &self.at {
            command.arg(last);
        }
        let answer = self.conn.blocking(&command, block).await?;
        if answer == Value::Nil {
            return Ok(Vec::new());
        }
        let mut items = Vec::new();
        let found: Vec<(String, Vec<Entry>)> = redis::from_redis_value(answer)?;
        for (key, entries) in found {
            let Some(place) = self.at.iter_mut().find(|(_, k, _)| *k == key) else { continue };
            for (id, fields) in entries {
                place.2.clone_from(&id);
                items.push(Item { stream: place.0, id, fields });
            }
        }
        Ok(items)
    }
}

/// An entry as Redis answers it: its id, its fields.
type Entry = (String, Vec<(String, String)>);

/// The newest entries of a stream, newest first.
pub async fn latest(store: &Store, stream: Stream, count: usize) -> Result<Vec<Item>, StoreError> {
    newest(store, stream, &stream.key(store.keys()), count).await
}

/// Entries of a stream behind the entry `after`, oldest first; from the oldest that is kept
/// without one.
pub async fn page(
    store: &Store,
    stream: Stream,
    after: Option<zoomd_wire::EntryId>,
    count: usize,
) -> Result<Vec<Item>, StoreError> {
    let from = after.map_or_else(|| "-".to_owned(), |id| format!("({id}"));
    let mut command = redis::cmd("XRANGE");
    command.arg(stream.key(store.keys())).arg(from).arg("+").arg("COUNT").arg(count.max(1));
    let entries: Vec<Entry> = redis::from_redis_value(store.connection().value(&command).await?)?;
    Ok(entries.into_iter().map(|(id, fields)| Item { stream, id, fields }).collect())
}

async fn newest(
    store: &Store,
    stream: Stream,
    key: &str,
    count: usize,
) -> Result<Vec<Item>, StoreError> {
    let mut command = redis::cmd("XREVRANGE");
    command.arg(key).arg("+").arg("-").arg("COUNT").arg(count.max(1));
    let entries: Vec<Entry> = redis::from_redis_value(store.connection().value(&command).await?)?;
    Ok(entries.into_iter().map(|(id, fields)| Item { stream, id, fields }).collect())
}

#[cfg(test)]
mod tests {
    use redis_local::RedisServer;

    use super::*;
    use crate::StoreConfig;

    #[tokio::test]
    async fn a_tail_sees_what_comes_after_it_once_and_in_order() {
        let redis = RedisServer::start().expect("redis-server");
        let store = Store::connect(&StoreConfig::new(redis.url(), "t")).await.expect("store");
        let block = Duration::from_millis(5);
        enqueue(&store, &["before"]).await.expect("added");
        let mut tail =
            Tail::from_now(&store, &[Stream::Jobs, Stream::Results]).await.expect("tail");
        assert!(tail.next(block, 10).await.expect("read").is_empty());
        let ids = enqueue(&store, &["one", "two", "three"]).await.expect("added");
        let first = tail.next(block, 2).await.expect("read");
        let rest = tail.next(block, 2).await.expect("read");
        let seen: Vec<_> = first.iter().chain(&rest).map(|i| (&i.id, i.field("job"))).collect();
        let added: Vec<_> = ids.iter().zip(["one", "two", "three"]).collect();
        assert_eq!(seen, added);
        let all = Tail::from_start(&store, &[Stream::Jobs]).next(block, 10).await.expect("read");
        assert_eq!(all.len(), 4);
        let newest = latest(&store, Stream::Jobs, 1).await.expect("read");
        assert_eq!((newest[0].field("job"), newest[0].field("none")), ("three", ""));
    }
}
