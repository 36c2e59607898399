//! One attempt of a job: one value that goes through the steps prepare, send,
//! decide, settle.
//!
//! Each path ends in a [`Settlement`]: nothing here writes an outcome by itself,
//! sleeps, or waits for a token; who cannot go on gives the slot back. What differs
//! between kinds is asked of a [`KindSpec`].

pub mod asker;
pub mod call;
pub mod exchange;
pub(crate) mod failures;
pub(crate) mod fates;
pub mod lookup;
pub mod outcome;
pub mod parts;
pub mod read;
pub mod settlement;
pub mod spec;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use zoom_api::{Reply, TransportError, TransportKind};
use zoomd_store::queue::{Purpose, Settlement, Then};
use zoomd_wire::{FailureCode, Kind, Marker};

use crate::context::EngineContext;
use crate::decide::{self, Decision, Wait};
use crate::failpoints;
use crate::state::circuits::Work;
use crate::state::job_history;
use crate::state::leased_job::{LeasedJob, Made};
use crate::tokens::Token;
use crate::trace::HttpCall;
use call::CallPermit;
use spec::KindSpec;

/// The reason why a call is not made under this lease.
#[derive(Debug)]
pub enum Halt {
    /// The job's time is over.
    Expired,
    /// Something must be waited for.
    Wait(Wait),
    /// The job ends or sleeps for a reason of its kind.
    Settled(Box<Settlement>),
}

/// The things that a kind needs to make its call.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    /// The job. Its body leaves only while [`LeasedJob::may_send`] says so.
    pub leased: &'a Arc<LeasedJob>,
    /// The token, and the client for its host.
    pub token: &'a Token,
    /// The marker by which the call is known again.
    pub marker: Option<&'a Marker>,
}

/// Ends a lease whose job goes no further whatever its kind: too many handlers did
/// not come back, or its account is no more.
#[must_use]
pub async fn over(ctx: &EngineContext, leased: &LeasedJob) -> Option<Settlement> {
    if let Some(fate) = &leased.fate {
        return Some(Box::pin(fates::ended_by(ctx, leased, fate)).await);
    }
    let poison = ctx.queue.settings().poison_sweeps;
    let crashes = if leased.is_attempt() {
        job_history::crashes(&leased.record)
    } else {
        // The first crash was the attempt's; only those of looks count.
        leased.record.sweeps.saturating_sub(1)
    };
    if crashes >= poison {
        return Some(settlement::poisoned(leased));
    }
    (leased.removed && !leased.record.unresolved).then(|| settlement::removed(leased))
}

/// Makes one attempt, or says what stands in the way.
pub async fn run<K: KindSpec>(
    ctx: &Arc<EngineContext>,
    leased: &Arc<LeasedJob>,
    spec: K,
) -> Settlement {
    match Prepared::of(ctx, leased, spec).await {
        Ok(prepared) => prepared.send().await.settle().await,
        Err(Halt::Expired) => settlement::expired(leased),
        Err(Halt::Wait(why)) => settlement::back(ctx, leased, why),
        Err(Halt::Settled(settlement)) => *settlement,
    }
}

/// An attempt that may call: it has a token and leave of the host's circuit.
struct Prepared<'a, K> {
    ctx: &'a EngineContext,
    leased: &'a Arc<LeasedJob>,
    spec: K,
    token: Token,
    permit: CallPermit<'a>,
    marker: Option<Marker>,
}

impl<'a, K: KindSpec> Prepared<'a, K> {
    async fn of(
        ctx: &'a EngineContext,
        leased: &'a Arc<LeasedJob>,
        mut spec: K,
    ) -> Result<Self, Halt> {
        let now_ms = leased.redis_ms(Instant::now());
        if (leased.expired || now_ms >= leased.ticket.deadline_ms)
            && let Some(until_ms) = leased.put_off_ms(now_ms, ctx.settings.allow_past_start)
        {
            return Err(Halt::Settled(Box::new(parts::put_off(leased, until_ms))));
        }
        let last_ms = leased.last_send_ms(ctx.settings.allow_past_start);
        if leased.expired || leased.redis_ms(Instant::now()) >= last_ms {
            return Err(Halt::Expired);
        }
        spec.ready(ctx, leased).await?;
        let prepared = call::prepare(ctx, leased, Work::Write).await;
        let (token, permit) = prepared.map_err(Halt::Wait)?;
        if let Some(scope) = K::NEEDS.and_then(|need| token.lacks(need)) {
            permit.not_tried();
            return Err(Halt::Settled(Box::new(unscoped(leased, scope))));
        }
        if !leased.ticket.recoverable && !Box::pin(mark_sent(ctx, leased)).await {
            permit.not_tried();
            return Err(Halt::Wait(Wait::TooLate));
        }
        let marker = spec.marker(ctx, leased);
        Ok(Self { ctx, leased, spec, token, permit, marker })
    }

