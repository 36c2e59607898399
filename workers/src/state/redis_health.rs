//! Health of Redis as this process sees it: delays of retries, and how often to log.
//!
//! Every loop that talks to Redis keeps a [`LoopHealth`] of its own; all share
//! one [`RedisHealth`], so that a Redis that is gone for an hour costs one warning
//! a minute, not one per loop and attempt.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use zoomd_store::{ErrorKind, StoreError};

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);
/// A failure that was not retried within this time is over: no loop waits this long.
const STALE: Duration = Duration::from_secs(60);

/// A trouble that lasts so long is told, however lately the last one was.
const STAYS: Duration = Duration::from_secs(2);
/// A change of the server within so long is "a moment ago".
const RECENT: Duration = Duration::from_secs(60);

/// Health of Redis, shared by all loops of a process.
#[derive(Debug, Clone)]
pub struct RedisHealth {
    state: Arc<Mutex<State>>,
    /// True if Redis was out of reach and nobody has looked since.
    suspect: watch::Sender<bool>,
    /// Number of reconnects. Trouble found outside of the loops is known only from here.
    renewals: watch::Receiver<u64>,
    seen: Arc<AtomicU64>,
}

impl Default for RedisHealth {
    fn default() -> Self {
        Self::watching(watch::channel(0).1)
    }
}

#[derive(Debug, Default)]
struct State {
    since: Option<Instant>,
    last: Option<Instant>,
    warned: Option<Instant>,
    /// Failures since the last warning, which it left out.
    left_out: u64,
    what: Option<(ErrorKind, String)>,
    /// Time at which a restart or failover of Redis was found.
    changed: Option<Instant>,
}

impl RedisHealth {
    /// RedisHealth with a Redis whose connections count their renewals here.
    #[must_use]
    pub fn watching(renewals: watch::Receiver<u64>) -> Self {
        let seen = Arc::new(AtomicU64::new(*renewals.borrow()));
        Self { state: Arc::default(), suspect: watch::Sender::new(false), renewals, seen }
    }

    /// Problem, if anything is.
    #[must_use]
    pub fn what(&self) -> Option<String> {
        self.problem().map(|(_, what, _)| what)
    }

    /// Problem, of which kind, and since when.
    #[must_use]
    pub fn problem(&self) -> Option<(ErrorKind, String, Instant)> {
        let state = self.lock();
        let (kind, what) = state.what.clone()?;
        let current = state.last.is_none_or(|last| last.elapsed() < STALE);
        state.since.filter(|_| current).map(|since| (kind, what, since))
    }

    /// Redis is another than before.
    pub fn changed(&self, now: Instant) {
        self.lock().changed = Some(now);
    }

