//! Search for one job in all places: waiting, in flight, still in the stream, or finished.
//!
//! Searches first where the scripts keep live jobs, then the index of failures, then the streams.
//! The searches through streams are bounded, so "not found" of an old job means "not among the
//! newest".

use redis::from_redis_value;

use super::stream::Way;
use super::view::{Place, explain, explain_queued, explain_reconcile};
use super::{JobView, Ops, Source, State};
use crate::limits::Label;
use crate::queue::memory::{Ended, Finished, Live, Memory};
use crate::queue::{Aim, Purpose, Record};
use crate::{StoreError, duplicates};

/// Maximum number of entries of the producers' stream read to find one job, the oldest first.
pub const QUEUED_LOOK: usize = 2_000_000;
/// Maximum number of outcomes read to find one job.
pub const OUTCOMES_LOOK: usize = 100_000;

impl Ops {
    /// Finds a job by its id, or by the id of its stream entry.
    pub async fn job(&self, id: &str) -> Result<Option<JobView>, StoreError> {
        self.job_near(id, None).await
    }

    /// As [`job`](Self::job), for one that was in this entry of the stream when
    /// it was last seen: it is not searched for while it is there.
    pub async fn job_near(
        &self,
        id: &str,
        entry: Option<&str>,
    ) -> Result<Option<JobView>, StoreError> {
        let Some(mut view) = self.without_twins(id, entry).await? else { return Ok(None) };
        if view.state == State::Succeeded {
            view.duplicates = duplicates::of(&self.store, &view.id).await?;
        }
        Ok(Some(view))
    }

    async fn without_twins(
        &self,
        id: &str,
        entry: Option<&str>,
    ) -> Result<Option<JobView>, StoreError> {
        if let Some(memory) = self.memory(id).await? {
            return self.remembered_job(id, &memory).await.map(Some);
        }
        let found = match entry {
            Some(entry) => self.job_in(id, entry).await?,
            None => self.unremembered_job(id).await?,
        };
        if found.is_some() {
            return Ok(found);
        }
        // It may have left the stream for the live jobs while it was searched for.
        match self.memory(id).await? {
            Some(memory) => self.remembered_job(id, &memory).await.map(Some),
            None => Ok(None),
        }
    }

