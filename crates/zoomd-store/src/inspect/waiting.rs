//! Waiting jobs by reason and account: their number, the oldest, and the expected time of the
//! first.
//!
//! Bounded: the rooms of the accounts with the most jobs, and the sleeping jobs that are due first;
//! the number of unread jobs is reported.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use redis::from_redis_value;

use super::find::not_before;
use super::order::hosts_of;
use super::share::AT_ONCE;
use super::view::{Place, explain, explain_reconcile};
use super::wait_facts::budget_names::Asleep;
use super::wait_facts::hosts::Known;
use super::{AccountFacts, Asking, JobView, Obstacles, Ops, Status};
use crate::StoreError;
use crate::eta::{Position, Room};
use crate::queue::memory::Live;
use crate::queue::{Purpose, WaitReason};

/// Maximum number of accounts whose rooms are read.
const MOST_ACCOUNTS: usize = 100;
/// Sleeping jobs that are read.
const MOST_ASLEEP: usize = 2_000;
/// Maximum number of lines.
const MOST_LINES: usize = 100;
/// Number of accounts and jobs read in one step.
const PAGE: usize = 500;
/// Parts of the score of a job in a room: its priority, then when it came.
pub(super) const PRIORITY: f64 = 1e13;

/// Jobs of one account that wait for the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingLine {
    pub why: WaitReason,
    /// Their account; `None`: jobs in the stream, of any.
    pub account: Option<String>,
    pub jobs: u64,
    /// The time at which the oldest of them came, ms.
    pub oldest_ms: Option<i64>,
    /// Expected time of the first of them, ms; `None`: unknown.
    pub expected_ms: Option<i64>,
    /// Details of the reason.
    pub what: Option<String>,
    /// The time at which it began, ms, where that is known.
    pub since_ms: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitingJobs {
    /// The lines, those with the oldest job first.
    pub lines: Vec<WaitingLine>,
    /// Jobs that wait and were not read.
    pub unread: u64,
}

impl WaitingJobs {
    /// Jobs by reason, and when the oldest of each came, ms.
    #[must_use]
    pub fn by_reason(&self) -> BTreeMap<WaitReason, (u64, Option<i64>)> {
        let mut reasons: BTreeMap<WaitReason, (u64, Option<i64>)> = BTreeMap::new();
        for line in &self.lines {
            let (jobs, oldest) = reasons.entry(line.why).or_default();
            *jobs += line.jobs;
            *oldest = earlier(*oldest, line.oldest_ms);
        }
        reasons
    }
}

pub(super) fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

/// A sleeping job: its id, when it is due, its state.
type Sleeper = (String, i64, Live);

/// Lines as they are collected.
#[derive(Default)]
pub(super) struct Lines(HashMap<(WaitReason, Option<String>), WaitingLine>);

impl Lines {
    pub(super) fn add(&mut self, line: WaitingLine) {
        match self.0.entry((line.why, line.account.clone())) {
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(line);
            }
            std::collections::hash_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.jobs += line.jobs;
                known.oldest_ms = earlier(known.oldest_ms, line.oldest_ms);
                known.expected_ms = earlier(known.expected_ms, line.expected_ms);
            }
        }
    }

    /// Lines with the oldest job first, and the number of jobs in the lines that were cut off.
    pub(super) fn sorted(self) -> (Vec<WaitingLine>, u64) {
        let mut lines: Vec<_> = self.0.into_values().filter(|line| line.jobs > 0).collect();
        lines.sort_by(|a, b| {
            let key = |line: &WaitingLine| (line.oldest_ms.unwrap_or(i64::MAX), line.why);
            key(a).cmp(&key(b)).then_with(|| a.account.cmp(&b.account))
        });
        let rest = lines.iter().skip(MOST_LINES).map(|line| line.jobs).sum();
        lines.truncate(MOST_LINES);
        (lines, rest)
    }
}

