//! The right to a call, and how many leases may be taken ahead of it.
//!
//! No more calls are under way than the configuration says: each has a slot. A
//! slot that becomes free would stand idle while Redis is asked for the next job,
//! so leases are taken ahead: as many as become free in `AHEAD`, going by the time
//! since the last look, and never more than `MOST`. When calls are slow that is
//! next to nothing, and when they hang it is nothing: jobs are left to other daemons.
//! What was leased ahead as they began to hang goes back when its time to be sent is
//! over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Jobs that Redis is asked about together at most: its scripts stay short.
pub const BATCH: usize = 128;
/// A lease waits about so long for its slot: what two batches take to be admitted,
/// which is as many as Redis is asked about at once.
const AHEAD: Duration = Duration::from_millis(16);
/// Leases ahead at most: two batches, and fewer than there are slots.
const MOST: usize = 2 * BATCH;
/// Shortest time over which the rate of freed slots is measured.
const WINDOW: Duration = Duration::from_millis(4);
/// Maximum number of permits to wait for when they are short: as many as become free in
/// `AHEAD`, or batches would shrink to one job each. At most a batch, or a quarter of the
/// slots.
const WORTH: usize = BATCH;

/// The slots for calls, and the permits for leases.
#[derive(Debug)]
pub struct Concurrency {
    calls: Semaphore,
    leases: Arc<Semaphore>,
    /// Leases that may be ahead at most.
    most: usize,
    /// Maximum number of permits to wait for when they are short.
    worth: usize,
    ended: AtomicU64,
    pace: Mutex<Pace>,
}

impl Concurrency {
    /// For so many calls at once.
    #[must_use]
    pub fn new(concurrency: usize) -> Self {
        let concurrency = concurrency.max(1);
        let most = MOST.min(concurrency - 1);
        Self {
            calls: Semaphore::new(concurrency),
            leases: Arc::new(Semaphore::new(concurrency + most)),
            most,
            worth: WORTH.min(concurrency / 4).max(1),
            ended: AtomicU64::new(0),
            pace: Mutex::new(Pace::new(Instant::now())),
        }
    }

    /// Permits for leases that nobody holds: at first, as many as there are.
    #[must_use]
    pub fn free_leases(&self) -> usize {
        self.leases.available_permits()
    }

    /// Waits for up to `most` permits for leases: what is free, if that is worth a
    /// batch, else as many as are. `None`: they are gone.
    pub async fn permits(&self, most: u32) -> Option<OwnedSemaphorePermit> {
        let pace = self.pace(Instant::now());
        let kept = self.most - pace.min(self.most);
        let kept_back = u32::try_from(kept).unwrap_or(0);
        let worth = u32::try_from(self.worth.min(pace)).unwrap_or(u32::MAX);
        let free = u32::try_from(self.leases.available_permits()).unwrap_or(u32::MAX);
        let take = free.saturating_sub(kept_back).min(most).max(most.min(worth)).max(1);
        let permits = Arc::clone(&self.leases).acquire_many_owned(take + kept_back);
        let mut permits = permits.await.ok()?;
        drop(permits.split(kept));
        Some(permits)
    }

    /// Waits for exactly `count` permits, of which so many were held before.
    pub async fn permits_again(&self, count: usize) -> Option<OwnedSemaphorePermit> {
        let count = u32::try_from(count).ok()?;
        Arc::clone(&self.leases).acquire_many_owned(count).await.ok()
    }

    /// Number of entries to read at once: a batch, and up to two when calls are so
    /// quick that a batch is called for sooner than the next one is read.
    #[must_use]
    pub fn worth_reading(&self) -> usize {
        self.pace(Instant::now()).clamp(BATCH, 2 * BATCH)
    }

    /// Takes a slot if one is free.
    #[must_use]
    pub fn try_call(&self) -> Option<SemaphorePermit<'_>> {
        self.calls.try_acquire().ok()
    }

    /// Waits for a slot until `latest`: a lease that cannot be used any more is
    /// not to be held while others' calls hang.
    pub async fn call(&self, latest: Instant) -> Option<SemaphorePermit<'_>> {
        tokio::time::timeout_at(latest.into(), self.calls.acquire()).await.ok()?.ok()
    }

    /// A call ended.
    pub fn ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of slots that become free in `AHEAD`.
    fn pace(&self, now: Instant) -> usize {
        let ended = self.ended.load(Ordering::Relaxed);
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.ahead(now, ended)
    }
}

