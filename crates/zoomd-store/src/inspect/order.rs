//! List of the jobs without an outcome, in the order of their expected runs: in-flight ones, then
//! by expected time, then those with an unknown time.
//!
//! Bounded: reads the first jobs of each room, the sleeping ones that are due first, and the oldest
//! of the stream.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use redis::from_redis_value;

use super::find::{not_before, view_of};
use super::share::{AT_ONCE, level};
use super::view::{Place, explain, explain_queued, explain_reconcile};
use super::wait_facts::hosts::Known;
use super::{AccountFacts, JobFilter, JobLine, Ops, State};
use crate::StoreError;
use crate::queue::Purpose;
use crate::queue::memory::Live;

/// Maximum number of accounts whose jobs are read.
const MOST_ACCOUNTS: usize = 100;
/// Jobs that are read for one list; more where more are asked for. Accounts, and the rooms of
/// each, have equal parts of them.
const MOST_READ: usize = 2_000;
/// Sleeping jobs that are looked through for those of one account.
const MOST_ASLEEP: usize = 10_000;
/// Number of sleeping jobs read in one step.
const PAGE: usize = 500;

/// A list, and how far it reaches.
#[derive(Debug, Default)]
pub struct Listing {
    /// The jobs, in order.
    pub jobs: Vec<JobLine>,
    /// True when there are more than were asked for.
    pub more: bool,
    /// Accounts with jobs that were not read.
    pub accounts_unread: u64,
}

/// Job that is not in flight, and its position.
pub(super) struct Found {
    pub(super) line: JobLine,
    pub(super) live: Live,
    pub(super) ahead: u64,
    pub(super) due: Option<i64>,
}

