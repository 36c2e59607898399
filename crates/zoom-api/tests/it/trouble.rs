//! Everything that can come between a request and its answer, and what is then
//! said of whether the request left.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use zoom_api::{Client, SendBody, Sent, TransportError, TransportKind};

use crate::server::{accept, answer, assert_discreet, listen, read_request, settings, token};

async fn create(client: &Client) -> TransportError {
    let token = token();
    let call = client.post_meeting(&token, "me", SendBody::always("{}"));
    let error = call.await.expect_err("no complete answer");
    assert_discreet(&error);
    error
}

fn expect(error: &TransportError, kind: TransportKind, sent: Sent, status: Option<u16>) {
    assert_eq!((error.kind, error.sent, error.status), (kind, sent, status), "{error:?}");
}

/// A create against a server that reads the request, then does `then`.
async fn create_against<F>(then: impl FnOnce(TcpStream) -> F) -> TransportError
where
    F: Future<Output = Option<TcpStream>>,
{
    let (listener, mut settings) = listen().await;
    settings.request_timeout = Duration::from_millis(300);
    settings.max_body = 64 * 1024;
    let client = Client::new(settings).unwrap();
    let server = async {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
        then(stream).await
    };
    let (_open, error) = tokio::join!(server, create(&client));
    error
}

#[tokio::test]
async fn refused_connection_is_not_sent() {
    let (listener, settings) = listen().await;
    drop(listener);
    let error = create(&Client::new(settings).unwrap()).await;
    expect(&error, TransportKind::Connect, Sent::No, None);
    assert!(error.is_unreachable() && error.is_retryable());
}

#[tokio::test]
async fn unknown_host_is_not_sent() {
    let label = "a".repeat(64);
    let client = Client::new(settings(&format!("http://{label}.localhost"))).unwrap();
    expect(&create(&client).await, TransportKind::Dns, Sent::No, None);
    let error = client.preflight().await.unwrap_err();
    expect(&error, TransportKind::Dns, Sent::No, None);
}

#[tokio::test]
async fn an_id_that_climbs_is_not_sent() {
    let client = Client::new(settings("http://127.0.0.1:1")).unwrap();
    let token = token();
    let call = client.post_meeting(&token, "..", SendBody::always("{}"));
    let error = call.await.unwrap_err();
    expect(&error, TransportKind::Request, Sent::No, None);
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn silence_after_the_request_may_have_been_sent() {
    let error = create_against(|stream| async { Some(stream) }).await;
    expect(&error, TransportKind::Timeout, Sent::Maybe, None);
}

#[tokio::test]
async fn silence_within_the_answer_keeps_its_status() {
    let error = create_against(|mut stream| async {
        let head = b"HTTP/1.1 201 Created\r\ncontent-length: 10\r\n\r\n{\"id\"";
        stream.write_all(head).await.unwrap();
        Some(stream)
    })
    .await;
    expect(&error, TransportKind::Timeout, Sent::Maybe, Some(201));
}

#[tokio::test]
async fn a_connection_dropped_after_the_request_may_have_been_sent() {
    let error = create_against(|stream| async {
        drop(stream);
        None
    })
    .await;
    expect(&error, TransportKind::Reset, Sent::Maybe, None);
}

#[tokio::test]
async fn a_connection_dropped_within_the_answer_keeps_its_status() {
    let error = create_against(|mut stream| async move {
        let head = b"HTTP/1.1 201 Created\r\ncontent-length: 10\r\n\r\n{\"id\"";
        stream.write_all(head).await.unwrap();
        None
    })
    .await;
    expect(&error, TransportKind::Reset, Sent::Maybe, Some(201));
}

#[tokio::test]
async fn what_is_not_http_may_have_been_sent() {
    let error = create_against(|mut stream| async move {
        stream.write_all(b"220 smtp ready\r\n\r\n").await.unwrap();
        Some(stream)
    })
    .await;
    expect(&error, TransportKind::Protocol, Sent::Maybe, None);
}

#[tokio::test]
async fn a_body_announced_too_large_is_not_read() {
    let error = create_against(|mut stream| async move {
        let head = b"HTTP/1.1 201 Created\r\ncontent-length: 104857600\r\n\r\n";
        stream.write_all(head).await.unwrap();
        Some(stream)
    })
    .await;
    expect(&error, TransportKind::BodyTooLarge, Sent::Maybe, Some(201));
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let (done, written) = tokio::sync::oneshot::channel();
    let error = create_against(|mut stream| async move {
        let head = b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        let mut sent = 0;
        while stream.write_all(chunk.as_bytes()).await.is_ok() {
            sent += chunk.len();
        }
        done.send(sent).unwrap();
        None
    })
    .await;
    expect(&error, TransportKind::BodyTooLarge, Sent::Maybe, Some(201));
    let written = written.await.unwrap();
    assert!(written < 100 << 20, "{written} bytes were taken from the wire");
}

#[tokio::test]
async fn a_body_in_pieces_is_whole() {
    let (listener, settings) = listen().await;
    let client = Client::new(settings).unwrap();
    let server = async {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
        let pieces = [
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "4\r\n{\"id\r\n",
            "5\r\n\":\"u\"\r\n",
            "1\r\n}\r\n0\r\n\r\n",
        ];
        for piece in pieces {
            stream.write_all(piece.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        read_request(&mut stream).await;
        answer(&mut stream, "200 OK", r#"{"id":"u"}"#).await;
    };
    let calls = async {
        for _ in 0..2 {
            let reply = client.users_me(&token()).await.unwrap();
            assert_eq!(reply.user().unwrap().id, "u");
        }
    };
    tokio::join!(server, calls);
}
