//! The settler: outcomes go to Redis in batches that form by themselves.
//!
//! Idle, one settlement is flushed at once. While a flush is under way others
//! gather and go together in the next. A flush whose answer is lost is sent
//! again until one comes (a batch sent twice answers as the first did), so an
//! outcome that was reached is not lost to a Redis that is away.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use zoomd_store::queue::{Purpose, Queue, Refusal, Replayed, Settled, Settlement, Then};

use super::replay;
use crate::attempt::{failures, parts};
use crate::failpoints;
use crate::state::leased_job::{InFlight, LeasedJob};
use crate::state::recent_calls::RecentCalls;
use crate::state::redis_health::{LoopHealth, RedisHealth};
use crate::state::settler::{Item, Settler};
use crate::supervisor::Beat;
use crate::trace::{End, Published};

/// Settlements in one flush.
const BATCH: usize = 256;
/// Number of retries for a settlement blocked by a key of a wrong type.
const TRIES: u32 = 3;

/// A job whose lease is gone.
type Unleased = (Option<Arc<LeasedJob>>, Settlement);

/// Settlements of one flush.
#[derive(Debug, Default)]
struct Gathered {
    in_flight: Vec<Option<Arc<LeasedJob>>>,
    jobs: Vec<Settlement>,
    refusals: Vec<Refusal>,
}

impl Gathered {
    /// Adds the end of a lease, and with it those of the jobs that its call carried.
    fn job(&mut self, leased: Option<Arc<LeasedJob>>, mut settlement: Settlement) {
        let parts = leased.as_deref().map(|carrier| parts::settle(carrier, &mut settlement));
        self.in_flight.push(leased);
        self.jobs.push(settlement);
        for (part, settlement) in parts.into_iter().flatten() {
            self.in_flight.push(Some(part));
            self.jobs.push(settlement);
        }
    }
}

/// Makes the handle of the settler and its receiving end.
pub fn open(
    queue: Queue,
    in_flight: InFlight,
    recent_calls: RecentCalls,
    redis_health: &RedisHealth,
) -> (Settler, SettleLoop) {
    let (sender, receiver) = mpsc::channel(4 * BATCH);
    let (redis_health, health) = (redis_health.clone(), LoopHealth::new(redis_health, "settle"));
    let beat = Beat::default();
    (
        Settler::new(sender),
        SettleLoop { receiver, queue, in_flight, recent_calls, redis_health, health, beat },
    )
}

/// Receiving end of the settler.
pub struct SettleLoop {
    receiver: mpsc::Receiver<Item>,
    queue: Queue,
    in_flight: InFlight,
    recent_calls: RecentCalls,
    redis_health: RedisHealth,
    health: LoopHealth,
    beat: Beat,
}

impl SettleLoop {
    /// Settles until all handles are dropped and everything handed in is settled.
    pub async fn serve(mut self, beat: Beat) {
        self.beat = beat;
        self.queue.watch_leases().await;
        let mut items = Vec::with_capacity(BATCH);
        while self.beat.waiting(self.receiver.recv_many(&mut items, BATCH)).await > 0 {
            let (mut gathered, mut marks) = (Gathered::default(), Vec::new());
            gathered.jobs.reserve(items.len());
            gathered.in_flight.reserve(items.len());
            for item in items.drain(..) {
                match item {
                    Item::Job(leased, settlement) => gathered.job(leased, settlement),
                    Item::Refusal(refusal) => gathered.refusals.push(refusal),
                    Item::Mark(mark) => marks.push(mark),
                }
                if gathered.jobs.len() > BATCH {
                    self.flush(std::mem::take(&mut gathered)).await;
                }
            }
            self.flush(gathered).await;
            for mark in marks {
                let _ = mark.send(());
            }
        }
    }

    /// Settles everything, offering again what was in the way of a broken key.
    async fn flush(&mut self, mut left: Gathered) {
        for _ in 0..TRIES {
            left = self.once(left).await;
            if left.jobs.is_empty() && left.refusals.is_empty() {
                return;
            }
        }
        tracing::error!(
            jobs = left.jobs.len(),
            refusals = left.refusals.len(),
            "redis: outcomes cannot be written because of a key of an unexpected type; their leases expire"
        );
        self.in_flight.remove(left.jobs.iter().map(|settlement| &settlement.ticket));
    }

