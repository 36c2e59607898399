//! The worker's own parts of a job's way: `cargo bench -p zoomd-workers`.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use jiff::Timestamp;
use zoom_api::{Reply, TransportError};
use zoomd_store::encryption::{Binding, KeyRing, Purpose};
use zoomd_wire::Rules;
use zoomd_workers::decide;

const JOB: &[u8] = br#"{"id":"order-1234","account":"acme","meeting":{"topic":"Weekly","type":2,"start_time":"2030-01-07T10:00:00Z","duration":30},"metadata":{"tenant":7}}"#;

fn parse(c: &mut Criterion) {
    let rules = Rules::at(Timestamp::UNIX_EPOCH);
    c.bench_function("parse", |b| b.iter(|| zoomd_wire::parse(black_box(JOB), &rules)));
    let job = zoomd_wire::parse(JOB, &rules).expect("a sound job");
    c.bench_function("digest", |b| b.iter(|| black_box(&job).digest()));
}

fn answers(c: &mut Criterion) {
    let settings: Vec<_> = (0..40).map(|n| format!(r#""setting_{n}":false"#)).collect();
    let made = format!(
        r#"{{"id":1,"host_id":"h","start_url":"s","settings":{{{}}}}}"#,
        settings.join(",")
    );
    let limited = r#"{"code":429,"message":"You have reached the maximum per-second rate limit for this API. Try again later."}"#;
    for (name, status, body) in [("made", 201, made), ("limited", 429, limited.to_owned())] {
        let reply = Reply::new(status, &HeaderMap::new(), Bytes::from(body));
        let answer: Result<Reply, TransportError> = Ok(reply);
        let now = Timestamp::UNIX_EPOCH;
        c.bench_function(&format!("decide/{name}"), |b| {
            b.iter(|| {
                decide::decide(black_box(&answer), now, now, |reply| {
                    (reply.status == 201)
                        .then(|| reply.created().map_err(|error| error.to_string()))
                })
            });
        });
    }
}

fn seal(c: &mut Criterion) {
    let ring = KeyRing::parse(Some(&KeyRing::generate_key()), None).expect("a sound key");
    let at = Binding {
        purpose: Purpose::Grant,
        namespace: "zoomd",
        deployment: "production",
        account: "acme",
        version: None,
    };
    let plain = [b'x'; 1_500];
    let sealed = ring.seal(&plain, at).expect("a key");
    c.bench_function("seal", |b| b.iter(|| ring.seal(black_box(&plain), at)));
    c.bench_function("open", |b| b.iter(|| ring.open(black_box(&sealed), at)));
}

criterion_group!(benches, parse, answers, seal);
criterion_main!(benches);
