//! Over TLS: whom the client trusts, and what it says when it does not.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use zoom_api::{Client, SendBody, Sent, Settings, TransportKind};

use crate::server::{accept, answer, assert_discreet, read_request, settings, token};

/// A name that no resolver knows.
pub const NAME: &str = "zoom.test";

pub fn acceptor() -> (TlsAcceptor, CertificateDer<'static>) {
    let names = vec!["localhost".to_owned(), NAME.to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), cert.der().clone())
}

async fn listen() -> (TcpListener, Settings) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, settings(&format!("https://localhost:{port}")))
}

/// A TLS server and a client that trusts it.
pub async fn pair() -> (TcpListener, Client, TlsAcceptor) {
    let (listener, mut settings) = listen().await;
    let (acceptor, root) = acceptor();
    settings.extra_roots = vec![root];
    (listener, Client::new(settings).unwrap(), acceptor)
}

#[tokio::test]
async fn a_trusted_server_is_spoken_to() {
    let (listener, client, acceptor) = pair().await;
    let token = token();
    let server = async {
        let mut stream = acceptor.accept(accept(&listener).await).await.unwrap();
        read_request(&mut stream).await;
        answer(&mut stream, "201 Created", r#"{"id":1}"#).await;
        stream
    };
    let call = client.post_meeting(&token, "me", SendBody::always("{}"));
    let (_open, reply) = tokio::join!(server, call);
    assert_eq!(reply.unwrap().created().unwrap().id, 1);
}

#[tokio::test]
async fn preflight_shakes_hands_and_says_nothing() {
    let (listener, client, acceptor) = pair().await;
    let server = async {
        let mut stream = acceptor.accept(accept(&listener).await).await.unwrap();
        crate::server::read_all(&mut stream).await
    };
    let (seen, took) = tokio::join!(server, client.preflight());
    took.unwrap();
    assert!(seen.is_empty());
}

#[tokio::test]
async fn a_stranger_is_not_trusted() {
    let (listener, settings) = listen().await;
    let client = Client::new(settings).unwrap();
    let (acceptor, _) = acceptor();
    let server = async {
        for _ in 0..2 {
            let refused = acceptor.accept(accept(&listener).await).await;
            assert!(refused.is_err());
        }
    };
    let calls = async {
        let token = token();
        let call = client.post_meeting(&token, "me", SendBody::always("{}"));
        let error = call.await.unwrap_err();
        assert_eq!((error.kind, error.sent), (TransportKind::Tls, Sent::No), "{error:?}");
        assert!(error.detail.contains("certificate"), "{error}");
        assert_discreet(&error);
        let error = client.preflight().await.unwrap_err();
        assert_eq!((error.kind, error.sent), (TransportKind::Tls, Sent::No));
    };
    tokio::join!(server, calls);
}

#[tokio::test]
async fn what_is_not_tls_is_told_apart() {
    let (listener, settings) = listen().await;
    let client = Client::new(settings).unwrap();
    let server = async {
        let mut stream = accept(&listener).await;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    };
    let token = token();
    let (_open, reply) = tokio::join!(server, client.users_me(&token));
    let error = reply.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportKind::Tls, Sent::No), "{error:?}");
}

#[tokio::test]
async fn a_silent_server_costs_the_connect_time_only() {
    let (listener, mut settings) = listen().await;
    settings.connect_timeout = std::time::Duration::from_millis(200);
    let client = Client::new(settings).unwrap();
    let token = token();
    let call = client.post_meeting(&token, "me", SendBody::always("{}"));
    let (_open, reply) = tokio::join!(accept(&listener), call);
    let error = reply.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportKind::Connect, Sent::No), "{error:?}");
    let (_open, took) = tokio::join!(accept(&listener), client.preflight());
    let error = took.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportKind::Connect, Sent::No), "{error:?}");
}
