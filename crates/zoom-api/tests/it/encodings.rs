//! Replies that are compressed without a request for it, or begin with a byte order mark.

use secrecy::SecretString;
use zoom_api::{
    AccessToken, App, Client, Endpoints, ListQuery, MeetingRef, SendBody, Settings, TransportKind,
};
use zoom_sim::{Coding, Config, Endpoint, Fault, Sim, What};

use crate::server::token;

const CODINGS: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::RawDeflate, Coding::Br];

fn client(sim: &Sim) -> Client {
    let endpoints = Endpoints::new(&format!("{}/v2", sim.url()), sim.url(), false).unwrap();
    Client::new(Settings { max_body: 64 << 10, ..Settings::new(endpoints) }).unwrap()
}

fn meeting() -> SendBody {
    let body = r#"{"topic":"T","type":2,"start_time":"2030-01-07T10:00:00Z","duration":30}"#;
    SendBody::always(body)
}

#[tokio::test]
async fn every_reply_is_read_whatever_it_is_in() {
    let sim = Sim::start(Config::unlimited()).await;
    let client = client(&sim);
    let pair = sim.grant("ada");
    let mut refresh = SecretString::from(pair.refresh_token.unwrap());
    let mut access = AccessToken::new(&pair.access_token).unwrap();
    let app = App::new("sim-client", SecretString::from("sim-secret"));
    let whats = CODINGS.map(What::Compressed).into_iter().chain([What::ByteOrderMark]);
    for what in whats {
        let fault = sim.fault(Fault::new(Endpoint::Any, what.clone()).always());
        let made = client.post_meeting(&access, "me", meeting()).await.unwrap();
        let id = made.created().unwrap_or_else(|error| panic!("{what:?}: {error}")).id;
        assert_eq!(
            client.get_meeting(&access, &id.into()).await.unwrap().meeting().unwrap().summary.id,
            id
        );
        let page = client.list_meetings(&access, "me", &ListQuery::default()).await.unwrap();
        assert!(page.page().unwrap().meetings.iter().any(|row| row.id == id), "{what:?}");
        assert!(client.users_me(&access).await.unwrap().user().is_ok(), "{what:?}");
        let none = client.get_meeting(&access, &MeetingRef::Id(1)).await.unwrap();
        assert!(none.error().is_meeting_missing(), "{what:?}: {}", none.error());
        let raw = client.refresh(&app, &refresh).await.unwrap();
        let reply = raw.parse().unwrap_or_else(|error| panic!("{what:?}: {error}"));
        refresh = reply.refresh_token.expect("a pair");
        access =
            AccessToken::new(secrecy::ExposeSecret::expose_secret(&reply.access_token)).unwrap();
        let spent = SecretString::from("spent");
        let dead = client.refresh(&app, &spent).await.unwrap().parse().unwrap_err();
        assert_eq!(dead.kind, zoom_api::RefusalKind::DeadGrant, "{what:?}: {dead}");
        sim.clear_fault(fault);
    }
}

#[tokio::test]
async fn a_bomb_is_too_large_and_an_unknown_coding_is_named() {
    let (listener, settings) = crate::server::listen().await;
    let client = Client::new(Settings { max_body: 64 << 10, ..settings }).unwrap();
    let bomb = Coding::Gzip.encode(&vec![b' '; 10 << 20]).unwrap();
    let plain = br#"{"id":1,"topic":"T"}"#.as_slice();
    for (coding, body) in
        [("gzip", bomb.as_slice()), ("zstd", b"\x28\xb5\x2f\xfd"), ("gzip", plain)]
    {
        let serve = async {
            let mut stream = crate::server::accept(&listener).await;
            crate::server::read_request(&mut stream).await;
            let head = format!(
                "HTTP/1.1 201 Created\r\ncontent-encoding: {coding}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let whole = [head.as_bytes(), body].concat();
            tokio::io::AsyncWriteExt::write_all(&mut stream, &whole).await.unwrap();
        };
        let token = token();
        let ((), reply) = tokio::join!(serve, client.post_meeting(&token, "me", meeting()));
        match reply {
            Err(error) => {
                assert_eq!(error.kind, TransportKind::BodyTooLarge, "{error:?}");
                assert_eq!((error.status, body.len()), (Some(201), bomb.len()));
            }
            Ok(reply) if coding == "zstd" => {
                let why = reply.created().unwrap_err().to_string();
                assert!(why.contains("content-encoding \"zstd\""), "{why}");
            }
            // A proxy decoded the body and left the header.
            Ok(reply) => assert_eq!(reply.created().unwrap().id, 1),
        }
    }
}
