use std::io::{ErrorKind, Read as _};

use tokio::io::AsyncReadExt;
use zoom_sim::{Coding, Config, Endpoint, Fault, LimitKind, Sim, What};

use crate::client::{create, list, read, refresh};

async fn one() -> (Sim, String) {
    let sim = Sim::start(Config::unlimited()).await;
    let token = sim.grant("ada").access_token;
    (sim, token)
}

fn meetings(sim: &Sim) -> usize {
    sim.meetings().len()
}

#[tokio::test]
async fn errors_before_and_after_the_meeting_exists() {
    let (sim, token) = one().await;
    sim.fault(Fault::new(Endpoint::Create, What::Status(503)));
    assert_eq!(create(&token).of(&sim).await.status, 503);
    assert_eq!(meetings(&sim), 0);
    sim.fault(Fault::new(Endpoint::Create, What::Status(502)).after());
    assert_eq!(create(&token).of(&sim).await.status, 502);
    assert_eq!(meetings(&sim), 1);
    sim.fault(Fault::new(Endpoint::Create, What::Drop));
    create(&token).fails(&sim).await;
    assert_eq!(meetings(&sim), 1);
    sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    create(&token).fails(&sim).await;
    assert_eq!(meetings(&sim), 2);
    sim.fault(Fault::new(Endpoint::Create, What::Reset).after());
    assert_eq!(create(&token).fails(&sim).await.kind(), ErrorKind::ConnectionReset);
    assert_eq!(meetings(&sim), 3);
    assert_eq!(create(&token).of(&sim).await.status, 201, "each struck once");
    assert!(sim.counters().broken.none());
}

#[tokio::test]
async fn replies_that_are_no_good() {
    let (sim, token) = one().await;
    sim.fault(Fault::new(Endpoint::Create, What::HalfReply(100)));
    create(&token).fails(&sim).await;
    assert_eq!(meetings(&sim), 1);

    sim.fault(Fault::new(Endpoint::Create, What::MalformedJson));
    let got = create(&token).of(&sim).await;
    assert_eq!(got.status, 201);
    assert!(serde_json::from_slice::<serde_json::Value>(&got.body).is_err());

    sim.fault(Fault::new(Endpoint::Create, What::Without(vec!["join_url".into()])));
    assert!(create(&token).of(&sim).await.json().get("join_url").is_none());

    sim.fault(Fault::new(Endpoint::Create, What::Xml(400)));
    assert!(create(&token).of(&sim).await.text().contains("<result>"));
    sim.fault(Fault::new(Endpoint::Create, What::Html(200)));
    assert!(create(&token).of(&sim).await.header("content-type").contains("html"));
    let location = format!("{}/v2/users/me/meetings", sim.url());
    sim.fault(Fault::new(
        Endpoint::Create,
        What::Redirect { status: 302, location: location.clone() },
    ));
    let got = create(&token).of(&sim).await;
    assert_eq!((got.status, got.header("location")), (302, location.as_str()));
    assert_eq!(meetings(&sim), 3);
}

#[tokio::test]
async fn a_huge_body_is_streamed() {
    let (sim, token) = one().await;
    sim.fault(Fault::new(Endpoint::List, What::Huge(100 << 20)));
    let mut stream = list(&token).send(&sim.address().to_string()).await.expect("sent");
    let mut buffer = vec![0; 1 << 16];
    let (mut seen, mut head) = (0u64, None);
    loop {
        let n = stream.read(&mut buffer).await.expect("bytes");
        if n == 0 {
            break;
        }
        head.get_or_insert_with(|| String::from_utf8_lossy(&buffer[..n.min(400)]).into_owned());
        seen += n as u64;
    }
    assert!(head.expect("a head").contains("content-length: 104857600"));
    assert!(seen > 100 << 20);
}

#[tokio::test]
async fn stray_refusals_leave_no_mark() {
    let (sim, token) = one().await;
    sim.fault(Fault::new(Endpoint::Any, What::Unauthorized));
    assert_eq!(list(&token).of(&sim).await.json()["code"], 124);
    for (kind, text) in [
        (LimitKind::PerSecond, "per-second"),
        (LimitKind::LabelDay, "maximum daily"),
        (LimitKind::UserDay, "particular user"),
        (LimitKind::Concurrent, "concurrent"),
        (LimitKind::Unknown, "Too many"),
    ] {
        sim.fault(Fault::new(Endpoint::Create, What::Limit(kind)).of("ada"));
        let got = create(&token).of(&sim).await;
        assert_eq!(got.status, 429);
        assert!(got.text().contains(text), "{}", got.text());
    }
    let counters = sim.counters();
    assert_eq!((counters.faults_injected, counters.meetings_created), (6, 0));
    assert!(counters.broken.none());
}

