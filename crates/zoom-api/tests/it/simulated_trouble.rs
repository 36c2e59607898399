//! The simulated Zoom failing on both sides of the deed: what the client says
//! must leave room for what really happened.

use std::time::Duration;

use zoom_api::{Class, Client, Reply, SendBody, Sent, TransportError, TransportKind};
use zoom_sim::{Config, Endpoint, Fault, Sim, What};

use crate::server::{assert_discreet, settings};
use crate::simulated_meetings::{body, token};

async fn world() -> (Sim, Client) {
    let sim = Sim::start(Config::unlimited()).await;
    let mut settings = settings(sim.url());
    settings.request_timeout = Duration::from_millis(500);
    settings.max_body = 64 * 1024;
    let client = Client::new(settings).unwrap();
    (sim, client)
}

async fn create(sim: &Sim, client: &Client, what: What) -> Result<Reply, TransportError> {
    sim.fault(Fault::new(Endpoint::Create, what).after());
    let reply = client.post_meeting(&token(sim, "ada"), "me", body("t")).await;
    if let Err(error) = &reply {
        assert_discreet(error);
    }
    reply
}

#[tokio::test]
async fn an_answer_lost_after_the_deed_may_have_been_sent() {
    let (sim, client) = world().await;
    let table = [
        (What::Drop, TransportKind::Reset, None),
        (What::Reset, TransportKind::Reset, None),
        (What::HalfReply(20), TransportKind::Reset, Some(201)),
        (What::Huge(100 << 20), TransportKind::BodyTooLarge, Some(201)),
        (What::Hang, TransportKind::Timeout, None),
    ];
    for (n, (what, kind, status)) in table.into_iter().enumerate() {
        let error = create(&sim, &client, what.clone()).await.expect_err("no whole answer");
        let said = (error.kind, error.sent, error.status);
        assert_eq!(said, (kind, Sent::Maybe, status), "{what:?}: {error:?}");
        assert_eq!(sim.meetings().len(), n + 1, "{what:?}: the meeting exists, made once");
    }
}

#[tokio::test]
async fn an_odd_answer_after_the_deed_is_unclear_or_unreadable() {
    let (sim, client) = world().await;
    let redirect = What::Redirect { status: 302, location: format!("{}/v2/users/me", sim.url()) };
    for what in [What::Status(503), What::Html(200), What::Html(400), redirect] {
        let reply = create(&sim, &client, what.clone()).await.unwrap();
        assert!(reply.created().is_err(), "{what:?}");
        assert_eq!(reply.error().class(), Class::Unclear, "{what:?}");
    }
    let reply = create(&sim, &client, What::MalformedJson).await.unwrap();
    assert_eq!(reply.status, 201);
    assert!(reply.created().is_err());
    let reply = create(&sim, &client, What::Xml(400)).await.unwrap();
    assert_eq!(reply.error().class(), Class::Refused);
    assert!(reply.error().code.is_some(), "{:?}", reply.error());
    let without = ["uuid", "host_id", "host_email", "join_url"].map(str::to_owned).to_vec();
    let reply = create(&sim, &client, What::Without(without)).await.unwrap();
    assert!(reply.created().unwrap().host_id.is_none());
    assert_eq!(sim.counters().arrived.me, 0, "the redirect was not followed");
}

#[tokio::test]
async fn nothing_withheld_arrives() {
    let (sim, client) = world().await;
    let token = token(&sim, "ada");
    let held = SendBody::new(r#"{"topic":"t","type":1}"#, || false);
    let error = client.post_meeting(&token, "me", held).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportKind::Withheld, Sent::No));
    let reply = client.post_meeting(&token, "me", body("t")).await.unwrap();
    assert_eq!(reply.status, 201);
    assert_eq!(sim.meetings().len(), 1);
}

#[tokio::test]
async fn a_server_that_comes_back_is_spoken_to_again() {
    let (sim, client) = world().await;
    let token = token(&sim, "ada");
    assert_eq!(client.users_me(&token).await.unwrap().status, 200);
    sim.down().await;
    let error = client.users_me(&token).await.unwrap_err();
    assert!(error.is_unreachable(), "{error:?}");
    sim.up().await;
    assert_eq!(client.users_me(&token).await.unwrap().status, 200);
    client.preflight().await.unwrap();
    client.preflight_api().await.unwrap();
}

/// Time-outs of about as long as a call takes, on two threads: callers give up
/// at every possible moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_not_to_be_sent_never_arrives() {
    let sim = Sim::start(Config::unlimited()).await;
    let token = token(&sim, "ada");
    let hasty = |micros| {
        let mut settings = settings(sim.url());
        settings.request_timeout = Duration::from_micros(micros);
        Client::new(settings).unwrap()
    };
    let clients: Vec<_> = (1..=16).map(|n| hasty(n * n * 25)).collect();
    let calls = (0..800).map(|n| {
        let (client, token) = (clients[n % clients.len()].clone(), token.clone());
        tokio::spawn(async move {
            let topic = format!("t{n}");
            let reply = client.post_meeting(&token, "me", body(&topic)).await;
            (topic, reply.map_err(|error| error.sent))
        })
    });
    let (mut never, mut made) = (Vec::new(), Vec::new());
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap() {
            (topic, Err(Sent::No)) => never.push(topic),
            (topic, Ok(_)) => made.push(topic),
            (_, Err(Sent::Maybe)) => {}
        }
    }
    drop(clients);
    // The simulator serves in turn: what was on its way before this is there after it.
    let last = Client::new(settings(sim.url())).unwrap();
    assert_eq!(last.users_me(&token).await.unwrap().status, 200);
    let arrived: Vec<_> = sim.meetings().into_iter().map(|meeting| meeting.topic).collect();
    assert!(!never.is_empty(), "some gave up before");
    assert!(never.iter().all(|topic| !arrived.contains(topic)));
    assert!(made.iter().all(|topic| arrived.contains(topic)));
}