    /// The state of a job that is live, or that was over a short while ago.
    pub(super) async fn memory(&self, id: &str) -> Result<Option<String>, StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.store.keys().ids()).arg(id);
        Ok(from_redis_value(self.store.connection().value(&command).await?)?)
    }

    async fn remembered_job(&self, id: &str, memory: &str) -> Result<JobView, StoreError> {
        match Memory::read(memory) {
            Some(Memory::Live(live)) => self.live_job(id, live).await,
            Some(Memory::Finished(finished)) => self.finished_job(id, &finished).await,
            None => Err(StoreError::unexpected("a job's state")),
        }
    }

    async fn job_in(&self, id: &str, entry: &str) -> Result<Option<JobView>, StoreError> {
        let jobs = self.store.keys().jobs();
        match self.entry(&jobs, entry).await? {
            Some(raw) => Ok(Some(self.queued_told(&raw).await?)),
            None => self.over_job(id, Some(entry)).await,
        }
    }

    pub(super) async fn live_job(&self, id: &str, live: Live) -> Result<JobView, StoreError> {
        let keys = self.store.keys();
        let room = if live.purpose == Purpose::Lookup { "?reconcile" } else { &*live.host };
        let room = keys.room(&live.account, room);
        let mut reads = redis::pipe();
        reads.cmd("HGET").arg(keys.own()).arg(id);
        reads.cmd("ZSCORE").arg(keys.due()).arg(id);
        reads.cmd("ZRANK").arg(&room).arg(id);
        reads.cmd("ZCOUNT").arg(&room).arg("-inf").arg(format!("({}", live.place()));
        reads.cmd("HGET").arg(keys.payloads(&live.account)).arg(id);
        reads.cmd("HGET").arg(keys.records(&live.account)).arg(id);
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let own: Option<String> = from_redis_value(next())?;
        let due: Option<f64> = from_redis_value(next())?;
        let rank: Option<u64> = from_redis_value(next())?;
        let before: u64 = from_redis_value(next())?;
        let payload: Option<Vec<u8>> = from_redis_value(next())?;
        let record: Option<Vec<u8>> = from_redis_value(next())?;
        let mut view = view_of(id, &live);
        view.record = Record::read(&record.unwrap_or_default(), &live);
        view.job = payload;
        let unresolved = live.purpose == Purpose::Lookup;
        if let Some(own) = own {
            view.state = if unresolved { State::Reconciling } else { State::Running };
            view.daemon = own.split_once('.').map(|(boot, _)| boot.to_owned());
            if let Some(daemon) = &view.daemon {
                view.detail = self.obstacles().await?.in_hands_of(daemon);
            }
            self.explain_carrier(&mut view, &live, &own).await?;
            if view.job.is_none() {
                let entry = self.entry(&keys.jobs(), &live.entry).await?;
                view.job = entry.map(|entry| entry.field("job").to_vec());
            }
            return Ok(view);
        }
        let due = due.map(|due| due as i64);
        if unresolved {
            view.state = State::Reconciling;
            let facts = self.judged_facts(&live.account, &[]).await?;
            explain_reconcile(&mut view, &facts, due);
            return Ok(view);
        }
        if due.is_none() && rank.is_none() && self.explain_line(&mut view, &live).await? {
            return Ok(view);
        }
        view.not_before_ms = view.job.as_deref().and_then(not_before);
        view.state = if due.is_some() { State::Sleeping } else { State::Waiting };
        view.place = rank.map(|rank| rank + 1);
        let hosts: Vec<&str> = [Some(&live.host), live.other_host.as_ref()]
            .into_iter()
            .flatten()
            .map(|host| &**host)
            .collect();
        let facts = self.judged_facts(&live.account, &hosts).await?;
        let ahead = rank.unwrap_or(before);
        explain(&mut view, &facts, &Place { hosts: &hosts, ahead, due });
        Ok(view)
    }

    async fn finished_job(&self, id: &str, memory: &Finished) -> Result<JobView, StoreError> {
        let done = memory.ended == Ended::Done;
        let finished_s = memory.finished_s.unwrap_or(0);
        if !done && let Some(view) = self.failed_job(id).await? {
            return Ok(view);
        }
        let state = if done { State::Succeeded } else { State::Failed };
        let from = Some(format!("{}-0", (finished_s - 2).max(0) * 1000));
        let found = self.outcome_from(id, state, Way::OldestFirst, from).await?;
        Ok(found.unwrap_or_else(|| {
            let mut view = JobView::new(id, state, Source::Memory);
            (view.run, view.entry) = (memory.run, Some(memory.entry.to_string()));
            view
        }))
    }

    async fn unremembered_job(&self, id: &str) -> Result<Option<JobView>, StoreError> {
        if let Some(view) = self.failed_job(id).await? {
            return Ok(Some(view));
        }
        if let Some(view) = self.queued_job(id).await? {
            return Ok(Some(view));
        }
        self.over_job(id, None).await
    }

    /// A job that is no more, from its outcome. An entry's id tells when the job
    /// came, so its outcome came later.
    async fn over_job(&self, id: &str, entry: Option<&str>) -> Result<Option<JobView>, StoreError> {
        if let Some(view) = self.failed_job(id).await? {
            return Ok(Some(view));
        }
        let came = entry.unwrap_or(id).parse::<zoomd_wire::EntryId>();
        let from = came.ok().map(|id| id.to_string());
        let way = if from.is_some() { Way::OldestFirst } else { Way::NewestFirst };
        for state in [State::Succeeded, State::Failed] {
            if let Some(view) = self.outcome_from(id, state, way, from.clone()).await? {
                return Ok(Some(view));
            }
        }
        Ok(None)
    }

    async fn failed_job(&self, id: &str) -> Result<Option<JobView>, StoreError> {
        let Some(record) = self.failure(id).await? else { return Ok(None) };
        Ok(Some(record.view()))
    }

    /// A job that no daemon has taken in: by its entry, else by the id in it.
    async fn queued_job(&self, id: &str) -> Result<Option<JobView>, StoreError> {
        let jobs = self.store.keys().jobs();
        let entry = match id.parse::<zoomd_wire::EntryId>() {
            Ok(_) => self.entry(&jobs, id).await?,
            Err(_) => {
                let named = |raw: &super::stream::Raw| is_named(raw, id);
                self.search(&jobs, Way::OldestFirst, None, QUEUED_LOOK, named).await?
            }
        };
        match entry {
            Some(raw) => Ok(Some(self.queued_told(&raw).await?)),
            None => Ok(None),
        }
    }

    async fn queued_told(&self, raw: &super::stream::Raw) -> Result<JobView, StoreError> {
        let mut view = queued_view(raw);
        explain_queued(&mut view, &self.obstacles().await?);
        Ok(view)
    }

    async fn outcome_from(
        &self,
        id: &str,
        state: State,
        way: Way,
        from: Option<String>,
    ) -> Result<Option<JobView>, StoreError> {
        let keys = self.store.keys();
        let (key, field, source) = match state {
            State::Succeeded => (keys.results(), "result", Source::ResultsStream),
            _ => (keys.failures(), "failure", Source::FailuresStream),
        };
        let wanted = |raw: &super::stream::Raw| raw.field("job_id") == id.as_bytes();
        let Some(raw) = self.search(&key, way, from, OUTCOMES_LOOK, wanted).await? else {
            return Ok(None);
        };
        let mut view = JobView::new(id, state, source);
        view.account = Some(raw.text("account"));
        let json = raw.text(field);
        if let Ok(said) = serde_json::from_str::<Said>(&json) {
            (view.run, view.entry) = (said.run, Some(said.entry_id));
            view.record.attempts = said.attempts;
        }
        view.record.story = serde_json::from_slice(raw.field("story")).unwrap_or_default();
        view.outcome = Some(json);
        Ok(Some(view))
    }
}

