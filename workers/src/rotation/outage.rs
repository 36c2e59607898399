//! The token endpoint in trouble: it cannot be reached, or answers with 429 or 5xx.
//!
//! Told like every other outage: once when it begins, once a minute while it lasts,
//! once when it is over. Decides nothing.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zoom_api::{RawTokenReply, TransportError};

use super::{Rotator, lock};
use crate::problems::cause::Cause;

/// Between two lines about the same outage.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Health of the token endpoint.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Start of the outage, and the time of the last log line about it.
    times: Option<(Instant, Instant)>,
    /// The cause, as it was met last.
    why: String,
}

impl Outage {
    /// A trouble at `now`: whether to tell of it, and how long it has lasted.
    fn met(&mut self, now: Instant, why: &str) -> Option<Duration> {
        let (since, told) = self.times.unwrap_or((now, now));
        let tell = self.times.is_none() || now.duration_since(told) >= TELL_EVERY;
        self.times = Some((since, if tell { now } else { told }));
        why.clone_into(&mut self.why);
        tell.then(|| now.duration_since(since))
    }

    /// It is over; how long it lasted, if there was one.
    fn over(&mut self, now: Instant) -> Option<Duration> {
        self.times.take().map(|(since, _)| now.duration_since(since))
    }
}

impl Rotator {
    /// The token endpoint, while it is in trouble.
    pub(crate) fn endpoint_in_trouble(&self) -> Option<String> {
        lock(&self.0.outage).times.map(|_| self.0.ours.issuer.clone())
    }

    /// Start of the outage, and the cause.
    pub(crate) fn outage(&self) -> Option<(Instant, String)> {
        let outage = lock(&self.0.outage);
        outage.times.map(|(since, _)| (since, outage.why.clone()))
    }

    /// Calls the token endpoint: notes how long it takes, and how it went.
    pub(super) async fn call_endpoint(
        &self,
        call: impl Future<Output = Result<RawTokenReply, TransportError>>,
    ) -> Result<RawTokenReply, TransportError> {
        let issuer: Arc<str> = self.0.ours.issuer.as_str().into();
        let open = self.0.calls.begin(&issuer, "token");
        let answer = call.await;
        open.end_token(&answer);
        match &answer {
            Ok(raw) => self.endpoint_answered(raw.status),
            Err(error) => self.endpoint_failed(error),
        }
        answer
    }

    /// It could not be reached, or what it answered is no answer.
    pub(super) fn endpoint_failed(&self, error: &TransportError) {
        let cause = Cause::of_error(error);
        self.in_outage(&cause.map_or_else(|| error.to_string(), |cause| cause.to_string()));
    }

    fn in_outage(&self, why: &str) {
        let endpoint = &self.0.ours.issuer;
        if let Some(lasted) = lock(&self.0.outage).met(Instant::now(), why) {
            tracing::warn!(
                endpoint,
                why,
                lasted_s = lasted.as_secs(),
                "cannot use zoom's token endpoint {endpoint}: {why}; jobs of accounts whose access token expires wait"
            );
        }
    }

    fn endpoint_answered(&self, status: u16) {
        if status == 429 || status >= 500 {
            return self.in_outage(&format!("it answers HTTP {status}"));
        }
        if let Some(lasted) = lock(&self.0.outage).over(Instant::now()) {
            tracing::info!(
                endpoint = self.0.ours.issuer,
                lasted_s = lasted.as_secs(),
                "zoom's token endpoint answers again"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_when_it_begins_once_a_minute_and_when_it_is_over() {
        let (mut outage, begun) = (Outage::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(outage.over(begun), None, "there was none");
        let told: Vec<_> = (0..130).filter(|n| outage.met(at(*n), "").is_some()).collect();
        assert_eq!(told, [0, 60, 120]);
        assert_eq!(outage.over(at(130)), Some(Duration::from_secs(130)));
        assert_eq!(outage.met(at(131), ""), Some(Duration::ZERO), "another one");
    }
}
