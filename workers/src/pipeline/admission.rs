//! Admission: asks Redis about a piece of what was read, and puts each job where
//! the answer says.
//!
//! What Redis does not take now is offered again until it does: an entry read is
//! never dropped.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use zoomd_store::queue::{Admission, Admitted, Refusal, Settlement, Ticket, WaitReason};
use zoomd_wire::{EntryId, FailureCode};

use super::deferred::{Candidate, Deferred};
use super::{claims, parse};
use crate::attempt::{fates, outcome};
use crate::context::EngineContext;
use crate::failpoints;
use crate::state::leased_job::{LeasedJob, Moment};
use crate::state::redis_health::LoopHealth;

/// Held while Redis has not answered: the other end of the channel learns when all
/// who held it have let go.
pub(super) type Unanswered = Arc<oneshot::Sender<()>>;

/// Entries that one script admits together.
pub(super) struct Piece {
    pub(super) admissions: Vec<Admission>,
    /// One for each admission.
    pub(super) candidates: Vec<Candidate>,
    /// The right to a lease for each; `None` when the shop closes.
    pub(super) permits: Option<OwnedSemaphorePermit>,
    pub(super) unanswered: Option<Unanswered>,
    /// Entries that may not be judged yet.
    pub(super) deferred: Arc<Deferred>,
}

impl Piece {
    /// Asks, and starts, refuses or leaves each job as the answer says. Those that
    /// may go but have no permit go back to their rooms, where other daemons find
    /// them at once.
    pub(super) async fn admit(self, ctx: &Arc<EngineContext>) {
        let Self { admissions, candidates, mut permits, unanswered, deferred } = self;
        let Some(answers) = ask(ctx, &admissions, &mut permits).await else { return };
        drop(unanswered);
        let mut permits = permits.map(|permits| {
            failpoints::at("admitted");
            (permits, Moment::now())
        });
        let mut time = TimeOfRefusals::default();
        for ((admission, admitted), candidate) in
            admissions.into_iter().zip(answers).zip(candidates)
        {
            match (admitted, &mut permits) {
                (Admitted::Go(ticket), None) => {
                    ctx.settler.settle_unread(Settlement::back(ticket)).await;
                }
                (Admitted::Carries(ticket, parts), None) => {
                    let parts = parts.into_iter().map(|part| part.ticket);
                    for ticket in std::iter::once(ticket).chain(parts) {
                        ctx.settler.settle_unread(Settlement::back(ticket)).await;
                    }
                }
                (Admitted::Go(ticket), Some((permits, now))) => {
                    if let Some(permit) = permits.split(1) {
                        start(ctx, ticket, candidate, *now, permit);
                    }
                }
                (Admitted::Carries(ticket, parts), Some((permits, now))) => {
                    if let Some(permit) = permits.split(1) {
                        let mut leased = leased(ctx, ticket, candidate, *now);
                        claims::carry(ctx, &mut leased, parts).await;
                        ctx.start(Arc::new(leased), permit);
                    }
                }
                (Admitted::Later, _) => deferred.put(admission, candidate, Instant::now()),
                (other, _) => {
                    if let Some(code) = stays(ctx, &admission, &other) {
                        turn_away(ctx, &admission, code, &candidate, &mut time).await;
                    }
                }
            }
        }
    }
}

/// Asks until there is an answer. While Redis gives none the permits are let go, or
/// nobody else could take what it does give.
async fn ask(
    ctx: &EngineContext,
    piece: &[Admission],
    permits: &mut Option<OwnedSemaphorePermit>,
) -> Option<Vec<Admitted>> {
    let mut health = LoopHealth::new(&ctx.redis_health, "admit");
    // Asked again under the same fence, the script answers as the first time.
    let fence = ctx.queue.fence();
    loop {
        ctx.intake_open().await;
        match ctx.queue.admit(&fence, piece).await {
            Ok(admitted) => {
                health.ok();
                return Some(admitted);
            }
            // Entries that were read stay pending; another daemon reads them again.
            Err(_) if !ctx.is_open() => return None,
            Err(error) => {
                let count = permits.take().map(|permits| permits.num_permits());
                health.failed(&error).await;
                if let Some(count) = count {
                    *permits = ctx.permits_again(count).await;
                }
            }
        }
    }
}

/// The time of Redis for the outcomes of what is refused: asked for once in a
/// batch, and only where there is such a thing.
#[derive(Default)]
pub(super) struct TimeOfRefusals(Option<Timestamp>);

impl TimeOfRefusals {
    /// That time; of a Redis that does not tell, when the entry was written.
    pub(super) async fn of(&mut self, ctx: &EngineContext, entry: &str) -> Timestamp {
        if self.0.is_none() {
            let now_ms = ctx.queue.store().now_ms().await.ok();
            self.0 = now_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        }
        self.0.unwrap_or_else(|| parse::time_of(entry))
    }
}

async fn turn_away(
    ctx: &EngineContext,
    admission: &Admission,
    code: FailureCode,
    Candidate { job, text, .. }: &Candidate,
    time: &mut TimeOfRefusals,
) {
    let now = time.of(ctx, &admission.entry).await;
    let candidates = match code {
        FailureCode::NoMeeting => {
            let before = admission.entry.parse().unwrap_or(EntryId { ms: 0, seq: 0 });
            fates::earlier(ctx, &admission.account, job.of(), before).await
        }
        _ => None,
    };
    refuse(ctx, outcome::refusal(admission, job, text, code, now, candidates.as_deref())).await;
}

pub(super) async fn refuse(ctx: &EngineContext, refusal: Refusal) {
    crate::metric::finished(refusal.outcome.kind, refusal.code);
    ctx.settler.refuse(refusal).await;
}

fn start(
    ctx: &Arc<EngineContext>,
    ticket: Ticket,
    candidate: Candidate,
    now: Moment,
    permit: OwnedSemaphorePermit,
) {
    ctx.start(Arc::new(leased(ctx, ticket, candidate, now)), permit);
}

fn leased(
    ctx: &EngineContext,
    ticket: Ticket,
    Candidate { job, text, .. }: Candidate,
    now: Moment,
) -> LeasedJob {
    let within = ctx.queue.settings().send_within;
    let mut leased = LeasedJob::new(ticket, job, text, Default::default(), within, now);
    leased.begin_trace(&ctx.tracer);
    leased
}

/// A job that does not go now; answers the code of its failure if it is refused.
fn stays(ctx: &EngineContext, admission: &Admission, admitted: &Admitted) -> Option<FailureCode> {
    match admitted {
        Admitted::Waits { why, .. } => {
            crate::metric::waits(*why);
            ctx.expiry.waits(admission.deadline_ms);
            if *why == WaitReason::NotBefore {
                tracing::debug!(job.id = %admission.job_id, "job sleeps until its not_before");
            }
            None
        }
        Admitted::Repeat => {
            metrics::counter!("zoomd_jobs_repeated_total").increment(1);
            None
        }
        Admitted::Go(_) | Admitted::Carries(..) | Admitted::Held | Admitted::Later => None,
        Admitted::Broken => {
            tracing::error!(account = %admission.account, "redis: unexpected type at a key of this account; its jobs are blocked");
            None
        }
        Admitted::Conflict => Some(FailureCode::IdConflict),
        Admitted::NoMeeting => Some(FailureCode::NoMeeting),
        Admitted::NoAccount => Some(FailureCode::UnknownAccount),
        Admitted::AccountRemoved => Some(FailureCode::AccountRemoved),
        Admitted::Expired => Some(FailureCode::DeadlineExceeded),
    }
}