impl Ops {
    /// Lists at most `most` jobs in the order in which they are expected to run, each
    /// with why it does not run now.
    pub async fn jobs_in_order(
        &self,
        filter: &JobFilter,
        most: usize,
    ) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        let room = most.saturating_add(1);
        if filter.wants(State::Running) || filter.wants(State::Reconciling) {
            self.in_hand(filter, room, &mut listing.jobs).await?;
        }
        let mut known = Known { obstacles: self.obstacles().await?, asleep: None };
        if !matches!(filter.state, Some(State::Running | State::Queued)) {
            let read = MOST_READ.max(most.saturating_mul(2));
            let accounts = self.accounts_of(filter, read, &mut known, &mut listing).await?;
            let mut aside = self.aside(accounts, filter, room, &known).await?;
            aside.sort_by_cached_key(|line| {
                (line.until_ms.unwrap_or(i64::MAX), came(line), line.id.clone())
            });
            listing.jobs.extend(aside);
        }
        if filter.wants(State::Queued) && listing.jobs.len() < room {
            let first = listing.jobs.len();
            self.queued(filter, room, &mut listing.jobs).await?;
            for line in &mut listing.jobs[first..] {
                explain_queued(line, &known.obstacles);
            }
        }
        listing.more = listing.jobs.len() > most || listing.accounts_unread > 0;
        listing.jobs.truncate(most);
        Ok(listing)
    }

    /// The accounts whose jobs are read, those with the most, and how many of each.
    async fn accounts_of(
        &self,
        filter: &JobFilter,
        read: usize,
        known: &mut Known,
        listing: &mut Listing,
    ) -> Result<Vec<(String, usize)>, StoreError> {
        if let Some(account) = &filter.account {
            return Ok(vec![(account.clone(), read)]);
        }
        let mut busy = self.busy_accounts().await?;
        known.asleep = Some(self.asleep_of(&busy).await?);
        listing.accounts_unread = busy.len().saturating_sub(MOST_ACCOUNTS) as u64;
        busy.sort_by_key(|(_, jobs)| std::cmp::Reverse(*jobs));
        busy.truncate(MOST_ACCOUNTS);
        let each = level(busy.iter().map(|(_, jobs)| *jobs), read);
        Ok(busy.into_iter().map(|(name, _)| (name, each)).collect())
    }

    /// Jobs that left the stream and are not in flight.
    async fn aside(
        &self,
        accounts: Vec<(String, usize)>,
        filter: &JobFilter,
        most: usize,
        known: &Known,
    ) -> Result<Vec<JobLine>, StoreError> {
        let mut asleep = self.asleep(filter, most).await?;
        let mut reads = Vec::with_capacity(accounts.len());
        for (account, share) in accounts {
            let asleep = asleep.remove(&account).unwrap_or_default();
            reads.push(self.aside_of(account, asleep, (share, most), known));
        }
        let lines: Vec<Vec<JobLine>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        let lines = lines.into_iter().flatten();
        Ok(lines.filter(|line| filter.wants(line.state)).collect())
    }

    /// Jobs of one account: its sleeping jobs, and the first ones of its rooms.
    async fn aside_of(
        &self,
        account: String,
        mut found: Vec<Found>,
        bounds: (usize, usize),
        known: &Known,
    ) -> Result<Vec<JobLine>, StoreError> {
        let facts = self.facts_with(&account, &[], known).await?;
        found.extend(self.in_rooms(&account, &facts, bounds).await?);
        self.add_records(&account, &mut found).await?;
        self.told(found, facts, known).await
    }

    /// The first jobs of each room of an account: `share` in all, `most` of one.
    async fn in_rooms(
        &self,
        account: &str,
        facts: &AccountFacts,
        (share, most): (usize, usize),
    ) -> Result<Vec<Found>, StoreError> {
        let keys = self.store.keys();
        let rooms = &facts.line.rooms;
        let each = level(rooms.iter().map(|room| room.waiting), share).min(most).max(1);
        let mut reads = redis::pipe();
        reads.cmd("ZRANGE").arg(keys.room(account, "?reconcile")).arg(0).arg(share.min(most));
        for room in rooms {
            reads.cmd("ZRANGE").arg(keys.room(account, &room.host)).arg(0).arg(each - 1);
        }
        let mut places = Vec::new();
        for value in self.store.connection().values(&reads).await? {
            places.extend((0..).zip(from_redis_value::<Vec<String>>(value)?));
        }
        let ids: Vec<String> = places.iter().map(|(_, id)| id.clone()).collect();
        let mut found = Vec::new();
        for (live, (ahead, id)) in self.lives(&ids).await?.into_iter().zip(places) {
            if let Some(live) = live.filter(|live| *live.account == *account) {
                found.push(Found { line: line_of(&id, &live, None), live, ahead, due: None });
            }
        }
        Ok(found)
    }

    /// The sleeping jobs that are due first, by account.
    async fn asleep(
        &self,
        filter: &JobFilter,
        most: usize,
    ) -> Result<HashMap<String, Vec<Found>>, StoreError> {
        let (mut found, mut count, mut from) = (HashMap::<_, Vec<Found>>::new(), 0, 0);
        while count < most && from < MOST_ASLEEP {
            let mut page = redis::cmd("ZRANGE");
            page.arg(self.store.keys().due()).arg(from).arg(from + PAGE - 1).arg("WITHSCORES");
            let page: Vec<(String, f64)> =
                from_redis_value(self.store.connection().value(&page).await?)?;
            let ids: Vec<String> = page.iter().map(|(id, _)| id.clone()).collect();
            for (live, (id, due)) in self.lives(&ids).await?.into_iter().zip(&page) {
                let Some(live) = live else { continue };
                if filter.account.as_deref().is_none_or(|account| account == &*live.account) {
                    let due = Some(*due as i64);
                    let line = line_of(id, &live, due);
                    let of = found.entry(live.account.to_string()).or_default();
                    of.push(Found { line, live, ahead: 0, due });
                    count += 1;
                }
            }
            if page.len() < PAGE {
                break;
            }
            from += PAGE;
        }
        Ok(found)
    }

    /// Adds what is kept of jobs: their records and their own times.
    pub(super) async fn add_records(
        &self,
        account: &str,
        found: &mut [Found],
    ) -> Result<(), StoreError> {
        let keys = self.store.keys();
        let mut asks: Vec<&mut Found> = found
            .iter_mut()
            .filter(|found| found.due.is_some() || found.live.purpose == Purpose::Lookup)
            .collect();
        if asks.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = asks.iter().map(|found| found.line.id.as_str()).collect();
        let mut reads = redis::pipe();
        reads.cmd("HMGET").arg(keys.records(account)).arg(&ids);
        reads.cmd("HMGET").arg(keys.payloads(account)).arg(&ids);
        for found in &asks {
            let room = keys.room(account, &found.live.host);
            reads.cmd("ZCOUNT").arg(room).arg("-inf").arg(format!("({}", found.live.place()));
        }
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let records: Vec<Option<Vec<u8>>> = from_redis_value(next())?;
        let payloads: Vec<Option<Vec<u8>>> = from_redis_value(next())?;
        for ((found, record), payload) in asks.iter_mut().zip(records).zip(payloads) {
            let line = &mut found.line;
            line.record = record.and_then(|r| serde_json::from_slice(&r).ok()).unwrap_or_default();
            line.not_before_ms = payload.as_deref().and_then(not_before);
            found.ahead = from_redis_value(next())?;
        }
        Ok(())
    }

    /// Lines of these jobs, each with the reason why it does not run. Hosts without a room are read
    /// once.
    pub(super) async fn told(
        &self,
        found: Vec<Found>,
        facts: AccountFacts,
        known: &Known,
    ) -> Result<Vec<JobLine>, StoreError> {
        let Some(account) = found.first().map(|found| found.live.account.clone()) else {
            return Ok(Vec::new());
        };
        let there: HashSet<&str> = facts.line.rooms.iter().map(|room| room.host.as_str()).collect();
        let hosts = found.iter().flat_map(|found| hosts_of(&found.live));
        let missing: HashSet<&str> = hosts.filter(|host| !there.contains(host)).collect();
        let read = match missing.is_empty() {
            true => None,
            false => {
                let missing: Vec<&str> = missing.into_iter().collect();
                Some(self.facts_with(&account, &missing, known).await?)
            }
        };
        let facts = read.unwrap_or(facts);
        let tell = |Found { mut line, live, ahead, due }: Found| {
            if live.purpose == Purpose::Lookup {
                explain_reconcile(&mut line, &facts, due);
            } else {
                let hosts: Vec<&str> = hosts_of(&live).collect();
                explain(&mut line, &facts, &Place { hosts: &hosts, ahead, due });
            }
            line
        };
        Ok(found.into_iter().map(tell).collect())
    }

    /// The states of jobs that are not in flight.
    pub(super) async fn lives(&self, ids: &[String]) -> Result<Vec<Option<Live>>, StoreError> {
        let mut lives = Vec::with_capacity(ids.len());
        for page in ids.chunks(PAGE) {
            let keys = self.store.keys();
            let mut reads = redis::pipe();
            reads.cmd("HMGET").arg(keys.ids()).arg(page).cmd("HMGET").arg(keys.own()).arg(page);
            let mut values = self.store.connection().values(&reads).await?.into_iter();
            let mut next = || values.next().unwrap_or(redis::Value::Nil);
            let states: Vec<Option<String>> = from_redis_value(next())?;
            let owns: Vec<Option<String>> = from_redis_value(next())?;
            let idle = states.into_iter().zip(owns);
            lives.extend(idle.map(|(state, own)| Live::read(&state.filter(|_| own.is_none())?)));
        }
        Ok(lives)
    }
}

/// Hosts whose daily limit a job uses.
pub(super) fn hosts_of(live: &Live) -> impl Iterator<Item = &str> {
    [Some(&live.host), live.other_host.as_ref()].into_iter().flatten().map(|host| &**host)
}

pub(super) fn line_of(id: &str, live: &Live, due: Option<i64>) -> JobLine {
    let mut line = view_of(id, live);
    line.state = match (live.purpose, due) {
        (Purpose::Lookup, _) => State::Reconciling,
        (_, Some(_)) => State::Sleeping,
        _ => State::Waiting,
    };
    line
}

/// The time at which a job came, ms.
fn came(line: &JobLine) -> i64 {
    let ms = line.entry.as_deref().and_then(|entry| entry.split('-').next());
    ms.and_then(|ms| ms.parse().ok()).unwrap_or(i64::MAX)
}
