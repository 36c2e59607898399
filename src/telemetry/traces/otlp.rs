//! Spans in the form of OpenTelemetry's SDK.

use std::borrow::Cow;

use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind as Kind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, Key, KeyValue, StringValue, Value as Any};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use zoomd_wire::TraceParent;
use zoomd_workers::trace::{Attributes, Span, SpanEvent, SpanKind, Value, names};

/// The span, made by `scope`.
pub(super) fn data(span: &Span, scope: &InstrumentationScope) -> SpanData {
    let mut attributes = attributes(&span.attributes);
    attributes.extend(span.error.map(|kind| KeyValue::new(names::ERROR, kind)));
    let (mut events, mut links) = (SpanEvents::default(), SpanLinks::default());
    events.events = span.events.iter().map(event).collect();
    links.links = span.links.iter().map(link).collect();
    SpanData {
        span_context: context(span.trace_id, span.span_id, TraceFlags::SAMPLED, false),
        parent_span_id: SpanId::from(span.parent_id),
        parent_span_is_remote: false,
        span_kind: match span.kind {
            SpanKind::Internal => Kind::Internal,
            SpanKind::Client => Kind::Client,
            SpanKind::Consumer => Kind::Consumer,
            SpanKind::Producer => Kind::Producer,
        },
        name: match span.name {
            (name, None) => Cow::Borrowed(name),
            (method, Some(path)) => Cow::Owned(format!("{method} {path}")),
        },
        start_time: span.begun,
        end_time: span.ended,
        attributes,
        dropped_attributes_count: 0,
        events,
        links,
        status: if span.error.is_some() { Status::error("") } else { Status::Unset },
        instrumentation_scope: scope.clone(),
    }
}

fn context(trace_id: u128, span_id: u64, flags: TraceFlags, remote: bool) -> SpanContext {
    let (trace_id, span_id) = (TraceId::from(trace_id), SpanId::from(span_id));
    SpanContext::new(trace_id, span_id, flags, remote, TraceState::default())
}

fn link(to: &TraceParent) -> Link {
    let flags = TraceFlags::new(to.flags);
    Link::new(context(to.trace_id, to.parent_id, flags, true), Vec::new(), 0)
}

fn event(event: &SpanEvent) -> Event {
    Event::new(event.name, event.at, attributes(&event.attributes), 0)
}

fn attributes(all: &Attributes) -> Vec<KeyValue> {
    let pair = |(name, value): &(&'static str, Value)| {
        let value = match value {
            Value::Word(word) => Any::String(StringValue::from(*word)),
            Value::Number(number) => Any::I64(*number),
            Value::Name(name) => Any::String(StringValue::from(name.clone())),
            Value::Entry(entry) => Any::String(StringValue::from(entry.to_string())),
        };
        KeyValue::new(Key::from_static_str(name), value)
    };
    all.iter().map(pair).collect()
}
