//! The audit: who did what to which, when and why.
//!
//! A private stream of its own. It keeps 90 days, and of these at most the latest 200,000
//! acts, so that a program that acts without end fills no memory.

use jiff::Timestamp;
use redis::FromRedisValue as _;
use zoomd_wire::EntryId;

use crate::{Store, StoreError};

/// Retention of an act, ms.
const KEPT_MS: i64 = 90 * 24 * 3_600 * 1_000;
/// Acts that are kept, at most.
const MOST: usize = 200_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The name of the token or the person.
    pub who: String,
    /// The way: `cli`, `api`, `console`.
    pub via: String,
    /// The verb: `job.cancel`.
    pub what: String,
    /// The account or the job, if there is one.
    pub of: String,
    /// The reason that was given.
    pub reason: String,
    /// Result, in a few words.
    pub outcome: String,
}

/// An act of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Id, which tells the time.
    pub id: EntryId,
    pub act: Act,
}

const FIELDS: [&str; 6] = ["who", "via", "what", "of", "reason", "outcome"];

impl Act {
    fn values(&self) -> [&str; 6] {
        [&self.who, &self.via, &self.what, &self.of, &self.reason, &self.outcome]
    }

    fn of_fields(fields: Vec<(String, String)>) -> Self {
        let [mut who, mut via, mut what, mut of, mut reason, mut outcome] =
            [const { String::new() }; 6];
        for (name, value) in fields {
            match name.as_str() {
                "who" => who = value,
                "via" => via = value,
                "what" => what = value,
                "of" => of = value,
                "reason" => reason = value,
                "outcome" => outcome = value,
                _ => {}
            }
        }
        Self { who, via, what, of, reason, outcome }
    }
}

/// Writes an act down.
pub async fn record(store: &Store, act: &Act) -> Result<(), StoreError> {
    let key = store.keys().audit();
    let oldest = (Timestamp::now().as_millisecond() - KEPT_MS).max(0);
    let mut pipeline = redis::pipe();
    let add = pipeline.cmd("XADD").arg(&key).arg("MINID").arg("~").arg(oldest).arg("*");
    for (name, value) in FIELDS.iter().zip(act.values()) {
        add.arg(name).arg(value);
    }
    pipeline.cmd("XTRIM").arg(&key).arg("MAXLEN").arg("~").arg(MOST);
    for answer in store.connection().values(&pipeline).await? {
        answer.extract_error().map_err(StoreError::from)?;
    }
    Ok(())
}

/// Acts before the entry `before`, newest first; the newest without one.
pub async fn page(
    store: &Store,
    before: Option<EntryId>,
    count: usize,
) -> Result<Vec<Entry>, StoreError> {
    type Raw = (String, Vec<(String, String)>);
    let from = before.map_or_else(|| "+".to_owned(), |id| format!("({id}"));
    let mut command = redis::cmd("XREVRANGE");
    command.arg(store.keys().audit()).arg(from).arg("-").arg("COUNT").arg(count.max(1));
    let raws = Vec::<Raw>::from_redis_value(store.connection().value(&command).await?)?;
    let entry =
        |(id, fields): Raw| Some(Entry { id: id.parse().ok()?, act: Act::of_fields(fields) });
    Ok(raws.into_iter().filter_map(entry).collect())
}

#[cfg(test)]
mod tests {
    use redis_local::RedisServer;

    use super::*;
    use crate::StoreConfig;

    #[tokio::test]
    async fn acts_come_back_newest_first_and_those_of_long_ago_go() {
        let redis = RedisServer::start().expect("redis-server");
        let store = Store::connect(&StoreConfig::new(redis.url(), "t")).await.expect("store");
        let act = |what: &str| Act {
            who: "ada".into(),
            via: "api".into(),
            what: what.into(),
            of: "order-1".into(),
            reason: "customer \u{202e}left".into(),
            outcome: String::new(),
        };
        // Whole nodes of 100 entries are dropped.
        let mut old = redis::pipe();
        for at in 1..=250 {
            old.cmd("XADD").arg(store.keys().audit()).arg(format!("{at}-0")).arg("who").arg("old");
        }
        store.connection().values(&old).await.expect("written");
        for what in ["job.cancel", "pause"] {
            record(&store, &act(what)).await.expect("written");
        }
        let newest = page(&store, None, 1).await.expect("read");
        assert_eq!(newest[0].act, act("pause"));
        let rest = page(&store, Some(newest[0].id), 500).await.expect("read");
        assert_eq!(rest[0].act, act("job.cancel"));
        assert!(rest.len() < 200, "{} are left of long ago", rest.len() - 1);
    }
}
