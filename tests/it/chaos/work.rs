//! The jobs of a campaign: who gives them in, and which outcomes came.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// The outcomes of a campaign.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) outcomes: HashMap<String, u32>,
    pub(super) failures: BTreeMap<String, u32>,
}

/// Jobs given in, and outcomes that came.
#[derive(Debug, Default)]
pub(super) struct Work {
    seen: Mutex<Seen>,
    given: AtomicUsize,
    /// Held by whoever adds jobs, and by whoever wants no job to be added.
    turn: tokio::sync::Mutex<()>,
}

impl Work {
    /// The number of jobs that have an outcome.
    pub(super) fn outcomes(&self) -> usize {
        self.seen.lock().expect("not poisoned").outcomes.len()
    }

    /// Of the first `jobs` jobs, the ids of those without an outcome.
    pub(super) fn missing(&self, jobs: usize) -> impl Iterator<Item = String> {
        let seen = self.seen.lock().expect("not poisoned");
        let left: Vec<_> = (0..jobs).map(id).filter(|id| !seen.outcomes.contains_key(id)).collect();
        left.into_iter()
    }

    /// Takes all that was seen; nothing is left of it here.
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().expect("not poisoned"))
    }

    /// Lets no job in until the answer is dropped.
    pub(super) async fn stop(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Each job that was given in has its outcome.
    pub(super) fn is_done(&self) -> bool {
        self.outcomes() >= self.given.load(Ordering::Relaxed)
    }

    /// Adds jobs for as long as the campaign lasts; the number of them.
    pub(super) async fn produce(self: Arc<Self>, campaign: Campaign, store: Store) -> usize {
        let end = Instant::now() + campaign.lasts;
        let mut beat = tokio::time::interval(Duration::from_millis(100));
        while Instant::now() < end {
            beat.tick().await;
            let _turn = self.turn.lock().await;
            let (many, first) =
                (campaign.jobs_each_second.div_ceil(10), self.given.load(Ordering::Relaxed));
            let batch: Vec<_> = (first..first + many)
                .map(|number| job(account(number % campaign.accounts).as_str(), &id(number)))
                .collect();
            self.given.fetch_add(many, Ordering::Relaxed);
            // Some may be in when Redis fails; the same id makes nothing twice.
            while enqueue(&store, &batch).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        self.given.load(Ordering::Relaxed)
    }

    /// Notes every outcome, for ever.
    pub(super) async fn watch(self: Arc<Self>, store: Store) {
        let mut tail = Tail::from_start(&store, &[Stream::Results, Stream::Failures]);
        loop {
            let Ok(items) = tail.next(Duration::from_millis(100), 1_000).await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let mut seen = self.seen.lock().expect("not poisoned");
            for item in items {
                *seen.outcomes.entry(item.field("job_id").to_owned()).or_default() += 1;
                if item.stream == Stream::Failures {
                    *seen.failures.entry(item.field("failure").to_owned()).or_default() += 1;
                }
            }
        }
    }
}
