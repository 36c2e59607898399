//! The call itself: token, body with marker, POST, decision.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use zoom_api::{Reply, SendBody, TransportError, TransportKind};
use zoomd_store::queue::{Mode, Settlement, Then};
use zoomd_wire::Marker;

use super::call;
use super::{end, notes};
use crate::MarkerPlace;
use crate::decide::{self, Attempt, Decision};
use crate::pipeline::circuits::Work;
use crate::pipeline::flight::{Flight, Made};
use crate::pipeline::shop::Shop;
use crate::seam;

/// Makes the meeting, or says what stands in the way.
pub async fn run(shop: &Arc<Shop>, flight: &Arc<Flight>) -> Settlement {
    let last_ms = flight.last_send_ms(shop.settings.allow_past_start);
    if flight.expired || flight.redis_ms(Instant::now()) >= last_ms {
        return end::expired(flight);
    }
    let (token, mut leave) = match call::prepare(shop, flight, Work::Create).await {
        Ok(ready) => ready,
        Err(why) => return end::back(shop, flight, why),
    };
    if !flight.ticket.reconcilable && !Box::pin(mark_sent(shop, flight)).await {
        leave.not_tried();
        return end::back(shop, flight, decide::Wait::TooLate);
    }
    let marker = marker(shop, flight);
    let meeting = &flight.job.meeting;
    let body = marker
        .and_then(|marker| meeting.body_with_marker(&marker))
        .unwrap_or_else(|| meeting.body().as_bytes().to_vec());
    let guard = Arc::clone(flight);
    let body = SendBody::new(body, move || {
        let may = guard.may_send();
        if may {
            seam::at("leaving");
        }
        may
    });
    let began = leave.begin("create_meeting");
    if flight.attempt() == 1 {
        shop.meters.waited(flight.waited(began));
    }
    let answer = token.client.create_meeting(&token.access, &flight.job.user, body).await;
    seam::at("answered");
    let answered = leave.report(&answer);

    let now = flight.redis_time(answered);
    // When its body left: a day's limit closes the day of that moment.
    let left = flight.sent_ms().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let sent = left.unwrap_or(flight.redis_time(began));
    if let Ok(reply) = &answer {
        let label = shop.queue.settings().budgets.create;
        match zoom_api::limit_kind(reply, sent, now) {
            Some(limit) => {
                let (account, job) = (&flight.ticket.account, &flight.ticket.job_id);
                call::log_limit(account, Some(job), label.as_str(), reply, limit);
            }
            None => {
                let (account, host) = (&flight.ticket.account, &flight.ticket.host);
                shop.seen.note(account, Some(host), label, &reply.headers, now);
            }
        }
    }
    if !matches!(&answer, Err(error) if error.kind == TransportKind::Withheld) {
        flight.note_made(made(sent, answered - began, &answer));
    }
    let decision = match decide::decide(&answer, sent, now) {
        Decision::TokenRefused(error) => {
            let fate = Box::pin(shop.tokens.refused(&flight.ticket.account, token.version)).await;
            let now = flight.redis_time(Instant::now());
            decide::refused(attempt(flight), fate, error, now, rand::random())
        }
        decision => decision,
    };
    let mut settlement = end::settle(shop, flight, decision, marker);
    if let Then::Sleep { mode: Mode::Reconcile, record, .. } = &mut settlement.then
        && shop.circuits().is_open(token.client.api_host())
    {
        notes::set_away(record);
    }
    settlement
}

fn made(sent: Timestamp, took: Duration, answer: &Result<Reply, TransportError>) -> Made {
    Made {
        endpoint: Some("create_meeting"),
        at_ms: sent.as_millisecond(),
        ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        status: answer.as_ref().ok().map(|reply| reply.status),
        error: answer.as_ref().err().map(|error| error.kind.as_str()),
    }
}

/// Where the job stands.
#[must_use]
pub fn attempt(flight: &Flight) -> Attempt {
    Attempt {
        number: flight.attempt(),
        max: flight.job.max_attempts,
        refused_before: notes::was_refused(&flight.record),
    }
}

/// The marker of a job: the one it had before, else its own.
#[must_use]
pub fn marker(shop: &Shop, flight: &Flight) -> Option<Marker> {
    if let Some(known) = flight.record.marker.as_deref() {
        return known.parse().ok();
    }
    let wanted = shop.settings.marker == MarkerPlace::Agenda && flight.job.meeting.takes_marker();
    shop.secret.as_ref().filter(|_| wanted).map(|secret| secret.marker(flight.entry))
}

/// Records that the call is about to leave, for a job that reconcile could not
/// judge: found in that state, its outcome is unknown for good.
async fn mark_sent(shop: &Shop, flight: &Flight) -> bool {
    match shop.queue.mark_sent(&flight.ticket).await {
        Ok(marked) => marked,
        Err(error) => {
            tracing::debug!(job.id = %flight.ticket.job_id, error = %error, "a call could not be recorded and is not made");
            false
        }
    }
}
