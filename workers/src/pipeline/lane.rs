//! The settle lane: outcomes go to Redis in batches that form by themselves.
//!
//! Idle, one settlement is flushed at once. While a flush is under way others
//! gather and go together in the next. A flush whose answer is lost is sent
//! again until one comes (a batch sent twice answers as the first did), so an
//! outcome that was reached is not lost to a Redis that is away.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use zoomd_store::queue::{Queue, Refusal, Settled, Settlement, WrittenBack};

use super::amends;
use crate::attempt::failures;
use crate::seam;
use crate::state::flight::{Flight, Flights};
use crate::state::memory::Memory;
use crate::state::outbox::{Item, Lane};
use crate::state::trouble::{Patience, Trouble};
use crate::supervisor::Beat;

/// Settlements in one flush.
const BATCH: usize = 256;
/// How often what a key of a wrong type stands in the way of is tried again.
const TRIES: u32 = 3;

/// A job whose lease is gone.
type Unleased = (Option<Arc<Flight>>, Settlement);

/// What is flushed together.
#[derive(Debug, Default)]
struct Gathered {
    flights: Vec<Option<Arc<Flight>>>,
    jobs: Vec<Settlement>,
    refusals: Vec<Refusal>,
}

/// Makes a lane and what serves it.
pub fn open(queue: Queue, flights: Flights, memory: Memory, trouble: &Trouble) -> (Lane, Server) {
    let (sender, receiver) = mpsc::channel(4 * BATCH);
    let (trouble, patience) = (trouble.clone(), Patience::new(trouble, "settle"));
    let beat = Beat::default();
    (Lane::new(sender), Server { receiver, queue, flights, memory, trouble, patience, beat })
}

/// The other end of a lane.
pub struct Server {
    receiver: mpsc::Receiver<Item>,
    queue: Queue,
    flights: Flights,
    memory: Memory,
    trouble: Trouble,
    patience: Patience,
    beat: Beat,
}

impl Server {
    /// Settles until all lanes are dropped and everything handed in is settled.
    pub async fn serve(mut self, beat: Beat) {
        self.beat = beat;
        self.queue.watch_leases().await;
        let mut items = Vec::with_capacity(BATCH);
        while self.beat.waiting(self.receiver.recv_many(&mut items, BATCH)).await > 0 {
            let (mut gathered, mut marks) = (Gathered::default(), Vec::new());
            gathered.jobs.reserve(items.len());
            gathered.flights.reserve(items.len());
            for item in items.drain(..) {
                match item {
                    Item::Job(flight, settlement) => {
                        gathered.flights.push(flight);
                        gathered.jobs.push(settlement);
                    }
                    Item::Refusal(refusal) => gathered.refusals.push(refusal),
                    Item::Mark(mark) => marks.push(mark),
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
            "outcomes cannot be written, since a key is of a type that is not ours; their leases will run out"
        );
        self.flights.remove(left.jobs.iter().map(|settlement| &settlement.ticket));
    }

    /// One batch; answers what must be offered again.
    async fn once(&mut self, Gathered { flights, jobs, refusals }: Gathered) -> Gathered {
        let batch = self.queue.settle_batch(jobs, refusals);
        let number = batch.number();
        for flight in flights.iter().flatten() {
            flight.settle_number.store(number, Ordering::Release);
        }
        seam::at("settling");
        let answers = loop {
            self.beat.waiting(self.trouble.cleared()).await;
            match self.queue.settle(&batch).await {
                Ok(answers) => break answers,
                Err(error) => self.patience.failed(&error).await,
            }
        };
        seam::at("settled");
        self.patience.fine();
        let (jobs, refusals) = batch.into_parts();
        let (of_jobs, of_refusals) = answers.split_at(jobs.len());
        let ended = jobs.iter().zip(of_jobs).filter(|(_, answer)| **answer == Settled::Done);
        self.flights.remove(ended.map(|(settlement, _)| &settlement.ticket));
        let (mut broken, mut stale) = (Gathered::default(), Vec::new());
        for ((settlement, flight), answer) in jobs.into_iter().zip(flights).zip(of_jobs) {
            match answer {
                Settled::Broken => {
                    broken.flights.push(flight);
                    broken.jobs.push(settlement);
                }
                Settled::Done => {
                    failures::settled(&settlement);
                    if let Some(flight) = flight {
                        self.memory.keep(number, flight, settlement);
                    }
                }
                Settled::Stale => stale.push((flight, settlement)),
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

impl Server {
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
        for (flight, settlement) in jobs {
            match flight {
                Some(flight) if forgotten(&settlement) => calls.push((flight, settlement)),
                _ => self.drop_stale(&settlement),
            }
        }
        let told: Vec<_> = calls.iter().map(|(flight, _)| amends::remembered(flight)).collect();
        let answers = loop {
            self.beat.waiting(self.trouble.cleared()).await;
            match self.queue.write_back(&told).await {
                Ok(answers) => break answers,
                Err(error) => self.patience.failed(&error).await,
            }
        };
        metrics::counter!("zoomd_calls_written_back_total").increment(told.len() as u64);
        for ((flight, mut settlement), answer) in calls.into_iter().zip(answers) {
            match answer {
                WrittenBack::Known | WrittenBack::Leased => {
                    settlement.ticket.plain = false;
                    again.flights.push(Some(flight));
                    again.jobs.push(settlement);
                }
                _ => self.drop_stale(&settlement),
            }
        }
    }

    fn drop_stale(&self, settlement: &Settlement) {
        self.flights.remove(std::iter::once(&settlement.ticket));
        stale(settlement);
    }
}

fn stale(settlement: &Settlement) {
    metrics::counter!("zoomd_settles_stale_total").increment(1);
    tracing::warn!(
        job.id = %settlement.ticket.job_id,
        "lease lost before settle; result dropped, the new owner decides"
    );
}