    /// Time at which a restart or failover of Redis was found, if it is recent.
    #[must_use]
    pub fn changed_at(&self, now: Instant) -> Option<Instant> {
        let recent = |at: &Instant| now.saturating_duration_since(*at) < RECENT;
        self.lock().changed.filter(recent)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until Redis was out of reach.
    pub async fn suspected(&self) {
        let (mut suspect, mut renewals) = (self.suspect.subscribe(), self.renewals.clone());
        let renewed = async {
            let seen = &self.seen;
            if renewals.wait_for(|times| *times != seen.load(Ordering::Acquire)).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = suspect.wait_for(|suspect| *suspect) => {}
            () = renewed => self.notice(),
        }
    }

    /// Closes the barrier if the connections were renewed since that was looked at.
    fn notice(&self) {
        if self.renewals() != self.seen.load(Ordering::Acquire) {
            self.suspect.send_replace(true);
        }
    }

    /// Number of reconnects. Read before a check of Redis, and passed to
    /// [`clear`](Self::clear) after it: a reconnect since then requires another check.
    pub fn renewals(&self) -> u64 {
        *self.renewals.borrow()
    }

    /// Waits until Redis is known to be the one we knew, or has been told what
    /// it may have forgotten. Passed before each use of it.
    pub async fn ready(&self) {
        self.notice();
        if *self.suspect.borrow() {
            let _ = self.suspect.subscribe().wait_for(|suspect| !*suspect).await;
        }
    }

    /// Opens the barrier: the Redis behind the connections after so many renewals
    /// is known.
    pub fn clear(&self, renewals: u64) {
        self.seen.store(renewals, Ordering::Release);
        self.suspect.send_replace(false);
        self.ok(Instant::now());
    }

    pub(crate) fn failed(&self, doing: &'static str, error: &StoreError, now: Instant) {
        metrics::counter!("zoomd_redis_errors_total", "op" => doing).increment(1);
        if matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::ReadOnly) {
            self.suspect.send_replace(true);
        }
        let mut state = self.lock();
        let since = *state.since.get_or_insert(now);
        state.last = Some(now);
        let another = state.what.as_ref().is_some_and(|(kind, _)| *kind != error.kind());
        state.what = Some((error.kind(), error.to_string()));
        // A trouble that comes and goes is told once a minute, one that stays soon.
        let stays = now.duration_since(since) >= STAYS && state.warned.is_some_and(|at| at < since);
        let due = state.warned.is_none_or(|at| now.duration_since(at) >= BETWEEN_WARNINGS);
        if due || stays || another {
            state.warned = Some(now);
            let left_out = std::mem::take(&mut state.left_out);
            let (kind, state) = (error.kind().as_str(), in_words(error.kind()));
            tracing::warn!(redis.op = doing, kind, left_out, error = %error, "redis is unavailable ({state}); retrying: {error}");
        } else {
            state.left_out += 1;
        }
    }

    fn ok(&self, now: Instant) {
        let mut state = self.lock();
        if let Some(since) = state.since.take() {
            state.what = None;
            // A trouble that was warned of is also reported as over; the next warning waits
            // its minute.
            if state.warned.is_some_and(|at| at >= since) {
                let away = now.duration_since(since);
                tracing::info!(seconds = away.as_secs_f64(), "redis is back");
            }
        }
    }
}

/// One loop's waits between failures.
#[derive(Debug)]
pub struct LoopHealth {
    redis_health: RedisHealth,
    doing: &'static str,
    failures: u32,
}

impl LoopHealth {
    /// For a loop that does `doing` (a word for metrics).
    #[must_use]
    pub fn new(redis_health: &RedisHealth, doing: &'static str) -> Self {
        Self { redis_health: redis_health.clone(), doing, failures: 0 }
    }

    /// It worked.
    pub fn ok(&mut self) {
        if self.failures > 0 {
            self.failures = 0;
            self.redis_health.ok(Instant::now());
        }
    }

    /// It failed: waits, longer each time.
    pub async fn failed(&mut self, error: &StoreError) {
        self.redis_health.failed(self.doing, error, Instant::now());
        tokio::time::sleep(wait(self.failures, rand::random())).await;
        self.failures = self.failures.saturating_add(1);
    }
}

/// Retry state for work that many jobs do at a time: they fail together and wait together.
#[derive(Debug)]
pub struct SharedHealth {
    redis_health: RedisHealth,
    doing: &'static str,
    failing: AtomicBool,
    waits: Mutex<(u32, Option<Instant>)>,
}

impl SharedHealth {
    /// For what does `doing` (a word for metrics).
    #[must_use]
    pub fn new(redis_health: &RedisHealth, doing: &'static str) -> Self {
        let (failing, waits) = (AtomicBool::new(false), Mutex::default());
        Self { redis_health: redis_health.clone(), doing, failing, waits }
    }

    /// It worked.
    pub fn ok(&self) {
        if self.failing.load(Ordering::Relaxed) && self.failing.swap(false, Ordering::Relaxed) {
            *self.waits.lock().unwrap_or_else(PoisonError::into_inner) = (0, None);
            self.redis_health.ok(Instant::now());
        }
    }

