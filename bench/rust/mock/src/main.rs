//! The upstream of all rows: answers every POST with 201 and a reply of Zoom's
//! size, after MOCK_LATENCY_MS. `/oauth/token` hands out a token; GET answers
//! how many meetings were created.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
static CREATED: AtomicU64 = AtomicU64::new(0);

const TOKEN: &str = r#"{"access_token":"bench","token_type":"bearer","refresh_token":"bench-next","expires_in":3600,"scope":"meeting:write:meeting meeting:read:list_meetings meeting:read:meeting"}"#;

/// About 1.6 KB, like a reply of Zoom with its settings.
fn meeting() -> String {
    let switches: Vec<String> =
        (0..32).map(|i| format!("\"a_setting_of_the_meeting_{i}\":false")).collect();
    format!(
        "{{\"uuid\":\"benchAAABBBCCCDDDEEEF==\",\"id\":85746065432,\"host_id\":\"bench-host-0001\",\
         \"host_email\":\"host@example.com\",\"topic\":\"A meeting\",\"type\":2,\"status\":\"waiting\",\
         \"start_time\":\"2030-01-07T10:00:00Z\",\"duration\":30,\"timezone\":\"UTC\",\
         \"created_at\":\"2026-01-01T00:00:00Z\",\"join_url\":\"https://example.com/j/85746065432\",\
         \"start_url\":\"https://example.com/s/85746065432?zak={}\",\"settings\":{{{}}}}}",
        "z".repeat(200),
        switches.join(",")
    )
}

fn reply(status: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

async fn serve(mut stream: TcpStream, latency: Duration, created: &'static [u8]) {
    let mut buffer = Vec::with_capacity(8192);
    loop {
        while let Some((length, request)) = next_request(&buffer) {
            let answer = match request {
                Request::Create => {
                    CREATED.fetch_add(1, Ordering::Relaxed);
                    if !latency.is_zero() {
                        tokio::time::sleep(latency).await;
                    }
                    stream.write_all(created).await
                }
                Request::Token => stream.write_all(&reply("200 OK", TOKEN)).await,
                Request::Count => {
                    let count = CREATED.load(Ordering::Relaxed).to_string();
                    stream.write_all(&reply("200 OK", &count)).await
                }
            };
            if answer.is_err() {
                return;
            }
            buffer.drain(..length);
        }
        if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
            return;
        }
    }
}

enum Request {
    Create,
    Token,
    Count,
}

/// The first whole request in the buffer and its length. Chunked bodies end at
/// their last chunk; all others say their length.
fn next_request(buffer: &[u8]) -> Option<(usize, Request)> {
    let head = buffer.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?.to_ascii_lowercase();
    let length = if text.contains("transfer-encoding: chunked") {
        head + buffer[head..].windows(5).position(|w| w == b"0\r\n\r\n")? + 5
    } else {
        let stated = text.split("content-length:").nth(1).and_then(|t| t.split("\r\n").next());
        head + stated.and_then(|t| t.trim().parse().ok()).unwrap_or(0usize)
    };
    let kind = match () {
        () if text.starts_with("get ") => Request::Count,
        () if text.contains("/oauth/token") => Request::Token,
        () => Request::Create,
    };
    (buffer.len() >= length).then_some((length, kind))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let setting = |name: &str, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let latency = Duration::from_millis(setting("MOCK_LATENCY_MS", "0").parse().expect("a number"));
    let address = format!("127.0.0.1:{}", setting("MOCK_PORT", "18080"));
    let created: &'static [u8] = reply("201 Created", &meeting()).leak();
    let listener = TcpListener::bind(address).await.expect("a free port");
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(serve(stream, latency, created));
    }
}