    /// Makes the call, and counts it.
    async fn send(mut self) -> Answered<'a, K> {
        let (ctx, leased) = (self.ctx, self.leased);
        let began = self.permit.begin(K::KIND.as_str());
        if leased.attempt() == 1 {
            ctx.zoom.meters.waited(leased.job.kind, leased.waited(began));
        }
        let (token, marker) = (&self.token, self.marker.as_ref());
        let answer = self.spec.send(Sending { leased, token, marker }).await;
        failpoints::at("answered");
        let answered = self.permit.report(&answer);
        // A daily limit closes the day on which the request body left.
        let left = leased.sent_ms().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let sent = left.unwrap_or(leased.redis_time(began));
        if !matches!(&answer, Err(error) if error.kind == TransportKind::Withheld) {
            leased.note_made(made(K::KIND, sent, answered - began, &answer));
            if let Some(trace) = leased.trace() {
                trace.call(&HttpCall {
                    endpoint: K::KIND.as_str(),
                    server: self.token.client.api_host(),
                    begun: began,
                    ended: answered,
                    answer: call::word(&answer),
                    resends: leased.attempt().saturating_sub(1),
                });
            }
        }
        let now = leased.redis_time(answered);
        let Self { spec, token, marker, .. } = self;
        Answered { ctx, leased, spec, token, marker, answer, sent, now }
    }
}

/// An attempt whose call was answered, or not.
struct Answered<'a, K> {
    ctx: &'a EngineContext,
    leased: &'a Arc<LeasedJob>,
    spec: K,
    token: Token,
    marker: Option<Marker>,
    answer: Result<Reply, TransportError>,
    sent: Timestamp,
    now: Timestamp,
}

impl<K: KindSpec> Answered<'_, K> {
    /// The meaning of the answer. A refused token is reported on the way.
    async fn decide(&self) -> Decision<K::Done<'_>> {
        let Self { ctx, leased, spec, token, answer, sent, now, .. } = self;
        self.observe();
        match decide::decide(answer, *sent, *now, |reply| spec.read(reply)) {
            Decision::TokenRefused(error) => {
                if let Some(trace) = leased.trace() {
                    ctx.tracer.waits_for_token(&leased.ticket.account, trace);
                }
                let fate =
                    Box::pin(ctx.tokens.refused(&leased.ticket.account, token.version)).await;
                let now = leased.redis_time(Instant::now());
                decide::refused(job_history::standing(leased), fate, error, now, rand::random())
            }
            decision => decision,
        }
    }

    /// Takes note of what the answer says of limits.
    fn observe(&self) {
        let Self { ctx, leased, answer, sent, now, .. } = self;
        let Ok(reply) = answer else { return };
        let ticket = &leased.ticket;
        let (label, times) = (ctx.class_of(leased), (*sent, *now));
        call::observe(&ctx.zoom, &ticket.account, Some(ticket), label, reply, times);
    }

    async fn settle(self) -> Settlement {
        let (ctx, leased) = (self.ctx, self.leased);
        let mut settlement = match self.decide().await {
            Decision::Done(done) => {
                ctx.duplicates.watch(leased, self.marker);
                self.spec.done(ctx, leased, done)
            }
            Decision::Wait(wait) => settlement::back(ctx, leased, wait),
            Decision::Fail(verdict) => parts::refused(leased, &verdict),
            Decision::Retry { at, why } => settlement::retry(leased, at, why, self.marker),
            Decision::Reconcile { why } => settlement::lost(ctx, leased, &why, self.marker),
            Decision::TokenRefused(_) => settlement::back(ctx, leased, Wait::Token),
        };
        if let Then::Sleep { purpose: Purpose::Lookup, record, .. } = &mut settlement.then
            && ctx.circuits().is_open(self.token.client.api_host())
        {
            job_history::set_away(record);
        }
        keep(&self.spec, &mut settlement);
        settlement
    }
}

/// Has what its kind learnt kept with a job that goes on.
pub fn keep<K: KindSpec>(spec: &K, settlement: &mut Settlement) {
    if let Then::Sleep { record, .. } | Then::Room { record: Some(record), .. } =
        &mut settlement.then
    {
        spec.keep(record);
    }
}

fn made(
    kind: Kind,
    sent: Timestamp,
    took: Duration,
    answer: &Result<Reply, TransportError>,
) -> Made {
    Made {
        endpoint: Some(kind.as_str()),
        at_ms: sent.as_millisecond(),
        ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        status: answer.as_ref().ok().map(|reply| reply.status),
        error: answer.as_ref().err().map(|error| error.kind.as_str()),
    }
}

/// Records that the call is about to leave, for a job that reconcile could not
/// judge: found in that state, its outcome is unknown for good.
async fn mark_sent(ctx: &EngineContext, leased: &LeasedJob) -> bool {
    match ctx.queue.mark_sent(&leased.ticket).await {
        Ok(marked) => marked,
        Err(error) => {
            tracing::debug!(job.id = %leased.ticket.job_id, error = %error, "redis: could not record a call, so it is not made");
            false
        }
    }
}

/// The consent is known to lack a scope that the job's call needs.
fn unscoped(leased: &LeasedJob, scope: &str) -> Settlement {
    let text = format!("the consent lacks the scope {scope}; nothing was sent");
    settlement::failed(leased, &decide::Verdict::ours(FailureCode::MissingScope, text), &[])
}