    /// It failed: how long to leave it, longer each time.
    pub fn failed(&self, error: &StoreError) -> Duration {
        let now = Instant::now();
        self.redis_health.failed(self.doing, error, now);
        self.failing.store(true, Ordering::Relaxed);
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = waits.1.map(|until| until.saturating_duration_since(now))
            && !left.is_zero()
        {
            return left;
        }
        let wait = wait(waits.0, rand::random());
        *waits = (waits.0.saturating_add(1), Some(now + wait));
        wait
    }
}

/// State of Redis, in a word or two.
fn in_words(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unreachable => "unreachable",
        ErrorKind::ReadOnly => "read-only",
        ErrorKind::OutOfMemory => "full",
        _ => "command refused",
    }
}

fn wait(failures: u32, roll: f64) -> Duration {
    let wait = FIRST_WAIT.saturating_mul(1 << failures.min(16)).min(LONGEST_WAIT);
    crate::backoff::spread(wait, roll)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound() {
        let waits: Vec<u128> = (0..8).map(|n| wait(n, 0.5).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(wait(u32::MAX, 0.5), LONGEST_WAIT);
    }

    #[test]
    fn what_fails_together_waits_together() {
        let grants = SharedHealth::new(&RedisHealth::default(), "grant");
        let error = StoreError::new(ErrorKind::OutOfMemory, "full");
        let first = grants.failed(&error);
        let second = grants.failed(&error);
        assert!(second <= first, "one moment is one failure: {first:?}, {second:?}");
        assert_eq!(grants.waits.lock().expect("sound").0, 1);
        assert_eq!(grants.redis_health.what().as_deref(), Some("full"));
        grants.ok();
        assert_eq!(grants.redis_health.what(), None);
    }

    #[test]
    fn trouble_is_known_until_it_is_over() {
        let redis_health = RedisHealth::default();
        let now = Instant::now();
        assert_eq!(redis_health.what(), None);
        redis_health.failed("claim", &StoreError::new(ErrorKind::Unreachable, "gone"), now);
        assert_eq!(redis_health.what().as_deref(), Some("gone"));
        redis_health.ok(now);
        assert_eq!(redis_health.what(), None);
    }

    #[test]
    fn trouble_that_comes_and_goes_is_told_once_a_minute() {
        let (redis_health, start) = (RedisHealth::default(), Instant::now());
        let warned = |after: u64| {
            let now = start + Duration::from_secs(after);
            redis_health.failed("claim", &StoreError::new(ErrorKind::Unreachable, "gone"), now);
            redis_health.ok(now);
            let state = redis_health.state.lock().expect("whole");
            (state.warned == Some(now), state.left_out)
        };
        let told = [0, 1, 5, 59, 60, 61, 119, 120].map(|at| (at, warned(at)));
        let warned: Vec<_> =
            told.iter().filter(|(_, (warned, _))| *warned).map(|(at, _)| *at).collect();
        assert_eq!(warned, [0, 60, 120]);
        // What a warning left out since the one before it is counted.
        assert_eq!(told.map(|(_, (_, left_out))| left_out), [0, 1, 2, 3, 0, 1, 2, 0]);
    }

    #[tokio::test]
    async fn what_other_hands_found_closes_the_barrier() {
        let (renewals, count) = watch::channel(0);
        let redis_health = RedisHealth::watching(count);
        redis_health.ready().await;
        renewals.send_replace(1);
        let barrier = redis_health.ready();
        tokio::pin!(barrier);
        assert!(futures_util::poll!(&mut barrier).is_pending(), "closed before anyone looked");
        redis_health.suspected().await;
        let looked_at = redis_health.renewals();
        renewals.send_replace(2);
        redis_health.clear(looked_at);
        assert!(futures_util::poll!(&mut barrier).is_ready(), "open for who waited");
        assert!(futures_util::poll!(Box::pin(redis_health.ready())).is_pending(), "renewed again");
        redis_health.clear(redis_health.renewals());
        redis_health.ready().await;
        renewals.send_replace(3);
        redis_health.suspected().await;
        assert!(futures_util::poll!(Box::pin(redis_health.ready())).is_pending());
    }
}