#[tokio::test]
async fn who_n_th_and_for_ever() {
    let (sim, ada) = one().await;
    let bob = sim.grant("bob").access_token;
    let id = sim.fault(Fault::new(Endpoint::Create, What::Status(500)).of("ada").skip(1).always());
    let mut seen = Vec::new();
    for token in [&ada, &bob, &ada, &bob, &ada] {
        seen.push(create(token).of(&sim).await.status);
    }
    assert_eq!(seen, [201, 201, 500, 201, 500]);
    let account = sim.user("bob").expect("bob").account;
    sim.fault(Fault::new(Endpoint::Any, What::Status(504)).of(&account));
    assert_eq!(create(&bob).of(&sim).await.status, 504);
    assert!(sim.clear_fault(id));
    assert_eq!(create(&ada).of(&sim).await.status, 201);
}

#[tokio::test]
async fn held_and_let_go() {
    let (sim, token) = one().await;
    let before = sim.fault(Fault::new(Endpoint::Create, What::Hold));
    let waiting = create(&token).send(&sim.address().to_string()).await.expect("sent");
    sim.wait_for(Endpoint::Create, 1).await.expect("arrived");
    assert_eq!(meetings(&sim), 0);
    sim.release(before);
    assert_eq!(read(waiting).await.expect("an answer").status, 201);

    let after = sim.fault(Fault::new(Endpoint::Create, What::Hold).after());
    let waiting = create(&token).send(&sim.address().to_string()).await.expect("sent");
    sim.wait_meetings(2, zoom_sim::WAIT).await.expect("made");
    assert_eq!(sim.counters().answered.create, 1);
    sim.clear_fault(after);
    assert_eq!(read(waiting).await.expect("an answer").status, 201);
    sim.wait_answered(Endpoint::Create, 2).await.expect("answered");
    let delay = sim.fault(Fault::new(Endpoint::Create, What::DelayMs(1)).always());
    assert_eq!(create(&token).of(&sim).await.status, 201);
    assert_eq!(sim.struck(delay), 1);
}

#[tokio::test]
async fn down_and_up_again() {
    let (sim, token) = one().await;
    create(&token).of(&sim).await;
    sim.fault(Fault::new(Endpoint::Create, What::Hang));
    let cut = create(&token).send(&sim.address().to_string()).await.expect("sent");
    sim.wait_for(Endpoint::Create, 2).await.expect("arrived");
    sim.down().await;
    assert!(read(cut).await.is_err());
    assert_eq!(create(&token).fails(&sim).await.kind(), ErrorKind::ConnectionRefused);
    sim.up().await;
    assert_eq!(create(&token).of(&sim).await.status, 201);
    assert_eq!(meetings(&sim), 2, "nothing was forgotten");
}

#[tokio::test]
async fn replies_compressed_or_behind_a_mark() {
    let (sim, token) = one().await;
    for (coding, name) in [
        (Coding::Gzip, "gzip"),
        (Coding::Deflate, "deflate"),
        (Coding::RawDeflate, "deflate"),
        (Coding::Br, "br"),
    ] {
        sim.fault(Fault::new(Endpoint::Create, What::Compressed(coding)));
        let got = create(&token).of(&sim).await;
        assert_eq!((got.status, got.header("content-encoding")), (201, name));
        let plain = decoded(coding, &got.body);
        let made: serde_json::Value = serde_json::from_slice(&plain).expect("JSON within");
        assert_eq!(made["topic"], "Weekly", "{coding:?}");
    }
    // They go over what another fault makes of the reply, and over token replies.
    sim.fault(Fault::new(Endpoint::Any, What::ByteOrderMark).times(2));
    sim.fault(Fault::new(Endpoint::Create, What::Status(503)));
    let got = create(&token).of(&sim).await;
    assert_eq!((got.status, &got.body[..4]), (503, b"\xef\xbb\xbf{".as_slice()));
    let pair = sim.grant("ada");
    let got = refresh(pair.refresh_token.as_deref().expect("a pair")).of(&sim).await;
    assert!(got.body.starts_with(b"\xef\xbb\xbf{"));
    assert_eq!(create(&token).of(&sim).await.header("content-encoding"), "");
}

fn decoded(coding: Coding, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let read = match coding {
        Coding::Gzip => flate2::read::GzDecoder::new(body).read_to_end(&mut plain),
        Coding::Deflate => flate2::read::ZlibDecoder::new(body).read_to_end(&mut plain),
        Coding::RawDeflate => flate2::read::DeflateDecoder::new(body).read_to_end(&mut plain),
        Coding::Br => brotli::Decompressor::new(body, 4096).read_to_end(&mut plain),
    };
    read.expect("a body that can be decoded");
    plain
}
