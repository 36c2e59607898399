//! Traces, as a collector gets them.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use zoom_sim::{Endpoint, Fault, Reuse, What};
use zoomd_store::streams::Stream;

use crate::rotation;
use crate::support::collector::{Collector, HANGS, attribute};
use crate::support::{Rig, job};

const PRODUCER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A job of the producer's trace, with a topic and a host that may not be told.
fn traced(account: &str, id: &str) -> String {
    let mut job: serde_json::Value = serde_json::from_str(&job(account, id)).expect("JSON");
    job["traceparent"] = PRODUCER.into();
    job["meeting"]["topic"] = "Quarterly-layoffs".into();
    job["metadata"] = serde_json::json!({"customer": "c-4711"});
    job.to_string()
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    let mut found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    found.sort_by_key(|span| span.start_time_unix_nano);
    found
}

fn links(span: &Span) -> Vec<String> {
    let text = |trace: &[u8], span: &[u8]| format!("00-{}-{}-01", hex(trace), hex(span));
    span.links.iter().map(|link| text(&link.trace_id, &link.span_id)).collect()
}

fn rig_to(collector: &Collector, mut rig: Rig) -> Rig {
    rig.set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address());
    rig.set("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hush%21");
    rig
}

/// The producer's trace, the job with three attempts, and the rotation that it waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_and_its_rotation_are_told_with_links_and_without_secrets() {
    let collector = Collector::start();
    let mut rig = rig_to(&collector, rotation::rig(Reuse::Strict).await);
    rig.set("ZOOMD_RECONCILE_DELAYS", "100ms");
    let (account, id) = ("ada@example.com", "order-of-c-4711");
    rig.connect(account);
    rig.sim.fault(Fault::new(Endpoint::Create, What::Status(503)).times(2));
    let mut daemon = rig.daemon();
    let entry = rig.xadd(&traced(account, id)).await;
    let (stream, result) = rig.outcome(id).await;
    assert_eq!(stream, Stream::Results, "{result}");
    assert!(daemon.stop().success(), "{}", daemon.log());

    // SIGTERM has sent what was left.
    let spans = collector.spans();
    let processes = named(&spans, "process create_meeting");
    let of_call = |process: &Span| -> Vec<&Span> {
        let below = |span: &&Span| span.parent_span_id == process.span_id;
        let calls = named(&spans, "POST /v2/users/{userId}/meetings");
        calls.into_iter().filter(below).collect()
    };
    let outcome = |span: &Span| attribute(span, "zoomd.outcome");
    let ends = [outcome(processes[0]), outcome(processes[processes.len() - 1])];
    assert_eq!(ends, ["waits", "succeeded"]);
    let trace = &processes[0].trace_id;
    for process in &processes {
        assert_eq!(process.kind(), SpanKind::Consumer);
        assert_eq!(links(process), [PRODUCER]);
        assert_eq!(&process.trace_id, trace, "one trace for a run");
        assert_ne!(hex(trace), PRODUCER[3..35]);
        assert_eq!(attribute(process, "messaging.message.id"), entry);
        assert_eq!(attribute(process, "messaging.destination.name"), "zoomd:jobs");
        assert_eq!(attribute(process, "messaging.system"), "redis");
        let settles = named(&spans, "settle");
        assert!(settles.iter().any(|span| span.parent_span_id == process.span_id));
    }
    assert!(of_call(processes[0]).is_empty(), "it had no token");
    assert_eq!(processes[0].events[0].name, "wait");
    let calls: Vec<_> = processes.iter().flat_map(|process| of_call(process)).collect();
    assert_eq!(calls.len(), 3);
    for (n, call) in calls.into_iter().enumerate() {
        let (status, error) = if n < 2 { ("503", "503") } else { ("201", "") };
        assert_eq!(attribute(call, "http.response.status_code"), status);
        assert_eq!(attribute(call, "error.type"), error);
        let resends = if n == 0 { String::new() } else { n.to_string() };
        assert_eq!(attribute(call, "http.request.resend_count"), resends);
        assert_eq!(
            (call.kind(), &*attribute(call, "server.address")),
            (SpanKind::Client, "127.0.0.1")
        );
    }
    // A 503 may have made a meeting: each is looked for.
    let looks = named(&spans, "GET /v2/users/{userId}/meetings");
    let looking = |id: &[u8]| {
        processes.iter().any(|one| one.span_id == id && attribute(one, "zoomd.purpose") == "lookup")
    };
    assert!(!looks.is_empty() && looks.iter().all(|look| looking(&look.parent_span_id)));
    let sent = named(&spans, "send results");
    assert_eq!((sent.len(), sent[0].kind()), (1, SpanKind::Producer));
    let carried = format!("00-{}-{}-01", hex(&sent[0].trace_id), hex(&sent[0].span_id));
    assert_eq!((&sent[0].trace_id, result["traceparent"].as_str()), (trace, Some(&*carried)));

    let rotations = named(&spans, "rotate token");
    assert_eq!(rotations.len(), 1);
    assert_ne!(&rotations[0].trace_id, trace);
    let waited = format!("00-{}-{}-01", hex(trace), hex(&processes[0].span_id));
    assert_eq!(links(rotations[0]), [waited]);
    let token_calls = named(&spans, "POST /oauth/token");
    assert_eq!(
        (token_calls.len(), token_calls[0].parent_span_id.clone()),
        (1, rotations[0].span_id.clone())
    );
    let resource = collector.resource();
    assert!(resource.contains(&("service.name".into(), "zoomd".into())), "{resource:?}");

    let raw = String::from_utf8_lossy(&collector.raw()).into_owned();
    for secret in
        [account, id, "example.com", "Quarterly", "c-4711", "Bearer", "eyJ", "hush", "sim-secret"]
    {
        assert!(!raw.contains(secret), "{secret} is in a span");
    }
    assert!(collector.heads().to_ascii_lowercase().contains("api-key: hush!"));
    assert!(!daemon.log().contains("hush"), "{}", daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_in_trouble_costs_no_job_anything_and_is_told_once() {
    let collector = Collector::start();
    let mut rig = rig_to(&collector, Rig::start().await);
    rig.set("OTEL_EXPORTER_OTLP_TIMEOUT", "1000");
    rig.connect("ada");
    // Nobody listens at the first address.
    for (n, status) in [None, Some(500), Some(HANGS)].into_iter().enumerate() {
        let place = status.map_or("http://127.0.0.1:1", |_| collector.address());
        rig.set("OTEL_EXPORTER_OTLP_ENDPOINT", place);
        collector.answer(status.unwrap_or(200));
        let mut daemon = rig.daemon();
        for job_id in 0..3 {
            let id = format!("j{n}-{job_id}");
            rig.xadd(&traced("ada", &id)).await;
            let (stream, outcome) = rig.outcome(&id).await;
            assert_eq!(stream, Stream::Results, "{outcome}");
        }
        let line = daemon.wait_log("does not take spans");
        assert_eq!(line["level"], "WARN", "{line}");
        let began = Instant::now();
        assert!(daemon.stop().success());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!(daemon.log().matches("does not take spans").count(), 1, "{}", daemon.log());
    }
    let report = rig.run(&["doctor"]);
    assert!(report.stdout.contains("does not take spans: "), "{}", report.stdout);
    collector.answer(200);
    let report = rig.run(&["doctor"]);
    assert!(report.stdout.contains("/v1/traces takes spans"), "{}", report.stdout);
    let shown = rig.run(&["config", "show"]).expect(0);
    assert!(shown.stdout.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{}", shown.stdout);
    for text in [&report.stdout, &shown.stdout] {
        assert!(!text.contains("hush"), "{text}");
    }
    rig.set("OTEL_TRACES_SAMPLER", "always_off");
    let mut daemon = rig.daemon();
    rig.xadd(&traced("ada", "unsampled")).await;
    let (_, outcome) = rig.outcome("unsampled").await;
    assert_eq!(outcome["traceparent"], PRODUCER, "the producer's own");
    daemon.stop();
    assert!(collector.spans().is_empty());
}
