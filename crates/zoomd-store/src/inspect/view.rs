//! One job: all that is known of it, and when it is expected to run.

use redis::from_redis_value;

use super::{AccountFacts, Asking, Obstacle, Obstacles, Ops};
use crate::StoreError;
use crate::eta::Position;
use crate::queue::{Record, WaitReason};

/// State of a job.
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
    /// The last call is unresolved: Zoom is asked whether the meeting exists.
    Reconciling,
    /// It has its meeting.
    Succeeded,
    Failed,
}

impl State {
    /// Every state, in the order in which a job comes to them.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Waiting,
        Self::Sleeping,
        Self::Running,
        Self::Reconciling,
        Self::Succeeded,
        Self::Failed,
    ];

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

    /// True when it has its outcome.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// Source of a view of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// zoomd's record of a live job.
    Record,
    /// The producers' stream.
    JobsStream,
    ResultsStream,
    FailuresStream,
    FailureIndex,
    /// The memory of finished jobs; the outcome itself was deleted.
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

/// A time in which jobs of an account were held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// [`WaitReason::Paused`], [`WaitReason::Consent`], or the job's own time.
    pub why: WaitReason,
    /// The time at which it began.
    pub from_ms: i64,
    /// The time at which it ended; `None` while it lasts.
    pub to_ms: Option<i64>,
}

/// All that is known of a job.
#[derive(Debug, Clone)]
pub struct JobView {
    pub id: String,
    pub state: State,
    pub source: Source,
    /// The account, if that is known.
    pub account: Option<String>,
    /// The host whose room it waits in.
    pub host: Option<String>,
    /// The stream entry it came in.
    pub entry: Option<String>,
    pub run: u32,
    /// 0 high, 1 normal, 2 low.
    pub priority: Option<u8>,
    /// Reason why it does not run.
    pub why: Option<WaitReason>,
    /// Details of the reason.
    pub detail: Option<String>,
    /// The name of the line of its meeting, where it changes one; see
    /// [`Line`](crate::queue::Line).
    pub target: Option<String>,
    /// The job that it waits for, of the same meeting.
    pub waits_for: Option<String>,
    /// The time at which the reason began, where that is known.
    pub since_ms: Option<i64>,
    /// Another obstacle, which it will meet after that.
    pub besides: Option<Obstacle>,
    /// Expected time of the run; `None`: unknown.
    pub until_ms: Option<i64>,
    /// The time of the next attempt or search, whatever its result.
    pub next_ms: Option<i64>,
    /// The job's own `not_before`.
    pub not_before_ms: Option<i64>,
    /// Position in the room, from 1.
    pub place: Option<u64>,
    /// Not sent after this.
    pub deadline_ms: Option<i64>,
    /// The daemon that runs it.
    pub daemon: Option<String>,
    /// Record of all attempts.
    pub record: Record,
    /// The job as it came.
    pub job: Option<Vec<u8>>,
    /// The outcome, a JSON object.
    pub outcome: Option<String>,
    /// The meetings, where Zoom was found to have more than one.
    pub duplicates: Vec<u64>,
    /// Times in which people held back jobs of its account, if requested.
    pub blocks: Vec<Block>,
    /// The time before which such times are not kept; `None`: all are.
    pub blocks_from_ms: Option<i64>,
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
            waits_for: None,
            target: None,
            since_ms: None,
            besides: None,
            until_ms: None,
            next_ms: None,
            not_before_ms: None,
            place: None,
            deadline_ms: None,
            daemon: None,
            record: Record::default(),
            job: None,
            outcome: None,
            duplicates: Vec::new(),
            blocks: Vec::new(),
            blocks_from_ms: None,
        }
    }
}

/// Field of the record of a job that sleeps because of a limit.
pub const LIMITED: &str = "limited";

/// A place in which a job waits.
pub(super) struct Place<'a> {
    /// Hosts whose daily limit the job uses; it waits in the room of the first.
    pub(super) hosts: &'a [&'a str],
    /// Number of jobs ahead of it.
    pub(super) ahead: u64,
    /// It sleeps until then, ms.
    pub(super) due: Option<i64>,
}

/// Adds why a job does not run, and when it is expected to.
pub(super) fn explain(view: &mut JobView, facts: &AccountFacts, place: &Place<'_>) {
    let due = place.due.map(|due| (pause(view, due, place.hosts.len()), due));
    // One that is not named is of a day's limit or a gate of another host.
    let named = due.and_then(|(why, due)| Some((why?, due)));
    let ahead = std::iter::once(place.ahead).chain(std::iter::repeat(0));
    let each =
        place.hosts.iter().zip(ahead).map(|(host, ahead)| {
            facts.expect(Position { due: named, ..facts.position(host, ahead) })
        });
    let (why, until_ms) = each.max_by_key(|(_, until)| *until).unwrap_or((WaitReason::Turn, None));
    view.until_ms = match (due, until_ms) {
        (Some((None, due)), Some(until)) => Some(due.max(until)),
        _ => until_ms,
    };
    view.next_ms = due.filter(|(why, _)| *why == Some(WaitReason::Backoff)).map(|(_, due)| due);
    told(view, facts, why);
}

