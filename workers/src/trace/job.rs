//! The spans of one lease: `process`, its steps, and what it sends.
//!
//! Invariant: all spans of a lease go to the sink together, once; if its settlement was
//! not heard of, when it is dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use zoomd_wire::{EntryId, Kind, TraceParent};

use super::span::{Attributes, Frame, Span, SpanEvent, SpanKind, Value, span_id};
use super::{Inner, names};

/// Steps and events that a lease records.
const MOST: usize = 64;
/// Sampled flag of W3C.
const SAMPLED: u8 = 1;

/// A lease that begins.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// Entry of the job.
    pub entry: EntryId,
    /// Kind of the job.
    pub kind: Kind,
    /// Run of the job.
    pub run: u32,
    /// Attempt that a call would be.
    pub attempt: u8,
    /// True if a lost call is looked for.
    pub looks: bool,
    /// Bytes of the job.
    pub size: usize,
    /// Time since the job could have run.
    pub waited: Duration,
    /// Span of the producer.
    pub parent: Option<TraceParent>,
}

/// Stream that an outcome is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// `<ns>:results`.
    Result,
    /// `<ns>:failures`.
    Failure,
}

/// End of a lease.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// `succeeded`, a failure code, or what the job does next.
    pub outcome: &'static str,
    /// Stream of its outcome, if it has one.
    pub published: Option<Published>,
    /// Number of settlements in the same step.
    pub batch: usize,
}

/// One call over HTTP.
#[derive(Debug)]
pub struct HttpCall<'a> {
    /// Name of the endpoint in metrics.
    pub endpoint: &'static str,
    /// Host, with a port that is not the usual one.
    pub server: &'a Arc<str>,
    /// Start.
    pub begun: Instant,
    /// End.
    pub ended: Instant,
    /// The status, or the kind of error.
    pub answer: Result<u16, &'static str>,
    /// Number of calls that were made before.
    pub resends: u8,
}

impl HttpCall<'_> {
    /// The span of this call.
    pub(super) fn span(&self, frame: &Frame) -> Span {
        let (method, path) = names::call(self.endpoint);
        let mut told: Attributes =
            vec![(names::METHOD, method.into()), (names::TEMPLATE, path.into())];
        match self.server.split_once(':').map(|(host, port)| (host, port.parse())) {
            Some((host, Ok(port))) => {
                told.push((names::SERVER, Value::Name(host.into())));
                told.push((names::PORT, Value::Number(port)));
            }
            _ => told.push((names::SERVER, Value::Name(Arc::clone(self.server)))),
        }
        if self.resends > 0 {
            told.push((names::RESENDS, Value::Number(self.resends.into())));
        }
        let error = match self.answer {
            Ok(status) => {
                told.push((names::STATUS, Value::Number(status.into())));
                (status >= 400).then(|| crate::metric::status(status))
            }
            Err(kind) => Some(kind),
        };
        let span = frame.span((method, Some(path)), SpanKind::Client, (self.begun, self.ended));
        Span { attributes: told, error, ..span }
    }
}

/// The trace of one lease.
pub struct JobTrace {
    tracer: Arc<Inner>,
    about: About,
    frame: Frame,
    send_id: u64,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    steps: Vec<Span>,
    events: Vec<SpanEvent>,
    settling: Option<Instant>,
    carrier: Option<TraceParent>,
    over: bool,
}

impl JobTrace {
    pub(super) fn new(tracer: Arc<Inner>, trace_id: u128, about: About) -> Self {
        Self {
            tracer,
            about,
            frame: Frame::new(trace_id),
            send_id: span_id(),
            notes: Mutex::default(),
        }
    }

    /// Context of the `process` span.
    #[must_use]
    pub fn context(&self) -> TraceParent {
        let Frame { trace_id, root_id, .. } = self.frame;
        TraceParent { trace_id, parent_id: root_id, flags: SAMPLED }
    }

    /// Context of the span that sends the outcome: the one that an outcome carries.
    #[must_use]
    pub fn outgoing(&self) -> TraceParent {
        TraceParent { parent_id: self.send_id, ..self.context() }
    }

    /// A step that is over; `waits`: the job must wait for this now.
    pub fn step(&self, name: &'static str, begun: Instant, waits: Option<&'static str>) {
        let times = (begun, Instant::now());
        let span = self.frame.span((name, None), SpanKind::Internal, times);
        let attributes = waits.map(|reason| (names::REASON, reason.into()));
        self.add(Span { attributes: attributes.into_iter().collect(), ..span });
    }

    /// A call that is over.
    pub fn call(&self, call: &HttpCall<'_>) {
        self.add(call.span(&self.frame));
    }

