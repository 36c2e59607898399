//! The token endpoint in trouble: it cannot be reached, or answers with 429 or 5xx.
//!
//! Told like every other outage: once when it begins, once a minute while it lasts,
//! once when it is over. Decides nothing.

use std::time::{Duration, Instant};

use zoom_api::RawTokenReply;

use super::{Rotator, lock};

/// Between two lines about the same outage.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What is known of the endpoint.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// When it began, and when it was told last.
    times: Option<(Instant, Instant)>,
}

impl Outage {
    /// A trouble at `now`: whether to tell of it, and how long it has lasted.
    fn met(&mut self, now: Instant) -> Option<Duration> {
        let (since, told) = self.times.unwrap_or((now, now));
        let tell = self.times.is_none() || now.duration_since(told) >= TELL_EVERY;
        self.times = Some((since, if tell { now } else { told }));
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

    /// It could not be reached, or what it answered is no answer.
    pub(super) fn endpoint_failed(&self, why: &str) {
        if let Some(lasted) = lock(&self.0.outage).met(Instant::now()) {
            tracing::warn!(
                endpoint = self.0.ours.issuer,
                why,
                lasted_s = lasted.as_secs(),
                "zoom's token endpoint cannot be used; accounts whose access token ends wait"
            );
        }
    }

    /// It answered so.
    pub(super) fn endpoint_answered(&self, raw: &RawTokenReply) {
        if raw.status == 429 || raw.status >= 500 {
            return self.endpoint_failed(&format!("zoom answered {}", raw.status));
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
        let told: Vec<_> = (0..130).filter(|n| outage.met(at(*n)).is_some()).collect();
        assert_eq!(told, [0, 60, 120]);
        assert_eq!(outage.over(at(130)), Some(Duration::from_secs(130)));
        assert_eq!(outage.met(at(131)), Some(Duration::ZERO), "another one");
    }
}
