//! Wait reasons of a batch of jobs, with the number of jobs for each.
//!
//! Bounded: the caller passes no more jobs than are to be read.

use std::collections::BTreeMap;

use redis::from_redis_value;

use super::order::{Found, line_of};
use super::wait_facts::hosts::Known;
use super::waiting::{Lines, earlier, line, queued_line};
use super::{Ops, WaitingLine};
use crate::StoreError;
use crate::queue::memory::Live;

/// Number of jobs read in one step.
const PAGE: usize = 500;

#[derive(Debug, Default)]
pub struct BatchWait {
    /// Jobs in a daemon's hands.
    pub running: u64,
    /// Jobs that are over: their outcomes come.
    pub over: u64,
    /// The others by reason and account.
    pub lines: Vec<WaitingLine>,
}

/// Jobs as they are found.
#[derive(Default)]
struct Sorted {
    running: u64,
    over: u64,
    queued: (u64, Option<i64>),
    by_account: BTreeMap<String, Vec<Found>>,
}

impl Ops {
    /// Counts these jobs by what they wait for: ids, each with the entry it was sent in.
    pub async fn waiting_of(&self, jobs: &[(String, String)]) -> Result<BatchWait, StoreError> {
        let known = Known { obstacles: self.obstacles().await?, asleep: None };
        let first = self.first_entry().await?;
        let mut sorted = Sorted::default();
        for page in jobs.chunks(PAGE) {
            self.sort(page, first, &mut sorted).await?;
        }
        let mut lines = Lines::default();
        let (queued, oldest_ms) = sorted.queued;
        if queued > 0 {
            lines.add(queued_line(queued, oldest_ms, &known.obstacles));
        }
        for (account, mut found) in sorted.by_account {
            self.add_records(&account, &mut found).await?;
            self.add_places(&account, &mut found).await?;
            let facts = self.facts_with(&account, &[], &known).await?;
            for view in self.told(found, facts.clone(), &known).await? {
                let Some(why) = view.why else { continue };
                let came = view.entry.as_deref().and_then(entry_ms);
                lines.add(line(&account, &facts, (why, view.until_ms), (1, came)));
            }
        }
        let (running, over) = (sorted.running, sorted.over);
        Ok(BatchWait { running, over, lines: lines.sorted().0 })
    }

    /// The time of the oldest entry in the stream of jobs.
    async fn first_entry(&self) -> Result<Option<i64>, StoreError> {
        let mut ask = redis::cmd("XRANGE");
        ask.arg(self.store.keys().jobs()).arg("-").arg("+").arg("COUNT").arg(1);
        let first: Vec<(String, redis::Value)> =
            from_redis_value(self.store.connection().value(&ask).await?)?;
        Ok(first.first().and_then(|(id, _)| entry_ms(id)))
    }

    /// Finds out where these jobs are. One of which nothing is known is in the stream, or
    /// over.
    async fn sort(
        &self,
        jobs: &[(String, String)],
        first: Option<i64>,
        sorted: &mut Sorted,
    ) -> Result<(), StoreError> {
        let (keys, ids) = (self.store.keys(), jobs.iter().map(|(id, _)| id).collect::<Vec<_>>());
        let mut reads = redis::pipe();
        reads.cmd("HMGET").arg(keys.ids()).arg(&ids).cmd("HMGET").arg(keys.own()).arg(&ids);
        reads.cmd("ZMSCORE").arg(keys.due()).arg(&ids);
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let states: Vec<Option<String>> = from_redis_value(next())?;
        let owns: Vec<Option<String>> = from_redis_value(next())?;
        let dues: Vec<Option<f64>> = from_redis_value(next())?;
        let known = states.into_iter().zip(owns).zip(dues);
        for ((id, entry), ((state, own), due)) in jobs.iter().zip(known) {
            let live = state.as_deref().and_then(Live::read);
            match (live, state, own) {
                (_, _, Some(_)) => sorted.running += 1,
                (Some(live), ..) => {
                    let due = due.map(|due| due as i64);
                    let line = line_of(id, &live, due);
                    let of = sorted.by_account.entry(live.account.to_string()).or_default();
                    of.push(Found { line, live, ahead: 0, due });
                }
                (None, None, None) if entry_ms(entry) >= first && first.is_some() => {
                    let (jobs, oldest) = sorted.queued;
                    sorted.queued = (jobs + 1, earlier(oldest, entry_ms(entry)));
                }
                _ => sorted.over += 1,
            }
        }
        Ok(())
    }

    /// Adds how many stand before each in its room.
    pub(super) async fn add_places(
        &self,
        account: &str,
        found: &mut [Found],
    ) -> Result<(), StoreError> {
        for page in found.chunks_mut(PAGE) {
            let mut reads = redis::pipe();
            for found in page.iter() {
                let room = self.store.keys().room(account, &found.live.host);
                reads.cmd("ZCOUNT").arg(room).arg("-inf").arg(format!("({}", found.live.place()));
            }
            let ahead = self.store.connection().values(&reads).await?;
            for (found, ahead) in page.iter_mut().zip(ahead) {
                found.ahead = from_redis_value(ahead)?;
            }
        }
        Ok(())
    }
}

fn entry_ms(entry: &str) -> Option<i64> {
    entry.split('-').next()?.parse().ok()
}
