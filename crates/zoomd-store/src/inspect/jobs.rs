//! Unordered list of the jobs without an outcome, for functions that work on all of them.
//! [`order`](super::order) lists them for people.
//!
//! In-flight jobs first, then waiting and sleeping ones, account by account, then those still in
//! the stream. Bounded by the caller's `most`; the rest is not counted.

use std::collections::HashSet;

use redis::from_redis_value;

use super::find::{QUEUED_LOOK, queued_view, view_of};
use super::stream::Way;
use super::{JobView, Ops, Source, State};
use crate::StoreError;
use crate::queue::Purpose;
use crate::queue::memory::Live;

/// Number of fields and members read in one step.
const PAGE: usize = 500;

/// Selection of jobs; nothing set: all.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    pub account: Option<String>,
    pub state: Option<State>,
}

/// One line of the list; only what can be had without a look at each job.
pub type JobLine = JobView;

impl JobFilter {
    fn takes(&self, line: &JobLine) -> bool {
        self.account.is_none() || self.account == line.account
    }

    pub(super) fn wants(&self, state: State) -> bool {
        self.state.is_none_or(|wanted| wanted == state)
    }
}

impl Ops {
    /// Lists at most `most` jobs, and says whether there are more.
    pub async fn jobs(
        &self,
        filter: &JobFilter,
        most: usize,
    ) -> Result<(Vec<JobLine>, bool), StoreError> {
        let mut lines = Vec::new();
        let room = most.saturating_add(1);
        if filter.wants(State::Running) || filter.wants(State::Reconciling) {
            self.in_hand(filter, room, &mut lines).await?;
        }
        if filter.state.is_none_or(|state| !matches!(state, State::Running | State::Queued)) {
            self.set_aside(filter, room, &mut lines).await?;
        }
        if filter.wants(State::Queued) && lines.len() < room {
            self.queued(filter, room, &mut lines).await?;
        }
        let more = lines.len() > most;
        lines.truncate(most);
        Ok((lines, more))
    }

    pub(super) async fn in_hand(
        &self,
        filter: &JobFilter,
        room: usize,
        lines: &mut Vec<JobLine>,
    ) -> Result<(), StoreError> {
        let keys = self.store.keys();
        // No more than all daemons' request slots.
        let command = redis::cmd("HKEYS").arg(keys.own()).to_owned();
        let mut ids: Vec<String> =
            from_redis_value(self.store.connection().value(&command).await?)?;
        ids.sort_unstable();
        for page in ids.chunks(PAGE) {
            if lines.len() >= room {
                break;
            }
            for mut line in self.live_lines(page).await? {
                let running = line.state == State::Waiting;
                line.state = if running { State::Running } else { line.state };
                if filter.takes(&line) && filter.wants(line.state) && lines.len() < room {
                    lines.push(line);
                }
            }
        }
        Ok(())
    }

    /// Jobs that left the stream: of one account, or of all in turn.
    async fn set_aside(
        &self,
        filter: &JobFilter,
        room: usize,
        lines: &mut Vec<JobLine>,
    ) -> Result<(), StoreError> {
        if let Some(account) = &filter.account {
            return self.set_aside_of(account, filter, room, lines).await;
        }
        let keys = self.store.keys();
        let mut after = "-".to_owned();
        while lines.len() < room {
            let mut command = redis::cmd("ZRANGEBYLEX");
            command.arg(keys.accounts()).arg(&after).arg("+").arg("LIMIT").arg(0).arg(PAGE);
            let conn = self.store.connection();
            let names: Vec<String> = from_redis_value(conn.value(&command).await?)?;
            let Some(last) = names.last() else { break };
            after = format!("({last}");
            let mut reads = redis::pipe();
            for name in &names {
                reads.cmd("HLEN").arg(keys.payloads(name));
            }
            let counts = conn.values(&reads).await?;
            for (name, count) in names.iter().zip(counts) {
                let count: u64 = from_redis_value(count)?;
                if count > 0 && lines.len() < room {
                    self.set_aside_of(name, filter, room, lines).await?;
                }
            }
        }
        Ok(())
    }

