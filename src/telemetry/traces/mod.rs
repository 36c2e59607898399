//! Export of traces: spans to a collector, over OTLP/HTTP.
//!
//! Owns a bounded queue and the part that empties it. A job never waits: what finds the
//! queue full is dropped and counted (`zoomd_trace_spans_total`). A collector in trouble
//! is told once, then once a minute with what was lost, and once when it is over.

mod client;
mod otlp;
mod trouble;

use std::time::{Duration, Instant};

use opentelemetry::{InstrumentationScope, KeyValue, TraceId};
use opentelemetry_otlp::{
    Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample as _, SpanExporter as _};
use tokio::sync::{mpsc, watch};
use zoom_api::{Outbound, Proxies, TransportError};
use zoomd_workers::supervisor::{Beat, Part, Supervisor};
use zoomd_workers::trace::{Sink, Span};

use crate::config::{ConfigError, Sampling, Traces};
use client::Client;
use trouble::Trouble;

/// Leases that may wait for the exporter.
const ROOM: usize = 4_096;
/// Spans in one export.
const BATCH: usize = 512;
/// Longest time that a span waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// Pauses before a batch is offered again; after the last it is given up.
const AGAIN: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// Longest time for the last spans of a process.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// The exporter of a process.
pub struct Exporter {
    part: Part,
    closing: watch::Sender<bool>,
}

/// Begins to export; spans go to the sink.
///
/// # Errors
/// The exporter cannot be set up.
pub fn begin(
    config: &Traces,
    daemon: &str,
    supervisor: &Supervisor,
) -> Result<(Exporter, Sink), ConfigError> {
    let collector = Collector::new(config, Some(daemon))?;
    tracing::info!(collector = collector.place(), "traces: exported over OTLP/HTTP");
    let (sender, queue) = mpsc::channel::<Vec<Span>>(ROOM);
    let (closing, closes) = watch::channel(false);
    let part = supervisor.spawn("traces", |beat| serve(collector, queue, closes, beat));
    let sink = move |spans: Vec<Span>| {
        if let Err(full) = sender.try_send(spans) {
            count("lost", full.into_inner().len());
        }
    };
    Ok((Exporter { part, closing }, Box::new(sink)))
}

impl Exporter {
    /// Exports what is left, for a bounded time, and ends.
    pub async fn finish(mut self) {
        self.closing.send_replace(true);
        if tokio::time::timeout(LAST_SPANS, self.part.ended()).await.is_err() {
            tracing::warn!(
                "traces: the collector did not take the last spans in time; they are dropped"
            );
        }
    }
}

/// The decision about a trace, by OpenTelemetry's sampler.
pub fn sampler(sampling: Sampling) -> zoomd_workers::trace::Sampler {
    let sampler = match sampling {
        Sampling::On => return Box::new(|_| true),
        Sampling::Off => return Box::new(|_| false),
        Sampling::Ratio(ratio) => Sampler::TraceIdRatioBased(ratio),
    };
    Box::new(move |id| {
        let kind = opentelemetry::trace::SpanKind::Consumer;
        let result = sampler.should_sample(None, TraceId::from(id), "process", &kind, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    })
}

/// A collector, and how it last answered.
pub struct Collector {
    exporter: SpanExporter,
    client: Client,
    scope: InstrumentationScope,
    place: String,
}

/// A batch that the collector did not take.
#[derive(Debug)]
pub struct Refused {
    /// Reason, in words.
    pub why: String,
    /// True if it may take the same batch later.
    again: bool,
}

impl Collector {
    /// The collector of the configuration; `daemon` names the process.
    ///
    /// # Errors
    /// Variables that the exporter refuses.
    pub fn new(config: &Traces, daemon: Option<&str>) -> Result<Self, ConfigError> {
        let failed = |error: &dyn std::fmt::Display| ConfigError::new(format!("traces: {error}"));
        let secure = config.endpoint.scheme() == "https";
        let agent = concat!("zoomd/", env!("CARGO_PKG_VERSION"));
        let outbound = Outbound::new(secure, &Proxies::from_env(), agent, config.timeout);
        let client = Client::new(outbound.map_err(|error| failed(&error))?);
        // Its own repeats would stop the whole thread for their pauses.
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client.clone())
            .with_endpoint(config.endpoint.as_str())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(config.timeout)
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(|error| failed(&error))?;
        exporter.set_resource(&resource(config, daemon));
        let scope =
            InstrumentationScope::builder("zoomd").with_version(env!("CARGO_PKG_VERSION")).build();
        let mut shown = config.endpoint.clone();
        shown.set_query(None);
        Ok(Self { exporter, client, scope, place: shown.into() })
    }

    /// Address, as it may be shown.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Offers these spans; none at all is a question whether it would take some.
    ///
    /// # Errors
    /// The collector did not take the spans.
    pub async fn offer(&self, spans: &[Span]) -> Result<(), Refused> {
        let batch = spans.iter().map(|span| otlp::data(span, &self.scope)).collect();
        let done = self.exporter.export(batch).await;
        let Err(error) = done else { return Ok(()) };
        Err(match self.client.last() {
            Some(Ok(status)) => Refused {
                why: format!("it answered {status}"),
                again: matches!(status, 429 | 502 | 503 | 504),
            },
            Some(Err(error)) => Refused { again: error.is_retryable(), why: in_words(&error) },
            None => Refused { why: error.to_string(), again: false },
        })
    }
}

