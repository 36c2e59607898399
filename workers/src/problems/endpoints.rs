//! Calls to Zoom by host and endpoint: those under way, the troubles in a row, the
//! time that calls take.
//!
//! Owns no IO and reads no clock. A host has trouble when none of its endpoints
//! answers; an endpoint has, when another one of its host succeeds meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cause::Cause;
use super::pace::{Pace, Slow};

/// Troubles in a row that are told of one endpoint.
const TOLD: u32 = 2;
/// A trouble that nobody met again for so long is not told any more: the longest
/// pause between two attempts of a job, and some.
const STALE: Duration = Duration::from_secs(20 * 60);
/// Zoom has a handful of hosts and endpoints; more than so many are a mistake.
const MOST: usize = 64;

/// The endpoints that were called.
#[derive(Debug, Default)]
pub struct Endpoints {
    all: BTreeMap<Arc<str>, BTreeMap<&'static str, Endpoint>>,
    next: u64,
}

#[derive(Debug)]
struct Endpoint {
    troubles: Option<Streak>,
    /// Time of its last successful call.
    fine: Option<Instant>,
    under_way: BTreeMap<u64, Instant>,
    pace: Pace,
}

/// Troubles in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streak {
    /// Number of them.
    pub calls: u32,
    /// Time of the first.
    pub since: Instant,
    /// The cause of the last.
    pub cause: Cause,
    last: Instant,
}

/// A call under way.
#[derive(Debug, Clone)]
pub struct UnderWay {
    host: Arc<str>,
    endpoint: &'static str,
    id: u64,
}

impl UnderWay {
    #[must_use]
    pub fn endpoint(&self) -> &'static str {
        self.endpoint
    }
}

/// Result of a call.
#[derive(Debug)]
pub enum Ended {
    /// Answered, whatever the answer says, in this time.
    Fine(Duration),
    /// Answered by a server in trouble, in this time, or not answered.
    Trouble(Cause, Option<Duration>),
    /// Not by anything that says something of Zoom.
    Unknown,
}

/// Problem at a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No endpoint that was called answers.
    Host(Streak),
    /// This endpoint fails while that one succeeds.
    Endpoint(&'static str, Streak, &'static str),
    /// Calls of this endpoint are slow.
    Slow(&'static str, Slow),
}

impl Endpoints {
    /// A call begins.
    pub fn begin(&mut self, host: &Arc<str>, endpoint: &'static str, now: Instant) -> UnderWay {
        let id = self.next;
        self.next += 1;
        self.make_room(host);
        // A name is allocated when it is new, and never again.
        let of_host = match self.all.get_mut(host) {
            Some(of_host) => of_host,
            None => self.all.entry(Arc::clone(host)).or_default(),
        };
        of_host.entry(endpoint).or_insert_with(|| Endpoint::new(now)).under_way.insert(id, now);
        UnderWay { host: Arc::clone(host), endpoint, id }
    }

    pub fn end(&mut self, call: &UnderWay, ended: Ended, now: Instant) {
        let of_host = self.all.get_mut(&call.host);
        let Some(endpoint) = of_host.and_then(|all| all.get_mut(call.endpoint)) else { return };
        endpoint.under_way.remove(&call.id);
        match ended {
            Ended::Fine(took) => {
                endpoint.pace.answered(now, took);
                (endpoint.fine, endpoint.troubles) = (Some(now), None);
            }
            Ended::Trouble(cause, took) => {
                if let Some(took) = took {
                    endpoint.pace.answered(now, took);
                }
                let known = endpoint.troubles.take();
                let (calls, since) = known.map_or((0, now), |streak| (streak.calls, streak.since));
                let calls = calls.saturating_add(1);
                endpoint.troubles = Some(Streak { calls, since, cause, last: now });
            }
            Ended::Unknown => {}
        }
    }

    /// Problem, by host. `open`: whether jobs wait for this host.
    pub fn faults(&mut self, now: Instant, open: impl Fn(&str) -> bool) -> Vec<(Arc<str>, Fault)> {
        let mut faults = Vec::new();
        for (host, endpoints) in &mut self.all {
            let mut tell = |fault| faults.push((Arc::clone(host), fault));
            for endpoint in endpoints.values_mut() {
                let stale = |s: &Streak| now.saturating_duration_since(s.last) >= STALE;
                if endpoint.troubles.as_ref().is_some_and(stale) && !open(host) {
                    endpoint.troubles = None;
                }
            }
            match whole(endpoints, open(host)) {
                Some(streak) => tell(Fault::Host(streak)),
                None => failing(endpoints).for_each(&mut tell),
            }
            for (name, endpoint) in endpoints {
                if let Some(slow) = endpoint.slow(now) {
                    tell(Fault::Slow(name, slow));
                }
            }
        }
        faults
    }

    /// Forgets the hosts that tell nothing, when there are too many.
    fn make_room(&mut self, host: &Arc<str>) {
        if self.all.len() < MOST || self.all.contains_key(host) {
            return;
        }
        let idle = |e: &Endpoint| e.under_way.is_empty() && e.troubles.is_none();
        self.all.retain(|_, endpoints| !endpoints.values().all(idle));
        if self.all.len() >= MOST {
            self.all.clear();
        }
    }
}

/// The trouble of a host of which no endpoint has succeeded since it began.
fn whole(endpoints: &BTreeMap<&'static str, Endpoint>, open: bool) -> Option<Streak> {
    let streaks = || endpoints.values().filter_map(|endpoint| endpoint.troubles.as_ref());
    let since = streaks().map(|streak| streak.since).min()?;
    let calls = streaks().map(|streak| streak.calls).sum();
    let last = streaks().max_by_key(|streak| streak.last)?;
    let fine = endpoints.values().any(|endpoint| endpoint.fine.is_some_and(|at| at >= since));
    let told = open || (calls >= TOLD && !fine);
    told.then(|| Streak { calls, since, ..last.clone() })
}

/// The endpoints that fail while another one succeeds.
fn failing(endpoints: &BTreeMap<&'static str, Endpoint>) -> impl Iterator<Item = Fault> {
    endpoints.iter().filter_map(|(name, endpoint)| {
        let streak = endpoint.troubles.clone().filter(|streak| streak.calls >= TOLD)?;
        let others = endpoints.iter().filter(|(other, _)| *other != name);
        let fine = others.filter(|(_, other)| other.troubles.is_none());
        let fine = fine.filter(|(_, other)| other.fine.is_some_and(|at| at >= streak.since));
        let (other, _) = fine.max_by_key(|(_, other)| other.fine)?;
        Some(Fault::Endpoint(name, streak, other))
    })
}

impl Endpoint {
    fn new(now: Instant) -> Self {
        Self { troubles: None, fine: None, under_way: BTreeMap::new(), pace: Pace::new(now) }
    }

    fn slow(&mut self, now: Instant) -> Option<Slow> {
        let under_way = self.under_way.values();
        let under_way: Vec<_> =
            under_way.map(|began| now.saturating_duration_since(*began)).collect();
        self.pace.look(now, &under_way)
    }
}

#[cfg(test)]
#[path = "endpoints_tests.rs"]
mod tests;
