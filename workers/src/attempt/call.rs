//! Before and after a call to Zoom: may it be made, with what, and how was it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use zoom_api::{Limit, LimitKind, Reply, Sent, TransportError, TransportKind};
use zoomd_store::limits::Label;
use zoomd_store::queue::Ticket;

use crate::call_context::CallContext;
use crate::context::EngineContext;
use crate::decide::{self, Wait};
use crate::metric;
use crate::problems::calls::OpenCall;
use crate::problems::cause::Cause;
use crate::shortage;
use crate::state::circuit_breaker::Gate;
use crate::state::circuits::{Circuits, Met, Opened, Work};
use crate::state::leased_job::LeasedJob;
use crate::tokens::{Token, Usable};
use crate::trace::names;

/// Longest time that an account sleeps because its host seems unreachable: other daemons may
/// reach it.
const LONGEST_NAP: Duration = Duration::from_secs(5);
/// Bytes of a body that are logged.
const LONGEST_BODY: usize = 2_048;

/// Permit for one call. If it is dropped without a report the circuit takes the call as not tried.
#[must_use]
pub struct CallPermit<'a> {
    zoom: &'a CallContext,
    host: Arc<str>,
    work: Work,
    open: bool,
    under_way: Option<OpenCall>,
}

/// Looks whether a call may be made now, and finds the token for it.
pub async fn prepare<'a>(
    ctx: &'a EngineContext,
    leased: &LeasedJob,
    work: Work,
) -> Result<(Token, CallPermit<'a>), Wait> {
    if !ctx.is_open() || Instant::now() >= leased.ticket.send_by {
        return Err(Wait::TooLate);
    }
    let life = ctx.queue.settings().request_timeout;
    let begun = leased.trace().map(|trace| (trace, Instant::now()));
    let usable = ctx.tokens.usable(&leased.ticket.account, leased.ticket.grant, life).await;
    let prepared = token_of(ctx, usable).and_then(|token| permit(&ctx.zoom, token, work));
    if let Some((trace, begun)) = begun {
        trace.step(names::TOKEN, begun, prepared.as_ref().err().map(Wait::word));
        if matches!(prepared, Err(Wait::Token)) {
            ctx.tracer.waits_for_token(&leased.ticket.account, trace);
        }
    }
    prepared
}

/// The status of an answer, or the kind of error, for traces.
pub(super) fn word(answer: &Result<Reply, TransportError>) -> Result<u16, &'static str> {
    answer.as_ref().map(|reply| reply.status).map_err(|error| error.kind.as_str())
}

fn token_of(ctx: &EngineContext, usable: Usable) -> Result<Token, Wait> {
    match usable {
        Usable::Token(token) => {
            ctx.grant_reads.ok();
            Ok(token)
        }
        Usable::Waiting => Err(Wait::Token),
        Usable::Unread(error) => Err(Wait::Redis(ctx.grant_reads.failed(&error))),
    }
}

/// Asks the circuits of the token's host whether a call may be made now.
pub fn permit(
    zoom: &CallContext,
    token: Token,
    work: Work,
) -> Result<(Token, CallPermit<'_>), Wait> {
    let now = Instant::now();
    let mut circuits = zoom.circuits();
    let host = token.client.api_host();
    let Gate::Wait { until } = circuits.ask(host, work, now, rand::random()) else {
        let host = Arc::clone(host);
        return Ok((token, CallPermit { zoom, host, work, open: true, under_way: None }));
    };
    // While other hosts answer, claims go on: this account must not be claimed
    // again and again.
    Err(match circuits.closed_until(now) {
        Some(_) => Wait::Unreachable,
        None => Wait::Asleep((until - now).min(LONGEST_NAP)),
    })
}

/// Takes note of what a reply says of limits; answers the one that it met. `host`: that of
/// a call which spends its day.
pub fn observe(
    zoom: &CallContext,
    account: &str,
    job: Option<&Ticket>,
    label: Label,
    reply: &Reply,
    (sent, now): (Timestamp, Timestamp),
) -> Option<Limit> {
    let limit = zoom_api::limit_kind(reply, sent, now);
    match limit {
        Some(limit) => {
            log_limit(account, job.map(|job| &*job.job_id), label.as_str(), reply, limit)
        }
        None => {
            let host = job.filter(|job| job.charges_host()).map(|job| &*job.host);
            zoom.quota_headers.note(account, host, label, &reply.headers, now);
        }
    }
    limit
}

