//! Entries that may not be judged yet: an older one of the same target may still come.
//!
//! They are offered again, soon at first and then less often, until the older one is
//! admitted. They stay pending all the while, so a daemon that dies with them loses none;
//! of more than [`MOST`] the rest is read again when it has lain idle.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use zoomd_store::queue::Admission;
use zoomd_wire::Job;

/// Entries kept at once.
const MOST: usize = 2_000;
/// The first pause, which doubles with each offer, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(100));

/// A parsed entry that asks to be admitted.
pub(super) struct Candidate {
    pub(super) job: Box<Job>,
    pub(super) text: bytes::Bytes,
    /// Delay before the last offer, if it was offered before.
    pub(super) deferred: Option<Duration>,
}

/// An entry that is offered again.
pub(super) struct Offer {
    pub(super) admission: Admission,
    pub(super) candidate: Candidate,
    due: Instant,
}

/// Entries to be offered again.
#[derive(Default)]
pub(super) struct Deferred {
    offers: Mutex<Vec<Offer>>,
    more: Notify,
}

impl Deferred {
    /// Keeps an entry until it is to be offered again.
    pub(super) fn put(&self, admission: Admission, mut candidate: Candidate, now: Instant) {
        let pause = match candidate.deferred {
            Some(last) => (last * 2).min(PAUSES.1),
            None => PAUSES.0,
        };
        candidate.deferred = Some(pause);
        let mut offers = self.lock();
        if offers.len() < MOST {
            offers.push(Offer { admission, candidate, due: now + pause });
            drop(offers);
            self.more.notify_one();
        }
    }

    /// Waits until some are due and takes them. Nothing is lost when it is dropped.
    pub(super) async fn due(&self) -> Vec<Offer> {
        loop {
            let next = {
                let mut offers = self.lock();
                let now = Instant::now();
                let (due, later): (Vec<_>, Vec<_>) =
                    std::mem::take(&mut *offers).into_iter().partition(|offer| offer.due <= now);
                *offers = later;
                if !due.is_empty() {
                    return due;
                }
                offers.iter().map(|offer| offer.due).min()
            };
            match next {
                Some(next) => tokio::select! {
                    () = tokio::time::sleep_until(next.into()) => {}
                    () = self.more.notified() => {}
                },
                None => self.more.notified().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Offer>> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
