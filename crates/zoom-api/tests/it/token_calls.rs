//! Requests of token calls; each is one attempt on its own connection.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use zoom_api::{App, Client, Pkce, RefusalKind, RetryAfter, Sent, TransportKind};

use crate::server::{accept, answer, assert_discreet, client, header, listen, read_request};

fn app() -> App {
    App::new("the-id", SecretString::from("the-secret"))
}

fn refresh_token() -> SecretString {
    SecretString::from("the-refresh")
}

#[tokio::test]
async fn each_call_sends_a_form_on_a_connection_of_its_own() {
    let (listener, client) = client().await;
    let pkce = Pkce::from_verifier(SecretString::from("verifier"));
    let server = async {
        let mut seen = Vec::new();
        for _ in 0..4 {
            let mut stream = accept(&listener).await;
            let (head, body) = read_request(&mut stream).await;
            answer(&mut stream, "200 OK", r#"{"access_token":"a","refresh_token":"r"}"#).await;
            seen.push((head, body));
        }
        seen
    };
    let calls = async {
        let app = app();
        let code = SecretString::from("c&d");
        let redirect = "http://localhost:3000/zoom";
        let reply = client.exchange_code(&app, &code, redirect, &pkce).await.unwrap();
        assert_eq!(reply.parse().unwrap().refresh_token.unwrap().expose_secret(), "r");
        client.refresh(&app, &refresh_token()).await.unwrap();
        client.account_credentials(&app, "acc").await.unwrap();
        client.revoke(&app, &SecretString::from("a")).await.unwrap().revoked().unwrap();
    };
    let (seen, ()) = tokio::join!(server, calls);
    let expected = [
        (
            "token",
            "grant_type=authorization_code&code=c%26d&redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fzoom&code_verifier=verifier",
        ),
        ("token", "grant_type=refresh_token&refresh_token=the-refresh"),
        ("token", "grant_type=account_credentials&account_id=acc"),
        ("revoke", "token=a"),
    ];
    for ((head, body), (leaf, form)) in seen.iter().zip(expected) {
        assert!(head.starts_with(&format!("POST /oauth/{leaf} HTTP/1.1\r\n")), "{head}");
        assert_eq!(body, form);
        assert_eq!(header(head, "content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(header(head, "accept"), Some("application/json"));
        assert_eq!(header(head, "authorization"), Some("Basic dGhlLWlkOnRoZS1zZWNyZXQ="));
    }
}

#[tokio::test]
async fn trouble_is_handed_over_not_repeated() {
    let (listener, client) = client().await;
    let server = async {
        for (status, body) in [
            ("503 Service Unavailable\r\nretry-after: 7", "<html>"),
            ("400 Bad Request", r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#),
            ("307 Temporary Redirect\r\nlocation: /oauth/elsewhere", ""),
        ] {
            let mut stream = accept(&listener).await;
            let (head, _) = read_request(&mut stream).await;
            assert!(head.starts_with("POST /oauth/token "), "{head}");
            answer(&mut stream, status, body).await;
        }
        // One that reads and hangs up.
        read_request(&mut accept(&listener).await).await;
    };
    let calls = async {
        let refused = async || {
            let reply = client.refresh(&app(), &refresh_token()).await;
            reply.unwrap().parse().unwrap_err()
        };
        let server = refused().await;
        assert_eq!(server.kind, RefusalKind::Gateway);
        assert_eq!(server.retry_after, Some(RetryAfter::Seconds(7)));
        assert_eq!(refused().await.kind, RefusalKind::DeadGrant);
        assert_eq!(refused().await.kind, RefusalKind::Unreadable);
        let error = client.refresh(&app(), &refresh_token()).await.unwrap_err();
        assert_eq!((error.kind, error.sent), (TransportKind::Reset, Sent::Maybe));
        assert_discreet(&error);
    };
    tokio::join!(server, calls);
    listener.into_std().unwrap().accept().expect_err("no fifth call");
}

#[tokio::test]
async fn silence_is_doubt_and_a_refused_connection_is_none() {
    let (listener, mut settings) = listen().await;
    settings.token_timeout = Duration::from_millis(300);
    let client = Client::new(settings).unwrap();
    let server = async {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
        stream
    };
    let (app, old) = (app(), refresh_token());
    let (open, reply) = tokio::join!(server, client.refresh(&app, &old));
    let error = reply.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportKind::Timeout, Sent::Maybe));
    drop((open, listener));
    let error = client.refresh(&app, &old).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportKind::Connect, Sent::No));
    assert_discreet(&error);
    let error = client.preflight().await.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportKind::Connect, Sent::No));
}

#[tokio::test]
async fn a_reply_that_came_while_the_process_stood_still_is_read() {
    let (listener, mut settings) = listen().await;
    settings.token_timeout = Duration::from_millis(300);
    let limit = settings.token_timeout;
    let client = Client::new(settings).unwrap();
    let server = async {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
        answer(&mut stream, "200 OK", r#"{"access_token":"a","refresh_token":"r"}"#).await;
        // The whole runtime is on this thread: nothing reads until the time is over.
        std::thread::sleep(limit * 2);
    };
    let (app, old) = (app(), refresh_token());
    let ((), reply) = tokio::join!(server, client.refresh(&app, &old));
    assert_eq!(reply.unwrap().parse().unwrap().refresh_token.unwrap().expose_secret(), "r");
}
