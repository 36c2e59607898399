//! The intake: reads the producers' stream and admits what it holds.
//!
//! Reading runs one batch ahead, on a connection of its own. A batch is parsed,
//! its bad entries are refused, and the rest is admitted in pieces no larger
//! than the permits at hand; the permits are taken first. What Redis does not
//! take now is offered again until it does: an entry read is never dropped.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use zoomd_store::queue::{Admission, Admitted, Entry, Refusal, Settlement, Why};
use zoomd_wire::{FailureCode, Job};

use super::flight::{Flight, Moment};
use super::parse::{self, Parsed};
use super::shop::Shop;
use super::trouble::Patience;
use crate::jobs::outcome;
use crate::seam;

/// Entries in one read.
const BATCH: usize = 128;

/// Reads until the shop closes, then admits what was read and ends.
pub async fn serve(shop: Arc<Shop>) {
    let (sender, mut receiver) = mpsc::channel(1);
    let mut patience = Patience::new(&shop.trouble, "admit");
    let admitting = async {
        while let Some(entries) = receiver.recv().await {
            seam::at("read");
            shop.intake_open().await;
            shop.backlog.let_pass().await;
            admit_all(&shop, entries, &mut patience).await;
            shop.progress.touch();
        }
    };
    tokio::join!(read(&shop, sender), admitting);
}

async fn read(shop: &Shop, sender: mpsc::Sender<Vec<Entry>>) {
    let mut reader = shop.queue.reader();
    let mut patience = Patience::new(&shop.trouble, "read");
    while shop.is_open() {
        let Ok(slot) = sender.reserve().await else { break };
        shop.intake_open().await;
        match reader.next(BATCH).await {
            Ok(entries) => {
                patience.fine();
                shop.progress.touch();
                if !entries.is_empty() {
                    slot.send(entries);
                }
            }
            Err(error) => patience.failed(&error).await,
        }
    }
    if shop.trouble.what().is_none()
        && let Err(error) = reader.leave().await
    {
        tracing::debug!(error = %error, "the consumer's name is left to a later clean-up");
    }
}

/// A parsed entry that asks to be admitted.
struct Candidate {
    job: Box<Job>,
    text: bytes::Bytes,
}

async fn admit_all(shop: &Arc<Shop>, entries: Vec<Entry>, patience: &mut Patience) {
    let mut time = TimeOfRefusals::default();
    let mut admissions = Vec::with_capacity(entries.len());
    let mut candidates = Vec::with_capacity(entries.len());
    for entry in entries {
        match parse::fresh(&shop.settings, entry) {
            Parsed::Job { admission, job, text } => {
                admissions.push(admission);
                candidates.push(Candidate { job, text });
            }
            Parsed::Bad { entry, text, why } => {
                let now = time.of(shop, &entry).await;
                refuse(shop, outcome::invalid(&entry, &text, &why, now)).await;
            }
        }
    }
    let mut candidates = candidates.into_iter();
    let mut rest = admissions.as_slice();
    while !rest.is_empty() {
        let most = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        let Some(mut permits) = shop.permits(most).await else {
            return hand_over(shop, rest, candidates, patience, &mut time).await;
        };
        let (piece, later) = rest.split_at(permits.num_permits().min(rest.len()));
        let Some(answers) = admit(shop, piece, patience).await else { return };
        seam::at("admitted");
        let now = Moment::now();
        for (admission, admitted) in piece.iter().zip(answers) {
            let Some(candidate) = candidates.next() else { break };
            let placed = place(shop, admission, admitted, candidate, Some((&mut permits, now)));
            if let Some((code, candidate)) = placed {
                turn_away(shop, admission, code, &candidate, &mut time).await;
            }
        }
        rest = later;
    }
}