    async fn set_aside_of(
        &self,
        account: &str,
        filter: &JobFilter,
        room: usize,
        lines: &mut Vec<JobLine>,
    ) -> Result<(), StoreError> {
        let key = self.store.keys().payloads(account);
        let mut cursor = "0".to_owned();
        loop {
            let mut command = redis::cmd("HSCAN");
            command.arg(&key).arg(&cursor).arg("COUNT").arg(PAGE);
            let value = self.store.connection().value(&command).await?;
            let (next, pairs): (String, Vec<(String, Vec<u8>)>) = from_redis_value(value)?;
            let ids: Vec<String> = pairs.into_iter().map(|(id, _)| id).collect();
            for line in self.placed_lines(&ids).await? {
                if filter.wants(line.state) && lines.len() < room {
                    lines.push(line);
                }
            }
            cursor = next;
            if cursor == "0" || lines.len() >= room {
                return Ok(());
            }
        }
    }

    pub(super) async fn queued(
        &self,
        filter: &JobFilter,
        room: usize,
        lines: &mut Vec<JobLine>,
    ) -> Result<(), StoreError> {
        let mut found = Vec::new();
        let wanted = room - lines.len();
        let look = if filter.account.is_some() { QUEUED_LOOK } else { wanted.saturating_add(PAGE) };
        self.walk(&self.store.keys().jobs(), Way::OldestFirst, None, look, |raw| {
            let mut line = queued_view(&raw);
            line.job = None;
            if filter.takes(&line) {
                found.push(line);
            }
            found.len() < wanted.saturating_add(PAGE)
        })
        .await?;
        // An entry that is in flight may still be in the stream.
        let ids: Vec<String> = found.iter().map(|line| line.id.clone()).collect();
        let mut known = HashSet::new();
        for ids in ids.chunks(PAGE) {
            known.extend(self.live_lines(ids).await?.into_iter().filter_map(|line| line.entry));
        }
        let unknown = |line: &JobLine| line.entry.as_ref().is_none_or(|e| !known.contains(e));
        lines.extend(found.into_iter().filter(unknown).take(wanted));
        Ok(())
    }

    /// Lines of the live jobs among these.
    async fn live_lines(&self, ids: &[String]) -> Result<Vec<JobLine>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("HMGET");
        command.arg(self.store.keys().ids()).arg(ids);
        let values: Vec<Option<String>> =
            from_redis_value(self.store.connection().value(&command).await?)?;
        let line = |(id, value): (&String, Option<String>)| {
            let live = Live::read(&value?)?;
            let mut line = view_of(id, &live);
            if live.purpose == Purpose::Lookup {
                line.state = State::Reconciling;
            }
            Some(line)
        };
        Ok(ids.iter().zip(values).filter_map(line).collect())
    }

    /// Live jobs that nobody has in hand, with where they stand.
    async fn placed_lines(&self, ids: &[String]) -> Result<Vec<JobLine>, StoreError> {
        let mut lines = self.live_lines(ids).await?;
        if lines.is_empty() {
            return Ok(lines);
        }
        let keys = self.store.keys();
        let names: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
        let mut reads = redis::pipe();
        reads.cmd("HMGET").arg(keys.own()).arg(&names);
        reads.cmd("ZMSCORE").arg(keys.due()).arg(&names);
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let owns: Vec<Option<String>> = from_redis_value(next())?;
        let dues: Vec<Option<f64>> = from_redis_value(next())?;
        for (line, due) in lines.iter_mut().zip(&dues) {
            line.until_ms = due.map(|due| due as i64);
            if line.state == State::Waiting && due.is_some() {
                line.state = State::Sleeping;
            }
        }
        let mut leased = owns.into_iter();
        lines.retain(|_| leased.next().flatten().is_none());
        debug_assert!(lines.iter().all(|line| line.source == Source::Record));
        Ok(lines)
    }
}
