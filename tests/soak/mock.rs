//! A Zoom that makes every meeting it is asked for and remembers none.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

static NEXT: AtomicU64 = AtomicU64::new(70_000_000_000);

/// Answers until the runtime ends; where it listens.
pub async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn serve(mut stream: TcpStream) {
    let mut buffer = Vec::with_capacity(16 << 10);
    loop {
        while let Some(length) = whole(&buffer) {
            buffer.drain(..length);
            if stream.write_all(answer().as_bytes()).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut buffer).await {
            Ok(1..) => {}
            _ => return,
        }
    }
}

/// The length of the request at the front, once it is all there.
fn whole(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?.to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let body = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    (buffer.len() >= head + body).then_some(head + body)
}

fn answer() -> String {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let body = format!(
        "{{\"uuid\":\"u{id}==\",\"id\":{id},\"host_id\":\"h1\",\"topic\":\"Weekly sync\",\"type\":2,\
         \"status\":\"waiting\",\"start_time\":\"2036-12-01T10:00:00Z\",\"duration\":30,\"timezone\":\"UTC\",\
         \"created_at\":\"2026-10-01T00:00:00Z\",\"join_url\":\"https://zoom.us/j/{id}\"}}"
    );
    format!(
        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