/// Fields of an outcome that describe its job.
#[derive(serde::Deserialize)]
struct Said {
    run: u32,
    entry_id: String,
    attempts: u32,
}

pub(super) fn view_of(id: &str, live: &Live) -> JobView {
    let mut view = JobView::new(id, State::Waiting, Source::Record);
    view.account = Some(live.account.to_string());
    view.host = Label::of_room(&live.host).is_none().then(|| live.host.to_string());
    view.entry = Some(live.entry.to_string());
    view.run = live.run;
    view.priority = Some(live.priority);
    view.deadline_ms = Some(live.deadline_ms);
    view.target = live.aim.as_deref().and_then(Aim::line_of).map(str::to_owned);
    view
}

/// True if its producer gave the job this id. Most jobs are not even parsed.
fn is_named(raw: &super::stream::Raw, id: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Named {
        id: Option<String>,
    }
    let text = std::str::from_utf8(raw.field("job")).unwrap_or_default();
    // A producer may write any character as an escape.
    (text.contains(id) || text.contains("\\u"))
        && serde_json::from_str::<Named>(text).is_ok_and(|job| job.id.as_deref() == Some(id))
}

/// The job's own earliest time, ms.
pub(super) fn not_before(job: &[u8]) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Peek {
        not_before: Option<jiff::Timestamp>,
    }
    Some(serde_json::from_slice::<Peek>(job).ok()?.not_before?.as_millisecond())
}

pub(super) fn queued_view(raw: &super::stream::Raw) -> JobView {
    #[derive(serde::Deserialize)]
    struct Peek {
        id: Option<String>,
        account: Option<String>,
    }
    let peek: Option<Peek> = serde_json::from_slice(raw.field("job")).ok();
    let (id, account) = peek.map_or((None, None), |peek| (peek.id, peek.account));
    let mut view =
        JobView::new(&id.unwrap_or_else(|| raw.id.clone()), State::Queued, Source::JobsStream);
    view.account = account;
    view.entry = Some(raw.id.clone());
    view.job = Some(raw.field("job").to_vec());
    view
}
