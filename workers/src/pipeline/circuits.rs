//! The circuits of all Zoom hosts this process has called.
//!
//! Zoom names an API host for each account, and one region may be away while
//! another answers. While all of them are away nothing is claimed; while some
//! are, the accounts whose host is away sleep, and the others go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::HashMap;

use super::circuit::{Circuit, Gate};

/// Zoom has a handful of hosts; more than so many are somebody's mistake.
const MOST: usize = 64;

/// Circuits by host.
#[derive(Debug)]
pub struct Circuits {
    hosts: HashMap<Arc<str>, Circuit>,
    patience: Duration,
}

impl Circuits {
    /// None yet. A call that says nothing for `patience` counts as lost.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { hosts: HashMap::default(), patience }
    }

    /// The circuit of a host.
    pub fn of(&mut self, host: &Arc<str>) -> &mut Circuit {
        if self.hosts.len() >= MOST && !self.hosts.contains_key(host) {
            self.hosts.retain(|_, circuit| circuit.is_open());
        }
        let patience = self.patience;
        self.hosts.entry(Arc::clone(host)).or_insert_with(|| Circuit::new(patience))
    }

    /// Until when no call to any host makes sense; `None`: some may go.
    #[must_use]
    pub fn closed_until(&self, now: Instant) -> Option<Instant> {
        let mut first: Option<Instant> = None;
        for circuit in self.hosts.values() {
            match circuit.peek(now) {
                Gate::Go => return None,
                Gate::Closed { until } => {
                    first = Some(first.map_or(until, |first| first.min(until)));
                }
            }
        }
        first
    }

    /// How many calls may go at once; `None`: any number.
    #[must_use]
    pub fn room(&self, now: Instant) -> Option<u32> {
        let mut rooms = self.hosts.values().map(|circuit| circuit.room(now));
        let first = rooms.next()?;
        rooms.fold(first, |sum, room| Some(sum?.saturating_add(room?)))
    }

    /// The hosts that seem out of reach, by name.
    #[must_use]
    pub fn out_of_reach(&self) -> Vec<Arc<str>> {
        let open = self.hosts.iter().filter(|(_, circuit)| circuit.is_open());
        let mut hosts: Vec<_> = open.map(|(host, _)| Arc::clone(host)).collect();
        hosts.sort();
        hosts
    }
}

#[cfg(test)]
mod tests {
    use super::super::circuit::TRIPS;
    use super::*;

    #[test]
    fn one_hosts_trouble_is_not_anothers() {
        let now = Instant::now();
        let (us, eu): (Arc<str>, Arc<str>) = ("us".into(), "eu".into());
        let mut circuits = Circuits::new(Duration::from_secs(60));
        assert_eq!((circuits.room(now), circuits.closed_until(now)), (None, None));
        for _ in 0..TRIPS {
            circuits.of(&us).troubled(now, 0.5);
        }
        assert_eq!((circuits.room(now), circuits.out_of_reach()), (Some(0), vec![us.clone()]));
        assert!(circuits.closed_until(now).is_some(), "the only host is away");
        assert_eq!(circuits.of(&eu).ask(now, 0.5), Gate::Go);
        assert_eq!((circuits.room(now), circuits.closed_until(now)), (None, None));
        for _ in 0..TRIPS {
            circuits.of(&eu).troubled(now, 0.5);
        }
        let until = circuits.closed_until(now).expect("both are away");
        assert_eq!(circuits.room(until), Some(2), "a probe for each");
        assert_eq!(circuits.out_of_reach(), [eu, us]);
    }

    #[test]
    fn names_without_end_take_no_room_without_end() {
        let mut circuits = Circuits::new(Duration::from_secs(60));
        for n in 0..10 * MOST {
            circuits.of(&n.to_string().into());
        }
        assert!(circuits.hosts.len() <= MOST);
    }
}