    /// One batch; answers what must be offered again.
    async fn once(&mut self, Gathered { in_flight, jobs, refusals }: Gathered) -> Gathered {
        let batch = self.queue.settle_batch(jobs, refusals);
        let number = batch.number();
        for leased in in_flight.iter().flatten() {
            leased.settle_number.store(number, Ordering::Release);
        }
        failpoints::at("settling");
        let answers = loop {
            self.beat.waiting(self.redis_health.ready()).await;
            match self.queue.settle(&batch).await {
                Ok(answers) => break answers,
                Err(error) => self.health.failed(&error).await,
            }
        };
        failpoints::at("settled");
        self.health.ok();
        let (jobs, refusals) = batch.into_parts();
        let (of_jobs, of_refusals) = answers.split_at(jobs.len());
        let size = jobs.len();
        let ended = jobs.iter().zip(of_jobs).filter(|(_, answer)| **answer == Settled::Done);
        self.in_flight.remove(ended.map(|(settlement, _)| &settlement.ticket));
        let (mut broken, mut stale) = (Gathered::default(), Vec::new());
        for ((settlement, leased), answer) in jobs.into_iter().zip(in_flight).zip(of_jobs) {
            match answer {
                Settled::Broken => {
                    broken.in_flight.push(leased);
                    broken.jobs.push(settlement);
                }
                Settled::Done => {
                    failures::settled(&settlement);
                    if let Some(leased) = leased {
                        if let Some(trace) = leased.trace() {
                            trace.settled(end_of(&settlement, size));
                        }
                        self.recent_calls.keep(number, leased, settlement);
                    }
                }
                Settled::Stale => stale.push((leased, settlement)),
            }
        }
        self.without_lease(stale, &mut broken).await;
        for (refusal, answer) in refusals.into_iter().zip(of_refusals) {
            match answer {
                Settled::Done => failures::refused(&refusal),
                Settled::Broken => broken.refusals.push(refusal),
                Settled::Stale => {}
            }
        }
        broken
    }
}

impl SettleLoop {
    /// Jobs whose lease is gone. Where nobody took it Redis forgot it: the call
    /// is told again, and settled again. Of the others another decides.
    async fn without_lease(&mut self, jobs: Vec<Unleased>, again: &mut Gathered) {
        if jobs.is_empty() {
            return;
        }
        let since = self.queue.untaken_since().await;
        let forgotten = |settlement: &Settlement| {
            since.is_some_and(|since| settlement.ticket.granted_at > since)
        };
        let mut calls = Vec::new();
        for (leased, settlement) in jobs {
            match leased {
                Some(leased) if forgotten(&settlement) => calls.push((leased, settlement)),
                _ => self.drop_stale(&settlement),
            }
        }
        let told: Vec<_> = calls.iter().map(|(leased, _)| replay::remembered(leased)).collect();
        let answers = loop {
            self.beat.waiting(self.redis_health.ready()).await;
            match self.queue.replay_lost(&told).await {
                Ok(answers) => break answers,
                Err(error) => self.health.failed(&error).await,
            }
        };
        metrics::counter!("zoomd_calls_written_back_total").increment(told.len() as u64);
        for ((leased, mut settlement), answer) in calls.into_iter().zip(answers) {
            match answer {
                Replayed::Known | Replayed::Leased => {
                    settlement.ticket.plain = false;
                    again.in_flight.push(Some(leased));
                    again.jobs.push(settlement);
                }
                _ => self.drop_stale(&settlement),
            }
        }
    }

    fn drop_stale(&self, settlement: &Settlement) {
        self.in_flight.remove(std::iter::once(&settlement.ticket));
        stale(settlement);
    }
}

/// End of a lease, as its trace tells it.
fn end_of(settlement: &Settlement, batch: usize) -> End {
    let (outcome, published) = match &settlement.then {
        Then::Done(_) => ("succeeded", Some(Published::Result)),
        Then::Failed { code, .. } => (*code, Some(Published::Failure)),
        Then::Sleep { purpose: Purpose::Lookup, .. } => ("reconciles", None),
        Then::Sleep { .. } => ("sleeps", None),
        Then::Room { .. } => ("waits", None),
    };
    End { outcome, published, batch }
}

fn stale(settlement: &Settlement) {
    metrics::counter!("zoomd_settles_stale_total").increment(1);
    tracing::warn!(
        job.id = %settlement.ticket.job_id,
        "lease lost before settle; result dropped, the new owner decides"
    );
}
