//! A body is sent only while its condition holds and its caller still waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use zoom_api::{SendBody, Sent, TransportKind};

use crate::server::{accept, answer, assert_discreet, client, read_all, read_request, token};
use crate::tls;

#[tokio::test]
async fn withheld_from_the_start() {
    let (listener, client) = client().await;
    let token = token();
    let body = SendBody::new(r#"{"topic":"kept"}"#, || false);
    let server = async { read_all(&mut accept(&listener).await).await };
    let (seen, reply) = tokio::join!(server, client.post_meeting(&token, "me", body));
    let error = reply.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportKind::Withheld, Sent::No));
    assert_discreet(&error);
    assert!(!String::from_utf8_lossy(&seen).contains("kept"));
}

#[tokio::test]
async fn withheld_when_the_condition_ends_while_connecting() {
    let (listener, client, acceptor) = tls::pair().await;
    let token = token();
    let holds = Arc::new(AtomicBool::new(true));
    let condition = Arc::clone(&holds);
    let body = SendBody::new("kept", move || condition.load(Ordering::SeqCst));
    let server = async {
        let stream = accept(&listener).await;
        holds.store(false, Ordering::SeqCst);
        read_all(&mut acceptor.accept(stream).await.unwrap()).await
    };
    let (seen, reply) = tokio::join!(server, client.post_meeting(&token, "me", body));
    assert_eq!(reply.unwrap_err().kind, TransportKind::Withheld);
    assert!(!String::from_utf8_lossy(&seen).contains("kept"));
}

#[tokio::test]
async fn nothing_leaves_for_a_caller_who_left() {
    let (listener, client, acceptor) = tls::pair().await;
    let token = token();
    let mut call = Box::pin(client.post_meeting(&token, "me", SendBody::always("kept")));
    let stream = tokio::select! {
        stream = accept(&listener) => stream,
        reply = &mut call => panic!("no answer was given: {reply:?}"),
    };
    drop(call);
    let server = async {
        match acceptor.accept(stream).await {
            Ok(mut stream) => read_all(&mut stream).await,
            Err(_) => Vec::new(),
        }
    };
    let seen = tokio::select! {
        seen = server => seen,
        () = async { drop(client); std::future::pending().await } => Vec::new(),
    };
    assert!(!String::from_utf8_lossy(&seen).contains("kept"));
}

#[tokio::test]
async fn the_condition_is_asked_once_the_connection_stands() {
    let (listener, client) = client().await;
    let token = token();
    let asked = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&asked);
    let body = SendBody::new("{}", move || !mark.swap(true, Ordering::SeqCst));
    let server = async {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
        answer(&mut stream, "201 Created", r#"{"id":1}"#).await;
    };
    let ((), reply) = tokio::join!(server, client.post_meeting(&token, "me", body));
    assert_eq!(reply.unwrap().created().unwrap().id, 1);
    assert!(asked.load(Ordering::SeqCst));
}
