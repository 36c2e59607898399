use std::time::Duration;

use zoom_sim::{Config, Label, Plan, RetryAfter, Sim, UserSpec};

use crate::client::{Got, ask, create, list};

/// Noon of a day that has a midnight before and after.
const NOON_MS: i64 = 1_893_499_200_000;

async fn at_noon(plan: Plan) -> Sim {
    let sim = Sim::start(Config::plan(plan)).await;
    sim.stop_time();
    sim.set_time_ms(NOON_MS);
    sim
}

fn message(got: &Got) -> String {
    assert_eq!(got.status, 429, "{}", got.text());
    assert_eq!(got.json()["code"], 429);
    got.json()["message"].as_str().expect("a message").to_owned()
}

#[tokio::test]
async fn the_rate_is_of_the_account_and_label() {
    let sim = at_noon(Plan::Free).await;
    for name in ["ada", "bob"] {
        sim.add_user(UserSpec::named(name).account("one"));
    }
    let (ada, bob, eve) = (sim.grant("ada"), sim.grant("bob"), sim.grant("eve"));
    for n in 0..4 {
        let token = if n % 2 == 0 { &ada } else { &bob };
        let got = create(&token.access_token).of(&sim).await;
        assert_eq!(got.status, 201);
        assert_eq!(got.header("x-ratelimit-category"), "Light");
    }
    let got = create(&bob.access_token).of(&sim).await;
    assert!(message(&got).contains("maximum per-second rate limit"));
    assert_eq!(got.header("x-ratelimit-type"), "QPS");
    assert_eq!(got.header("retry-after"), "");
    assert_eq!(list(&bob.access_token).of(&sim).await.status, 200, "another label");
    assert_eq!(create(&eve.access_token).of(&sim).await.status, 201, "another account");
    sim.advance(Duration::from_secs(1));
    assert_eq!(create(&bob.access_token).of(&sim).await.status, 201);
    let counters = sim.counters();
    assert_eq!((counters.refused_per_second, counters.broken.over_per_second), (1, 1));

    sim.rules(|rules| rules.limits.labels.create = Label::Heavy);
    assert_eq!(create(&ada.access_token).of(&sim).await.status, 201);
    message(&create(&ada.access_token).of(&sim).await);
}

#[tokio::test]
async fn the_label_has_a_day() {
    let sim = at_noon(Plan::Free).await;
    sim.rules(|rules| {
        let mut table = zoom_sim::Table::of(Plan::Free);
        table.medium.day = Some(2);
        table.medium.rate = None;
        rules.limits.table = Some(table);
    });
    let token = sim.grant("ada").access_token;
    assert_eq!(list(&token).of(&sim).await.header("x-ratelimit-remaining"), "1");
    list(&token).of(&sim).await;
    let got = list(&token).of(&sim).await;
    assert!(message(&got).contains("maximum daily rate limit"));
    assert_eq!(got.header("x-ratelimit-type"), "Daily-limit");
    assert_eq!(got.header("retry-after"), "2030-01-02T00:00:00Z");
    sim.rules(|rules| rules.limits.retry_after = RetryAfter::Seconds);
    assert_eq!(list(&token).of(&sim).await.header("retry-after"), "43200");
    sim.rules(|rules| rules.limits.retry_after = RetryAfter::HttpDate);
    let got = list(&token).of(&sim).await;
    assert_eq!(got.header("retry-after"), "Wed, 02 Jan 2030 00:00:00 GMT");
    assert_eq!(got.header("date"), "Tue, 01 Jan 2030 12:00:00 GMT");
    sim.advance(Duration::from_secs(43_200));
    let token = sim.grant("ada").access_token;
    assert_eq!(list(&token).of(&sim).await.status, 200);
    assert_eq!(sim.counters().refused_label_day, 3);
}

#[tokio::test]
async fn a_host_has_a_hundred_a_day() {
    let sim = at_noon(Plan::Unlimited).await;
    let token = sim.grant("ada").access_token;
    let id = create(&token).of(&sim).await.json()["id"].to_string();
    let body = serde_json::json!({"topic": "x"});
    let patch = || ask("PATCH", &format!("/v2/meetings/{id}")).bearer(&token).json(&body);
    assert_eq!(patch().of(&sim).await.status, 204);
    assert_eq!(create(&token).raw("application/json", "[]").of(&sim).await.status, 400);
    for _ in 3..100 {
        assert_eq!(create(&token).of(&sim).await.status, 201);
    }
    let got = create(&token).of(&sim).await;
    assert!(message(&got).contains("permitted for this particular user"));
    assert_eq!(got.header("x-ratelimit-type"), "");
    assert_eq!(got.header("x-ratelimit-limit"), "6000", "another quota's figure");
    message(&patch().of(&sim).await);
    assert_eq!(
        ask("DELETE", &format!("/v2/meetings/{id}")).bearer(&token).of(&sim).await.status,
        204
    );
    assert_eq!(sim.user("ada").expect("ada").used_today, 100);
    let counters = sim.counters();
    assert_eq!((counters.refused_user_day, counters.broken.over_user_day), (2, 2));

    sim.advance(Duration::from_secs(43_200));
    let token = sim.grant("ada").access_token;
    assert_eq!(create(&token).of(&sim).await.status, 201);
}

#[tokio::test]
async fn a_lenient_zoom_counts_all_the_same() {
    let sim = at_noon(Plan::Free).await;
    sim.rules(|rules| rules.limits.enforce = false);
    let token = sim.grant("ada").access_token;
    for _ in 0..6 {
        assert_eq!(create(&token).of(&sim).await.status, 201);
    }
    let counters = sim.counters();
    assert_eq!((counters.broken.over_per_second, counters.refused_per_second), (2, 0));
}
