//! The index of failures: 30 days of them, with what a retry needs.

use redis::from_redis_value;

use super::Ops;
use super::{JobView, Source, State};
use crate::StoreError;
use crate::queue::{Aim, Record};

/// The field of a failure that was retried: the run that was started.
pub(super) const MARK: &str = "retried";
/// The field of the failure of a create of unknown outcome: the delete of its meeting.
pub(crate) const DELETED_BY: &str = "deleted_by";
/// Number of failures read in one step.
const PAGE: usize = 200;
/// Maximum number of failures read to find one job whose name is unknown.
const LOOK: usize = 10_000;
/// Runs of a job that are tried by name.
const RUNS: u32 = 32;

/// Selection of failures; nothing set: all.
#[derive(Debug, Clone, Default)]
pub struct FailureFilter {
    pub account: Option<String>,
    pub code: Option<String>,
    /// Not older than this.
    pub since_ms: Option<i64>,
}

/// One line of the list.
#[derive(Debug, Clone)]
pub struct FailureLine {
    /// Id: `<job id>#<run>`.
    pub id: String,
    /// The job's id.
    pub job_id: String,
    /// The account, empty if that could not be read.
    pub account: String,
    pub code: String,
    pub failed_ms: i64,
    /// The outcome, a JSON object.
    pub json: String,
}

/// A failure with all that is kept of it.
#[derive(Debug, Clone)]
pub struct FailureRecord {
    /// Line of the failure in the list.
    pub line: FailureLine,
    /// The stream entry the job came in.
    pub entry: String,
    /// The job as it came.
    pub job: Vec<u8>,
    /// Record of all attempts.
    pub record: Record,
    /// The run that was started from it, if one was.
    pub retried: Option<u32>,
    /// Place of an update in the line of its meeting.
    pub(crate) order: Option<String>,
    /// The job that deleted the meeting of a create whose outcome was unknown, or proved
    /// that there is none: a retry must be forced.
    pub deleted_by: Option<String>,
}

/// Position at which a page of the list ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    id: String,
    failed_ms: f64,
}

impl Cursor {
    /// The place before the newest.
    pub(super) fn newest() -> Self {
        Self { id: String::new(), failed_ms: 9e15 }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0}:{}", self.failed_ms, self.id)
    }
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (ms, id) = text.split_once(':').ok_or(())?;
        let failed_ms = ms.parse::<u64>().map_err(drop)? as f64;
        Ok(Self { id: id.to_owned(), failed_ms })
    }
}

impl FailureLine {
    /// Number of the run that failed.
    #[must_use]
    pub fn run(&self) -> u32 {
        self.id.rsplit_once('#').and_then(|(_, run)| run.parse().ok()).unwrap_or(1)
    }
}

impl FailureRecord {
    #[must_use]
    pub fn view(&self) -> JobView {
        let mut view = JobView::new(&self.line.job_id, State::Failed, Source::FailureIndex);
        view.account = Some(self.line.account.clone()).filter(|account| !account.is_empty());
        view.entry = Some(self.entry.clone());
        view.run = self.line.run();
        view.record = self.record.clone();
        view.target = self.record.aim.as_deref().and_then(Aim::line_of).map(str::to_owned);
        view.job = Some(self.job.clone());
        view.outcome = Some(self.line.json.clone());
        view
    }
}

impl FailureLine {
    /// The job that cancelled this one, when it deleted the meeting: a retry by filter
    /// leaves such a failure alone.
    #[must_use]
    pub fn cancelled_by(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Said {
            cancelled_by: Option<String>,
        }
        // Most outcomes are not parsed.
        let said = self.json.contains("\"cancelled_by\"");
        said.then(|| serde_json::from_str::<Said>(&self.json).ok()?.cancelled_by)?
    }

    /// The stream entry of the job: failures are retried in the order of these.
    #[must_use]
    pub fn entry_id(&self) -> Option<zoomd_wire::EntryId> {
        #[derive(serde::Deserialize)]
        struct Said {
            entry_id: String,
        }
        serde_json::from_str::<Said>(&self.json).ok()?.entry_id.parse().ok()
    }
}

