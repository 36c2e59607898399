//! Server-sent events: what comes is sent, what was missed too, and no more follow than may.

use std::io::BufRead as _;
use std::net::TcpStream;

use super::ask;
use super::jobs::open;
use crate::support::http::Ask;
use crate::support::{Daemon, job};

/// An open stream.
struct Followed(std::io::BufReader<TcpStream>);

#[derive(Debug, Default, Clone)]
struct Event {
    id: String,
    name: String,
    data: String,
}

impl Followed {
    fn open(daemon: &Daemon, ask: &Ask) -> Self {
        let (answer, body) = ask.open(&daemon.address());
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("text/event-stream"))
        );
        let mut followed = Self(body);
        followed.line(": zoomd");
        followed
    }

    /// Reads until this line.
    fn line(&mut self, wanted: &str) {
        let mut line = String::new();
        while line.trim_end() != wanted {
            line.clear();
            assert!(self.0.read_line(&mut line).expect("a line") > 0, "the stream ended");
        }
    }

    fn next(&mut self, wanted: &str) -> Event {
        let (mut event, mut line) = (Event::default(), String::new());
        loop {
            line.clear();
            assert!(self.0.read_line(&mut line).expect("a line") > 0, "the stream ended");
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => event.id = id.to_owned(),
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("data", data)) => event.data = data.to_owned(),
                _ if event.name == wanted => return event,
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_is_sent_and_what_was_missed_is_sent_first() {
    let rig = open().await;
    rig.connect("ada");
    let daemon = rig.daemon();
    let put =
        |id: &str| ask(&daemon, &Ask::post("/api/v1/jobs?wait=30s", job("ada", id))).expect(200);
    put("before");
    let mut first = Followed::open(&daemon, &Ask::get("/api/v1/stream"));
    put("one");
    let one = first.next("result");
    assert!(one.data.contains(r#""job_id":"one""#), "{one:?}");
    drop(first);
    for id in ["two", "three"] {
        put(id);
    }
    ask(&daemon, &Ask::post("/api/v1/jobs?wait=30s", job("nobody", "bad"))).expect(200);
    let again = Ask::get("/api/v1/stream").header("last-event-id", &one.id);
    let mut again = Followed::open(&daemon, &again);
    for id in ["two", "three"] {
        assert!(again.next("result").data.contains(&format!(r#""job_id":"{id}""#)));
    }
    assert!(again.next("failure").data.contains(r#""code":"unknown_account""#));
    put("four");
    assert!(again.next("result").data.contains(r#""job_id":"four""#), "each once");
    let by_query = Ask::get(&format!("/api/v1/stream?last_event_id={}", one.id));
    assert!(Followed::open(&daemon, &by_query).next("result").data.contains("two"));
    ask(&daemon, &Ask::get("/api/v1/stream").header("last-event-id", "odd")).expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_follow_at_once_jobs_go_on_and_there_is_a_cap() {
    let rig = open().await;
    rig.connect("ada");
    let mut daemon = rig.daemon();
    let ask_stream = Ask::get("/api/v1/stream");
    let mut all: Vec<_> = (0..100).map(|_| Followed::open(&daemon, &ask_stream)).collect();
    for id in 0..20 {
        rig.xadd(&job("ada", &format!("j{id}"))).await;
    }
    for followed in &mut all {
        for _ in 0..20 {
            followed.next("result");
        }
    }
    let connections = rig.redis_cli(&["CLIENT", "LIST"]);
    assert!(connections.lines().count() < 40, "one reader for all: {connections}");
    all.extend((100..256).map(|_| Followed::open(&daemon, &ask_stream)));
    let full = ask(&daemon, &ask_stream).expect(503);
    assert_eq!(full.json()["code"], "too_many_streams");
    assert!(full.header("retry-after").is_some());
    let begun = std::time::Instant::now();
    assert!(daemon.stop().success());
    assert!(begun.elapsed().as_secs() < 10, "followers hold the end: {:?}", begun.elapsed());
}
