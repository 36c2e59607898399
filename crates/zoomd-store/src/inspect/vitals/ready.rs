//! Rooms with jobs that nothing holds back: a room that keeps the same job at its head for long
//! shows that no claim comes.

use std::collections::BTreeSet;

use redis::{Value, from_redis_value};

use super::read;
use crate::StoreError;
use crate::eta::Position;
use crate::inspect::Ops;
use crate::inspect::waiting::PRIORITY;
use crate::queue::memory::Live;
use crate::queue::{Purpose, WaitReason};

/// Maximum number of jobs of an account read to find hosts whose room has no turn.
const LOOKED_AT: usize = 100;
/// A job that is expected within this time is held back by nothing, ms: a lane that was
/// put to sleep wakes by then.
const SOON_MS: i64 = 61_000;

/// A room of which jobs may run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    pub account: String,
    /// The host, as jobs name it.
    pub host: String,
    /// Jobs in the room.
    pub jobs: u64,
    /// The job that is next.
    pub first: String,
    /// The job that came first.
    pub oldest: String,
    /// The time at which it came, ms.
    pub oldest_ms: i64,
}

impl Ops {
    /// Rooms of an account with jobs that nothing holds back. A room that lost its turn
    /// is found by the jobs in it.
    pub async fn ready_rooms(&self, account: &str) -> Result<Vec<Ready>, StoreError> {
        let hosts = self.some_hosts(account).await?;
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let facts = self.clone().judging().judged_facts(account, &hosts).await?;
        let soon = facts.line.now_ms + SOON_MS;
        let mut ready = Vec::new();
        for (at, room) in facts.line.rooms.iter().enumerate().filter(|(_, room)| room.waiting > 0) {
            let (why, expected) = facts.expect(Position { room: at, ahead: 0, due: None });
            let free = matches!(why, WaitReason::Turn | WaitReason::Second | WaitReason::Host);
            if free && expected.is_some_and(|ms| ms <= soon) {
                ready.push((room.host.clone(), room.waiting));
            }
        }
        self.heads(account, ready).await
    }

    /// Hosts of some jobs of an account that wait for creates.
    async fn some_hosts(&self, account: &str) -> Result<BTreeSet<String>, StoreError> {
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let mut scan = redis::cmd("HSCAN");
        scan.arg(keys.payloads(account)).arg(0).arg("COUNT").arg(LOOKED_AT);
        let (_, jobs): (String, Vec<(String, Vec<u8>)>) =
            from_redis_value(conn.value(&scan).await?)?;
        let ids: Vec<String> = jobs.into_iter().map(|(id, _)| id).take(LOOKED_AT).collect();
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut states = redis::cmd("HMGET");
        states.arg(keys.ids()).arg(&ids);
        let states: Vec<Option<String>> = from_redis_value(conn.value(&states).await?)?;
        let lives = states.iter().filter_map(|state| Live::read(state.as_deref()?));
        let attempts = lives.filter(|live| live.purpose == Purpose::Attempt);
        Ok(attempts.map(|live| live.host.to_string()).collect())
    }

    /// The first and the oldest job of each of these rooms.
    async fn heads(
        &self,
        account: &str,
        rooms: Vec<(String, u64)>,
    ) -> Result<Vec<Ready>, StoreError> {
        if rooms.is_empty() {
            return Ok(Vec::new());
        }
        let mut reads = redis::pipe();
        for (host, _) in &rooms {
            let key = self.store.keys().room(account, host);
            for priority in 0..3 {
                let from = f64::from(priority) * PRIORITY;
                reads.cmd("ZRANGEBYSCORE").arg(&key).arg(from).arg(format!("({}", from + PRIORITY));
                reads.arg("WITHSCORES").arg("LIMIT").arg(0).arg(1);
            }
        }
        let answers = self.store.connection().values(&reads).await?;
        let rooms = rooms.into_iter().zip(answers.chunks(3));
        let heads = rooms.filter_map(|((host, jobs), answers)| {
            let firsts = answers.iter().flat_map(|first: &Value| {
                read::<Vec<(String, f64)>>(first.clone()).into_iter().next()
            });
            let firsts: Vec<_> = firsts.map(|(id, score)| (score % PRIORITY, id)).collect();
            let first = firsts.first()?.1.clone();
            let (came, oldest) = firsts.into_iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
            let (account, oldest_ms) = (account.to_owned(), came as i64);
            Some(Ready { account, host, jobs, first, oldest, oldest_ms })
        });
        Ok(heads.collect())
    }
}