/// Rate at which slots become free.
#[derive(Debug)]
struct Pace {
    since: Instant,
    ended: u64,
    ahead: usize,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { since: now, ended: 0, ahead: 0 }
    }

    /// As many as became free in `AHEAD`, going by the time since the last look.
    fn ahead(&mut self, now: Instant, ended: u64) -> usize {
        let passed = now.saturating_duration_since(self.since);
        if passed >= WINDOW {
            let new = u128::from(ended.saturating_sub(self.ended));
            let ahead = new * AHEAD.as_micros() / passed.as_micros().max(1);
            self.ahead = usize::try_from(ahead).unwrap_or(usize::MAX);
            (self.since, self.ended) = (now, ended);
        }
        self.ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However long the test takes: the next look is an hour away.
    fn calls_are_quick(concurrency: &Concurrency) {
        let since = Instant::now() + Duration::from_secs(3600);
        *concurrency.pace.lock().expect("pace") = Pace { since, ended: 0, ahead: 1_000_000 };
    }

    #[test]
    fn as_many_ahead_as_slots_become_free_in_a_moment() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut pace = Pace::new(start);
        assert_eq!(pace.ahead(after(3), 90), 0, "not looked at yet");
        assert_eq!(pace.ahead(after(10), 100), 160);
        assert_eq!(pace.ahead(after(12), 500), 160, "a window has not passed");
        assert_eq!(pace.ahead(after(20), 110), 16);
        assert_eq!(pace.ahead(after(60_020), 111), 0, "they hang");
    }

    #[tokio::test]
    async fn without_a_pace_no_more_leases_than_slots() {
        let concurrency = Concurrency::new(8);
        let held = concurrency.permits(100).await.expect("permits");
        assert_eq!(held.num_permits(), 8);
        let mut more = Box::pin(concurrency.permits(100));
        assert!(futures_util::poll!(&mut more).is_pending());
        drop(held);
        assert!(more.await.is_some());
    }

    #[tokio::test]
    async fn when_calls_are_slow_each_slot_is_filled_at_once() {
        let concurrency = Concurrency::new(400);
        let mut held = concurrency.permits(400).await.expect("permits");
        drop(held.split(1));
        assert_eq!(concurrency.permits(100).await.expect("permits").num_permits(), 1);
    }

    #[tokio::test]
    async fn when_calls_are_quick_a_batch_is_waited_for() {
        let concurrency = Concurrency::new(400);
        let mut held = concurrency.permits(400).await.expect("permits");
        calls_are_quick(&concurrency);
        let ahead = concurrency.permits(400).await.expect("permits");
        assert_eq!(ahead.num_permits(), 256, "all that may be ahead");
        drop(held.split(99));
        let mut next = Box::pin(concurrency.permits(128));
        assert!(futures_util::poll!(&mut next).is_pending(), "a quarter of the slots is a batch");
        drop(held.split(1));
        assert_eq!(next.await.expect("permits").num_permits(), 100);
    }

    #[tokio::test]
    async fn calls_that_are_quick_let_leases_run_ahead() {
        let concurrency = Concurrency::new(8);
        calls_are_quick(&concurrency);
        let held = concurrency.permits(100).await.expect("permits");
        assert_eq!(held.num_permits(), 15);
        let mut calls = Vec::new();
        for _ in 0..8 {
            calls.push(concurrency.try_call().expect("a slot"));
        }
        assert!(concurrency.call(Instant::now()).await.is_none(), "its time is over");
        let mut ninth = Box::pin(concurrency.call(Instant::now() + Duration::from_secs(60)));
        assert!(futures_util::poll!(&mut ninth).is_pending(), "no more calls than eight");
        calls.pop();
        assert!(ninth.await.is_some());
    }

    #[test]
    fn more_is_read_at_once_when_calls_are_quick() {
        let concurrency = Concurrency::new(256);
        assert_eq!(concurrency.worth_reading(), 128, "nothing is known yet");
        for (ended, expected) in [(100, 128), (100_000, 256), (10, 128)] {
            (0..ended).for_each(|_| concurrency.ended());
            concurrency.pace.lock().expect("pace").since =
                Instant::now() - Duration::from_millis(20);
            assert_eq!(concurrency.worth_reading(), expected, "{ended} ended in 20 ms");
        }
    }

    #[tokio::test]
    async fn one_at_a_time_is_one() {
        let concurrency = Concurrency::new(1);
        calls_are_quick(&concurrency);
        assert_eq!(concurrency.permits(100).await.expect("permits").num_permits(), 1);
    }
}
