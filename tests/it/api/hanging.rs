//! Clients that hang: they keep nobody else from an answer, and lose what they may no longer have.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::jobs::open;
use super::{ask, token, with_tokens};
use crate::support::http::Ask;
use crate::support::{Daemon, Rig, job, until};

/// A connection that sends this and no more.
fn hang(daemon: &Daemon, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(daemon.address()).expect("the port is open");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
    stream.write_all(text.as_bytes()).expect("sent");
    stream
}

fn soon(daemon: &Daemon, path: &str) {
    let begun = Instant::now();
    ask(daemon, &Ask::get(path)).expect(200);
    assert!(begun.elapsed() < Duration::from_secs(5), "{path} took {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_metrics_answer_while_a_thousand_clients_hang() {
    let rig = open().await;
    let daemon = rig.daemon();
    let head = "GET /readyz HTTP/1.1\r\nhost: localhost\r\n";
    let body = "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\na";
    let mut all: Vec<_> =
        (0..1_000).map(|at| hang(&daemon, if at % 2 == 0 { head } else { body })).collect();
    for path in ["/livez", "/readyz", "/metrics", "/api/v1/status"] {
        soon(&daemon, path);
    }
    // Those that waited longest made room.
    let mut first = all.swap_remove(0);
    assert!(matches!(first.read(&mut [0; 1]), Ok(0) | Err(_)), "the first connection is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_wait_for_a_result_keep_no_place_from_others() {
    let rig = open().await;
    rig.connect("ada");
    let daemon = rig.daemon();
    rig.run(&["pause", "--reason", "trial"]).expect(0);
    let wait = |id: &str| {
        let body = job("ada", id);
        let length = body.len();
        hang(
            &daemon,
            &format!(
                "POST /api/v1/jobs?wait=60s HTTP/1.1\r\nhost: localhost\r\n\
                 content-length: {length}\r\n\r\n{body}"
            ),
        )
    };
    let waiting: Vec<_> = (0..256).map(|at| wait(&format!("w{at}"))).collect();
    let full = || ask(&daemon, &Ask::post("/api/v1/jobs?wait=1s", job("ada", "more")));
    until("all of them to wait", || (full().status == 503).then_some(()));
    assert_eq!(full().json()["code"], "too_many_waiting");
    soon(&daemon, "/api/v1/status");
    ask(&daemon, &Ask::post("/api/v1/jobs", job("ada", "w0"))).expect(202);
    // Those who leave give their places back.
    drop(waiting);
    until("a place", || (full().status == 202).then_some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_token_is_taken_out() {
    let mut rig = Rig::start().await;
    let tokens = with_tokens(&mut rig);
    let daemon = rig.daemon();
    let follow = |token: &str| {
        let text = format!(
            "GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\n\r\n"
        );
        hang(&daemon, &text)
    };
    let (mut gone, mut kept) = (follow(&tokens.read), follow(&tokens.operate));
    for stream in [&mut gone, &mut kept] {
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).expect("a head");
        assert_eq!(&begin, b"HTTP/1.1 200");
    }
    let file = rig.dir.path().join("api_tokens");
    let text = fs::read_to_string(&file).expect("the file is there");
    let without: String =
        text.lines().filter(|l| !l.starts_with("grafana")).map(|l| format!("{l}\n")).collect();
    fs::write(&file, without).expect("written");
    let mut rest = String::new();
    gone.read_to_string(&mut rest).expect("it ends within the time-out");
    assert!(rest.contains(": zoomd"), "{rest}");
    // The other one goes on.
    token(&rig, "late", "read");
    kept.set_read_timeout(Some(Duration::from_millis(300))).expect("a time-out");
    let mut bytes = [0; 4_096];
    loop {
        match kept.read(&mut bytes) {
            Ok(0) => panic!("a stream whose token holds ended"),
            Ok(_) => {}
            Err(_) => break,
        }
    }
}
