//! Jobs in the streams and in the index of failures: those that no daemon has taken in,
//! and those that are over.

use std::collections::BTreeMap;

use redis::from_redis_value;
use serde::Deserialize;

use super::{Filling, JobPlace, in_hand_of};
use crate::StoreError;
use crate::inspect::failures::Cursor;
use crate::inspect::find::{queued_view, view_of};
use crate::inspect::stream::Way;
use crate::inspect::view::explain_queued;
use crate::inspect::wait_facts::hosts::Known;
use crate::inspect::{FailureFilter, JobView, Ops, Source, State};
use crate::queue::memory::Live;

impl Ops {
    pub(super) async fn stream_page(
        &self,
        page: &mut Filling<'_>,
        after: String,
        known: &Known,
    ) -> Result<Option<JobPlace>, StoreError> {
        let step = page.step();
        let (key, from) = (self.store.keys().jobs(), Some(format!("({after}")));
        let (mut raws, mut last) = (Vec::new(), None);
        let seen = self
            .walk(&key, Way::OldestFirst, from, step, |raw| {
                last = Some(raw.id.clone());
                raws.push(queued_view(&raw));
                true
            })
            .await?;
        page.reads += seen.max(1);
        // An entry that is in flight may still be in the stream.
        let ids: Vec<&str> = raws.iter().map(|view| view.id.as_str()).collect();
        let states: Vec<Option<String>> = if ids.is_empty() {
            Vec::new()
        } else {
            let mut command = redis::cmd("HMGET");
            command.arg(self.store.keys().ids()).arg(&ids);
            from_redis_value(self.store.connection().value(&command).await?)?
        };
        for (mut view, state) in raws.into_iter().zip(states) {
            let live = state.as_deref().and_then(Live::read);
            let live = live.filter(|live| view.entry.as_deref() == Some(&*live.entry));
            let job = view.job.take().unwrap_or_default();
            match &live {
                Some(live) => {
                    view = view_of(&view.id, live);
                    view.state = in_hand_of(live);
                }
                None => explain_queued(&mut view, &known.obstacles),
            }
            if page.query.takes_state(view.state) && page.query.takes(&view, &job) {
                page.jobs.push(view);
            }
        }
        Ok(last.filter(|_| seen == step).map(JobPlace::Stream))
    }

    pub(super) async fn failed_page(
        &self,
        page: &mut Filling<'_>,
        cursor: Cursor,
    ) -> Result<Option<JobPlace>, StoreError> {
        let filter = FailureFilter { account: page.query.account.clone(), ..Default::default() };
        let step = page.step();
        let (lines, next) = self.failures_of(&filter, Some(&cursor), step).await?;
        page.reads += step;
        for line in lines {
            let mut view = JobView::new(&line.job_id, State::Failed, Source::FailureIndex);
            view.account = Some(line.account.clone()).filter(|account| !account.is_empty());
            view.run = line.run();
            let (entry, job) = outcome_of(&line.json);
            view.entry = entry;
            if page.query.takes(&view, job.as_bytes()) {
                view.outcome = Some(line.json);
                page.jobs.push(view);
            }
        }
        Ok(next.map(JobPlace::Failed))
    }

    pub(super) async fn done_page(
        &self,
        page: &mut Filling<'_>,
        before: String,
    ) -> Result<Option<JobPlace>, StoreError> {
        let step = page.step();
        let from = if before == "+" { before } else { format!("({before}") };
        let (key, mut last) = (self.store.keys().results(), None);
        let (query, jobs) = (page.query, &mut page.jobs);
        let seen = self
            .walk(&key, Way::NewestFirst, Some(from), step, |raw| {
                last = Some(raw.id.clone());
                let mut view =
                    JobView::new(&raw.text("job_id"), State::Succeeded, Source::ResultsStream);
                view.account = Some(raw.text("account"));
                let json = raw.text("result");
                view.entry = outcome_of(&json).0;
                // A result has the fields of its job that are asked for, but its meeting is Zoom's.
                if query.takes(&view, json.as_bytes()) {
                    view.outcome = Some(json);
                    jobs.push(view);
                }
                true
            })
            .await?;
        page.reads += seen.max(1);
        Ok(last.filter(|_| seen == step).map(JobPlace::Done))
    }

    /// Adds the job texts to jobs that are in flight.
    pub(super) async fn add_payloads(&self, views: &mut [JobView]) -> Result<(), StoreError> {
        let mut reads = redis::pipe();
        for view in views.iter() {
            let account = view.account.as_deref().unwrap_or_default();
            reads.cmd("HGET").arg(self.store.keys().payloads(account)).arg(&view.id);
            let entry = view.entry.as_deref().unwrap_or("0-0");
            reads.cmd("XRANGE").arg(self.store.keys().jobs()).arg(entry).arg(entry);
        }
        if views.is_empty() {
            return Ok(());
        }
        type Entry = (String, BTreeMap<String, Vec<u8>>);
        let values = self.store.connection().values(&reads).await?;
        for (view, pair) in views.iter_mut().zip(values.chunks_exact(2)) {
            let aside: Option<Vec<u8>> = redis::from_redis_value_ref(&pair[0])?;
            let entries: Vec<Entry> = redis::from_redis_value_ref(&pair[1])?;
            let hot = entries.into_iter().next().and_then(|(_, mut fields)| fields.remove("job"));
            view.job = aside.or(hot);
        }
        Ok(())
    }
}

/// The entry and the job of an outcome.
fn outcome_of(json: &str) -> (Option<String>, String) {
    #[derive(Deserialize)]
    struct Said<'a> {
        entry_id: Option<String>,
        #[serde(borrow)]
        job: Option<&'a serde_json::value::RawValue>,
    }
    let said: Option<Said<'_>> = serde_json::from_str(json).ok();
    let job = said.as_ref().and_then(|said| said.job).map_or("", |job| job.get()).to_owned();
    (said.and_then(|said| said.entry_id), job)
}
