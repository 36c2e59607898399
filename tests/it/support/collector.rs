//! A collector of traces: an HTTP server that decodes OTLP's protobuf and keeps what came.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::until;

/// Status that stands for no answer at all.
pub const HANGS: u16 = 0;

/// A collector; it listens for as long as the process lives.
pub struct Collector {
    address: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    status: AtomicU16,
    asked: AtomicUsize,
    spans: Mutex<Vec<Span>>,
    resources: Mutex<Vec<Vec<KeyValue>>>,
    raw: Mutex<Vec<u8>>,
    heads: Mutex<String>,
}

impl Collector {
    /// One that takes everything.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("its address"));
        let seen = Arc::new(Seen { status: AtomicU16::new(200), ..Seen::default() });
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&shared);
                std::thread::spawn(move || seen.serve(stream));
            }
        });
        Self { address, seen }
    }

    /// Address for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Answers with this status from now on; [`HANGS`]: not at all.
    pub fn answer(&self, status: u16) {
        self.seen.status.store(status, Ordering::SeqCst);
    }

    /// Number of exports that came, whatever was answered.
    pub fn asked(&self) -> usize {
        self.seen.asked.load(Ordering::SeqCst)
    }

    /// Spans that were taken.
    pub fn spans(&self) -> Vec<Span> {
        lock(&self.seen.spans).clone()
    }

    /// Attributes of the first process that sent spans.
    pub fn resource(&self) -> Vec<(String, String)> {
        let resources = lock(&self.seen.resources);
        let first = resources.first().expect("an export");
        first.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
    }

    /// All bytes of all bodies, as they came.
    pub fn raw(&self) -> Vec<u8> {
        lock(&self.seen.raw).clone()
    }

    /// The heads of all requests.
    pub fn heads(&self) -> String {
        lock(&self.seen.heads).clone()
    }

    /// Waits until spans have come of which `enough` is true.
    pub fn wait(&self, what: &str, enough: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        until(what, || Some(self.spans()).filter(|spans| enough(spans)))
    }
}

impl Seen {
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(()) = self.one(&mut reader) {}
    }

    fn one(&self, reader: &mut BufReader<TcpStream>) -> Option<()> {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let from = head.len();
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
            let line = head[from..].to_ascii_lowercase();
            if let Some(given) = line.strip_prefix("content-length:") {
                length = given.trim().parse().expect("a length");
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        assert!(head.contains("POST /v1/traces "), "{head}");
        let request = ExportTraceServiceRequest::decode(&*body).expect("OTLP");
        lock(&self.heads).push_str(&head);
        self.asked.fetch_add(1, Ordering::SeqCst);
        let status = self.status.load(Ordering::SeqCst);
        if status == HANGS {
            // Until the other side gives up.
            let _ = reader.read(&mut [0]);
            return None;
        }
        if status == 200 {
            lock(&self.raw).extend_from_slice(&body);
            for resource in request.resource_spans {
                lock(&self.resources).extend(resource.resource.map(|one| one.attributes));
                for scope in resource.scope_spans {
                    lock(&self.spans).extend(scope.spans);
                }
            }
        }
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        reader.get_mut().write_all(answer.as_bytes()).ok()
    }
}

/// The value of an attribute as text; empty if the span has none of this name.
pub fn attribute(span: &Span, name: &str) -> String {
    span.attributes.iter().find(|pair| pair.key == name).map(text).unwrap_or_default()
}

fn text(pair: &KeyValue) -> String {
    match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{}: {other:?}", pair.key),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
