//! A server of which the test writes every byte.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zoom_api::{AccessToken, Client, Endpoints, Settings, TransportError};

pub const TOKEN: &str = "an.access.token";

/// No wait in these tests is longer.
pub const LIMIT: Duration = Duration::from_secs(10);

pub async fn listen() -> (TcpListener, Settings) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = settings(&format!("http://{}", listener.local_addr().unwrap()));
    (listener, settings)
}

pub fn settings(base: &str) -> Settings {
    let endpoints = Endpoints::new(&format!("{base}/v2"), base, false).unwrap();
    Settings::new(endpoints)
}

pub async fn client() -> (TcpListener, Client) {
    let (listener, settings) = listen().await;
    (listener, Client::new(settings).unwrap())
}

pub fn token() -> AccessToken {
    AccessToken::new(TOKEN).unwrap()
}

pub async fn accept(listener: &TcpListener) -> TcpStream {
    let accepted = tokio::time::timeout(LIMIT, listener.accept()).await;
    accepted.expect("a connection in time").unwrap().0
}

/// Reads one request: its head, and as much body as the head announces.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> (String, String) {
    let mut bytes = Vec::new();
    let head_len = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        let read = tokio::time::timeout(LIMIT, stream.read_buf(&mut bytes)).await;
        assert_ne!(read.expect("a request in time").unwrap(), 0, "a whole head");
    };
    let head = String::from_utf8(bytes[..head_len].to_vec()).unwrap();
    let length = header(&head, "content-length").map_or(0, |text| text.parse().unwrap());
    while bytes.len() < head_len + length {
        let read = tokio::time::timeout(LIMIT, stream.read_buf(&mut bytes)).await;
        assert_ne!(read.expect("a body in time").unwrap(), 0, "a whole body");
    }
    assert_eq!(bytes.len(), head_len + length, "nothing after the body");
    (head, String::from_utf8(bytes.split_off(head_len)).unwrap())
}

/// Everything until the other side hangs up.
pub async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(LIMIT, stream.read_to_end(&mut bytes)).await;
    // A reset is an end too.
    let _ = read.expect("an end in time");
    bytes
}

pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

pub async fn answer(stream: &mut (impl AsyncWrite + Unpin), status: &str, body: &str) {
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Asserts that an error reveals no secrets.
pub fn assert_discreet(error: &TransportError) {
    let shown = format!("{error} {error:?}");
    for secret in [TOKEN, "?", "http://", "https://", "the-secret", "the-refresh"] {
        assert!(!shown.contains(secret), "{shown} shows {secret}");
    }
}
