use std::time::Duration;

use serde_json::Value;
use zoom_sim::{Config, Endpoint, Fault, Reuse, Sim, TokenState, What};

use crate::client::{Got, create, read, refresh};

fn pair(got: &Got) -> (String, String) {
    assert_eq!(got.status, 200, "{}", got.text());
    let reply = got.json();
    let text = |value: &Value| value.as_str().expect("a token").to_owned();
    (text(&reply["access_token"]), text(&reply["refresh_token"]))
}

#[tokio::test]
async fn strict_a_refresh_token_is_good_once() {
    let sim = Sim::start(Config::default()).await;
    let first = sim.grant("ada");
    let rt1 = first.refresh_token.expect("one");
    let (access, rt2) = pair(&refresh(&rt1).of(&sim).await);
    assert_eq!(sim.token_state(&rt1), TokenState::Spent);
    assert_eq!(sim.token_state(&first.access_token), TokenState::Dead);

    let got = refresh(&rt1).of(&sim).await;
    assert_eq!(got.status, 400);
    assert_eq!(got.text(), r#"{"error":"invalid_grant","reason":"Invalid Token!"}"#);
    assert_eq!(create(&first.access_token).of(&sim).await.status, 401);
    assert_eq!(create(&access).of(&sim).await.status, 201);
    let held = sim.tokens("ada").expect("live tokens");
    assert_eq!((held.access_token, held.refresh_token), (access, Some(rt2)));

    let counters = sim.counters();
    assert_eq!(counters.rotations, 1);
    assert_eq!(counters.access_tokens_never_used, 1, "the first was never used alive");
    assert_eq!(counters.broken.list(), [("spent_refresh_token", 1), ("dead_access_token", 1)]);
    assert_eq!(sim.rotations("ada"), 1);
}

#[tokio::test]
async fn tolerant_a_spent_token_succeeds_again() {
    let mut config = Config::default();
    config.rules.tokens.reuse = Reuse::Tolerant(1);
    let sim = Sim::start(config).await;
    let rt1 = sim.grant("ada").refresh_token.expect("one");
    let (_, rt2) = pair(&refresh(&rt1).of(&sim).await);
    let (_, rt3) = pair(&refresh(&rt1).of(&sim).await);
    assert_ne!(rt2, rt3);
    assert_eq!(refresh(&rt1).of(&sim).await.status, 400, "only once more");
    assert_eq!(sim.token_state(&rt3), TokenState::Live);
    // The forked-off token is itself used, and tolerated once.
    assert_eq!(sim.token_state(&rt2), TokenState::Spent);
    pair(&refresh(&rt2).of(&sim).await);
    assert_eq!(sim.counters().broken.spent_refresh_token, 3);
}

#[tokio::test]
async fn revoke_family_reuse_kills_all() {
    let mut config = Config::default();
    config.rules.tokens.reuse = Reuse::RevokeFamily;
    let sim = Sim::start(config).await;
    let rt1 = sim.grant("ada").refresh_token.expect("one");
    let (access, rt2) = pair(&refresh(&rt1).of(&sim).await);
    assert_eq!(refresh(&rt1).of(&sim).await.status, 400);
    assert_eq!(refresh(&rt2).of(&sim).await.status, 400);
    assert_eq!(create(&access).of(&sim).await.status, 401);
    let broken = sim.counters().broken;
    assert_eq!((broken.spent_refresh_token, broken.dead_refresh_token), (1, 1));
}

#[tokio::test]
async fn lives_end_by_the_clock() {
    let mut config = Config::default();
    config.rules.tokens.access_ttl_ms = 4_000;
    let sim = Sim::start(config).await;
    let first = sim.grant("ada");
    assert_eq!(first.expires_in, 4);
    sim.advance(Duration::from_millis(4_000));
    let got = create(&first.access_token).of(&sim).await;
    assert_eq!((got.status, got.json()["code"].as_u64()), (401, Some(124)));
    assert_eq!(got.json()["message"], "Access token is expired.");
    let (_, rt2) = pair(&refresh(first.refresh_token.as_deref().expect("one")).of(&sim).await);
    sim.advance(Duration::from_secs(91 * 86_400));
    assert_eq!(refresh(&rt2).of(&sim).await.status, 400);
    assert_eq!(refresh("nonsense").of(&sim).await.status, 400);
    let mut altered = rt2.clone();
    altered.replace_range(100..101, if &rt2[100..101] == "A" { "B" } else { "A" });
    assert_eq!(refresh(&altered).of(&sim).await.status, 400);
    let broken = sim.counters().broken;
    assert_eq!((broken.expired_access_token, broken.expired_refresh_token), (1, 1));
    assert_eq!(broken.unknown_refresh_token, 2);
}

#[tokio::test]
async fn a_rotation_under_a_request_is_counted() {
    let sim = Sim::start(Config::default()).await;
    let (ada, bob) = (sim.grant("ada"), sim.grant("bob"));
    let held = sim.fault(Fault::new(Endpoint::Create, What::Hold).of("ada"));
    let waiting = create(&ada.access_token).send(&sim.address().to_string()).await.expect("sent");
    sim.wait_for(Endpoint::Create, 1).await.expect("it arrives");

    pair(&refresh(bob.refresh_token.as_deref().expect("one")).of(&sim).await);
    assert_eq!(sim.counters().broken.rotation_in_flight, 0, "another grant's request");
    pair(&refresh(ada.refresh_token.as_deref().expect("one")).of(&sim).await);
    assert_eq!(sim.counters().broken.rotation_in_flight, 1);

    // It was let in with a good token, so it is done.
    assert!(sim.release(held));
    assert_eq!(read(waiting).await.expect("an answer").status, 201);
}

#[tokio::test]
async fn a_client_that_left_is_not_in_flight() {
    let sim = Sim::start(Config::default()).await;
    let ada = sim.grant("ada");
    sim.fault(Fault::new(Endpoint::Create, What::Hang));
    let waiting = create(&ada.access_token).send(&sim.address().to_string()).await.expect("sent");
    sim.wait_for(Endpoint::Create, 1).await.expect("it arrives");
    drop(waiting);
    sim.wait_until(1, |c| c.abandoned).await.expect("it is noticed");
    pair(&refresh(ada.refresh_token.as_deref().expect("one")).of(&sim).await);
    assert_eq!(sim.counters().broken.rotation_in_flight, 0);
}

#[tokio::test]
async fn a_rotation_whose_client_left_is_counted() {
    let sim = Sim::start(Config::default()).await;
    let ada = sim.grant("ada");
    let old = || refresh(ada.refresh_token.as_deref().expect("one"));
    sim.fault(Fault::new(Endpoint::Token, What::Hang));
    let before = old().send(&sim.address().to_string()).await.expect("sent");
    sim.wait_for(Endpoint::Token, 1).await.expect("it arrives");
    drop(before);
    sim.wait_until(1, |c| c.abandoned).await.expect("it is noticed");
    assert_eq!(sim.counters().rotations_abandoned, 0, "nothing was done");

    sim.clear_faults();
    sim.fault(Fault::new(Endpoint::Token, What::Hang).after());
    let after = old().send(&sim.address().to_string()).await.expect("sent");
    sim.wait_until(1, |c| c.rotations).await.expect("it is done");
    drop(after);
    sim.wait_until(1, |c| c.rotations_abandoned).await.expect("it is noticed");
}

#[tokio::test]
async fn lost_token_replies() {
    let sim = Sim::start(Config::default()).await;
    let rt1 = sim.grant("ada").refresh_token.expect("one");
    sim.fault(Fault::new(Endpoint::Token, What::Status(503)));
    let got = refresh(&rt1).of(&sim).await;
    assert_eq!((got.status, sim.token_state(&rt1)), (503, TokenState::Live));

    sim.fault(Fault::new(Endpoint::Token, What::Reset));
    refresh(&rt1).fails(&sim).await;
    assert_eq!(sim.token_state(&rt1), TokenState::Live);

    let id = sim.fault(Fault::token_reply_lost().of("ada"));
    refresh(&rt1).fails(&sim).await;
    assert_eq!((sim.struck(id), sim.token_state(&rt1)), (1, TokenState::Spent));
    assert_eq!(sim.rotations("ada"), 1);

    let rt2 = sim.tokens("ada").and_then(|t| t.refresh_token).expect("one");
    sim.fault(Fault::new(Endpoint::Token, What::TokenWithout(vec!["refresh_token".into()])));
    let got = refresh(&rt2).of(&sim).await.json();
    assert!(got["access_token"].is_string() && got.get("refresh_token").is_none());
    assert_eq!(sim.token_state(&rt2), TokenState::Live, "it was kept");
}

#[tokio::test]
async fn twenty_thousand_accounts_are_seeded_at_once() {
    let sim = Sim::start(Config::default()).await;
    let seeds = sim.seed_many("user", 20_000);
    assert_eq!(seeds.len(), 20_000);
    let last = &seeds[19_999];
    assert_eq!(last.user.email, "user-19999@example.com");
    assert_eq!(create(&last.tokens.access_token).of(&sim).await.status, 201);
    pair(&refresh(last.tokens.refresh_token.as_deref().expect("one")).of(&sim).await);
}

#[tokio::test]
async fn dead_tokens_are_forgotten_but_stay_dead() {
    let mut config = Config::default();
    config.rules.keep.dead_tokens = 2;
    let sim = Sim::start(config).await;
    let first = sim.grant("ada");
    let rt1 = first.refresh_token.expect("one");
    let mut token = rt1.clone();
    for _ in 0..3 {
        token = pair(&refresh(&token).of(&sim).await).1;
    }
    assert_eq!(sim.token_state(&rt1), TokenState::Dead);
    assert_eq!(refresh(&rt1).of(&sim).await.status, 400);
    assert_eq!(sim.counters().broken.dead_refresh_token, 1);
}
