//! The names of the metrics of this crate, in one place.
//!
//! Labels are closed sets of words: kinds, codes, reasons. No id ever.

use std::time::Duration;

use metrics::{Counter, Histogram};

use zoomd_store::queue::WaitReason;
use zoomd_wire::Kind;

/// The metrics of jobs that go well, looked up once: a look-up costs more than all
/// else that is counted.
pub struct Meters(Vec<OfKind>);

/// Metrics of one kind.
struct OfKind {
    kind: &'static str,
    /// The status of its call when it succeeds.
    success: &'static str,
    succeeded: Counter,
    took: Histogram,
    waited: Histogram,
    called: Counter,
    call_time: Histogram,
}

/// The outcome of a job that did what it was to do.
pub const SUCCEEDED: &str = "succeeded";

impl OfKind {
    fn new(kind: Kind) -> Self {
        let (success, kind) = (status(kind.success_status()), kind.as_str());
        Self {
            kind,
            success,
            succeeded: metrics::counter!("zoomd_jobs_total", "kind" => kind, "outcome" => SUCCEEDED),
            took: metrics::histogram!("zoomd_job_duration_seconds", "kind" => kind, "outcome" => SUCCEEDED),
            waited: metrics::histogram!("zoomd_job_wait_seconds", "kind" => kind),
            called: metrics::counter!("zoomd_zoom_requests_total", "endpoint" => kind, "status" => success),
            call_time: metrics::histogram!("zoomd_zoom_request_duration_seconds", "endpoint" => kind),
        }
    }
}

impl Default for Meters {
    fn default() -> Self {
        Self(Kind::ALL.iter().map(|kind| OfKind::new(*kind)).collect())
    }
}

impl Meters {
    /// A job did what it was to do.
    pub fn succeeded(&self, kind: Kind, time: Duration) {
        if let Some(meter) = self.0.get(kind as usize) {
            meter.succeeded.increment(1);
            meter.took.record(time.as_secs_f64());
        }
    }

    /// Records the wait of a job from when it could have run to its first send.
    pub fn waited(&self, kind: Kind, time: Duration) {
        if let Some(meter) = self.0.get(kind as usize) {
            meter.waited.record(time.as_secs_f64());
        }
    }

    /// A call to Zoom ended: with an HTTP status, or with the kind of its trouble.
    pub fn called(&self, endpoint: &'static str, status: &'static str, time: Duration) {
        let usual = |meter: &&OfKind| meter.success == status && meter.kind == endpoint;
        match self.0.iter().find(usual) {
            Some(meter) => {
                meter.called.increment(1);
                meter.call_time.record(time.as_secs_f64());
            }
            None => called(endpoint, status, time),
        }
    }
}

/// A job has its outcome: `succeeded`, or a failure code.
pub fn finished(kind: &'static str, outcome: &'static str) {
    metrics::counter!("zoomd_jobs_total", "kind" => kind, "outcome" => outcome).increment(1);
}

/// Records the time of a job from its first lease to its outcome.
pub fn took(kind: &'static str, outcome: &'static str, time: Duration) {
    metrics::histogram!("zoomd_job_duration_seconds", "kind" => kind, "outcome" => outcome)
        .record(time.as_secs_f64());
}

/// A job was put into its room.
pub fn waits(why: WaitReason) {
    metrics::counter!("zoomd_rate_limit_waits_total", "class" => why.as_str()).increment(1);
}

/// rate limited by Zoom (429).
pub fn limited(label: &'static str, kind: &'static str) {
    metrics::counter!("zoomd_rate_limited_total", "class" => label, "scope" => kind).increment(1);
}

/// A call to Zoom ended: with an HTTP status, or with the kind of its trouble.
fn called(endpoint: &'static str, status: &'static str, time: Duration) {
    metrics::counter!("zoomd_zoom_requests_total", "endpoint" => endpoint, "status" => status)
        .increment(1);
    metrics::histogram!("zoomd_zoom_request_duration_seconds", "endpoint" => endpoint)
        .record(time.as_secs_f64());
}

/// The word for an HTTP status: those that matter, and the class of the others.
#[must_use]
pub fn status(status: u16) -> &'static str {
    match status {
        200 => "200",
        201 => "201",
        204 => "204",
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        429 => "429",
        500 => "500",
        502 => "502",
        503 => "503",
        504 => "504",
        other => match other / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        },
    }
}