    /// The job waits from now on.
    pub fn waits(&self, reason: &'static str) {
        let mut notes = self.notes();
        if notes.events.len() < MOST {
            let attributes = vec![(names::REASON, reason.into())];
            notes.events.push(SpanEvent { name: names::WAIT, at: SystemTime::now(), attributes });
        }
    }

    /// The call of another lease carries this job.
    pub fn rides(&self, carrier: &Self) {
        self.notes().carrier = Some(carrier.context());
        self.settling();
    }

    /// The settlement of the lease is handed in.
    pub fn settling(&self) {
        self.notes().settling.get_or_insert_with(Instant::now);
    }

    /// The settlement is in Redis: the lease is over.
    pub fn settled(&self, end: End) {
        let mut notes = self.notes();
        if std::mem::replace(&mut notes.over, true) {
            return;
        }
        let now = Instant::now();
        let mut spans = std::mem::take(&mut notes.steps);
        let events = std::mem::take(&mut notes.events);
        let (settling, carrier) = (notes.settling, notes.carrier);
        drop(notes);
        if let Some(begun) = settling {
            spans.push(self.settle(begun, now, end.batch));
            spans.extend(end.published.map(|stream| self.send(begun, now, stream)));
        }
        let error = match end.published {
            Some(Published::Result) => None,
            Some(Published::Failure) => Some(end.outcome),
            None => (end.outcome == LOST).then_some(LOST),
        };
        let links = self.about.parent.into_iter().chain(carrier).collect();
        spans.push(Span { events, links, error, ..self.process(now, end.outcome) });
        (self.tracer.sink)(spans);
    }

    fn process(&self, now: Instant, outcome: &'static str) -> Span {
        let about = &self.about;
        let number = |n: u64| Value::Number(i64::try_from(n).unwrap_or(i64::MAX));
        let waited = u64::try_from(about.waited.as_millis()).unwrap_or(u64::MAX);
        Span {
            attributes: vec![
                (names::MESSAGING_SYSTEM, names::REDIS.into()),
                (names::DESTINATION, Value::Name(Arc::clone(&self.tracer.jobs))),
                (names::MESSAGING_OPERATION, names::PROCESS.into()),
                (names::MESSAGING_TYPE, names::PROCESS.into()),
                (names::GROUP, names::ZOOMD.into()),
                (names::MESSAGE_ID, Value::Entry(about.entry)),
                (names::BODY_SIZE, number(about.size as u64)),
                (names::KIND, about.kind.as_str().into()),
                (names::RUN, number(about.run.into())),
                (names::ATTEMPT, number(about.attempt.into())),
                (names::PURPOSE, if about.looks { "lookup" } else { "attempt" }.into()),
                (names::WAITED, number(waited)),
                (names::OUTCOME, outcome.into()),
            ],
            ..self.frame.root((names::PROCESS, Some(about.kind.as_str())), SpanKind::Consumer, now)
        }
    }

    fn settle(&self, begun: Instant, now: Instant, batch: usize) -> Span {
        let batch = Value::Number(i64::try_from(batch).unwrap_or(i64::MAX));
        Span {
            attributes: vec![
                (names::DB_SYSTEM, names::REDIS.into()),
                (names::DB_OPERATION, names::SETTLE.into()),
                (names::DB_BATCH, batch),
            ],
            ..self.frame.span((names::SETTLE, None), SpanKind::Client, (begun, now))
        }
    }

    fn send(&self, begun: Instant, now: Instant, stream: Published) -> Span {
        let (name, destination) = match stream {
            Published::Result => ("send results", &self.tracer.results),
            Published::Failure => ("send failures", &self.tracer.failures),
        };
        Span {
            span_id: self.send_id,
            attributes: vec![
                (names::MESSAGING_SYSTEM, names::REDIS.into()),
                (names::DESTINATION, Value::Name(Arc::clone(destination))),
                (names::MESSAGING_OPERATION, "send".into()),
                (names::MESSAGING_TYPE, "send".into()),
            ],
            ..self.frame.span((name, None), SpanKind::Producer, (begun, now))
        }
    }

    fn add(&self, span: Span) {
        let mut notes = self.notes();
        if notes.steps.len() < MOST {
            notes.steps.push(span);
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Outcome of a lease that was taken over, or whose daemon ended.
const LOST: &str = "lease_lost";

impl Drop for JobTrace {
    fn drop(&mut self) {
        self.settled(End { outcome: LOST, published: None, batch: 0 });
    }
}

impl std::fmt::Debug for JobTrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobTrace").field("process", &self.context()).finish_non_exhaustive()
    }
}
