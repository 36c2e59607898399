//! The intake: reads the producers' stream and cuts what it holds into pieces.
//!
//! Reading runs one read ahead, on a connection of its own. What was read is
//! parsed, its bad entries are refused, and the rest is admitted in pieces with no more
//! jobs that may go at once than permits at hand; the permits are taken first. While Redis has one piece
//! in hand the next is made ready and sent after it, and when calls are quick more is
//! read at once ([`Concurrency::worth_reading`](crate::state::concurrency::Concurrency::worth_reading)): each
//! answer waits its turn on the thread, and calls would run out before it is heard.

use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use zoomd_store::queue::{Admission, Entry};

use super::admission::{Piece, TimeOfRefusals, Unanswered, refuse};
use super::deferred::{Candidate, Deferred};
use super::newer;
use super::parse::{self, Parsed};
use crate::attempt::outcome;
use crate::context::EngineContext;
use crate::failpoints;
use crate::state::concurrency::BATCH;
use crate::state::redis_health::LoopHealth;
use crate::supervisor::Beat;

/// Pieces that Redis is asked about at the same time.
const IN_HAND: usize = 2;

/// Entries of one read. Every holder of a part that is not answered yet holds `unanswered`.
struct Read {
    entries: Vec<Entry>,
    unanswered: Option<Unanswered>,
}

/// Reads until the shop closes, then admits what was read and ends.
pub async fn serve(ctx: Arc<EngineContext>, beat: Beat) {
    let (sender, receiver) = mpsc::channel(1);
    let reading = ctx.supervisor.part("fetcher_read", |beat| read(&ctx, sender, beat));
    let admitting = ctx.supervisor.part("intake_admit", |beat| admit(&ctx, receiver, beat));
    beat.waiting(async { tokio::join!(reading, admitting) }).await;
}

async fn admit(ctx: &Arc<EngineContext>, receiver: mpsc::Receiver<Read>, beat: Beat) {
    let feed = Feed {
        ctx: Arc::clone(ctx),
        beat: beat.clone(),
        receiver,
        admissions: Vec::new(),
        candidates: Vec::new(),
        unanswered: None,
        deferred: Arc::default(),
    };
    let pieces = pin!(stream::unfold(feed, |mut feed| async { Some((feed.next().await?, feed)) }));
    let admitting = pieces.for_each_concurrent(IN_HAND, |piece| {
        let (ctx, beat) = (Arc::clone(ctx), beat.clone());
        async move {
            beat.waiting(piece.admit(&ctx)).await;
        }
    });
    admitting.await;
}

async fn read(ctx: &EngineContext, sender: mpsc::Sender<Read>, beat: Beat) {
    let mut reader = ctx.queue.reader();
    let mut health = LoopHealth::new(&ctx.redis_health, "read");
    while ctx.is_open() {
        let Ok(slot) = beat.waiting(sender.reserve()).await else { break };
        beat.waiting(ctx.intake_open()).await;
        let most = ctx.concurrency.worth_reading();
        match reader.next(most).await {
            Ok(entries) => {
                health.ok();
                beat.touch();
                if entries.len() == most {
                    slot.send(Read { entries, unanswered: None });
                } else if !entries.is_empty() {
                    let (unanswered, answered) = oneshot::channel();
                    slot.send(Read { entries, unanswered: Some(Arc::new(unanswered)) });
                    // This read reached the end of the stream. Redis and this thread have
                    // nothing else to do until its calls can be made, so they go first.
                    let _ = beat.waiting(answered).await;
                    tokio::task::yield_now().await;
                }
            }
            Err(error) => health.failed(&error).await,
        }
    }
    if ctx.redis_health.what().is_none()
        && let Err(error) = reader.leave().await
    {
        tracing::debug!(error = %error, "redis: the consumer name is left to a later clean-up");
    }
}

/// Entries that were read and not passed on yet.
struct Feed {
    ctx: Arc<EngineContext>,
    beat: Beat,
    receiver: mpsc::Receiver<Read>,
    admissions: Vec<Admission>,
    candidates: Vec<Candidate>,
    unanswered: Option<Unanswered>,
    deferred: Arc<Deferred>,
}

impl Feed {
    /// The next piece, with the permits for it; without any when the shop closes.
    /// `None`: everything that was read has been handed on.
    async fn next(&mut self) -> Option<Piece> {
        while self.admissions.is_empty() {
            let next = async {
                tokio::select! {
                    offers = self.deferred.due() => Err(offers),
                    read = self.receiver.recv() => Ok(read),
                }
            };
            let Read { entries, unanswered } = match self.beat.waiting(next).await {
                Ok(read) => read?,
                Err(offers) => {
                    let parts = offers.into_iter().map(|o| (o.admission, o.candidate));
                    (self.admissions, self.candidates) = parts.unzip();
                    break;
                }
            };
            self.unanswered = unanswered;
            failpoints::at("read");
            self.parse(entries).await;
            if self.admissions.is_empty() {
                self.unanswered = None;
            }
        }
        self.ctx.backlog.let_pass().await;
        let batch = self.admissions.iter().take(BATCH);
        let most = batch.filter(|admission| admission.target.is_none()).count().max(1);
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let permits = self.beat.waiting(self.ctx.permits(most)).await;
        let count = permits.as_ref().map_or(BATCH, OwnedSemaphorePermit::num_permits);
        let count = cut(&self.admissions, count);
        let (admissions, candidates) =
            (first(&mut self.admissions, count), first(&mut self.candidates, count));
        let whole = self.admissions.is_empty();
        let unanswered = if whole { self.unanswered.take() } else { self.unanswered.clone() };
        let deferred = Arc::clone(&self.deferred);
        Some(Piece { admissions, candidates, permits, unanswered, deferred })
    }

    async fn parse(&mut self, entries: Vec<Entry>) {
        let mut time = TimeOfRefusals::default();
        self.admissions.reserve(entries.len());
        self.candidates.reserve(entries.len());
        for entry in entries {
            let classes = &self.ctx.queue.settings().budgets.classes;
            match parse::fresh(&self.ctx.settings, classes, entry) {
                Parsed::Job { admission, job, text } => {
                    self.admissions.push(admission);
                    self.candidates.push(Candidate { job, text, deferred: None });
                }
                Parsed::Bad { entry, why, .. } if newer::takes(&self.ctx, &why, &entry).await => {
                    // It stays pending, and whoever takes it over when it has lain idle
                    // judges it anew.
                }
                Parsed::Bad { entry, text, why } => {
                    let now = time.of(&self.ctx, &entry).await;
                    let refusal = outcome::invalid(&entry, &text, &why, now);
                    self.beat.waiting(refuse(&self.ctx, refusal)).await;
                }
            }
        }
    }
}

/// Number of entries that go into the next piece. A job with a target only takes its place in
/// a line, without a permit: so the updates that came with a create are there when it goes.
fn cut(admissions: &[Admission], permits: usize) -> usize {
    let mut left = permits;
    let fits = |admission: &&Admission| {
        let fits = admission.target.is_some() || left > 0;
        left = left.saturating_sub(usize::from(admission.target.is_none()));
        fits
    };
    admissions.iter().take(BATCH).take_while(fits).count()
}

/// Takes the first `count` out of `all`.
fn first<T>(all: &mut Vec<T>, count: usize) -> Vec<T> {
    let rest = all.split_off(count.min(all.len()));
    std::mem::replace(all, rest)
}