/// Without the exporter, which holds the headers.
impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("place", &self.place).finish_non_exhaustive()
    }
}

fn in_words(error: &TransportError) -> String {
    let text = error.to_string();
    text.trim_end_matches(" (not sent)").to_owned()
}

fn resource(config: &Traces, daemon: Option<&str>) -> Resource {
    let mut resource = Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if let Some(name) = config.name {
        resource = resource.with_service_name(name);
    }
    if let Some(daemon) = daemon {
        let daemon = daemon.to_owned();
        resource = resource.with_attribute(KeyValue::new("service.instance.id", daemon));
    }
    resource.build()
}

async fn serve(
    collector: Collector,
    mut queue: mpsc::Receiver<Vec<Span>>,
    mut closes: watch::Receiver<bool>,
    beat: Beat,
) {
    let mut trouble = Trouble::default();
    let mut spans = Vec::with_capacity(BATCH);
    loop {
        let closing = beat.waiting(gather(&mut queue, &mut closes, &mut spans)).await;
        if closing {
            while let Ok(more) = queue.try_recv() {
                spans.extend(more);
            }
        }
        for batch in spans.chunks(BATCH) {
            beat.waiting(export(&collector, batch, &mut closes, &mut trouble)).await;
        }
        spans.clear();
        if closing {
            return;
        }
    }
}

/// Gathers spans until there are enough, or the first has waited long enough; true if the
/// process ends.
async fn gather(
    queue: &mut mpsc::Receiver<Vec<Span>>,
    closes: &mut watch::Receiver<bool>,
    spans: &mut Vec<Span>,
) -> bool {
    let mut until = None;
    while spans.len() < BATCH {
        let wait = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = closes.wait_for(|closing| *closing) => return true,
            more = queue.recv() => match more {
                Some(more) => spans.extend(more),
                None => return true,
            },
            () = wait => return false,
        }
        until.get_or_insert_with(|| tokio::time::Instant::now() + GATHER);
    }
    false
}

/// Exports one batch; one that the collector may take later is offered again.
async fn export(
    collector: &Collector,
    batch: &[Span],
    closes: &mut watch::Receiver<bool>,
    trouble: &mut Trouble,
) {
    for pause in AGAIN.iter().map(Some).chain([None]) {
        let refused = match collector.offer(batch).await {
            Ok(()) => {
                count("exported", batch.len());
                trouble.over(collector.place());
                return;
            }
            Err(refused) => refused,
        };
        trouble.met(collector.place(), &refused.why, Instant::now());
        let Some(pause) = pause.filter(|_| refused.again) else { break };
        if *closes.borrow() {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(*pause) => {}
            _ = closes.wait_for(|closing| *closing) => {}
        }
    }
    count("lost", batch.len());
    trouble.lost(batch.len());
}

fn count(outcome: &'static str, spans: usize) {
    metrics::counter!("zoomd_trace_spans_total", "outcome" => outcome).increment(spans as u64);
}
