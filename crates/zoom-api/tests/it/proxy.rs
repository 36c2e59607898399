//! Through a proxy: every call goes there, and what it refuses was not sent.

use secrecy::SecretString;
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use zoom_api::{App, Client, Proxies, SendBody, Sent, Settings, TransportError, TransportKind};

use crate::server::{
    accept, answer, assert_discreet, header, listen, read_request, settings, token,
};
use crate::tls::{self, NAME};

/// `user:pa ss` as a proxy receives it.
const BASIC: &str = "Basic dXNlcjpwYSBzcw==";

fn through(proxy: &TcpListener, variable: &str, settings: Settings) -> Settings {
    let url = format!("http://user:pa%20ss@{}", proxy.local_addr().unwrap());
    let proxies = Proxies::read(|name| (name == variable).then(|| url.clone()));
    Settings { proxies, ..settings }
}

async fn proxy() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Takes one CONNECT, and joins it to `server`.
async fn tunnel(proxy: &TcpListener, server: &TcpListener) {
    let mut inward = accept(proxy).await;
    let (head, _) = read_request(&mut inward).await;
    assert!(head.starts_with("CONNECT zoom.test:443 HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "proxy-authorization"), Some(BASIC), "{head}");
    assert_eq!(header(&head, "authorization"), None, "{head}");
    inward.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let mut outward = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    tokio::spawn(async move {
        let _ = copy_bidirectional(&mut inward, &mut outward).await;
    });
}

fn app() -> App {
    App::new("id", SecretString::from("the-secret"))
}

#[tokio::test]
async fn every_call_goes_through_the_tunnel() {
    let (acceptor, root) = tls::acceptor();
    let (proxy, server) = (proxy().await, proxy().await);
    let mut settings = through(&proxy, "HTTPS_PROXY", settings(&format!("https://{NAME}")));
    settings.extra_roots = vec![root];
    let client = Client::new(settings).unwrap();
    let zoom = async |status: &str, body: &str| {
        tunnel(&proxy, &server).await;
        let mut stream = acceptor.accept(accept(&server).await).await.unwrap();
        let (head, _) = read_request(&mut stream).await;
        assert_eq!(header(&head, "host"), Some(NAME), "{head}");
        assert_eq!(header(&head, "proxy-authorization"), None, "{head}");
        assert_eq!(header(&head, "accept-encoding"), Some("identity"), "{head}");
        answer(&mut stream, status, body).await;
        stream
    };
    let token = token();
    let call = client.post_meeting(&token, "me", SendBody::always("{}"));
    let (_open, reply) = tokio::join!(zoom("201 Created", r#"{"id":1}"#), call);
    assert_eq!(reply.unwrap().created().unwrap().id, 1);

    let (app, secret) = (app(), SecretString::from("the-refresh"));
    let pair = r#"{"access_token":"a","refresh_token":"r"}"#;
    let (_open, reply) = tokio::join!(zoom("200 OK", pair), client.refresh(&app, &secret));
    assert!(reply.unwrap().parse().unwrap().refresh_token.is_some());

    // The API connection is in its pool, so that check has a client of its own.
    let other = Client::new(client.settings().clone()).unwrap();
    for checks_api in [false, true] {
        let silent = async {
            tunnel(&proxy, &server).await;
            let mut stream = acceptor.accept(accept(&server).await).await.unwrap();
            crate::server::read_all(&mut stream).await
        };
        let check = async {
            if checks_api { other.preflight_api().await } else { other.preflight().await }
        };
        let (seen, took) = tokio::join!(silent, check);
        took.unwrap();
        assert!(seen.is_empty());
    }
}

/// All calls there are, against a proxy that answers each CONNECT with `line`.
async fn refused_with(line: &str, words: &str) {
    let proxy = proxy().await;
    let client = through(&proxy, "ALL_PROXY", settings(&format!("https://{NAME}")));
    let client = Client::new(client).unwrap();
    let refuse = async || {
        let mut stream = accept(&proxy).await;
        read_request(&mut stream).await;
        stream.write_all(line.as_bytes()).await.unwrap();
    };
    let check = |error: TransportError| {
        assert_eq!((error.kind, error.sent), (TransportKind::Proxy, Sent::No), "{error:?}");
        assert!(error.to_string().contains(words) && error.is_unreachable(), "{error}");
        assert_discreet(&error);
        assert!(!format!("{error:?}").contains("pa%20ss"), "{error:?}");
    };
    let (token, app, secret) = (token(), app(), SecretString::from("the-refresh"));
    let call = client.post_meeting(&token, "me", SendBody::always("{}"));
    check(tokio::join!(refuse(), call).1.unwrap_err());
    check(tokio::join!(refuse(), client.users_me(&token)).1.unwrap_err());
    check(tokio::join!(refuse(), client.refresh(&app, &secret)).1.unwrap_err());
    check(tokio::join!(refuse(), client.preflight()).1.unwrap_err());
    check(tokio::join!(refuse(), client.preflight_api()).1.unwrap_err());
}

#[tokio::test]
async fn a_refused_connect_was_not_sent() {
    refused_with("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "password").await;
    refused_with("HTTP/1.1 503 Service Unavailable\r\n\r\n", "refused CONNECT").await;
}

#[tokio::test]
async fn a_proxy_that_is_not_there_was_not_sent_to() {
    let proxy = proxy().await;
    let settings = through(&proxy, "HTTPS_PROXY", settings(&format!("https://{NAME}")));
    drop(proxy);
    let client = Client::new(settings).unwrap();
    let call = client.post_meeting(&token(), "me", SendBody::always("{}")).await;
    for error in [call.unwrap_err(), client.preflight().await.unwrap_err()] {
        assert_eq!((error.kind, error.sent), (TransportKind::Proxy, Sent::No), "{error:?}");
    }
}

#[tokio::test]
async fn plain_http_is_forwarded_with_the_whole_address() {
    let proxy = proxy().await;
    let (listener, direct) = listen().await;
    let endpoints =
        zoom_api::Endpoints::new("http://zoom.test/v2", "http://zoom.test", true).unwrap();
    let client = through(&proxy, "HTTP_PROXY", Settings { endpoints, ..direct.clone() });
    let client = Client::new(client).unwrap();
    let forward = async |status: &str, body: &str| {
        let mut stream = accept(&proxy).await;
        let (head, _) = read_request(&mut stream).await;
        assert_eq!(header(&head, "proxy-authorization"), Some(BASIC), "{head}");
        answer(&mut stream, status, body).await;
        (head, stream)
    };
    let token = token();
    let call = client.post_meeting(&token, "me", SendBody::always("{}"));
    let ((head, _open), reply) = tokio::join!(forward("201 Created", r#"{"id":1}"#), call);
    reply.unwrap();
    assert!(head.starts_with("POST http://zoom.test/v2/users/me/meetings HTTP/1.1\r\n"), "{head}");
    let (app, secret) = (app(), SecretString::from("the-refresh"));
    let ((head, _open), reply) =
        tokio::join!(forward("400 Bad Request", "{}"), client.refresh(&app, &secret));
    reply.unwrap();
    assert!(head.starts_with("POST http://zoom.test/oauth/token HTTP/1.1\r\n"), "{head}");
    let no = "407 Proxy Authentication Required";
    let (_, reply) = tokio::join!(forward(no, ""), client.refresh(&app, &secret));
    let error = reply.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportKind::Proxy, Sent::No), "{error:?}");

    // This machine is reached without it.
    let client = Client::new(through(&proxy, "ALL_PROXY", direct)).unwrap();
    let server = async {
        let mut stream = accept(&listener).await;
        let (head, _) = read_request(&mut stream).await;
        answer(&mut stream, "200 OK", "{}").await;
        head
    };
    let (head, reply) = tokio::join!(server, client.users_me(&token));
    reply.unwrap();
    assert!(head.starts_with("GET /v2/users/me HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "proxy-authorization"), None);
}
