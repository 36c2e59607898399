//! The circuits of all Zoom hosts this process has called.
//!
//! Zoom names an API host for each account, and one region may be away while
//! another answers. While all of them are away nothing is claimed; while some
//! are, the accounts whose host is away sleep, and the others go on.
//!
//! A host has two circuits: one for every call, and one for writes alone, which
//! Zoom may refuse while it answers reads. A write passes both. Its trouble is the
//! host's where no connection was made, else that of writes; a read that fails
//! while writes fail opens the host's circuit. Success of a read says nothing of
//! writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::HashMap;

use super::circuit_breaker::{Circuit, Gate};

/// Zoom has a handful of hosts; more than so many are somebody's mistake.
const MOST: usize = 64;

/// Effect of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// It makes or changes a meeting.
    Write,
    Read,
}

/// A trouble that a call met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// No connection to the host.
    NoConnection,
    /// An answer of a server in trouble, or none to a request that may have left.
    Failure,
}

/// The circuits of one host.
#[derive(Debug)]
struct Host {
    all: Circuit,
    write: Circuit,
}

impl Host {
    fn peek(&self, now: Instant) -> Gate {
        match (self.all.peek(now), self.write.peek(now)) {
            (Gate::Wait { until }, Gate::Wait { until: other }) => {
                Gate::Wait { until: until.max(other) }
            }
            (closed @ Gate::Wait { .. }, Gate::Go) | (Gate::Go, closed) => closed,
        }
    }

    fn ask(&mut self, work: Work, now: Instant, roll: f64) -> Gate {
        if work == Work::Write
            && let closed @ Gate::Wait { .. } = self.write.ask(now, roll)
        {
            return closed;
        }
        let gate = self.all.ask(now, roll);
        if work == Work::Write && gate != Gate::Go {
            self.write.not_tried(now);
        }
        gate
    }

    fn room(&self, now: Instant) -> Option<u32> {
        match (self.all.room(now), self.write.room(now)) {
            (Some(all), Some(write)) => Some(all.min(write)),
            (room, None) | (None, room) => room,
        }
    }

    fn troubled(&mut self, work: Work, met: Met, now: Instant, roll: f64) -> Option<Opened> {
        let writes_fail = self.write.is_open();
        let writes = work == Work::Write && self.write.troubled(now, roll);
        let host = match (work, met) {
            (Work::Write, Met::Failure) => {
                self.all.not_tried(now);
                false
            }
            (Work::Read, _) if writes_fail => self.all.trip(now, roll),
            _ => self.all.troubled(now, roll),
        };
        if host { Some(Opened::Host) } else { writes.then_some(Opened::Writes) }
    }
}

/// A circuit that opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    Host,
    Writes,
}

/// Circuits by host.
#[derive(Debug)]
pub struct Circuits {
    hosts: HashMap<Arc<str>, Host>,
    patience: Duration,
}

impl Circuits {
    /// None yet. A call that says nothing for `patience` counts as lost.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { hosts: HashMap::default(), patience }
    }

    /// Asks for leave to call a host.
    pub fn ask(&mut self, host: &Arc<str>, work: Work, now: Instant, roll: f64) -> Gate {
        self.of(host).ask(work, now, roll)
    }

    /// The host answered, whatever it said. True if it had seemed out of reach, or
    /// writes had seemed to fail.
    pub fn answered(&mut self, host: &Arc<str>, work: Work, now: Instant) -> bool {
        let host = self.of(host);
        let writes = work == Work::Write && host.write.answered(now);
        host.all.answered(now) || writes
    }

    /// A call failed; what that opened.
    pub fn troubled(
        &mut self,
        host: &Arc<str>,
        work: Work,
        met: Met,
        now: Instant,
        roll: f64,
    ) -> Option<Opened> {
        self.of(host).troubled(work, met, now, roll)
    }

    /// A server in trouble asked not to be called before `until`; what that opened.
    pub fn asked_to_rest(
        &mut self,
        host: &Arc<str>,
        work: Work,
        now: Instant,
        until: Instant,
    ) -> Option<Opened> {
        let host = self.of(host);
        if work == Work::Write {
            host.write.not_tried(now);
        }
        host.all.asked_to_rest(now, until).then_some(Opened::Host)
    }

    /// A call was given up before a byte left.
    pub fn not_tried(&mut self, host: &Arc<str>, work: Work, now: Instant) {
        let host = self.of(host);
        if work == Work::Write {
            host.write.not_tried(now);
        }
        host.all.not_tried(now);
    }

    /// True if writes at a host wait.
    #[must_use]
    pub fn is_open(&self, host: &str) -> bool {
        self.hosts.get(host).is_some_and(|host| host.all.is_open() || host.write.is_open())
    }

    /// True if the host was out of reach, or writes failed, at some time since then.
    #[must_use]
    pub fn was_open_since(&self, host: &str, then: Instant) -> bool {
        let since = |circuit: &Circuit| circuit.was_open_since(then);
        self.hosts.get(host).is_some_and(|host| since(&host.all) || since(&host.write))
    }

    /// Time until which no job of any host can run; `None`: some can.
    #[must_use]
    pub fn closed_until(&self, now: Instant) -> Option<Instant> {
        let mut first: Option<Instant> = None;
        for host in self.hosts.values() {
            match host.peek(now) {
                Gate::Go => return None,
                Gate::Wait { until } => {
                    first = Some(first.map_or(until, |first| first.min(until)));
                }
            }
        }
        first
    }

    /// Maximum number of concurrent jobs; `None`: no limit.
    #[must_use]
    pub fn room(&self, now: Instant) -> Option<u32> {
        let mut rooms = self.hosts.values().map(|host| host.room(now));
        let first = rooms.next()?;
        rooms.fold(first, |sum, room| Some(sum?.saturating_add(room?)))
    }

    /// The hosts that seem out of reach, by name.
    #[must_use]
    pub fn out_of_reach(&self) -> Vec<Arc<str>> {
        self.named(|host| host.all.is_open())
    }

    /// The hosts at which only writes wait, by name.
    #[must_use]
    pub fn writes_wait(&self) -> Vec<Arc<str>> {
        self.named(|host| host.write.is_open() && !host.all.is_open())
    }

    fn named(&self, wanted: impl Fn(&Host) -> bool) -> Vec<Arc<str>> {
        let found = self.hosts.iter().filter(|(_, host)| wanted(host));
        let mut hosts: Vec<_> = found.map(|(host, _)| Arc::clone(host)).collect();
        hosts.sort();
        hosts
    }

    fn of(&mut self, host: &Arc<str>) -> &mut Host {
        if self.hosts.len() >= MOST && !self.hosts.contains_key(host) {
            self.hosts.retain(|_, host| host.all.is_open() || host.write.is_open());
        }
        let new = || Circuit::new(self.patience);
        self.hosts.entry(Arc::clone(host)).or_insert_with(|| Host { all: new(), write: new() })
    }
}

#[cfg(test)]
#[path = "circuits_tests.rs"]
mod tests;
