//! The calls of the last minute, in case Redis forgets them.
//!
//! A Redis that lost its last seconds knows neither the call nor its outcome,
//! and its job may stand in the stream as if nothing had happened. What is kept
//! here is enough to tell it: the job, its lease, and how it was settled. The
//! memory is bounded by time, number and bytes; the newest are kept.
//!
//! A whole flight would be a dozen allocations more, let go so late that the
//! allocator has them in no cache any more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use zoomd_store::meetings::MeetingEntry;
use zoomd_store::queue::{Remembered, Settlement, Then};

use super::leased_job::LeasedJob;

const LONGEST: Duration = Duration::from_secs(60);
const MOST: usize = 4_096;
const MOST_BYTES: usize = 6 << 20;
/// Memory of a call beside its texts, in bytes.
const OVERHEAD: usize = 1_024;

/// A settled call.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The number of the batch that settled it.
    pub number: u64,
    /// The job's text.
    pub text: Bytes,
    /// Lease, and how it was settled.
    pub settlement: Settlement,
    at: Instant,
    bytes: usize,
}

impl Settled {
    /// The part that Redis is told again after a failover.
    #[must_use]
    pub fn remembered(&self) -> Remembered {
        Remembered { ticket: self.settlement.ticket.clone(), payload: self.text.clone() }
    }
}

/// The settled calls of the last minute.
#[derive(Debug, Clone, Default)]
pub struct RecentCalls(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    calls: VecDeque<Settled>,
    bytes: usize,
}

impl RecentCalls {
    /// Keeps a call that batch `number` settled; one that did not leave is not
    /// worth it.
    pub fn keep(&self, number: u64, mut leased: Arc<LeasedJob>, settlement: Settlement) {
        if leased.sent_ms().is_none() {
            return;
        }
        // By now nobody else has it, nearly always: a second hold on the text
        // would be an allocation more.
        let text = match Arc::get_mut(&mut leased) {
            Some(leased) => std::mem::take(&mut leased.text),
            None => leased.text.clone(),
        };
        self.push(number, text, settlement);
    }

    /// Keeps a call that batch `number` settled once more.
    pub fn keep_again(&self, number: u64, call: &Settled) {
        self.push(number, call.text.clone(), call.settlement.clone());
    }

    fn push(&self, number: u64, text: Bytes, settlement: Settlement) {
        let at = Instant::now();
        let meeting = settlement.meeting.as_ref().map_or(0, MeetingEntry::bytes);
        let bytes = OVERHEAD + text.len() + outcome_bytes(&settlement.then) + meeting;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += bytes;
        kept.calls.push_back(Settled { number, text, settlement, at, bytes });
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
        Then::Done(outcome) | Then::Failed { outcome, .. } => {
            outcome.json.len() + outcome.story.as_ref().map_or(0, |story| story.len())
        }
        Then::Sleep { .. } | Then::Room { .. } => 0,
    }
}
