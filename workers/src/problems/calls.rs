//! Health of this process' calls to Zoom: feeds [`Endpoints`] and the clock of Zoom from the
//! calls as they are made. Clones share everything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use zoom_api::{RawTokenReply, Reply, TransportError};

use super::cause::Cause;
use super::endpoints::{Ended, Endpoints, Fault, UnderWay};
use super::skew::Skew;

/// The calls of a process to Zoom.
#[derive(Debug, Clone, Default)]
pub struct ZoomCalls(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    endpoints: Endpoints,
    skew: Skew,
}

/// A call under way; dropped, it ended in a way that says nothing of Zoom.
#[derive(Debug)]
pub struct OpenCall {
    calls: ZoomCalls,
    call: UnderWay,
    began: Instant,
    ended: bool,
}

impl ZoomCalls {
    #[must_use]
    pub fn begin(&self, host: &Arc<str>, endpoint: &'static str) -> OpenCall {
        let began = Instant::now();
        let call = self.lock().endpoints.begin(host, endpoint, began);
        OpenCall { calls: self.clone(), call, began, ended: false }
    }

    /// Problem, by host. `open`: whether jobs wait for this host.
    #[must_use]
    pub fn faults(&self, now: Instant, open: impl Fn(&str) -> bool) -> Vec<(Arc<str>, Fault)> {
        self.lock().endpoints.faults(now, open)
    }

    /// Distance by which Zoom's clock is ahead of this machine's, and since when, if that is far.
    #[must_use]
    pub fn skew_ms(&self) -> Option<(i64, Instant)> {
        self.lock().skew.told()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenCall {
    /// Start.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began
    }

    #[must_use]
    pub fn endpoint(&self) -> &'static str {
        self.call.endpoint()
    }

    /// It ended so.
    pub fn end(self, answer: &Result<Reply, TransportError>, now: Instant) {
        let took = now.saturating_duration_since(self.began);
        let ended = match (answer, Cause::of(answer)) {
            (Ok(_), None) => Ended::Fine(took),
            (Ok(_), Some(cause)) => Ended::Trouble(cause, Some(took)),
            (Err(_), Some(cause)) => Ended::Trouble(cause, None),
            (Err(_), None) => Ended::Unknown,
        };
        // Dates are read only now and then.
        if let Ok(reply) = answer
            && self.calls.lock().skew.wants(now)
            && let Some(date) = reply.date()
        {
            self.calls.lock().skew.saw(date, Timestamp::now(), took, now);
        }
        self.over(ended, now);
    }

    /// A call for a token ended so: only its time counts here.
    pub fn end_token(self, answer: &Result<RawTokenReply, TransportError>) {
        let now = Instant::now();
        let took: Duration = now.saturating_duration_since(self.began);
        let ended = if answer.is_ok() { Ended::Fine(took) } else { Ended::Unknown };
        self.over(ended, now);
    }

    fn over(mut self, ended: Ended, now: Instant) {
        self.ended = true;
        self.calls.lock().endpoints.end(&self.call, ended, now);
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if !self.ended {
            self.calls.lock().endpoints.end(&self.call, Ended::Unknown, Instant::now());
        }
    }
}
