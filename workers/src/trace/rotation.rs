//! The spans of one rotation: a trace of its own, linked to the jobs that waited for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::job::HttpCall;
use super::span::{Frame, Span, SpanKind};
use super::{Inner, names};

/// Steps that a rotation records.
const MOST: usize = 64;

/// The trace of one rotation.
pub(crate) struct RotationTrace {
    tracer: Arc<Inner>,
    frame: Frame,
    steps: Mutex<Vec<Span>>,
}

impl RotationTrace {
    pub(super) fn new(tracer: Arc<Inner>, trace_id: u128) -> Self {
        Self { tracer, frame: Frame::new(trace_id), steps: Mutex::default() }
    }

    /// The call of the token endpoint.
    pub(crate) fn call(&self, call: &HttpCall<'_>) {
        self.add(call.span(&self.frame));
    }

    /// The rotation is over; `failed` says whether `outcome` is an error.
    pub(crate) fn ended(&self, account: &str, outcome: &'static str, failed: bool) {
        let mut spans =
            std::mem::take(&mut *self.steps.lock().unwrap_or_else(PoisonError::into_inner));
        spans.push(Span {
            attributes: vec![(names::OUTCOME, outcome.into())],
            links: self.tracer.waited(account, self.frame.begun()),
            error: failed.then_some(outcome),
            ..self.frame.root((names::ROTATION, None), SpanKind::Internal, Instant::now())
        });
        (self.tracer.sink)(spans);
    }

    fn add(&self, span: Span) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.len() < MOST {
            steps.push(span);
        }
    }
}

/// Runs a step of a rotation, and records it.
pub(crate) async fn timed<T, E>(
    trace: Option<Arc<RotationTrace>>,
    name: &'static str,
    step: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let Some(trace) = trace else { return step.await };
    let begun = Instant::now();
    let done = step.await;
    trace.add(trace.frame.span((name, None), SpanKind::Internal, (begun, Instant::now())));
    done
}

impl std::fmt::Debug for RotationTrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RotationTrace").finish_non_exhaustive()
    }
}