impl Ops {
    pub async fn waiting_by_reason(&self, status: &Status) -> Result<WaitingJobs, StoreError> {
        let mut busy = self.busy_accounts().await?;
        let asleep = Some(self.asleep_of(&busy).await?);
        let known = Known { obstacles: self.obstacles().await?, asleep };
        let (mut lines, mut unread) = (Lines::default(), 0);
        if status.queued > 0 {
            lines.add(queued_line(status.queued, status.oldest_queued_ms, &known.obstacles));
        }
        busy.sort_by_key(|(_, jobs)| std::cmp::Reverse(*jobs));
        let more = busy.split_off(busy.len().min(MOST_ACCOUNTS));
        unread += more.iter().map(|(_, jobs)| jobs).sum::<u64>();
        let (sleepers, more) = self.sleepers().await?;
        unread += more;
        let mut hosts = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (_, _, live) in &sleepers {
            hosts.entry(&live.account).or_default().extend(hosts_of(live));
        }
        let mut reads = Vec::with_capacity(busy.len());
        for (account, _) in busy {
            let hosts = hosts.remove(&*account).unwrap_or_default().into_iter().collect();
            reads.push(self.account_waits(account, hosts, &known));
        }
        let read: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        let mut facts = HashMap::new();
        for (account, of, found) in read {
            found.into_iter().for_each(|line| lines.add(line));
            facts.insert(account, of);
        }
        for page in sleepers.chunks(PAGE) {
            self.add_sleepers(page, &facts, &mut lines).await?;
        }
        self.waiting_for_others(&mut lines).await?;
        let (lines, rest) = lines.sorted();
        Ok(WaitingJobs { lines, unread: unread + rest })
    }

    /// Accounts with jobs that left the stream, and how many each has.
    pub(super) async fn busy_accounts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let (mut busy, mut after) = (Vec::new(), None);
        loop {
            let names = self.account_names(after.as_deref(), PAGE).await?;
            let Some(last) = names.last().cloned() else { return Ok(busy) };
            after = Some(last);
            let mut reads = redis::pipe();
            for name in &names {
                reads.cmd("HLEN").arg(self.store.keys().payloads(name));
            }
            for (name, jobs) in names.into_iter().zip(self.store.connection().values(&reads).await?)
            {
                let jobs: u64 = from_redis_value(jobs)?;
                if jobs > 0 {
                    busy.push((name, jobs));
                }
            }
        }
    }

    /// Sleeping rooms of these accounts.
    pub(super) async fn asleep_of(&self, busy: &[(String, u64)]) -> Result<Asleep, StoreError> {
        if busy.is_empty() {
            return Ok(Asleep::new());
        }
        self.sleeping_rooms(&busy.iter().map(|(name, _)| name.as_str()).collect()).await
    }

    /// The facts of an account, and what its rooms wait for.
    async fn account_waits(
        &self,
        account: String,
        hosts: Vec<&str>,
        known: &Known,
    ) -> Result<(String, AccountFacts, Vec<WaitingLine>), StoreError> {
        let facts = self.facts_with(&account, &hosts, known).await?;
        let lines = self.rooms_waiting(&account, &facts).await?;
        Ok((account, facts, lines))
    }

    /// Reasons for which the rooms of an account wait.
    async fn rooms_waiting(
        &self,
        account: &str,
        facts: &AccountFacts,
    ) -> Result<Vec<WaitingLine>, StoreError> {
        let mut lines = Vec::new();
        let keys = self.store.keys();
        let rooms = &facts.line.rooms;
        let mut reads = redis::pipe();
        let looks = keys.room(account, "?reconcile");
        let names = rooms.iter().map(|room| keys.room(account, &room.host));
        for key in names.chain([looks.clone()]) {
            for priority in 0..3 {
                let from = f64::from(priority) * PRIORITY;
                reads.cmd("ZRANGEBYSCORE").arg(&key).arg(from).arg(format!("({}", from + PRIORITY));
                reads.arg("WITHSCORES").arg("LIMIT").arg(0).arg(1);
            }
        }
        reads.cmd("ZCARD").arg(&looks);
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut oldest = || -> Result<Option<i64>, StoreError> {
            let mut oldest = None;
            for _ in 0..3 {
                let first = values.next().unwrap_or(redis::Value::Nil);
                let first: Vec<(String, f64)> = from_redis_value(first)?;
                let came = first.first().map(|(_, score)| (score % PRIORITY) as i64);
                oldest = earlier(oldest, came);
            }
            Ok(oldest)
        };
        let today = facts.line.today();
        for (at, room) in rooms.iter().enumerate() {
            let oldest_ms = oldest()?;
            for (jobs, position) in parts(room, today.get(at).copied().unwrap_or(0)) {
                let position = Position { room: at, ahead: position, due: None };
                lines.push(line(account, facts, facts.expect(position), (jobs, oldest_ms)));
            }
        }
        let oldest_ms = oldest()?;
        let jobs: u64 = from_redis_value(values.next().unwrap_or(redis::Value::Int(0)))?;
        if jobs > 0 {
            let mut view = JobView::waiting("");
            explain_reconcile(&mut view, facts, None);
            let reason = (view.why.unwrap_or(WaitReason::Reconcile), None);
            lines.push(line(account, facts, reason, (jobs, oldest_ms)));
        }
        Ok(lines)
    }

    /// The sleeping jobs that are due first, and how many more there are.
    async fn sleepers(&self) -> Result<(Vec<Sleeper>, u64), StoreError> {
        let keys = self.store.keys();
        let mut reads = redis::pipe();
        reads.cmd("ZCARD").arg(keys.due());
        reads.cmd("ZRANGE").arg(keys.due()).arg(0).arg(MOST_ASLEEP - 1).arg("WITHSCORES");
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let all: u64 = from_redis_value(next())?;
        let dues: Vec<(String, f64)> = from_redis_value(next())?;
        let more = all.saturating_sub(dues.len() as u64);
        let mut sleepers = Vec::with_capacity(dues.len());
        for page in dues.chunks(PAGE) {
            let ids: Vec<&str> = page.iter().map(|(id, _)| id.as_str()).collect();
            let mut states = redis::cmd("HMGET");
            states.arg(keys.ids()).arg(&ids);
            let states: Vec<Option<String>> =
                from_redis_value(self.store.connection().value(&states).await?)?;
            let live = states.iter().map(|state| Live::read(state.as_deref()?));
            let live = page.iter().zip(live);
            sleepers.extend(
                live.filter_map(|((id, due), live)| Some((id.clone(), *due as i64, live?))),
            );
        }
        Ok((sleepers, more))
    }

    /// Adds what these jobs wait for. Those of accounts that were not read are counted
    /// with these.
    async fn add_sleepers(
        &self,
        jobs: &[Sleeper],
        facts: &HashMap<String, AccountFacts>,
        lines: &mut Lines,
    ) -> Result<(), StoreError> {
        let keys = self.store.keys();
        let mut reads = redis::pipe();
        for (id, _, live) in jobs {
            reads.cmd("HGET").arg(keys.records(&live.account)).arg(id);
            reads.cmd("HGET").arg(keys.payloads(&live.account)).arg(id);
        }
        let values = self.store.connection().values(&reads).await?;
        for ((id, due, live), pair) in jobs.iter().zip(values.chunks_exact(2)) {
            let Some(facts) = facts.get(&*live.account) else { continue };
            let record: Option<Vec<u8>> = redis::from_redis_value_ref(&pair[0])?;
            let payload: Option<Vec<u8>> = redis::from_redis_value_ref(&pair[1])?;
            let mut view = super::find::view_of(id, live);
            view.record = record.and_then(|r| serde_json::from_slice(&r).ok()).unwrap_or_default();
            view.not_before_ms = payload.as_deref().and_then(not_before);
            if live.purpose == Purpose::Lookup {
                explain_reconcile(&mut view, facts, Some(*due));
            } else {
                let hosts: Vec<&str> = hosts_of(live).collect();
                let place = Place { hosts: &hosts, ahead: 0, due: Some(*due) };
                explain(&mut view, facts, &place);
            }
            let came = live.entry.split('-').next().and_then(|ms| ms.parse().ok());
            let reason = (view.why.unwrap_or(WaitReason::NotBefore), view.until_ms);
            lines.add(line(&live.account, facts, reason, (1, came)));
        }
        Ok(())
    }
}

