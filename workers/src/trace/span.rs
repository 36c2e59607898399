//! A span as it is handed to its exporter.
//!
//! Values of a span are words of this program, numbers, stream names, hosts and entry ids: a
//! token, an account, a topic or an address has no place in it.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use zoomd_wire::{EntryId, TraceParent};

/// Value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A word of this program.
    Word(&'static str),
    /// A number.
    Number(i64),
    /// A stream, or a host of Zoom's.
    Name(Arc<str>),
    /// An entry of the jobs stream.
    Entry(EntryId),
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Self {
        Self::Word(word)
    }
}

/// Attributes of a span or an event.
pub type Attributes = Vec<(&'static str, Value)>;

/// Place of a span in the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// A step inside.
    Internal,
    /// A call to another server.
    Client,
    /// The processing of a message.
    Consumer,
    /// The sending of a message.
    Producer,
}

/// A moment of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanEvent {
    /// Name.
    pub name: &'static str,
    /// Time.
    pub at: SystemTime,
    /// Attributes.
    pub attributes: Attributes,
}

/// Name of a span: one word or two.
pub type Name = (&'static str, Option<&'static str>);

/// A span that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Trace.
    pub trace_id: u128,
    /// Id.
    pub span_id: u64,
    /// Span of the same trace above it; 0 if there is none.
    pub parent_id: u64,
    /// Kind.
    pub kind: SpanKind,
    /// Name.
    pub name: Name,
    /// Start.
    pub begun: SystemTime,
    /// End.
    pub ended: SystemTime,
    /// Attributes.
    pub attributes: Attributes,
    /// Events.
    pub events: Vec<SpanEvent>,
    /// Spans of other traces that led to it.
    pub links: Vec<TraceParent>,
    /// Kind of error, if it failed.
    pub error: Option<&'static str>,
}

/// A trace with one span above all others of this process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) trace_id: u128,
    pub(super) root_id: u64,
    begun: (Instant, SystemTime),
}

impl Frame {
    pub(super) fn new(trace_id: u128) -> Self {
        Self { trace_id, root_id: span_id(), begun: (Instant::now(), SystemTime::now()) }
    }

    pub(super) fn begun(&self) -> Instant {
        self.begun.0
    }

    /// The span above all others, which ends now.
    pub(super) fn root(&self, name: Name, kind: SpanKind, now: Instant) -> Span {
        let span = self.span(name, kind, (self.begun.0, now));
        Span { span_id: self.root_id, parent_id: 0, ..span }
    }

    /// A span below it.
    pub(super) fn span(
        &self,
        name: Name,
        kind: SpanKind,
        (begun, ended): (Instant, Instant),
    ) -> Span {
        let time = |at: Instant| self.begun.1 + at.saturating_duration_since(self.begun.0);
        Span {
            trace_id: self.trace_id,
            span_id: span_id(),
            parent_id: self.root_id,
            kind,
            name,
            begun: time(begun),
            ended: time(ended),
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            error: None,
        }
    }
}

/// A new id of a span.
pub(super) fn span_id() -> u64 {
    rand::random::<u64>().max(1)
}
