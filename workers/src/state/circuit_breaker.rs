//! One circuit per Zoom host: whether it makes sense to call it at all.
//!
//! Closed, calls go. After [`TRIPS`] troubles in a row it opens: jobs wait
//! without spending an attempt. When the pause is over one call may try; its
//! failure doubles the pause. Its success lets the calls return, one more at
//! once for each that is answered, so that a host that has just come up is not
//! knocked over by all that waited. A host that asks for a rest (`Retry-After`)
//! opens its circuit at once, and nothing goes before that time, whatever calls
//! that were under way come back with. The clock is the caller's, so a decision
//! here reads none.

use std::time::{Duration, Instant};

/// Troubles in a row that open the circuit.
pub const TRIPS: u32 = 5;
/// Number of concurrent calls from which on there is no limit.
pub const FULL: u32 = 256;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// While calls return: when to ask again if there is no room.
const SHORTLY: Duration = Duration::from_millis(100);

/// Decision whether a call may go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Go,
    /// Not before then.
    Wait {
        /// Time of the next probe.
        until: Instant,
    },
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { troubles: u32 },
    Open { until: Instant, pause: Duration },
    Probing { since: Instant, pause: Duration },
    Returning { window: u32, flying: u32, moved: Instant },
}

/// The circuit of one host.
#[derive(Debug)]
pub struct Circuit {
    state: State,
    patience: Duration,
    /// Last time at which the host was known to be unreachable.
    away: Option<Instant>,
    /// The host asked not to be called before then.
    rest_until: Option<Instant>,
}

impl Circuit {
    /// A closed circuit. A call that says nothing for `patience` counts as lost.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { state: State::Closed { troubles: 0 }, patience, away: None, rest_until: None }
    }

    /// Asks for leave to call. The first caller after the pause becomes the probe.
    pub fn ask(&mut self, now: Instant, roll: f64) -> Gate {
        if let State::Probing { since, pause } = self.state
            && now >= since + self.patience
        {
            self.open(now, pause, roll);
        }
        let gate = self.peek(now);
        match &mut self.state {
            State::Open { pause, .. } if gate == Gate::Go => {
                self.state = State::Probing { since: now, pause: *pause };
            }
            State::Returning { flying, moved, .. } if gate == Gate::Go => {
                // Calls that have not returned within `patience` no longer count.
                *flying = if now >= *moved + self.patience { 1 } else { *flying + 1 };
                *moved = now;
            }
            _ => {}
        }
        gate
    }

    /// Maximum number of concurrent calls; `None`: no limit.
    #[must_use]
    pub fn room(&self, now: Instant) -> Option<u32> {
        match (self.state, self.peek(now)) {
            (State::Closed { .. }, _) => None,
            (_, Gate::Wait { .. }) => Some(0),
            (State::Returning { window, flying, .. }, _) => {
                Some(window.saturating_sub(flying).max(1))
            }
            _ => Some(1),
        }
    }

    /// True if the host seems out of reach. A host whose calls return is not.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. } | State::Probing { .. })
    }

    /// True if the host was out of reach at some time since then.
    #[must_use]
    pub fn was_open_since(&self, then: Instant) -> bool {
        self.is_open() || self.away.is_some_and(|away| away >= then)
    }

    /// The answer of [`ask`](Self::ask), without taking the probe's place.
    #[must_use]
    pub fn peek(&self, now: Instant) -> Gate {
        match self.state {
            State::Open { until, .. } if now < until => Gate::Wait { until },
            State::Probing { since, .. } if now < since + self.patience => {
                Gate::Wait { until: since + self.patience }
            }
            State::Returning { window, flying, moved }
                if flying >= window && now < moved + self.patience =>
            {
                Gate::Wait { until: now + SHORTLY }
            }
            _ => Gate::Go,
        }
    }

    /// The host answered, whatever it said. True if it had seemed out of reach.
    pub fn answered(&mut self, now: Instant) -> bool {
        if self.rest_until.is_some_and(|until| now < until) {
            return false;
        }
        match self.state {
            State::Closed { .. } => {
                self.state = State::Closed { troubles: 0 };
                false
            }
            State::Open { .. } | State::Probing { .. } => {
                self.away = Some(now);
                self.state = State::Returning { window: 2, flying: 0, moved: now };
                true
            }
            State::Returning { window, .. } if window >= FULL => {
                self.state = State::Closed { troubles: 0 };
                false
            }
            State::Returning { window, flying, .. } => {
                let (window, flying) = (window + 1, flying.saturating_sub(1));
                self.state = State::Returning { window, flying, moved: now };
                false
            }
        }
    }

    /// No answer, or one of a server in trouble. True if that opened the circuit.
    pub fn troubled(&mut self, now: Instant, roll: f64) -> bool {
        match self.state {
            State::Closed { troubles } if troubles + 1 < TRIPS => {
                self.state = State::Closed { troubles: troubles + 1 };
                false
            }
            State::Closed { .. } | State::Returning { .. } => {
                self.open(now, FIRST_PAUSE / 2, roll);
                true
            }
            State::Probing { pause, .. } => {
                self.open(now, pause, roll);
                false
            }
            State::Open { .. } => false,
        }
    }

    /// As [`troubled`](Self::troubled), where this one trouble is enough.
    pub fn trip(&mut self, now: Instant, roll: f64) -> bool {
        if let State::Closed { troubles } = &mut self.state {
            *troubles = TRIPS;
        }
        self.troubled(now, roll)
    }

    /// A server in trouble asked not to be called before `until`. True if that opened
    /// the circuit.
    pub fn asked_to_rest(&mut self, now: Instant, until: Instant) -> bool {
        let was_open = self.is_open();
        let until = self.rest_until.map_or(until, |known| known.max(until));
        self.rest_until = Some(until);
        self.state = State::Open { until, pause: FIRST_PAUSE };
        self.away = Some(now);
        !was_open
    }

    /// A call was given up before a byte left: somebody else may go.
    pub fn not_tried(&mut self, now: Instant) {
        match &mut self.state {
            State::Probing { pause, .. } => {
                self.state = State::Open { until: now, pause: *pause };
            }
            State::Returning { flying, .. } => *flying = flying.saturating_sub(1),
            State::Closed { .. } | State::Open { .. } => {}
        }
    }

    fn open(&mut self, now: Instant, pause: Duration, roll: f64) {
        let pause = (pause * 2).min(LONGEST_PAUSE);
        let until = now + crate::backoff::spread(pause, roll);
        self.state = State::Open { until, pause };
        self.away = Some(now);
    }
}

#[cfg(test)]
#[path = "circuit_breaker_tests.rs"]
mod tests;
