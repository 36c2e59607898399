//! Before and after a call to Zoom: may it be made, with what, and how was it.

use std::time::{Duration, Instant};

use zoom_api::{Reply, TransportError};

use crate::decide::{self, Wait};
use crate::metric;
use crate::pipeline::circuit::Gate;
use crate::pipeline::flight::Flight;
use crate::pipeline::shop::Shop;
use crate::tokens::{Token, Usable};

/// Leave to make one call. If it is dropped without a report the circuit takes
/// the call as not tried.
#[must_use]
pub struct Leave<'a> {
    shop: &'a Shop,
    open: bool,
}

/// Looks whether a call may be made now, and finds the token for it.
///
/// # Errors
/// What it has to wait for.
pub async fn prepare<'a>(shop: &'a Shop, flight: &Flight) -> Result<(Token, Leave<'a>), Wait> {
    if !shop.is_open() || Instant::now() >= flight.ticket.send_by {
        return Err(Wait::TooLate);
    }
    let life = shop.queue.settings().request_timeout;
    let usable = shop.tokens.usable(&flight.ticket.account, flight.ticket.grant, life).await;
    let Usable::Token(token) = usable else { return Err(Wait::Token) };
    match shop.circuit().ask(Instant::now(), rand::random()) {
        Gate::Go => Ok((token, Leave { shop, open: true })),
        Gate::Closed { .. } => Err(Wait::Unreachable),
    }
}

/// Logs a 429 in Zoom's words: they are what tells limits apart, and headers
/// were seen to speak of others.
pub fn log_limit(flight: &Flight, reply: &Reply) {
    tracing::info!(
        job.id = %flight.ticket.job_id,
        account = %flight.ticket.account,
        said = reply.error().message,
        headers = ?reply.headers,
        "zoom answered 429; the key it names is closed, and no attempt is spent"
    );
}

/// The same outside of any lease: the call is asked for by itself.
///
/// # Errors
/// What it has to wait for.
pub async fn prepare_outside<'a>(
    shop: &'a Shop,
    flight: &Flight,
) -> Result<(Token, Leave<'a>), Wait> {
    let life = shop.queue.settings().request_timeout;
    let Usable::Token(token) = shop.tokens.usable(&flight.ticket.account, None, life).await else {
        return Err(Wait::Token);
    };
    match shop.circuit().ask(Instant::now(), rand::random()) {
        Gate::Go => Ok((token, Leave { shop, open: true })),
        Gate::Closed { .. } => Err(Wait::Unreachable),
    }
}

impl Leave<'_> {
    /// The call was not made after all.
    pub fn not_tried(self) {}

    /// Tells how the call went.
    pub fn report(
        &mut self,
        endpoint: &'static str,
        answer: &Result<Reply, TransportError>,
        time: Duration,
    ) {
        let word = match answer {
            Ok(reply) => metric::status(reply.status),
            Err(error) => error.kind.as_str(),
        };
        self.shop.meters.called(endpoint, word, time);
        if matches!(answer, Err(error) if !error.is_unreachable()) {
            return;
        }
        self.open = false;
        if !decide::is_trouble(answer) {
            if self.shop.circuit().answered() {
                tracing::info!("zoom answers again; jobs go on");
                self.shop.wake.notify_one();
                metrics::gauge!("zoomd_zoom_circuit_open").set(0.0);
            }
        } else if self.shop.circuit().troubled(Instant::now(), rand::random()) {
            metrics::gauge!("zoomd_zoom_circuit_open").set(1.0);
            tracing::warn!(
                trouble = word,
                "zoom cannot be reached or is in trouble; jobs wait, and no attempt is spent"
            );
        }
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.open {
            self.shop.circuit().not_tried(Instant::now());
            self.shop.wake.notify_one();
        }
    }
}