/// The jobs of a room that run today and those that do not: how many, and the first
/// of each.
fn parts(room: &Room, today: u64) -> impl Iterator<Item = (u64, u64)> {
    let today = today.min(room.waiting);
    [(today, 0), (room.waiting - today, today)].into_iter().filter(|(jobs, _)| *jobs > 0)
}

pub(super) fn line(
    account: &str,
    facts: &AccountFacts,
    (why, expected_ms): (WaitReason, Option<i64>),
    (jobs, oldest_ms): (u64, Option<i64>),
) -> WaitingLine {
    let (what, since_ms) = (facts.detail(why), facts.since_ms(why));
    let account = Some(account.to_owned());
    WaitingLine { why, account, jobs, oldest_ms, expected_ms, what, since_ms }
}

/// The line of what no daemon has taken in.
pub(super) fn queued_line(jobs: u64, oldest_ms: Option<i64>, obstacles: &Obstacles) -> WaitingLine {
    let met = obstacles.of(Asking { token_lives: true, ..Asking::default() });
    WaitingLine {
        why: met.as_ref().map_or(WaitReason::Queued, |obstacle| obstacle.why),
        account: None,
        jobs,
        oldest_ms,
        expected_ms: None,
        since_ms: met.as_ref().and_then(|obstacle| obstacle.since_ms),
        what: met.map(|obstacle| obstacle.what),
    }
}