impl FailureFilter {
    fn takes(&self, line: &FailureLine) -> bool {
        self.account.as_ref().is_none_or(|account| *account == line.account)
            && self.code.as_ref().is_none_or(|code| *code == line.code)
    }
}

impl Ops {
    /// A page of failures, newest first, and where the next page begins.
    pub async fn failures(
        &self,
        filter: &FailureFilter,
        after: Option<&Cursor>,
    ) -> Result<(Vec<FailureLine>, Option<Cursor>), StoreError> {
        self.failures_of(filter, after, PAGE).await
    }

    /// Variant that reads at most `look` failures.
    pub async fn failures_of(
        &self,
        filter: &FailureFilter,
        after: Option<&Cursor>,
        look: usize,
    ) -> Result<(Vec<FailureLine>, Option<Cursor>), StoreError> {
        let key = self.store.keys().failure_index();
        let rank = match after {
            Some(cursor) => self.rank_after(&key, cursor).await?,
            None => 0,
        };
        let mut command = redis::cmd("ZREVRANGE");
        command.arg(&key).arg(rank).arg(rank + look as u64 - 1).arg("WITHSCORES");
        let conn = self.store.connection();
        let mut found: Vec<(String, f64)> = from_redis_value(conn.value(&command).await?)?;
        let full = found.len() == look;
        if let Some(since) = filter.since_ms {
            found.retain(|(_, ms)| *ms as i64 >= since);
        }
        let last = found.last().cloned().filter(|_| full && found.len() == look);
        let next = last.map(|(id, failed_ms)| Cursor { id, failed_ms });
        let ids: Vec<String> = found.into_iter().map(|(id, _)| id).collect();
        let mut lines = self.lines(&ids).await?;
        lines.retain(|line| filter.takes(line));
        Ok((lines, next))
    }

    /// Failures may have come or gone since the page before.
    async fn rank_after(&self, key: &str, cursor: &Cursor) -> Result<u64, StoreError> {
        let newer = format!("({:.0}", cursor.failed_ms);
        let mut reads = redis::pipe();
        reads.cmd("ZREVRANK").arg(key).arg(&cursor.id);
        reads.cmd("ZCOUNT").arg(key).arg(newer).arg("+inf");
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let rank: Option<u64> = from_redis_value(next())?;
        let newer: u64 = from_redis_value(next())?;
        Ok(rank.map_or(newer, |rank| rank + 1))
    }

    async fn lines(&self, ids: &[String]) -> Result<Vec<FailureLine>, StoreError> {
        const FIELDS: [&str; 5] = ["job_id", "account", "code", "failed_ms", "failure"];
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut reads = redis::pipe();
        for id in ids {
            reads.cmd("HMGET").arg(self.store.keys().failure(id)).arg(&FIELDS);
        }
        let values = self.store.connection().values(&reads).await?;
        let mut lines = Vec::with_capacity(ids.len());
        for (id, value) in ids.iter().zip(values) {
            let fields: Vec<Option<String>> = from_redis_value(value)?;
            let mut fields = fields.into_iter();
            let mut next = || fields.next().flatten();
            let Some(job_id) = next() else { continue };
            lines.push(FailureLine {
                id: id.clone(),
                job_id,
                account: next().unwrap_or_default(),
                code: next().unwrap_or_default(),
                failed_ms: next().and_then(|ms| ms.parse().ok()).unwrap_or(0),
                json: next().unwrap_or_default(),
            });
        }
        Ok(lines)
    }

