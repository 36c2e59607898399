//! Events of what this daemon sees in the namespace: Zoom's hosts, rejected apps, used-up
//! limits, and jobs that wait. One for each cause, at most once a minute, whichever daemon
//! sees it.
//!
//! An event that cannot be written is lost: what it tells is in `zoomd status` too.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use zoomd_store::inspect::{Level, Ops, Problem, WaitingLine};
use zoomd_store::queue::WaitReason;
use zoomd_store::{Store, StoreError};
use zoomd_wire::{Event, EventKind};

use crate::health::Found;

/// Between two events of one cause, and two rounds of waiting jobs.
const REST: Duration = Duration::from_secs(60);
/// Jobs that wait for less are not told, ms.
const TOLD_AFTER_MS: i64 = 60_000;
/// Used-up limits that one look tells.
const MOST_LIMITS: usize = 100;
/// Problems that begin and end with an event.
const CODES: [&str; 2] = ["zoom_unreachable", "app_rejected"];

/// A problem that was told: its code, and what it is about.
type Cause = (String, String);

/// Publishes changes between two looks.
#[derive(Debug)]
pub(super) struct Announcer {
    ops: Ops,
    known: BTreeMap<Cause, Problem>,
    minute: u64,
}

impl Announcer {
    /// For the namespace of `ops`.
    pub(super) fn new(ops: Ops) -> Self {
        Self { ops, known: BTreeMap::new(), minute: 0 }
    }

    /// Publishes what began and ended since the last look.
    pub(super) async fn hear(&mut self, problems: &[Problem], found: &Found) {
        if let Err(error) = self.publish(problems, found).await {
            tracing::debug!(%error, "redis: events could not be published");
        }
    }

    async fn publish(&mut self, problems: &[Problem], found: &Found) -> Result<(), StoreError> {
        let at = moment(found.vitals.now_ms);
        let now = causes(problems);
        let before = std::mem::replace(&mut self.known, now.clone());
        let store = self.ops.store().clone();
        for (cause, problem) in now.iter().filter(|(cause, _)| !before.contains_key(*cause)) {
            once(&store, at, cause, problem, true).await?;
        }
        for (cause, problem) in before.iter().filter(|(cause, _)| !now.contains_key(*cause)) {
            once(&store, at, cause, problem, false).await?;
        }
        for day in found.days_near_end.iter().filter(|day| day.full).take(MOST_LIMITS) {
            let (reason, account) = (day.why.as_str(), day.accounts.first());
            let user = Some(day.host.as_str()).filter(|host| !host.is_empty());
            let kind = EventKind::LimitReached { reason, user, until: Some(moment(day.until_ms)) };
            let account = account.map_or("", String::as_str);
            let left = u64::try_from(day.until_ms - found.vitals.now_ms).unwrap_or(0);
            let rest = Duration::from_millis(left).max(REST);
            let cause = format!("limit.reached {reason} {account} {}", day.host);
            store.publish_once(&Event { at, account, kind }, &cause, rest).await?;
        }
        self.jobs(found.vitals.now_ms).await
    }

    /// Once a minute, by one daemon: jobs that wait.
    async fn jobs(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let minute = u64::try_from(now_ms / 60_000).unwrap_or(0);
        if std::mem::replace(&mut self.minute, minute) == minute
            || !self.ops.store().claim_tick("events", minute * 60).await?
        {
            return Ok(());
        }
        let status = self.ops.status().await?;
        let waiting = self.ops.waiting_by_reason(&status).await?;
        let events = waiting.lines.iter().filter_map(|line| of_line(line, status.now_ms));
        self.ops.store().publish(&events.collect::<Vec<_>>()).await
    }
}

/// The problems that have events, by cause.
fn causes(problems: &[Problem]) -> BTreeMap<Cause, Problem> {
    let found = problems.iter().filter(|p| p.level > Level::Notice && CODES.contains(&&*p.code));
    let cause = |p: &Problem| {
        let about = p.host.clone().or_else(|| p.account.clone()).unwrap_or_default();
        (p.code.to_string(), about)
    };
    found.map(|problem| (cause(problem), problem.clone())).collect()
}

async fn once(
    store: &Store,
    at: Timestamp,
    (code, about): &Cause,
    problem: &Problem,
    begins: bool,
) -> Result<(), StoreError> {
    let (host, message) = (problem.host.as_deref().unwrap_or_default(), problem.what.as_str());
    let kind = match (code.as_str(), begins) {
        ("zoom_unreachable", true) => EventKind::ZoomUnreachable { host, message },
        ("zoom_unreachable", false) => EventKind::ZoomReachable { host },
        (_, true) => EventKind::AppRejected { message },
        (_, false) => EventKind::AppAccepted,
    };
    let account = problem.account.as_deref().unwrap_or_default();
    let event = Event { at, account, kind };
    let cause = format!("{} {about}", event.name());
    store.publish_once(&event, &cause, REST).await.map(drop)
}

/// The event of jobs that wait for one thing; `None` for what is no news.
fn of_line(line: &WaitingLine, now_ms: i64) -> Option<Event<'_>> {
    let long = line.oldest_ms.is_some_and(|oldest| now_ms - oldest >= TOLD_AFTER_MS);
    if !long || line.why == WaitReason::NotBefore {
        return None;
    }
    let (reason, jobs, until) = (line.why.as_str(), line.jobs, line.expected_ms.map(moment));
    let kind = match line.why {
        WaitReason::Backoff => EventKind::JobsRetrying { reason, jobs, next_at: until },
        _ => EventKind::JobsWaiting { reason, jobs, oldest_at: line.oldest_ms.map(moment), until },
    };
    Some(Event { at: moment(now_ms), account: line.account.as_deref().unwrap_or_default(), kind })
}

fn moment(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_told_by_what_they_wait_for_once_they_wait_for_a_minute() {
        let line = |why, oldest_ms| WaitingLine {
            why,
            account: Some("acme".to_owned()),
            jobs: 3,
            oldest_ms,
            expected_ms: Some(200_000),
            what: None,
            since_ms: None,
        };
        let name = |why, oldest_ms| of_line(&line(why, oldest_ms), 100_000).map(|e| e.name());
        assert_eq!(name(WaitReason::HostDay, Some(40_000)), Some("jobs.waiting"));
        assert_eq!(name(WaitReason::Backoff, Some(40_000)), Some("jobs.retrying"));
        assert_eq!(name(WaitReason::HostDay, Some(40_001)), None);
        assert_eq!(name(WaitReason::HostDay, None), None);
        assert_eq!(name(WaitReason::NotBefore, Some(0)), None);
    }

    #[test]
    fn notices_and_other_problems_have_no_event() {
        let host = |p: Problem| p.of_host("zoom.us");
        let problems = [
            host(Problem::degraded("zoom_unreachable", "gone", "wait")),
            Problem::degraded("zoom_slow", "slow", "wait"),
            Problem::notice("app_rejected", "no", "look"),
        ];
        let found: Vec<_> = causes(&problems).into_keys().collect();
        assert_eq!(found, [("zoom_unreachable".to_owned(), "zoom.us".to_owned())]);
    }
}
