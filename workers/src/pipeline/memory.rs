//! The calls of the last minute, in case Redis forgets them.
//!
//! A Redis that lost its last seconds knows neither the call nor its outcome,
//! and its job may stand in the stream as if nothing had happened. What is kept
//! here is enough to tell it: the job, its lease, and how it was settled. The
//! memory is bounded by time, number and bytes; the newest are kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use zoomd_store::queue::{Settlement, Then};

use super::flight::Flight;

const LONGEST: Duration = Duration::from_secs(60);
const MOST: usize = 4_096;
const MOST_BYTES: usize = 6 << 20;
/// What a call costs beside its texts.
const OVERHEAD: usize = 2_048;

/// A settled call.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The number of the batch that settled it.
    pub number: u64,
    /// The job and its lease.
    pub flight: Arc<Flight>,
    /// How it was settled.
    pub settlement: Settlement,
    at: Instant,
    bytes: usize,
}

/// The settled calls of the last minute.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    calls: VecDeque<Settled>,
    bytes: usize,
}

impl Memory {
    /// Keeps a call that batch `number` settled; one that did not leave is not
    /// worth it.
    pub fn keep(&self, number: u64, flight: Arc<Flight>, settlement: Settlement) {
        if flight.sent_ms().is_none() {
            return;
        }
        let at = Instant::now();
        let bytes = OVERHEAD + flight.text.len() + outcome_bytes(&settlement.then);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += bytes;
        kept.calls.push_back(Settled { number, flight, settlement, at, bytes });
        kept.forget(at);
    }

    /// The calls settled by batches after `number`.
    #[must_use]
    pub fn after(&self, number: u64) -> Vec<Settled> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.forget(Instant::now());
        kept.calls.iter().filter(|call| call.number > number).cloned().collect()
    }
}

impl Kept {
    fn forget(&mut self, now: Instant) {
        while let Some(first) = self.calls.front() {
            let old = now.saturating_duration_since(first.at) > LONGEST;
            if !old && self.calls.len() <= MOST && self.bytes <= MOST_BYTES {
                break;
            }
            self.bytes -= first.bytes;
            self.calls.pop_front();
        }
    }
}

fn outcome_bytes(then: &Then) -> usize {
    match then {
        Then::Done(outcome) | Then::Failed { outcome, .. } => outcome.json.len(),
        Then::Sleep { .. } | Then::Room { .. } => 0,
    }
}
