//! Names with several addresses, of which one leads nowhere.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::SecretString;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use zoom_api::{App, Client, Endpoints, SendBody, Settings};

use crate::server::{accept, answer, read_request, token};

const NAME: &str = "zoom.test";
/// Shared by the addresses of a name.
const CONNECT: Duration = Duration::from_secs(4);

/// Takes no connection: what it may hold back is full, so that the system lets
/// further ones wait. Holds them for as long as it lives.
struct Nowhere {
    _listener: TcpListener,
    _waiting: Vec<tokio::task::JoinHandle<Option<TcpStream>>>,
}

async fn nowhere(at: SocketAddr) -> Nowhere {
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(at).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut waiting = Vec::new();
    loop {
        let mut connect = tokio::spawn(async move { TcpStream::connect(at).await.ok() });
        let taken = tokio::time::timeout(Duration::from_millis(300), &mut connect).await;
        waiting.push(connect);
        if taken.is_err() {
            return Nowhere { _listener: listener, _waiting: waiting };
        }
    }
}

fn client(addresses: Vec<SocketAddr>) -> Client {
    let base = format!("http://{NAME}:{}", addresses[0].port());
    let endpoints = Endpoints::new(&format!("{base}/v2"), &base, true).unwrap();
    let addresses = vec![(NAME.to_owned(), addresses)];
    let connect_timeout = CONNECT;
    Client::new(Settings { addresses, connect_timeout, ..Settings::new(endpoints) }).unwrap()
}

/// Every call finds its way to `listener`.
async fn arrives(client: &Client, listener: &TcpListener) {
    let serve = async |status: &str, body: &str| {
        let mut stream = accept(listener).await;
        read_request(&mut stream).await;
        answer(&mut stream, status, body).await;
    };
    let token = token();
    let call = client.post_meeting(&token, "me", SendBody::always("{}"));
    let ((), reply) = tokio::join!(serve("201 Created", r#"{"id":1}"#), call);
    assert_eq!(reply.unwrap().created().unwrap().id, 1);
    let (app, secret) = (App::new("id", SecretString::from("s")), SecretString::from("r"));
    let ((), reply) = tokio::join!(serve("400 Bad Request", "{}"), client.refresh(&app, &secret));
    assert_eq!(reply.unwrap().status, 400);
    let (_open, took) = tokio::join!(accept(listener), client.preflight());
    assert!(took.unwrap() < CONNECT);
}

#[tokio::test]
async fn the_second_address_is_tried_while_there_is_time() {
    let good = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = good.local_addr().unwrap().port();
    let dead = SocketAddr::from(([127, 0, 0, 2], port));
    let _held = nowhere(dead).await;
    arrives(&client(vec![dead, good.local_addr().unwrap()]), &good).await;
}

#[tokio::test]
async fn ipv6_that_leads_nowhere_holds_nobody_up() {
    let good = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], good.local_addr().unwrap().port()));
    if TcpListener::bind((dead.ip(), 0)).await.is_err() {
        return; // a machine without IPv6: there is no such case
    }
    let _held = nowhere(dead).await;
    let client = client(vec![dead, good.local_addr().unwrap()]);
    arrives(&client, &good).await;
    // The other family is raced, not waited for.
    let (_open, took) = tokio::join!(accept(&good), client.preflight());
    assert!(took.unwrap() < Duration::from_secs(3));
}
