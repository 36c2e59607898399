use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use zoom_sim::{Config, Event, Hooks, Sim, TokenState, signature};

/// Takes one POST and answers it; gives its head and body.
async fn receive(listener: &TcpListener, answer: &str) -> (String, String) {
    let (mut stream, _) = listener.accept().await.expect("a webhook");
    let mut raw = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let n = stream.read(&mut buffer).await.expect("bytes");
        raw.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&raw).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length: usize = field(head, "content-length").parse().expect("a length");
        if body.len() == length {
            let reply = format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n{:x}\r\n{answer}\r\n0\r\n\r\n",
                answer.len()
            );
            stream.write_all(reply.as_bytes()).await.expect("answered");
            return (head.to_owned(), body.to_owned());
        }
    }
}

fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find_map(|l| l.strip_prefix(name)).expect("the header");
    line.trim_start_matches(": ")
}

#[tokio::test]
async fn signed_over_the_raw_body() {
    let sim = Sim::start(Config::default()).await;
    let tokens = sim.grant("ada");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook?x=1", listener.local_addr().expect("an address"));
    let event = Event::AppDeauthorized { user: "ada".into(), client_id: None };
    let (answer, (head, body)) =
        tokio::join!(sim.send_webhook(&url, "whsec", event), receive(&listener, "ok"));
    let answer = answer.expect("an answer");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    assert!(head.starts_with("POST /hook?x=1 HTTP/1.1"));
    let timestamp = field(&head, "x-zm-request-timestamp").parse().expect("seconds");
    assert_eq!(field(&head, "x-zm-signature"), signature("whsec", timestamp, &body));
    let told: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(told["event"], "app_deauthorized");
    assert_eq!(told["payload"]["user_id"], sim.user("ada").expect("ada").id.as_str());
    assert_eq!(told["payload"]["client_id"], "sim-client");
    assert_eq!(sim.token_state(&tokens.access_token), TokenState::Dead);
}

#[tokio::test]
async fn url_validation_by_the_control_door() {
    let sim = Sim::start(Config::default()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let body = serde_json::json!({
        "url": url, "secret": "whsec", "event": "endpoint.url_validation", "plain_token": "abc",
    });
    let asked = crate::client::ask("POST", "/_sim/webhook").json(&body);
    let (got, (_, body)) = tokio::join!(asked.of(&sim), receive(&listener, "{}"));
    assert_eq!(got.json()["status"], 200, "{}", got.text());
    let told: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(told["payload"]["plainToken"], "abc");
}

#[tokio::test]
async fn what_happens_to_a_meeting_is_told_as_often_as_asked() {
    let sim = Sim::start(Config::default()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    sim.rules(|rules| {
        let secret = "whsec".to_owned();
        rules.hooks = Some(Hooks { url, secret, copies: 2, delay_ms: 0, time_as_text: true });
    });
    let token = sim.grant("ada").access_token;
    let made = crate::client::create(&token).of(&sim).await.json();
    for _ in 0..2 {
        let (_, body) = receive(&listener, "ok").await;
        let told: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(told["event"], "meeting.created");
        assert!(told["event_ts"].is_string(), "{told}");
        let object = &told["payload"]["object"];
        assert_eq!((&object["id"], &object["topic"]), (&made["id"], &made["topic"]));
        assert!(object.get("agenda").is_none());
    }
    assert!(sim.start_meeting(made["id"].as_u64().expect("a number")));
    let (_, body) = receive(&listener, "ok").await;
    assert!(body.contains("meeting.started"), "{body}");
}