/// Counts and logs a limit in Zoom's words: they are what tells limits apart, and
/// headers were seen to speak of others. Of a 429 that is not understood the whole
/// body is logged.
fn log_limit(account: &str, job: Option<&str>, label: &'static str, reply: &Reply, limit: Limit) {
    metric::limited(label, limit.kind.as_str());
    if limit.kind == LimitKind::Unknown {
        let body = String::from_utf8_lossy(&reply.body[..reply.body.len().min(LONGEST_BODY)]);
        tracing::warn!(job.id = job, account, label, until = %limit.until, %body, headers = ?reply.headers,
            "rate limit: zoom answered 429 with an unknown text; jobs of this host wait, other hosts continue");
        return;
    }
    tracing::info!(
        job.id = job,
        account,
        limit = limit.kind.as_str(),
        until = %limit.until,
        said = reply.error().message,
        headers = ?reply.headers,
        status = reply.status,
        "rate limit: zoom answered 429; the affected jobs wait, and no attempt is used"
    );
}

/// Prepares a read outside of any lease: the right to the call is requested separately.
pub async fn prepare_outside<'a>(
    ctx: &'a EngineContext,
    account: &str,
) -> Result<(Token, CallPermit<'a>), Wait> {
    let life = ctx.queue.settings().request_timeout;
    let usable = ctx.tokens.usable(account, None, life).await;
    permit(&ctx.zoom, token_of(ctx, usable)?, Work::Read)
}

fn tell_gauge(circuits: &Circuits) {
    metrics::gauge!("zoomd_zoom_circuit_open").set(circuits.out_of_reach().len() as f64);
}

impl CallPermit<'_> {
    /// The call was not made after all.
    pub fn not_tried(self) {}

    /// The call begins; answers when.
    pub fn begin(&mut self, endpoint: &'static str) -> Instant {
        let call = self.zoom.open_calls.begin(&self.host, endpoint);
        self.under_way.insert(call).began()
    }

    /// Tells how the call went that began; answers when it ended.
    pub fn report(&mut self, answer: &Result<Reply, TransportError>) -> Instant {
        let now = Instant::now();
        let Some(call) = self.under_way.take() else { return now };
        let word = match answer {
            Ok(reply) => metric::status(reply.status),
            Err(error) => error.kind.as_str(),
        };
        let endpoint = call.endpoint();
        self.zoom.meters.called(endpoint, word, now - call.began());
        call.end(answer, now);
        if let Err(error) = answer
            && !error.is_unreachable()
        {
            if error.kind == TransportKind::Local {
                shortage::tell(error, now);
            }
            return now;
        }
        self.open = false;
        match Cause::of(answer) {
            Some(cause) => self.failed(answer, &cause, endpoint, now),
            None => self.answered(now),
        }
        now
    }

    fn answered(&self, now: Instant) {
        let mut circuits = self.zoom.circuits();
        let was_open = circuits.answered(&self.host, self.work, now);
        if circuits.room(now).is_some() {
            self.zoom.wake.notify_one();
        }
        if was_open {
            tracing::info!(zoom.host = &*self.host, "zoom is reachable again; jobs resume");
            tell_gauge(&circuits);
        }
    }

    fn failed(
        &self,
        answer: &Result<Reply, TransportError>,
        cause: &Cause,
        endpoint: &str,
        now: Instant,
    ) {
        let mut circuits = self.zoom.circuits();
        let rest = decide::asked_rest(answer);
        let opened = match rest {
            Some(rest) => circuits.asked_to_rest(&self.host, self.work, now, now + rest),
            None => {
                let unsent = answer.as_ref().is_err_and(|error| error.sent == Sent::No);
                let met = if unsent { Met::NoConnection } else { Met::Failure };
                circuits.troubled(&self.host, self.work, met, now, rand::random())
            }
        };
        let (host, retry_after_s) = (&*self.host, rest.map(|rest| rest.as_secs()));
        match opened {
            Some(Opened::Host) => tracing::warn!(
                zoom.host = host,
                cause = cause.word(),
                retry_after_s,
                "cannot reach {host}: {cause}; its jobs are on hold, and no attempt is used"
            ),
            Some(Opened::Writes) => tracing::warn!(
                zoom.host = host,
                cause = cause.word(),
                "{host} fails to {}s: {cause}; its jobs are on hold, and no attempt is used",
                endpoint.replace('_', " ")
            ),
            None => return,
        }
        tell_gauge(&circuits);
    }
}

impl Drop for CallPermit<'_> {
    fn drop(&mut self) {
        if self.open {
            self.zoom.circuits().not_tried(&self.host, self.work, Instant::now());
            self.zoom.wake.notify_one();
        }
    }
}
