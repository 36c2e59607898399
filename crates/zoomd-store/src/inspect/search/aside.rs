//! Jobs that left the stream: account by account, or those that sleep by their time.

use std::collections::BTreeMap;

use redis::from_redis_value;

use super::{Filling, JobPlace, JobQuery, in_hand_of};
use crate::StoreError;
use crate::inspect::order::{Found, line_of};
use crate::inspect::wait_facts::hosts::Known;
use crate::inspect::{JobView, Ops, State};
use crate::queue::memory::Live;

/// Accounts without jobs that cost as much as a look at one job.
const IDLE: usize = 4;
/// Number of account names read in one step.
const NAMES: usize = 32;

impl Ops {
    pub(super) async fn aside_page(
        &self,
        page: &mut Filling<'_>,
        account: String,
        scan: String,
        known: &Known,
    ) -> Result<Option<JobPlace>, StoreError> {
        if scan == "0" {
            return self.next_account(page, account).await;
        }
        let cursor = if scan == "first" { "0" } else { &scan };
        let mut command = redis::cmd("HSCAN");
        command.arg(self.store.keys().payloads(&account)).arg(cursor);
        command.arg("COUNT").arg(page.step());
        let value = self.store.connection().value(&command).await?;
        let (scan, pairs): (String, Vec<(String, Vec<u8>)>) = from_redis_value(value)?;
        page.reads += pairs.len().max(1);
        let lines = self.aside_lines(&account, pairs, page.query, known).await?;
        page.jobs.extend(lines);
        Ok(Some(JobPlace::Aside { account, scan }))
    }

    /// The next account that has jobs, or the stream.
    async fn next_account(
        &self,
        page: &mut Filling<'_>,
        after: String,
    ) -> Result<Option<JobPlace>, StoreError> {
        let first = |account: String| Some(JobPlace::Aside { account, scan: "first".to_owned() });
        let stream =
            page.query.takes_state(State::Queued).then(|| JobPlace::Stream("0-0".to_owned()));
        if let Some(account) = &page.query.account {
            return Ok(if after.is_empty() { first(account.clone()) } else { stream });
        }
        let names = self.account_names(Some(&after).filter(|a| !a.is_empty()).map(|a| &**a), NAMES);
        let names = names.await?;
        let mut reads = redis::pipe();
        for name in &names {
            reads.cmd("HLEN").arg(self.store.keys().payloads(name));
        }
        page.reads += names.len() / IDLE;
        let Some(last) = names.last().cloned() else { return Ok(stream) };
        for (name, jobs) in names.into_iter().zip(self.store.connection().values(&reads).await?) {
            if from_redis_value::<u64>(jobs)? > 0 {
                return Ok(first(name));
            }
        }
        Ok(Some(JobPlace::Aside { account: last, scan: "0".to_owned() }))
    }

    /// Lines of the requested jobs among these of an account, each with its wait reason.
    async fn aside_lines(
        &self,
        account: &str,
        pairs: Vec<(String, Vec<u8>)>,
        query: &JobQuery,
        known: &Known,
    ) -> Result<Vec<JobView>, StoreError> {
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = pairs.iter().map(|(id, _)| id.as_str()).collect();
        let keys = self.store.keys();
        let mut reads = redis::pipe();
        reads.cmd("HMGET").arg(keys.ids()).arg(&ids).cmd("HMGET").arg(keys.own()).arg(&ids);
        reads.cmd("ZMSCORE").arg(keys.due()).arg(&ids);
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let states: Vec<Option<String>> = from_redis_value(next())?;
        let owns: Vec<Option<String>> = from_redis_value(next())?;
        let dues: Vec<Option<f64>> = from_redis_value(next())?;
        let (mut lines, mut found) = (Vec::new(), Vec::new());
        for (((id, job), state), (own, due)) in
            pairs.into_iter().zip(states).zip(owns.into_iter().zip(dues))
        {
            let Some(live) = state.as_deref().and_then(Live::read) else { continue };
            let due = due.map(|due| due as i64);
            let mut line = line_of(&id, &live, due);
            if let Some(own) = &own {
                line.state = in_hand_of(&live);
                line.daemon = own.split_once('.').map(|(boot, _)| boot.to_owned());
            }
            if !query.takes_state(line.state) || !query.takes(&line, &job) {
                continue;
            }
            // One that stands behind another of its meeting is in no room.
            let told =
                own.is_some() || (due.is_none() && self.explain_line(&mut line, &live).await?);
            if told {
                lines.push(line);
            } else {
                found.push(Found { line, live, ahead: 0, due });
            }
        }
        if !found.is_empty() {
            self.add_places(account, &mut found).await?;
            self.add_records(account, &mut found).await?;
            let facts = self.facts_with(account, &[], known).await?;
            lines.extend(self.told(found, facts, known).await?);
        }
        Ok(lines)
    }

    pub(super) async fn due_page(
        &self,
        page: &mut Filling<'_>,
        ms: i64,
        skip: usize,
        known: &Known,
    ) -> Result<Option<JobPlace>, StoreError> {
        let step = page.step();
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command.arg(self.store.keys().due()).arg(ms).arg("+inf").arg("WITHSCORES");
        command.arg("LIMIT").arg(skip).arg(step);
        let value = self.store.connection().value(&command).await?;
        let dues: Vec<(String, f64)> = from_redis_value(value)?;
        page.reads += dues.len().max(1);
        let Some((_, last)) = dues.last() else { return Ok(None) };
        let last = *last as i64;
        let same = dues.iter().filter(|(_, due)| *due as i64 == last).count();
        let skip = if last == ms { skip + same } else { same };
        let full = dues.len() == step;
        let mut by_account: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let ids: Vec<String> = dues.into_iter().map(|(id, _)| id).collect();
        for (id, live) in ids.iter().zip(self.lives(&ids).await?) {
            if let Some(live) = live {
                by_account.entry(live.account.to_string()).or_default().push(id.clone());
            }
        }
        for (account, ids) in by_account {
            if page.query.account.as_ref().is_some_and(|wanted| *wanted != account) {
                continue;
            }
            let mut command = redis::cmd("HMGET");
            command.arg(self.store.keys().payloads(&account)).arg(&ids);
            let value = self.store.connection().value(&command).await?;
            let jobs: Vec<Option<Vec<u8>>> = from_redis_value(value)?;
            let jobs = jobs.into_iter().map(Option::unwrap_or_default);
            let pairs = ids.into_iter().zip(jobs).collect();
            let lines = self.aside_lines(&account, pairs, page.query, known).await?;
            page.jobs.extend(lines);
        }
        Ok(full.then_some(JobPlace::Due(last, skip)))
    }
}