/// As [`explain`], for a job whose last call is unresolved: it is looked for, which
/// spends none of its host's day.
pub(super) fn explain_reconcile(view: &mut JobView, facts: &AccountFacts, due: Option<i64>) {
    let stopped = facts.stopped().filter(|(_, lasts)| *lasts).map(|(why, _)| why);
    let why = facts.shut().or(stopped).unwrap_or(WaitReason::Reconcile);
    let honest = why == WaitReason::Reconcile && facts.stopped().is_none();
    view.next_ms = due;
    view.until_ms = due.filter(|_| honest);
    told(view, facts, why);
}

/// Reason why a job sleeps, from its record; `None`: because of its second host.
fn pause(view: &JobView, due: i64, hosts: usize) -> Option<WaitReason> {
    let record = &view.record;
    let noted = record.until_ms.map(|until| until == due);
    match view.not_before_ms {
        Some(not_before) if not_before >= due => Some(WaitReason::NotBefore),
        _ if record.more.contains_key(LIMITED) => Some(WaitReason::Limited),
        _ if noted.unwrap_or(record.attempts > 0) => Some(WaitReason::Backoff),
        _ if hosts > 1 => None,
        _ => Some(WaitReason::NotBefore),
    }
}

/// Adds a reason with what is known of it.
fn told(view: &mut JobView, facts: &AccountFacts, why: WaitReason) {
    view.why = Some(why);
    let said =
        matches!(why, WaitReason::Backoff | WaitReason::Reconcile).then(|| view.record.why.clone());
    view.detail = said.flatten().or_else(|| facts.detail(why));
    view.since_ms = facts.since_ms(why);
    view.besides = facts.obstacle.clone().filter(|obstacle| obstacle.why != why);
}

/// Said of a job in the stream whose kind this version does not know.
fn unknown_kind(job: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Peek {
        kind: Option<String>,
    }
    let kind = serde_json::from_slice::<Peek>(job).ok()?.kind?;
    let is_unknown = kind.parse::<zoomd_wire::Kind>().is_err();
    let kind: String = kind.chars().take(64).collect();
    is_unknown.then(|| {
        format!("its kind {kind} is unknown to this version of zoomd: it waits for a newer daemon, or fails as invalid_job if none is alive")
    })
}

/// Adds why a job is still in the stream.
pub(super) fn explain_queued(view: &mut JobView, obstacles: &Obstacles) {
    let asking = Asking { account: view.account.as_deref(), api_host: None, token_lives: true };
    let met = obstacles.of(asking);
    view.why = Some(met.as_ref().map_or(WaitReason::Queued, |obstacle| obstacle.why));
    view.since_ms = met.as_ref().and_then(|obstacle| obstacle.since_ms);
    let odd = || unknown_kind(view.job.as_deref()?);
    view.detail = met.map(|obstacle| obstacle.what).or_else(odd);
}

impl Ops {
    /// The answer for a job of this priority that came now: it stands behind
    /// all of its host that wait and are not after it.
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
        let facts = self.judged_facts(account, hosts).await?;
        let mut view = JobView::waiting("");
        view.place = Some(ahead + 1);
        view.not_before_ms = not_before_ms;
        let due = not_before_ms.filter(|due| *due > facts.line.now_ms);
        explain(&mut view, &facts, &Place { hosts, ahead, due });
        Ok((facts, view))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_listed() {
        let place = |state| match state {
            State::Queued => 0,
            State::Waiting => 1,
            State::Sleeping => 2,
            State::Running => 3,
            State::Reconciling => 4,
            State::Succeeded => 5,
            State::Failed => 6,
        };
        let places: Vec<usize> = State::ALL.into_iter().map(place).collect();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_job_sleeps_for_what_is_kept_of_it() {
        let record = |attempts, until_ms| Record { attempts, until_ms, ..Record::default() };
        let mut limited = record(0, Some(50));
        limited.more.insert(LIMITED.to_owned(), true.into());
        let none = Record::default;
        let cases = [
            (none(), Some(50), 1, Some(WaitReason::NotBefore)),
            // A retry of a failure keeps its count.
            (record(2, None), Some(50), 1, Some(WaitReason::NotBefore)),
            (record(1, Some(50)), Some(40), 1, Some(WaitReason::Backoff)),
            // A lost call while Zoom was unreachable is no attempt.
            (record(0, Some(50)), None, 1, Some(WaitReason::Backoff)),
            (record(1, None), None, 1, Some(WaitReason::Backoff)),
            (limited, None, 1, Some(WaitReason::Limited)),
            (none(), None, 1, Some(WaitReason::NotBefore)),
            (none(), None, 2, None),
            (record(1, Some(20)), None, 2, None),
        ];
        for (record, not_before_ms, hosts, expected) in cases {
            let mut view = JobView::waiting("order-1");
            (view.record, view.not_before_ms) = (record, not_before_ms);
            assert_eq!(pause(&view, 50, hosts), expected, "{view:?}");
        }
    }
}