    /// Number of failures the index holds, and how many of them are of the last day.
    pub async fn failure_counts(&self) -> Result<(u64, u64), StoreError> {
        let day_ago = self.store.now_ms().await? - crate::clock::DAY_MS;
        let key = self.store.keys().failure_index();
        let mut reads = redis::pipe();
        reads.cmd("ZCARD").arg(&key).cmd("ZCOUNT").arg(&key).arg(day_ago).arg("+inf");
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Int(0));
        Ok((from_redis_value(next())?, from_redis_value(next())?))
    }

    /// A failure by its id, its job's id or its entry's: of several runs, the last.
    pub async fn failure(&self, id: &str) -> Result<Option<FailureRecord>, StoreError> {
        match self.failure_id(id).await? {
            Some(id) => self.failure_record(&id).await,
            None => Ok(None),
        }
    }

    /// The run that was started by a retry of this failure, which is off the
    /// list since: by the failure's id or its job's.
    pub async fn retried(&self, id: &str) -> Result<Option<u32>, StoreError> {
        let mut reads = redis::pipe();
        for name in names(id) {
            reads.cmd("HGET").arg(self.store.keys().failure(&name)).arg(MARK);
        }
        let mut last = None;
        for value in self.store.connection().values(&reads).await? {
            let run: Option<u32> = from_redis_value(value)?;
            last = last.max(run);
        }
        Ok(last)
    }

    async fn failure_id(&self, id: &str) -> Result<Option<String>, StoreError> {
        let key = self.store.keys().failure_index();
        let names = names(id);
        let mut command = redis::cmd("ZMSCORE");
        command.arg(&key).arg(&names);
        let conn = self.store.connection();
        let scores: Vec<Option<f64>> = from_redis_value(conn.value(&command).await?)?;
        if let Some(at) = scores.iter().rposition(Option::is_some) {
            return Ok(names.into_iter().nth(at));
        }
        // A refused entry is known by its entry, not by the id it claims.
        let mut seen = 0;
        let mut from = None;
        while seen < LOOK {
            let (lines, next) = self.failures(&FailureFilter::default(), from.as_ref()).await?;
            seen += PAGE;
            if let Some(line) = lines.into_iter().find(|line| line.job_id == id) {
                return Ok(Some(line.id));
            }
            if next.is_none() {
                break;
            }
            from = next;
        }
        Ok(None)
    }

    pub(crate) async fn failure_record(
        &self,
        id: &str,
    ) -> Result<Option<FailureRecord>, StoreError> {
        let Some(line) = self.lines(&[id.to_owned()]).await?.into_iter().next() else {
            return Ok(None);
        };
        let mut command = redis::cmd("HMGET");
        let fields = ["entry", "job", "record", MARK, "order", DELETED_BY];
        command.arg(self.store.keys().failure(id)).arg(&fields);
        let value = self.store.connection().value(&command).await?;
        let fields: Vec<Option<Vec<u8>>> = from_redis_value(value)?;
        let mut fields = fields.into_iter();
        let mut next = || fields.next().flatten().unwrap_or_default();
        let entry = String::from_utf8_lossy(&next()).into_owned();
        let (job, record) = (next(), next());
        let retried = String::from_utf8_lossy(&next()).parse().ok();
        let order = Some(String::from_utf8_lossy(&next()).into_owned());
        let order = order.filter(|order| !order.is_empty());
        let deleted_by = String::from_utf8_lossy(&next()).into_owned();
        let deleted_by = Some(deleted_by).filter(|by| !by.is_empty());
        let record = serde_json::from_slice(&record).unwrap_or_default();
        Ok(Some(FailureRecord { line, entry, job, record, retried, order, deleted_by }))
    }

    /// True if a later update of the same meeting succeeded after this one failed.
    pub async fn is_superseded(&self, failure: &FailureRecord) -> Result<bool, StoreError> {
        let line = failure.record.aim.as_deref().and_then(Aim::line_of);
        let Some((line, order)) = line.zip(failure.order.as_deref()) else { return Ok(false) };
        let mut command = redis::cmd("HGET");
        command.arg(self.store.keys().updated(line)).arg("last");
        let last: Option<String> =
            from_redis_value(self.store.connection().value(&command).await?)?;
        Ok(last.is_some_and(|last| last.as_str() > order))
    }
}

/// Keys under which a failure with this id, or of the job with this id, may be stored.
fn names(id: &str) -> Vec<String> {
    let runs = (1..=RUNS).map(|run| format!("{id}#{run}"));
    std::iter::once(id.to_owned()).chain(runs).collect()
}