/// The shop closes: what was read and has no slot goes to its room, where other
/// daemons find it at once.
async fn hand_over(
    shop: &Arc<Shop>,
    rest: &[Admission],
    candidates: impl Iterator<Item = Candidate>,
    patience: &mut Patience,
    time: &mut TimeOfRefusals,
) {
    let Some(answers) = admit(shop, rest, patience).await else { return };
    for ((admission, admitted), candidate) in rest.iter().zip(answers).zip(candidates) {
        match admitted {
            Admitted::Go(ticket) => shop.lane.settle_unread(Settlement::back(ticket)).await,
            other => {
                if let Some((code, candidate)) = place(shop, admission, other, candidate, None) {
                    turn_away(shop, admission, code, &candidate, time).await;
                }
            }
        }
    }
}

async fn admit(shop: &Shop, piece: &[Admission], patience: &mut Patience) -> Option<Vec<Admitted>> {
    // Asked again under the same fence, the script answers as the first time.
    let fence = shop.queue.fence();
    loop {
        match shop.queue.admit(&fence, piece).await {
            Ok(admitted) => {
                patience.fine();
                return Some(admitted);
            }
            // What was read stays pending, and is read again by whoever comes.
            Err(_) if !shop.is_open() => return None,
            Err(error) => {
                patience.failed(&error).await;
                shop.intake_open().await;
            }
        }
    }
}

/// The time of Redis for the outcomes of what is refused: asked for once in a
/// batch, and only where there is such a thing.
#[derive(Default)]
struct TimeOfRefusals(Option<Timestamp>);

impl TimeOfRefusals {
    /// That time; of a Redis that does not tell, when the entry was written.
    async fn of(&mut self, shop: &Shop, entry: &str) -> Timestamp {
        if self.0.is_none() {
            let now_ms = shop.queue.store().now_ms().await.ok();
            self.0 = now_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        }
        self.0.unwrap_or_else(|| parse::time_of(entry))
    }
}

async fn turn_away(
    shop: &Shop,
    admission: &Admission,
    code: FailureCode,
    Candidate { job, text }: &Candidate,
    time: &mut TimeOfRefusals,
) {
    let now = time.of(shop, &admission.entry).await;
    refuse(shop, outcome::refusal(admission, job, text, code, now)).await;
}

async fn refuse(shop: &Shop, refusal: Refusal) {
    crate::metric::finished(refusal.outcome.kind, refusal.code);
    shop.lane.refuse(refusal).await;
}

/// Puts an admitted job where the answer says; gives it back with the code of its
/// failure if it is refused.
fn place(
    shop: &Arc<Shop>,
    admission: &Admission,
    admitted: Admitted,
    candidate: Candidate,
    permits: Option<(&mut tokio::sync::OwnedSemaphorePermit, Moment)>,
) -> Option<(FailureCode, Candidate)> {
    let code = match admitted {
        Admitted::Go(ticket) => {
            if let Some((permits, now)) = permits
                && let Some(permit) = permits.split(1)
            {
                let within = shop.queue.settings().send_within;
                let record = Default::default();
                let flight =
                    Flight::new(ticket, candidate.job, candidate.text, record, within, now);
                shop.start(Arc::new(flight), permit);
            }
            return None;
        }
        Admitted::Waits { why, .. } => {
            crate::metric::waits(why);
            shop.expiry.waits(admission.deadline_ms);
            if why == Why::NotBefore {
                tracing::debug!(job.id = %admission.job_id, "a job sleeps until its time");
            }
            return None;
        }
        Admitted::Repeat => {
            metrics::counter!("zoomd_jobs_repeated_total").increment(1);
            return None;
        }
        Admitted::Held => return None,
        Admitted::Broken => {
            tracing::error!(account = %admission.account, "a key of this account is of a type that is not ours; its jobs wait");
            return None;
        }
        Admitted::Conflict => FailureCode::IdConflict,
        Admitted::NoAccount => FailureCode::UnknownAccount,
        Admitted::AccountRemoved => FailureCode::AccountRemoved,
        Admitted::Expired => FailureCode::DeadlineExceeded,
    };
    Some((code, candidate))
}
