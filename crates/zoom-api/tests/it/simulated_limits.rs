//! The simulated Zoom's 429s, understood.

use jiff::{SignedDuration, Timestamp};
use zoom_api::{Limit, LimitKind, Reply, limit_kind, next_utc_midnight};
use zoom_sim::{Config, Endpoint, Fault, LimitKind as Struck, RetryAfter, What};

use crate::simulated_meetings::{body, token};
use crate::simulated_oauth::world;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn each_kind_is_told_whatever_the_headers_say() {
    let (sim, client) = world(Config::unlimited()).await;
    let noon = at("2030-03-01T12:00:00Z");
    sim.stop_time();
    sim.set_time_ms(noon.as_millisecond());
    let token = token(&sim, "ada");
    let kinds = [
        (Struck::PerSecond, LimitKind::PerSecond),
        (Struck::LabelDay, LimitKind::LabelDay),
        (Struck::UserDay, LimitKind::UserDay),
        (Struck::Concurrent, LimitKind::Concurrent),
        (Struck::Unknown, LimitKind::Unknown),
    ];
    let midnight = next_utc_midnight(noon);
    for written in [RetryAfter::Iso, RetryAfter::Seconds, RetryAfter::HttpDate] {
        sim.rules(|rules| rules.limits.retry_after = written);
        for (struck, kind) in kinds {
            sim.fault(Fault::new(Endpoint::Create, What::Limit(struck)));
            let reply = client.post_meeting(&token, "me", body("t")).await.unwrap();
            assert_eq!(reply.status, 429);
            let limit = limit_kind(&reply, noon, noon).unwrap();
            assert_eq!(limit.kind, kind, "{written:?}");
            let wait = limit.until.duration_since(noon);
            match kind {
                LimitKind::LabelDay | LimitKind::UserDay => {
                    assert_eq!(limit.until, midnight, "{written:?} {kind:?}");
                }
                _ => assert!(wait <= SignedDuration::from_mins(1), "{written:?} {kind:?} {wait}"),
            }
        }
    }
}

#[tokio::test]
async fn the_hundred_of_a_host_closes_its_day() {
    let mut config = Config::unlimited();
    config.rules.limits.user_day = Some(2);
    let (sim, client) = world(config).await;
    let noon = at("2030-03-01T12:00:00Z");
    sim.stop_time();
    sim.set_time_ms(noon.as_millisecond());
    let create = async || -> Reply {
        // A new one each time: half a day goes by.
        let token = token(&sim, "ada");
        client.post_meeting(&token, "me", body("t")).await.unwrap()
    };
    assert_eq!(create().await.status, 201);
    assert_eq!(create().await.status, 201);
    let until = at("2030-03-02T00:00:00Z");
    let expected = Limit { kind: LimitKind::UserDay, until };
    assert_eq!(limit_kind(&create().await, noon, noon), Some(expected));
    sim.set_time_ms(until.as_millisecond());
    assert_eq!(create().await.status, 201);
}
