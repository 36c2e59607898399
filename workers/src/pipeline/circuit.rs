//! One circuit per Zoom host: whether it makes sense to call at all.
//!
//! Closed, calls go. After [`TRIPS`] troubles in a row it opens: jobs wait
//! without spending an attempt. When the pause is over one call may try; its
//! success closes the circuit, its failure doubles the pause. The clock is the
//! caller's, so a decision here reads none.

use std::time::{Duration, Instant};

/// Troubles in a row that open the circuit.
pub const TRIPS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Whether a call may go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Go,
    /// Not before then.
    Closed {
        /// When one call may try.
        until: Instant,
    },
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { troubles: u32 },
    Open { until: Instant, pause: Duration },
    Probing { since: Instant, pause: Duration },
}

/// The circuit of one host.
#[derive(Debug)]
pub struct Circuit {
    state: State,
    patience: Duration,
}

impl Circuit {
    /// A closed circuit. A probe that says nothing for `patience` counts as lost.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { state: State::Closed { troubles: 0 }, patience }
    }

    /// Asks for leave to call. The first caller after the pause becomes the probe.
    pub fn ask(&mut self, now: Instant, roll: f64) -> Gate {
        match self.state {
            State::Closed { .. } => Gate::Go,
            State::Open { until, pause } if now >= until => {
                self.state = State::Probing { since: now, pause };
                Gate::Go
            }
            State::Open { until, .. } => Gate::Closed { until },
            State::Probing { since, pause } if now >= since + self.patience => {
                self.open(now, pause, roll);
                self.peek(now)
            }
            State::Probing { since, .. } => Gate::Closed { until: since + self.patience },
        }
    }

    /// Whether calls go as they come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// What [`ask`](Self::ask) would say, without taking the probe's place.
    #[must_use]
    pub fn peek(&self, now: Instant) -> Gate {
        match self.state {
            State::Open { until, .. } if now < until => Gate::Closed { until },
            State::Probing { since, .. } if now < since + self.patience => {
                Gate::Closed { until: since + self.patience }
            }
            _ => Gate::Go,
        }
    }

    /// The host answered, whatever it said. True if that closed the circuit.
    pub fn answered(&mut self) -> bool {
        let was_open = !matches!(self.state, State::Closed { .. });
        self.state = State::Closed { troubles: 0 };
        was_open
    }

    /// No answer, or one of a server in trouble. True if that opened the circuit.
    pub fn troubled(&mut self, now: Instant, roll: f64) -> bool {
        match self.state {
            State::Closed { troubles } if troubles + 1 < TRIPS => {
                self.state = State::Closed { troubles: troubles + 1 };
                false
            }
            State::Closed { .. } => {
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

    /// The probe was given up before a byte left: somebody else may try.
    pub fn not_tried(&mut self, now: Instant) {
        if let State::Probing { pause, .. } = self.state {
            self.state = State::Open { until: now, pause };
        }
    }

    fn open(&mut self, now: Instant, pause: Duration, roll: f64) {
        let pause = (pause * 2).min(LONGEST_PAUSE);
        let until = now + crate::decide::backoff::spread(pause, roll);
        self.state = State::Open { until, pause };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn opened(now: Instant) -> Circuit {
        let mut circuit = Circuit::new(PATIENCE);
        for n in 1..=TRIPS {
            assert_eq!(circuit.troubled(now, 0.5), n == TRIPS);
        }
        circuit
    }

    #[test]
    fn it_takes_troubles_in_a_row_to_open_it() {
        let now = Instant::now();
        let mut circuit = Circuit::new(PATIENCE);
        for _ in 0..10 {
            for _ in 1..TRIPS {
                assert!(!circuit.troubled(now, 0.5));
            }
            assert!(!circuit.answered());
        }
        assert_eq!(circuit.ask(now, 0.5), Gate::Go);
    }

    #[test]
    fn one_call_tries_when_the_pause_is_over() {
        let now = Instant::now();
        let mut circuit = opened(now);
        let Gate::Closed { until } = circuit.ask(now, 0.5) else { panic!("open") };
        assert_eq!(until, now + FIRST_PAUSE);
        assert_eq!(circuit.ask(until, 0.5), Gate::Go);
        assert!(matches!(circuit.ask(until, 0.5), Gate::Closed { .. }));
        assert!(circuit.answered());
        assert_eq!(circuit.ask(until, 0.5), Gate::Go);
    }

    #[test]
    fn the_pause_doubles_to_a_bound() {
        let mut now = Instant::now();
        let mut circuit = opened(now);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let Gate::Closed { until } = circuit.peek(now) else { panic!("open") };
            pauses.push((until - now).as_secs());
            now = until;
            assert_eq!(circuit.ask(now, 0.5), Gate::Go);
            circuit.troubled(now, 0.5);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn a_probe_that_never_reports_does_not_close_the_door_for_ever() {
        let now = Instant::now();
        let mut circuit = opened(now);
        let later = now + Duration::from_secs(2);
        assert_eq!(circuit.ask(later, 0.5), Gate::Go);
        assert!(matches!(circuit.ask(later + PATIENCE, 0.5), Gate::Closed { .. }));
        assert_eq!(circuit.ask(later + PATIENCE * 2, 0.5), Gate::Go);
        circuit.not_tried(later + PATIENCE * 2);
        assert_eq!(circuit.ask(later + PATIENCE * 2, 0.5), Gate::Go);
    }
}
