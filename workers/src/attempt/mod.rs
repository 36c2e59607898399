//! One attempt of a job: one value that goes through the steps prepare, send,
//! decide, settle.
//!
//! Each path ends in a [`Settlement`]: nothing here writes an outcome by itself,
//! sleeps, or waits for a token; who cannot go on gives the slot back. What differs
//! between kinds is asked of a [`KindSpec`].

pub mod asker;
pub mod call;
pub(crate) mod failures;
pub mod lookup;
pub mod outcome;
pub mod settlement;
pub mod spec;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use zoom_api::{Reply, TransportError, TransportKind};
use zoomd_store::queue::{Purpose, Settlement, Then};
use zoomd_wire::{Kind, Marker};

use crate::context::EngineContext;
use crate::decide::{self, Decision, Wait};
use crate::seam;
use crate::state::circuits::Work;
use crate::state::flight::{Flight, Made};
use crate::state::notes;
use crate::tokens::Token;
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
    /// The job. Its body leaves only while [`Flight::may_send`] says so.
    pub flight: &'a Arc<Flight>,
    /// The token, and the client for its host.
    pub token: &'a Token,
    /// The marker by which the call is known again.
    pub marker: Option<&'a Marker>,
}

/// Ends a lease whose job goes no further whatever its kind: too many handlers did
/// not come back, or its account is no more.
#[must_use]
pub fn over(ctx: &EngineContext, flight: &Flight) -> Option<Settlement> {
    let poison = ctx.queue.settings().poison_sweeps;
    let crashes = match flight.ticket.purpose {
        Purpose::Attempt => notes::crashes(&flight.record),
        // What crashed it before was the call; a look is another thing.
        Purpose::Lookup => flight.record.sweeps.saturating_sub(1),
    };
    if crashes >= poison {
        return Some(settlement::poisoned(flight));
    }
    (flight.removed && !flight.record.unresolved).then(|| settlement::removed(flight))
}

/// Makes one attempt, or says what stands in the way.
pub async fn run<K: KindSpec>(
    ctx: &Arc<EngineContext>,
    flight: &Arc<Flight>,
    spec: K,
) -> Settlement {
    match Prepared::of(ctx, flight, spec).await {
        Ok(prepared) => prepared.send().await.settle().await,
        Err(Halt::Expired) => settlement::expired(flight),
        Err(Halt::Wait(why)) => settlement::back(ctx, flight, why),
        Err(Halt::Settled(settlement)) => *settlement,
    }
}

/// An attempt that may call: it has a token and leave of the host's circuit.
struct Prepared<'a, K> {
    ctx: &'a EngineContext,
    flight: &'a Arc<Flight>,
    spec: K,
    token: Token,
    permit: CallPermit<'a>,
    marker: Option<Marker>,
}

impl<'a, K: KindSpec> Prepared<'a, K> {
    async fn of(
        ctx: &'a EngineContext,
        flight: &'a Arc<Flight>,
        mut spec: K,
    ) -> Result<Self, Halt> {
        let last_ms = flight.last_send_ms(ctx.settings.allow_past_start);
        if flight.expired || flight.redis_ms(Instant::now()) >= last_ms {
            return Err(Halt::Expired);
        }
        spec.ready(ctx, flight).await?;
        let prepared = call::prepare(ctx, flight, Work::Write).await;
        let (token, permit) = prepared.map_err(Halt::Wait)?;
        if !flight.ticket.recoverable && !Box::pin(mark_sent(ctx, flight)).await {
            permit.not_tried();
            return Err(Halt::Wait(Wait::TooLate));
        }
        let marker = spec.marker(ctx, flight);
        Ok(Self { ctx, flight, spec, token, permit, marker })
    }

    /// Makes the call, and counts it.
    async fn send(mut self) -> Answered<'a, K> {
        let (ctx, flight) = (self.ctx, self.flight);
        let began = self.permit.begin(K::KIND.as_str());
        if flight.attempt() == 1 {
            ctx.meters.waited(flight.job.kind, flight.waited(began));
        }
        let (token, marker) = (&self.token, self.marker.as_ref());
        let answer = self.spec.send(Sending { flight, token, marker }).await;
        seam::at("answered");
        let answered = self.permit.report(&answer);
        // When its body left: a day's limit closes the day of that moment.
        let left = flight.sent_ms().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let sent = left.unwrap_or(flight.redis_time(began));
        if !matches!(&answer, Err(error) if error.kind == TransportKind::Withheld) {
            flight.note_made(made(K::KIND, sent, answered - began, &answer));
        }
        let now = flight.redis_time(answered);
        let Self { spec, token, marker, .. } = self;
        Answered { ctx, flight, spec, token, marker, answer, sent, now }
    }
}

/// An attempt whose call was answered, or not.
struct Answered<'a, K> {
    ctx: &'a EngineContext,
    flight: &'a Arc<Flight>,
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
        let Self { ctx, flight, spec, token, answer, sent, now, .. } = self;
        self.observe();
        match decide::decide(answer, *sent, *now, |reply| spec.read(reply)) {
            Decision::TokenRefused(error) => {
                let fate =
                    Box::pin(ctx.tokens.refused(&flight.ticket.account, token.version)).await;
                let now = flight.redis_time(Instant::now());
                decide::refused(notes::standing(flight), fate, error, now, rand::random())
            }
            decision => decision,
        }
    }

    /// Takes note of what the answer says of limits.
    fn observe(&self) {
        let Self { ctx, flight, answer, sent, now, .. } = self;
        let Ok(reply) = answer else { return };
        let (account, label) = (&flight.ticket.account, ctx.class_of(flight));
        match zoom_api::limit_kind(reply, *sent, *now) {
            Some(limit) => {
                call::log_limit(account, Some(&flight.ticket.job_id), label.as_str(), reply, limit);
            }
            None => {
                let ticket = &flight.ticket;
                let host = ticket.charges_host().then_some(&*ticket.host);
                ctx.seen.note(account, host, label, &reply.headers, *now);
            }
        }
    }

    async fn settle(self) -> Settlement {
        let (ctx, flight) = (self.ctx, self.flight);
        let mut settlement = match self.decide().await {
            Decision::Done(done) => {
                ctx.suspects.watch(flight, self.marker);
                self.spec.done(ctx, flight, done)
            }
            Decision::Wait(wait) => settlement::back(ctx, flight, wait),
            Decision::Fail(verdict) => settlement::failed(flight, &verdict, &[]),
            Decision::Retry { at, why } => settlement::retry(flight, at, why, self.marker),
            Decision::Reconcile { why } => settlement::lost(ctx, flight, &why, self.marker),
            Decision::TokenRefused(_) => settlement::back(ctx, flight, Wait::Token),
        };
        if let Then::Sleep { purpose: Purpose::Lookup, record, .. } = &mut settlement.then
            && ctx.circuits().is_open(self.token.client.api_host())
        {
            notes::set_away(record);
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
async fn mark_sent(ctx: &EngineContext, flight: &Flight) -> bool {
    match ctx.queue.mark_sent(&flight.ticket).await {
        Ok(marked) => marked,
        Err(error) => {
            tracing::debug!(job.id = %flight.ticket.job_id, error = %error, "a call could not be recorded and is not made");
            false
        }
    }
}
