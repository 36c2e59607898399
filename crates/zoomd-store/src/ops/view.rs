//! What is known of one job, and when it is expected to run.

use redis::from_redis_value;

use super::{AccountFacts, Block, Ops};
use crate::StoreError;
use crate::budget::forecast::Seat;
use crate::queue::{Record, Why};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// In the stream; no daemon has taken it in yet.
    Queued,
    /// In its account's waiting room.
    Waiting,
    /// Asleep until a time.
    Sleeping,
    /// In a daemon's hands.
    Running,
    /// Its last call is unresolved: Zoom is asked whether the meeting exists.
    Reconciling,
    /// It has its meeting.
    Succeeded,
    /// It failed for good.
    Failed,
}

impl State {
    /// One word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Sleeping => "sleeping",
            Self::Running => "running",
            Self::Reconciling => "reconciling",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// Whether it has its outcome.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// Where what is shown of a job comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// zoomd's record of a live job.
    Record,
    /// The producers' stream.
    JobsStream,
    /// The stream of results.
    ResultsStream,
    /// The stream of failures.
    FailuresStream,
    /// The index of failures.
    FailureIndex,
    /// The memory of finished jobs; the outcome itself is gone.
    Memory,
}

impl Source {
    /// A few words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::JobsStream => "jobs_stream",
            Self::ResultsStream => "results_stream",
            Self::FailuresStream => "failures_stream",
            Self::FailureIndex => "failure_index",
            Self::Memory => "memory",
        }
    }
}

/// What is known of a job.
#[derive(Debug, Clone)]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Where this was read.
    pub source: Source,
    /// Its account, if that is known.
    pub account: Option<String>,
    /// The host whose room it waits in.
    pub host: Option<String>,
    /// The stream entry it came in.
    pub entry: Option<String>,
    /// Which run.
    pub run: u32,
    /// 0 high, 1 normal, 2 low.
    pub priority: Option<u8>,
    /// Why it does not run.
    pub why: Option<Why>,
    /// What it waits for was said in these words.
    pub detail: Option<String>,
    /// When it is expected to go on.
    pub until_ms: Option<i64>,
    /// Its place in its room, from 1.
    pub place: Option<u64>,
    /// Not sent after this.
    pub deadline_ms: Option<i64>,
    /// The daemon that has it in hand.
    pub daemon: Option<String>,
    /// What was tried.
    pub record: Record,
    /// The job as it came.
    pub job: Option<Vec<u8>>,
    /// Its outcome, a JSON object.
    pub outcome: Option<String>,
    /// Its meetings, where Zoom was found to have more than one.
    pub twins: Vec<u64>,
    /// When people held back jobs of its account, once that was asked for.
    pub blocks: Vec<Block>,
}

impl JobView {
    /// A job that waits, and of which nothing else is known.
    #[must_use]
    pub fn waiting(id: &str) -> Self {
        Self::new(id, State::Waiting, Source::Record)
    }

    pub(super) fn new(id: &str, state: State, source: Source) -> Self {
        Self {
            id: id.to_owned(),
            state,
            source,
            account: None,
            host: None,
            entry: None,
            run: 1,
            priority: None,
            why: None,
            detail: None,
            until_ms: None,
            place: None,
            deadline_ms: None,
            daemon: None,
            record: Record::default(),
            job: None,
            outcome: None,
            twins: Vec::new(),
            blocks: Vec::new(),
        }
    }
}

/// Field of the record of a job that sleeps because of a limit.
pub const LIMITED: &str = "limited";

/// Adds why a job does not run, and when it is expected to.
pub(super) fn explain(
    view: &mut JobView,
    facts: &AccountFacts,
    hosts: &[&str],
    ahead: u64,
    due: Option<i64>,
) {
    let pause = match view.record.attempts {
        _ if view.record.more.contains_key(LIMITED) => Why::Limited,
        0 => Why::NotBefore,
        _ => Why::Backoff,
    };
    let due = due.map(|due| (pause, due));
    // All whose day it spends; it stands in the room of the first.
    let ahead = std::iter::once(ahead).chain(std::iter::repeat(0));
    let each = hosts
        .iter()
        .zip(ahead)
        .map(|(host, ahead)| facts.expect(Seat { due, ..facts.seat(host, ahead) }));
    let (why, until_ms) = each.max_by_key(|(_, until)| *until).unwrap_or((Why::Turn, None));
    (view.why, view.until_ms) = (Some(why), until_ms);
    let said = if why == Why::Backoff { view.record.why.clone() } else { None };
    view.detail = said.or_else(|| facts.detail(why));
}

impl Ops {
    /// What a job of this priority would be told that came now: it stands behind
    /// all of its host that wait and are not after it.
    ///
    /// # Errors
    /// That Redis could not be asked.
    pub async fn newcomer(
        &self,
        account: &str,
        hosts: &[&str],
        priority: u8,
        not_before_ms: Option<i64>,
    ) -> Result<(AccountFacts, JobView), StoreError> {
        let mut count = redis::cmd("ZCOUNT");
        let room = self.store.keys().room(account, hosts.first().copied().unwrap_or_default());
        count.arg(room).arg("-inf").arg(format!("({}e13", u32::from(priority) + 1));
        let ahead: u64 = from_redis_value(self.store.connection().value(&count).await?)?;
        let facts = self.account_facts(account, hosts).await?;
        let mut view = JobView::waiting("");
        view.place = Some(ahead + 1);
        let due = not_before_ms.filter(|due| *due > facts.line.now_ms);
        explain(&mut view, &facts, hosts, ahead, due);
        Ok((facts, view))
    }
}
