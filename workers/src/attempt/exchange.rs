//! The protocol of one call to Zoom: the right to make it, the call itself, and what its
//! answer says of limits and tokens.
//!
//! Jobs' looks, the daemon's own questions, and commands go by it alike; a job's own
//! call takes the same steps in [`attempt`](super), paid for with its lease. It decides
//! nothing about a job.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use zoom_api::{Class, Limit, LimitKind, Reply, TransportError};
use zoomd_store::StoreError;
use zoomd_store::calls::{Begun, Call};
use zoomd_store::limits::Label;
use zoomd_store::queue::WaitReason;
use zoomd_wire::AccountName;

use super::call::{self, CallPermit};
use crate::call_context::CallContext;
use crate::decide::{self, Wait};
use crate::tokens::{Refused, Token};
use crate::trace::{HttpCall, JobTrace};

/// One kind of call.
#[derive(Debug, Clone, Copy)]
pub struct Exchange {
    /// The operation whose rate-limit class it has.
    pub operation: &'static str,
    /// Name in metrics.
    pub endpoint: &'static str,
}

impl Exchange {
    /// A page of a list of meetings.
    pub const LIST: Self = Self { operation: "list", endpoint: "list_meetings" };
    /// One meeting.
    pub const GET: Self = Self { operation: "get", endpoint: "get_meeting" };
    /// The user of a token.
    pub const ME: Self = Self { operation: "get", endpoint: "users_me" };
}

/// WaitReason a call has no reply that may be read.
#[derive(Debug, thiserror::Error)]
pub enum NoReply {
    /// Something must be waited for first.
    #[error("{}", .0.words())]
    Wait(Wait),
    /// The account has no room for the call until then.
    #[error("rate limit: no room for the call yet")]
    Later {
        why: WaitReason,
        /// Earliest time of the call, ms by Redis' clock.
        until_ms: i64,
    },
    /// A 429.
    #[error("{said}")]
    Limited {
        /// The class of the call.
        label: Label,
        /// The limit, and until when.
        limit: Limit,
        /// Zoom's words.
        said: String,
    },
    /// It was sent, or not, and not answered.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Redis could not be asked whether it may be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The account is not there, or FAILED.
    #[error("{0}")]
    Account(String),
}

/// Makes calls one after the other with one token.
pub struct Caller<'a> {
    pub(crate) zoom: &'a CallContext,
    pub(crate) account: &'a str,
    pub(crate) host: &'a str,
    /// A time of Redis, and when that was here.
    pub(crate) known: (Timestamp, Instant),
    pub(crate) token: &'a Token,
    pub(crate) permit: CallPermit<'a>,
    /// The next call was paid for with the lease, and must begin by then.
    pub(crate) paid: Option<Instant>,
    /// No further call begins after this.
    pub(crate) until: Option<Instant>,
    /// The trace of the lease, if it has one.
    pub(crate) trace: Option<&'a JobTrace>,
}

impl Caller<'_> {
    /// Makes one call. Its reply is a success or a refusal, but never a limit, and no
    /// refused token that can be replaced.
    pub async fn exchange(
        &mut self,
        exchange: Exchange,
        send: impl Future<Output = Result<Reply, TransportError>>,
    ) -> Result<Reply, NoReply> {
        let label = self.zoom.classes.of(exchange.operation);
        let call = self.begin(label).await?;
        let began = self.permit.begin(exchange.endpoint);
        let answer = send.await;
        let ended = self.permit.report(&answer);
        if let Some(trace) = self.trace {
            trace.call(&HttpCall {
                endpoint: exchange.endpoint,
                server: self.token.client.api_host(),
                begun: began,
                ended,
                answer: call::word(&answer),
                resends: 0,
            });
        }
        finish(call).await;
        let (reply, times) = (answer?, (self.redis_time(began), self.redis_time(ended)));
        if let Some(limit) = call::observe(self.zoom, self.account, None, label, &reply, times) {
            // The settlement of a lease closes what its calls met.
            if self.until.is_none() && limit.kind != LimitKind::Unknown {
                self.close(label, limit).await;
            }
            return Err(NoReply::Limited { label, limit, said: reply.error().to_string() });
        }
        let refused = !reply.is_success() && reply.error().class() == Class::Token;
        if refused
            && self.zoom.tokens.refused(self.account, self.token.version).await == Refused::Replaced
        {
            return Err(NoReply::Wait(Wait::Token));
        }
        Ok(reply)
    }

    /// Asks for the right to a call; the first may have been paid for.
    async fn begin(&mut self, label: Label) -> Result<Option<Call>, NoReply> {
        if let Some(by) = self.paid.take() {
            let late = Instant::now() > by;
            return if late { Err(NoReply::Wait(Wait::TooLate)) } else { Ok(None) };
        }
        if self.until.is_some_and(|until| Instant::now() > until) {
            return Err(NoReply::Wait(Wait::TooLate));
        }
        let broken = |error: String| NoReply::Account(error);
        let account = AccountName::new(self.account).map_err(|error| broken(error.to_string()))?;
        match self.zoom.calls.begin(&account, label, self.zoom.request_timeout).await? {
            // Rotated since the token was handed out: the old one may be dead.
            Begun::Go(call) if call.version > Some(self.token.version) => {
                finish(Some(call)).await;
                Err(NoReply::Wait(Wait::Token))
            }
            Begun::Go(call) => Ok(Some(call)),
            Begun::Waits { why, until_ms } => Err(NoReply::Later { why, until_ms }),
            Begun::State { .. } => Err(NoReply::Wait(Wait::Token)),
            Begun::NoAccount => Err(broken("the account does not exist".to_owned())),
            Begun::Broken => {
                Err(broken("redis: a key of the account has an unexpected type".to_owned()))
            }
        }
    }

    pub(crate) fn redis_time(&self, at: Instant) -> Timestamp {
        let (time, then) = self.known;
        let since = SignedDuration::try_from(at.saturating_duration_since(then));
        since.ok().and_then(|since| time.checked_add(since).ok()).unwrap_or(time)
    }

    /// Closes what a 429 named, outside of any lease.
    async fn close(&self, label: Label, limit: Limit) {
        let Ok(account) = AccountName::new(self.account) else { return };
        let close = decide::close(label.as_str(), limit);
        if let Err(error) = self.zoom.calls.limited(&account, Some(self.host), &close).await {
            tracing::debug!(error = %error, "rate limit: could not store a limit in redis; the next call will meet it");
        }
    }
}

async fn finish(call: Option<Call>) {
    if let Some(call) = call
        && let Err(error) = call.end().await
    {
        tracing::debug!(error = %error, "redis: could not record the end of a call; its entry expires");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::names;

    #[test]
    fn every_read_has_a_method_and_a_path_in_traces() {
        for exchange in [Exchange::LIST, Exchange::GET, Exchange::ME] {
            assert_eq!(names::call(exchange.endpoint).0, "GET", "{}", exchange.endpoint);
        }
    }
}
